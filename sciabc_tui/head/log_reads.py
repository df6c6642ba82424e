"""Reads the logs of jobs for those who look at them."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from jobs.attempt import AttemptFiles
from jobs.logparts import log_size
from jobs.logseek import count_lines, seek
from jobs.store import JobRecord
from sciabc_tui.api.messages import EVERY_LINE, LogChunk, LogCount, LogFilter, LogPlace
from sciabc_tui.cluster.job import JobId
from sciabc_tui.errors import NotFound
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.log_files import query_of, read_from, read_up_to

_T = TypeVar("_T")


class LogReads:
    """Each raises `NotFound` if there is no such job or attempt, or if its files were removed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def read(
        self, job: JobId, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE, before: bool = False
    ) -> LogChunk:
        """Read whole lines; a negative offset counts from the end.

        Args:
            job: Whose.
            offset: Where to begin, or to end.
            limit: About how many bytes.
            wanted: Which lines.
            before: Give what ends at the offset, not what begins there.
        """
        record, number = await self._attempt(job, wanted)
        path = _log_of(record, number)
        final = record.state.final or number < record.attempt
        if path is None:
            return LogChunk(b"", 0, final)
        read = read_up_to if before else read_from
        return await self._ledger.on_disk(lambda: read(path, query_of(wanted), offset, limit, final=final))

    async def seek(self, job: JobId, *, offset: int, wanted: LogFilter, backward: bool = False) -> LogPlace:
        """Find the next wanted line from an offset on, or the last one before it."""
        return await self._look(
            job,
            wanted,
            LogPlace(0, found=False),
            lambda path: LogPlace(*seek(path, query_of(wanted), offset, backward=backward)),
        )

    async def count(self, job: JobId, *, offset: int, to: int, wanted: LogFilter = EVERY_LINE) -> LogCount:
        """Count lines between two offsets, whoever wrote them."""
        return await self._look(
            job,
            wanted,
            LogCount(0, 0, 0),
            lambda path: LogCount(*count_lines(path, offset, to), log_size(path)),
        )

    async def _look(self, job: JobId, wanted: LogFilter, none: _T, look: Callable[[Path], _T]) -> _T:
        record, number = await self._attempt(job, wanted)
        path = _log_of(record, number)
        return none if path is None else await self._ledger.on_disk(lambda: look(path))

    async def _attempt(self, job: JobId, wanted: LogFilter) -> tuple[JobRecord, int]:
        record = await self._ledger.record(job)
        number = wanted.attempt or record.attempt
        if number > record.attempt:
            raise NotFound(f"Job {job} has no attempt {number}. Next: sciabc-tui logs {job}")
        if not record.dir and record.state.final and record.attempt:
            raise NotFound(f"The log of job {job} was removed (jobs.keep). Next: run it again")
        return record, number


def _log_of(record: JobRecord, number: int) -> Path | None:
    return AttemptFiles(Path(record.dir).with_name(f"attempt-{number}")).log if record.dir else None
