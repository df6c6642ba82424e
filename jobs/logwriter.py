"""Write the log of an attempt in batches: an SD card is not a disk."""

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

from jobs.logstore import format_record, stamp
from jobs.tags import Piece

_BATCH_BYTES = 64 * 1024
_BATCH_SECONDS = 0.1


class LogWriter:
    """Append pieces to a log; they are in the file after 64 KiB or 100 ms, whichever comes first.

    The caller asks ``due_in`` how long it may wait, and calls ``flush_if_due`` then.

    Attributes:
        problem: Why the log is not complete (a full disk); empty as long as it is. The job goes on.
    """

    def __init__(self, path: Path, wall: Callable[[], float]) -> None:
        self._wall = wall
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._batch = bytearray()
        self._due: float | None = None
        self.problem = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.flush()
        os.close(self._descriptor)

    def add(self, pieces: Iterable[Piece]) -> None:
        """Append pieces that were just read; all get the time of this call."""
        at = stamp(self._wall())
        batch = self._batch
        for rank, stream, text, joined in pieces:
            batch += format_record(at, rank, stream, text, joined=joined)
        if len(batch) >= _BATCH_BYTES:
            self.flush()
        elif batch and self._due is None:
            self._due = time.monotonic() + _BATCH_SECONDS

    def due_in(self) -> float | None:
        """Return the seconds until the batch must be written; None if there is none."""
        return None if self._due is None else max(0.0, self._due - time.monotonic())

    def flush_if_due(self) -> None:
        """Write the batch if its time has come."""
        if self.due_in() == 0.0:
            self.flush()

    def flush(self) -> None:
        """Write the batch now."""
        batch, self._batch, self._due = self._batch, bytearray(), None
        try:
            while batch and not self.problem:
                del batch[: os.write(self._descriptor, batch)]
        except OSError as error:
            self.problem = f"the log is not complete: {error.strerror}. Next: make room on the disk"
