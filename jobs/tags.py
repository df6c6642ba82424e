"""Tell apart whose words are in what ``mpirun`` prints.

Measured: Open MPI 5.0.11 (``--output tag``) writes whole lines, ``[1,3]<stdout>: text``. Only what a rank
leaves without a newline when it ends stands before the next tag in the same line.

Open MPI 4.1.4 (``--tag-output``) writes ``[1,3]<stdout>:text``, without the space, and tags what it happened
to read (4 KiB at most), in the middle of a line too: ``[1,1]<stdout>:par[1,0]<stdout>:par[1,1]<stdout>:tial``
is the begin of two lines. So words are gathered for each rank and stream until their newline comes.

A program that prints such a tag itself is believed.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from jobs.launchers import Launcher
from jobs.logstore import PIECE_BYTES, Stream

_TAG_LENGTH = 48
_OLD = re.compile(rb"\[\d{1,10},(\d{1,9})\]<std(out|err|diag)>:")
_NEW = re.compile(_OLD.pattern + b" ")
_BEGUN = re.compile(rb"\[[\d,\]<>a-z:]*\Z")


class Piece(NamedTuple):
    """A line or a part of a long one; ``joined`` to the piece before of this rank and stream."""

    rank: int | None
    stream: Stream
    text: bytes
    joined: bool


class Splitter:
    """Take one output stream of the launcher in chunks of any size; give lines with their rank and stream."""

    def __init__(self, launcher: Launcher, stream: Stream) -> None:
        self._tag = _NEW if launcher.version >= (5,) else _OLD
        self._own: tuple[int | None, Stream] = (None, stream)
        self._speaker = self._own
        self._unread = b""
        self._begun: dict[tuple[int | None, Stream], bytearray] = {}
        self._continued: set[tuple[int | None, Stream]] = set()

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take the next chunk and give the lines that it completes."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if plain := self._plain(line):
                yield plain
            else:
                yield from self._words(line)
                yield self._ended()
        if len(self._unread) > PIECE_BYTES:
            end = self._decided(self._unread)
            words, self._unread = self._unread[:end], self._unread[end:]
            yield from self._words(words)

    def close(self) -> Iterator[Piece]:
        """Give what never got its newline."""
        yield from self._words(self._unread)
        self._unread = b""
        for speaker, text in self._begun.items():
            # Open MPI 5 sends the NUL at the end of its own messages, after their last newline.
            if text and not (bytes(text) == b"\0" and speaker[1] is Stream.ERR):
                yield Piece(*speaker, bytes(text), joined=speaker in self._continued)
        self._begun.clear()

    def _plain(self, line: bytes) -> Piece | None:
        """Return the line if it is a rank's whole one, as nearly all are: this is the faster way."""
        tag = self._tag.match(line)
        if tag is None or self._speaker is not self._own or len(line) > PIECE_BYTES:
            return None
        speaker = (int(tag[1]), Stream.OUT if tag[2] == b"out" else Stream.ERR)
        if speaker in self._begun or line.find(b"]<std", tag.end()) >= 0:
            return None
        return Piece(*speaker, line[tag.end() :], joined=False)

    def _words(self, data: bytes) -> Iterator[Piece]:
        """Give each speaker in the data his words; what is too long to wait for its newline comes out."""
        start = 0
        for tag in self._tag.finditer(data):
            if tag.start() > start:
                yield from self._add(data[start : tag.start()])
            self._speaker = (int(tag[1]), Stream.OUT if tag[2] == b"out" else Stream.ERR)
            start = tag.end()
        yield from self._add(data[start:])

    def _add(self, words: bytes) -> Iterator[Piece]:
        text = self._begun.setdefault(self._speaker, bytearray())
        text += words
        while len(text) > PIECE_BYTES:
            yield Piece(*self._speaker, bytes(text[:PIECE_BYTES]), joined=self._speaker in self._continued)
            self._continued.add(self._speaker)
            del text[:PIECE_BYTES]

    def _ended(self) -> Piece:
        speaker, self._speaker = self._speaker, self._own
        joined = speaker in self._continued
        self._continued.discard(speaker)
        return Piece(*speaker, bytes(self._begun.pop(speaker, b"")), joined=joined)

    def _decided(self, data: bytes) -> int:
        """Say up to where no tag can have begun that the next chunk completes."""
        begun = _BEGUN.search(data, max(0, len(data) - _TAG_LENGTH))
        return begun.start() if begun else len(data)
