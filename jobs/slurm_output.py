"""Bring what a job of Slurm's prints into its log: two files that grow on a shared file system.

They are looked at a few times a second: no notice comes of what another machine writes there. Each look opens
them anew, which is when NFS asks its server.

``srun --label`` writes ``3: text``, the number padded to the width of the last, and whole lines; a longer one
comes in pieces of 1,024 bytes with a label and a newline each (measured with 22.05, and a line of 1,024 bytes
has an empty piece behind it). So a piece of that length is never the end of a line.
"""

import contextlib
import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jobs.errors import StoreError
from jobs.hostfile import write_atomically
from jobs.logparts import log_size, parts
from jobs.logrepair import cut_back, repair
from jobs.logstore import PIECE_BYTES, Stream
from jobs.logwriter import LogWriter
from jobs.slurm import Papers
from jobs.tags import Piece

_CHUNK = 256 * 1024
_LABEL = re.compile(rb" *(\d{1,9}): ")
_PIECE = 1024
_TAIL_LINES = 200
_TAIL_BYTES = 500
_MARK_EVERY = 5.0
_MARK = re.compile(rb"(\d{1,15}) (\d{1,15}) (\d{1,15})")


class Labels:
    """Take one of the two files in chunks of any size; give lines with their rank."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._unread = b""
        self._continued: set[int | None] = set()

    @property
    def unread(self) -> int:
        """How many bytes of what was taken wait for their newline."""
        return len(self._unread)

    @property
    def between_lines(self) -> bool:
        """Whether no line has begun that goes on."""
        return not self._continued

    def feed(self, data: bytes) -> Iterator[Piece]:
        """Take the next chunk and give the lines that it completes."""
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            yield from self._line(line)
        while len(self._unread) > PIECE_BYTES:  # srun writes no such line; what else runs in the job may
            words, self._unread = self._unread[:PIECE_BYTES], self._unread[PIECE_BYTES:]
            yield self._piece(None, words, goes_on=True)

    def close(self) -> Iterator[Piece]:
        """Give what never got its newline."""
        if self._unread:
            words, self._unread = self._unread, b""
            yield from self._line(words)

    def _line(self, line: bytes) -> Iterator[Piece]:
        label = None if None in self._continued else _LABEL.match(line)
        rank, text = (int(label[1]), line[label.end() :]) if label else (None, line)
        while len(text) > PIECE_BYTES:
            yield self._piece(rank, text[:PIECE_BYTES], goes_on=True)
            text = text[PIECE_BYTES:]
        yield self._piece(rank, text, goes_on=label is not None and len(text) == _PIECE)

    def _piece(self, rank: int | None, text: bytes, *, goes_on: bool) -> Piece:
        joined = rank in self._continued
        if goes_on:
            self._continued.add(rank)
        else:
            self._continued.discard(rank)
        return Piece(rank, self._stream, text, joined)


@dataclass(slots=True)
class _Source:
    """One of the two files."""

    path: Path
    labels: Labels
    offset: int = 0
    """Of what was taken from it."""

    def read(self) -> bytes:
        """Read on; nothing if there is no more, or if it can't be read now."""
        with contextlib.suppress(OSError), self.path.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), _CHUNK, self.offset)
            self.offset += len(data)
            return data
        return b""


@dataclass(slots=True)
class Output:
    """What the job printed so far, on its way into the log.

    Attributes:
        log: Where it goes.
        tail: The last lines of standard error and of srun's own words.
    """

    log: LogWriter
    papers: Papers
    marks: Path
    read_before: tuple[int, int] = (0, 0)
    tail: deque[str] = field(default_factory=lambda: deque[str](maxlen=_TAIL_LINES))
    _sources: tuple[_Source, ...] = ()
    _marked_at: float = 0.0

    def __post_init__(self) -> None:
        out, err = self.read_before
        self._sources = (
            _Source(self.papers.out, Labels(Stream.OUT), out),
            _Source(self.papers.err, Labels(Stream.ERR), err),
        )

    def look(self) -> bool:
        """Bring what is new into the log; return whether there was any."""
        found = False
        for source in self._sources:
            if data := source.read():
                found = True
                self._keep(source.labels.feed(data))
        return found

    def finish(self) -> None:
        """Bring the rest into the log; Slurm writes no more."""
        while self.look():
            self.log.flush_if_due()
        for source in self._sources:
            self._keep(source.labels.close())
        self.log.flush()

    def mark(self, now: float) -> None:
        """Write down, every few seconds, how much stands in the log: there another runner may go on."""
        if now - self._marked_at < _MARK_EVERY or not all(
            each.labels.between_lines for each in self._sources
        ):
            return
        self._marked_at = now
        self.log.flush()
        offsets = [source.offset - source.labels.unread for source in self._sources]
        line = " ".join(map(str, (self.log.end, *offsets)))
        # without it the next runner begins at the mark before
        with contextlib.suppress(OSError), self.marks.open("a", encoding="ascii") as file:
            file.write(f"{line}\n")

    def forget(self) -> None:
        """Remove what stands in the log by now; what is missing there stays."""
        if not self.log.problem:
            for path in (self.papers.out, self.papers.err, self.marks):
                with contextlib.suppress(OSError):
                    path.unlink(missing_ok=True)

    def _keep(self, pieces: Iterator[Piece]) -> None:
        self.log.add(self._noted(pieces))

    def _noted(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if piece.stream is Stream.ERR or piece.rank is None:
                self.tail.append(piece.text[:_TAIL_BYTES].decode(errors="replace"))
            yield piece


def resume(log: Path, marks: Path) -> tuple[int, int]:
    """Cut the log of a killed runner back to its last mark; give how much of the two files stands there.

    What stood behind the mark is in the files, and is written again: the same bytes at the same places, but
    for their times, as long as the two streams were not mixed. So nothing is lost, and nothing stands twice.

    Raises:
        StoreError: The log can't be read or written.
    """
    repair(log)
    found = parts(log)
    if not found:
        return (0, 0)
    newest, size = found[-1], log_size(log)
    known = _marks(marks)
    for count, (end, out, err) in reversed(tuple(enumerate(known, start=1))):
        if newest.start <= end <= size:
            cut_back(log, end)
            _keep_marks(marks, known[:count])
            return (out, err)
    if newest.start == 0:
        _keep_marks(marks, [])
        cut_back(log, 0)
        return (0, 0)
    # a new part was begun since the last mark: a few seconds are written twice rather than lost
    return next(((out, err) for end, out, err in reversed(known) if end <= size), (0, 0))


def _marks(path: Path) -> list[tuple[int, int, int]]:
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error
    found = filter(None, map(_MARK.fullmatch, lines))
    return [(int(mark[1]), int(mark[2]), int(mark[3])) for mark in found]


def _keep_marks(path: Path, marks: list[tuple[int, int, int]]) -> None:
    """Forget marks of what a power cut took: it may be written again in another order of the two streams."""
    text = "".join(f"{end} {out} {err}\n" for end, out, err in marks)
    try:
        write_atomically(path, text)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error
