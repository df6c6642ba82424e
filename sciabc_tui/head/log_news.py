"""When a job's log may have grown: its folder was written to, or the job stands differently."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from jobs.allowance import Pace
from jobs.attempt import AttemptFiles
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.head.inotify import FolderNews
from sciabc_tui.head.ports import Hub

LEAST = 0.05
"""Seconds between two looks, in the long run: of what is written in between one look makes one piece."""

AT_ONCE = 8
"""Looks that may follow each other sooner, after a silence: a job begins in steps, its ranks one by one."""


class LogNews:
    """What a follower of a log waits for."""

    def __init__(self, hub: Hub, job: JobId, folder: Path, files: FolderNews) -> None:
        self._hub = hub
        self._job = job
        self._folder = folder
        self._files = files
        self._told = self._stand()
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(AT_ONCE, LEAST)

    async def wait(self, within: float) -> None:
        """Return when there may be news since the last time, at the latest after so many seconds."""
        now = self._loop.time()
        due = self._pace.due(now)
        await asyncio.sleep(due - now)
        self._pace.took(due)
        attempt = self._attempt()
        if not (attempt and self._files.watch(attempt)) and not self._moved():
            async with asyncio.TaskGroup() as group:
                pair = [group.create_task(self._files.wait()), group.create_task(self._until_it_moves())]
                await asyncio.wait(pair, timeout=within, return_when=asyncio.FIRST_COMPLETED)
                for one in pair:
                    one.cancel()

    def _attempt(self) -> Path | None:
        """Give the folder of the newest attempt; it is made after the job is said to run."""
        now = self._now()
        return self._folder / f"{self._job}" / f"attempt-{now.attempt}" if now and now.attempt else None

    def _now(self) -> Job | None:
        return self._hub.state.jobs.get(self._job)

    def _moved(self) -> bool:
        before, self._told = self._told, self._stand()
        return before != self._told

    def _stand(self) -> tuple[int, bool]:
        """What of the job's state matters for its log; its other changes are no reason for a look."""
        now = self._now()
        return (now.attempt, now.state.ended) if now else (0, True)

    async def _until_it_moves(self) -> None:
        while not self._moved():
            await self._hub.changed(self._hub.state.revision)


@contextmanager
def log_news(hub: Hub, job: JobId, folder: Path) -> Generator[LogNews]:
    """Begin to look at a job's log; ends with the context.

    Args:
        hub: Says how the job stands.
        job: Whose log.
        folder: Of all jobs; what it is in is there.
    """
    with FolderNews(folder.parent, AttemptFiles(folder).log.name) as files:
        yield LogNews(hub, job, folder, files)
