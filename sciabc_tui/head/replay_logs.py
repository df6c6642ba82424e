"""The logs of a recording's jobs: files of their own, that grow as the recording goes on."""

import asyncio
import shutil
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from jobs.logparts import log_size
from jobs.logseek import count_lines, seek
from sciabc_tui.api.messages import LogChunk, LogCount, LogFilter, LogPlace
from sciabc_tui.cluster.job import JobId
from sciabc_tui.head.log_files import query_of, read_from, read_up_to

_T = TypeVar("_T")


class ReplayLogs:
    """Reads as `sciabc_tui.head.log_reads` does; a job of which nothing was recorded printed nothing."""

    def __init__(self, folder: Path, disk: Executor) -> None:
        """Touch nothing yet.

        Args:
            folder: For these logs only.
            disk: Where files are read.
        """
        self._folder = folder
        self._disk = disk

    def append(self, job: JobId, data: bytes) -> None:
        """Write what the job printed: whole records; blocks."""
        path = self._path(job)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)

    def clear(self) -> None:
        """Forget all; blocks."""
        shutil.rmtree(self._folder, ignore_errors=True)

    async def read(
        self, job: JobId, offset: int, limit: int, wanted: LogFilter, *, before: bool, final: bool
    ) -> LogChunk:
        """Read whole lines from an offset on, or those that end there; a negative one counts from the end."""
        read = read_up_to if before else read_from
        return await self._on_disk(
            lambda: read(self._path(job), query_of(wanted), offset, limit, final=final)
        )

    async def seek(self, job: JobId, offset: int, wanted: LogFilter, *, backward: bool) -> LogPlace:
        """Find the next wanted line from an offset on, or the last one before it."""
        path = self._path(job)
        return await self._on_disk(lambda: LogPlace(*seek(path, query_of(wanted), offset, backward=backward)))

    async def count(self, job: JobId, offset: int, to: int) -> LogCount:
        """Count lines between two offsets."""
        path = self._path(job)
        return await self._on_disk(lambda: LogCount(*count_lines(path, offset, to), log_size(path)))

    def _path(self, job: JobId) -> Path:
        return self._folder / str(job) / "log"

    async def _on_disk(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)
