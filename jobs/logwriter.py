"""Write the log of an attempt in batches: an SD card is not a disk."""

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from jobs.allowance import Pace
from jobs.logbulk import Tagged
from jobs.logindex import IndexWriter
from jobs.logparts import Part, log_size, part_path, parts
from jobs.logstore import Bytes, Speaker, Stream, head_of, stamp
from jobs.logsync import Syncer
from jobs.tags import Piece

_BATCH_BYTES = 64 * 1024
_BATCH_SECONDS = 0.1
# A job begins with few words of many ranks, one soon after the other, and somebody may wait for any of them.
_AT_ONCE = 8
_NEWEST_PARTS = 2
_NOTE_BYTES = 128  # room for the line that says why the log goes on elsewhere


class LogWriter:
    """Append pieces to a log; they are in the file after 64 KiB or 100 ms, whichever comes first.

    The first after a silence are due at once: up to eight batches may follow each other sooner. The caller
    asks ``due_in`` how long it may wait, and calls ``flush_if_due`` then.

    What stands in the file survives every end of this process. A power cut takes what the disk has not yet:
    the lines of the last 5.1 s (``logsync.EVERY`` and the batch), and of the time that the disk took to write
    what was before them.

    A log with a limit keeps its first half, and of what comes then the newest: between a quarter and a half
    of the limit. A line in the log says so where it ends and where it goes on.
    """

    def __init__(
        self,
        path: Path,
        wall: Callable[[], float],
        *,
        limit: int | None = None,
        syncer: Syncer | None = None,
    ) -> None:
        """Begin a log, or go on with one.

        Args:
            path: Where it is.
            wall: Says what time it is, in seconds since 1970.
            limit: How many bytes it may have; None means any number.
            syncer: Forces it onto the disk, and is closed with it; None means the usual one.
        """
        self._path = path
        self._wall = wall
        self._limit = limit
        self._parts = [*parts(path)] or [Part(0, path)]
        self._end = log_size(path)
        self._left_out = 0
        self._failed = ""
        self._syncer = syncer or Syncer()
        self._descriptor = _opened(self._parts[-1].path)
        self._index = IndexWriter(path, self._end)
        self._batch: list[Bytes] = []
        self._batched = 0
        self._times: list[bytes] = []
        self._speakers: set[Speaker] = set()
        self._due: float | None = None
        self._pace = Pace(_AT_ONCE, _BATCH_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        self._syncer.close()
        self._index.close()
        os.close(self._descriptor)

    @property
    def problem(self) -> str:
        """Why the log is not complete (a full disk, its limit); empty as long as it is. The job goes on."""
        if self._failed:
            return f"the log is not complete: {self._failed}. Next: make room on the disk"
        if failed := self._syncer.failed:
            return f"the log may not be complete: {failed}. Next: check the disk"
        if self._left_out:
            lost = _size(self._left_out)
            return f"{lost} in the middle of its log are left out. Next: print less, or raise jobs.log_limit"
        return ""

    @property
    def path(self) -> Path:
        """Where the log is."""
        return self._path

    def now(self) -> float:
        """Return the time that lines get, in seconds since 1970."""
        return self._wall()

    @property
    def end(self) -> int:
        """The offset behind what stands in the files."""
        return self._end

    def add(self, pieces: Iterable[Piece | Tagged], *, at: float | None = None) -> None:
        """Append pieces.

        Args:
            pieces: What was read at once.
            at: When, in seconds since 1970; None means just now.
        """
        read_at = stamp(self._wall() if at is None else at)
        for piece in pieces:
            if isinstance(piece, Tagged):
                records = piece.records(read_at)
                self._speakers.update(piece.speakers.values())
            else:
                speaker = (piece.rank, piece.stream)
                records = head_of(read_at, speaker, joined=piece.joined) + piece.text + b"\n"
                self._speakers.add(speaker)
            self._batch.append(records)
            self._batched += len(records)
        if self._batch:
            self._times.append(read_at)
        if self._batched >= _BATCH_BYTES:
            self.flush()
        elif self._batch and self._due is None:
            self._due = self._pace.due(time.monotonic())

    def due_in(self) -> float | None:
        """Return the seconds until the batch must be written; None if there is none."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def flush_if_due(self) -> None:
        """Write the batch if its time has come."""
        if self.due_in() == 0.0:
            self.flush()

    def flush(self) -> None:
        """Write the batch now."""
        pieces, self._batch, self._batched, self._due = self._batch, [], 0, None
        times, self._times = self._times, []
        speakers, self._speakers = self._speakers, set()
        if not pieces or self._failed:
            return
        # a single one can be large: to copy it takes as long as to write it
        batch = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pace.took(time.monotonic())
        try:
            if self._full(len(batch)):
                self._go_on_in_a_new_part(times[0])
            self._write(batch)
        except OSError as error:
            self._failed = str(error.strerror)
        else:
            self._index.wrote(batch, min(times), max(times), speakers)

    def _write(self, data: Bytes) -> None:
        written = 0
        try:
            while written < len(data):
                written += os.write(self._descriptor, memoryview(data)[written:])
        except OSError:
            # what is left of the last record without its newline would be waited for
            written = bytes(data).rfind(b"\n", 0, written) + 1
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, self._end - self._parts[-1].start + written)
            raise
        finally:
            self._end += written
            self._syncer.wrote(self._parts[-1].path)

    def _full(self, more: int) -> bool:
        if self._limit is None:
            return False
        part = self._parts[-1]
        room = self._limit // (2 if part.start == 0 else 2 * _NEWEST_PARTS) - _NOTE_BYTES
        return self._end > part.start and self._end + more - part.start > room

    def _go_on_in_a_new_part(self, at: bytes) -> None:
        """Begin another file; the oldest goes, but never the first."""
        head = head_of(at, (None, Stream.ERR))
        if self._parts[-1].start == 0:
            self._note(head, "jobs.log_limit: from here on only the newest part of the log is kept")
        self._index.cut()
        part = Part(self._end, part_path(self._path, self._end))
        descriptor = _opened(part.path)
        os.close(self._descriptor)
        self._descriptor = descriptor
        self._parts.append(part)
        if len(self._parts) > 1 + _NEWEST_PARTS:
            oldest = self._parts.pop(1)
            oldest.path.unlink(missing_ok=True)
            self._left_out += self._parts[1].start - oldest.start
        gap = f"; {_size(self._left_out)} before are left out" if self._left_out else ""
        self._note(head, f"jobs.log_limit: the log goes on at byte {part.start}{gap}")

    def _note(self, head: bytes, text: str) -> None:
        line = b"%s%s\n" % (head, text.encode())
        self._write(line)
        self._index.wrote(line, head[:24], head[:24], [(None, Stream.ERR)])


def _opened(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _size(count: int) -> str:
    return f"{count / 2**20:.1f} MiB" if count >= 2**20 else f"{count} bytes"
