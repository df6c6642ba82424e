"""Tell apart whose words are in what ``mpirun`` prints.

Measured: Open MPI 5.0.11 (``--output tag``) writes whole lines, ``[1,3]<stdout>: text``. Only what a rank
leaves without a newline when it ends stands before the next tag in the same line.

Open MPI 4.1.4 (``--tag-output``) writes ``[1,3]<stdout>:text``, without the space, and tags what it happened
to read (4 KiB at most), in the middle of a line too: ``[1,1]<stdout>:par[1,0]<stdout>:par[1,1]<stdout>:tial``
is the begin of two lines. So words are gathered for each rank and stream until their newline comes. Of what
it read it leaves out what has no place in 8 KiB with all the tags: see ``jobs.cuts``. So a rank that is alone
gets no tags: what comes on standard output is its words then. mpirun's own all come on standard error
(measured), where nobody can tell them from the rank's.

MPICH (hydra 4.0.2 and 5.0.2, ``-prepend-pattern``) does the same with our own tag, ``[1,3]<std>:text``. It
keeps the ranks' standard output and error apart, as its own: the tag says nothing of the stream.

A program that prints such a tag itself is believed.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, assert_never

from jobs.launchers import Flavour, Launcher
from jobs.logbulk import MOST_BREAKS, Tagged, TagPattern, Untagged, speaker_of
from jobs.logstore import PIECE_BYTES, Speaker, Stream

_TAG_LENGTH = 48
_OLD = re.compile(rb"\[\d{1,10},(\d{1,9})\]<std(out|err|diag)>:")
_NEW = re.compile(_OLD.pattern + b" ")
_MPICH = re.compile(rb"\[1,(\d{1,9})\]<std()>:")
_NONE = re.compile(rb"(?!)()()")
_MARK = b"]<std"
_TAGGING = "--tag-output"
_SMALL = 512  # bytes that are looked at line by line when not all of them are plain
_BEGUN = re.compile(rb"\[[\d,\]<>a-z:]*\Z")


class Piece(NamedTuple):
    """A line or a part of a long one; ``joined`` to the piece before of this rank and stream."""

    rank: int | None
    stream: Stream
    text: bytes
    joined: bool


class Splitter:
    """Take one output stream of the launcher in chunks of any size; give lines with their rank and stream."""

    def __init__(self, launcher: Launcher, stream: Stream, *, alone: bool = False) -> None:
        """Take what the stream is.

        Args:
            launcher: Whose it is.
            stream: Which of the two.
            alone: Whether there is one rank only, whose words have no tags; see ``is_alone``.
        """
        self._own: Speaker = (0 if alone and stream is Stream.OUT else None, stream)
        self._tag = _NONE if alone else _tag(launcher)
        self._plain_tags = Untagged(self._own) if alone else TagPattern(self._tag, _MARK, stream)
        self._speaker = self._own
        self._unread = b""
        self._begun: dict[Speaker, bytearray] = {}
        self._continued: set[Speaker] = set()
        self._tags: dict[Speaker, bytes] = {}

    def feed(self, data: bytes) -> Iterator[Piece | Tagged]:
        """Take the next chunk and give the lines that it completes."""
        data = self._unread + data
        end = data.rfind(b"\n") + 1
        self._unread = data[end:]
        if end:
            yield from self._lines(data[:end])
        if len(self._unread) > PIECE_BYTES:
            end = self._decided(self._unread)
            words, self._unread = self._unread[:end], self._unread[end:]
            yield from self._words(words)

    def begun(self) -> bytes | None:
        """Tell what was taken and not given yet.

        Returns:
            What a new one has to be fed to stand as this one does; None if there is no saying it: of a line
            that is kept in pieces some were given.
        """
        others = [speaker for speaker in self._begun if speaker != self._own]
        if self._continued or self._speaker != self._own or (others and not self._unread.startswith(b"[")):
            return None
        words = [self._begun.get(self._own, b""), *(self._tags[each] + self._begun[each] for each in others)]
        return b"".join(words) + self._unread

    def close(self) -> Iterator[Piece]:
        """Give what never got its newline."""
        yield from self._words(self._unread)
        self._unread = b""
        for speaker, text in self._begun.items():
            # Open MPI 5 sends the NUL at the end of its own messages, after their last newline.
            if text and not (bytes(text) == b"\0" and speaker[1] is Stream.ERR):
                yield Piece(*speaker, bytes(text), joined=speaker in self._continued)
        self._begun.clear()

    def _lines(self, lines: bytes) -> Iterator[Piece | Tagged]:
        """Give lines; what is begun when they end is kept for their speakers' next."""
        if not self._begun and (tagged := self._at_once(lines)):
            yield tagged
            return
        joined = self._joined(lines)
        if joined is None:
            yield from self._halved(lines)
            return
        whole, left = joined
        self._begun = {speaker: words for speaker, words in self._begun.items() if speaker == self._own}
        self._tags.clear()
        yield from self._halved(whole)
        for tag, words in left.items():
            match = self._tag.match(tag)
            self._speaker = self._heard(match) if match else self._own
            yield from self._add(words)
        self._speaker = self._own

    def _joined(self, lines: bytes) -> tuple[bytes, dict[bytes, bytes]] | None:
        if not isinstance(self._plain_tags, TagPattern) or len(self._begun) > MOST_BREAKS:
            return None
        if self._speaker is not self._own or not self._continued <= {self._own}:
            return None
        begun = {
            self._tags[speaker]: bytes(words)
            for speaker, words in self._begun.items()
            if speaker != self._own
        }
        return self._plain_tags.joined(lines, begun)

    def _halved(self, lines: bytes) -> Iterator[Piece | Tagged]:
        waiting = [lines]
        while waiting:
            lines = waiting.pop()
            if tagged := self._at_once(lines):
                yield tagged
            elif 0 < (middle := lines.find(b"\n", len(lines) // 2) + 1) < len(lines) and len(lines) > _SMALL:
                waiting += lines[middle:], lines[:middle]
            else:
                yield from self._sorted_out(lines)

    def _at_once(self, lines: bytes) -> Tagged | None:
        tagged = self._plain_tags.whole(lines)
        return tagged if tagged and self._begin_lines(tagged.speakers.values()) else None

    def _begin_lines(self, speakers: Iterable[Speaker]) -> bool:
        """Tell whether none of these has begun a line that goes on."""
        return self._speaker is self._own and self._begun.keys().isdisjoint(speakers)

    def _sorted_out(self, lines: bytes) -> Iterator[Piece]:
        for line in lines.split(b"\n")[:-1]:
            if plain := self._plain(line):
                yield plain
                continue
            yield from self._words(line)
            yield self._ended()

    def _plain(self, line: bytes) -> Piece | None:
        """Return the line if it is a rank's whole one, as nearly all are: this is the faster way."""
        tag = self._tag.match(line)
        if tag is None or self._speaker is not self._own or len(line) > PIECE_BYTES:
            return None
        speaker = speaker_of(tag, self._own[1])
        if speaker in self._begun or line.find(b"]<std", tag.end()) >= 0:
            return None
        return Piece(*speaker, line[tag.end() :], joined=False)

    def _heard(self, tag: re.Match[bytes]) -> Speaker:
        speaker = speaker_of(tag, self._own[1])
        self._tags[speaker] = tag[0]
        return speaker

    def _words(self, data: bytes) -> Iterator[Piece]:
        """Give each speaker in the data his words; what is too long to wait for its newline comes out."""
        start = 0
        for tag in self._tag.finditer(data):
            if tag.start() > start:
                yield from self._add(data[start : tag.start()])
            self._speaker = self._heard(tag)
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
        self._tags.pop(speaker, None)
        return Piece(*speaker, bytes(self._begun.pop(speaker, b"")), joined=joined)

    def _decided(self, data: bytes) -> int:
        """Say up to where no tag can have begun that the next chunk completes."""
        begun = _BEGUN.search(data, max(0, len(data) - _TAG_LENGTH))
        return begun.start() if begun else len(data)


def cuts_output(launcher: Launcher) -> bool:
    """Tell whether a launcher leaves out words that have no place beside its tags: Open MPI 4.1 does."""
    return launcher.flavour is Flavour.OPENMPI and launcher.version < (5,)


def is_alone(launcher: Launcher, argv: Sequence[str]) -> bool:
    """Tell whether a command line starts one rank whose words get no tags."""
    return cuts_output(launcher) and _TAGGING not in argv and ("-n", "1") in pairwise(argv)


def _tag(launcher: Launcher) -> re.Pattern[bytes]:
    match launcher.flavour:
        case Flavour.OPENMPI:
            return _NEW if launcher.version >= (5,) else _OLD
        case Flavour.MPICH:
            return _MPICH
        case _:
            assert_never(launcher.flavour)
