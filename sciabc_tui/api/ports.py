"""What the API server needs of the head service. `sciabc_tui.head.service.HeadService` fits."""

from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager
from typing import Protocol

from sciabc_tui.api.messages import (
    EVERY_LINE,
    JobDetail,
    JobPreview,
    LogChunk,
    LogCount,
    LogFilter,
    LogPlace,
    PreflightBegun,
    PreflightReport,
    PreflightRow,
    PreflightWish,
    SubmitJob,
)
from sciabc_tui.api.works import Part, Wish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.job_commands import JobCommand
from sciabc_tui.cluster.observations import NodeCommand
from sciabc_tui.cluster.series import Series
from sciabc_tui.cluster.state import LogEntry, State


class News(Protocol):
    """What somebody waits for."""

    async def wait(self, within: float) -> None:
        """Return when there may be news since the last time, at the latest after so many seconds."""
        ...


class Backend(Protocol):
    """The head service, seen by the API. Errors are those of `sciabc_tui.errors`."""

    @property
    def state(self) -> State:
        """The newest state."""
        ...

    async def changed(self, seen: int) -> State:
        """Wait until the state's revision is not `seen`; give the newest."""
        ...

    def obey(self, command: NodeCommand) -> None:
        """Do what an operator asked, or raise `CommandRefused`."""
        ...

    async def add_node(self, host: str, *, by: str) -> None:
        """Take in a node that can't announce itself, or raise `CommandRefused`."""
        ...

    def history(self, node: NodeId, span: int) -> Series:
        """Give a node's load over one of `SPANS`."""
        ...

    async def events(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Give the newest events with a number above `since`, the oldest first."""
        ...

    async def preflight(self, wish: PreflightWish) -> PreflightReport:
        """Check whether nodes are fit for a job; raises `NotFound` or `CommandRefused`."""
        ...

    async def submit(self, request: SubmitJob, *, by: str) -> Job:
        """Check a job and put it into the queue, or raise `CommandRefused`."""
        ...

    def follow_preflight(self, wish: PreflightWish) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        """Check nodes, and tell of each as soon as it has answered; raises what `preflight` raises."""
        ...

    async def preview(self, request: SubmitJob) -> JobPreview:
        """Check a job as `submit` does, and say what would become of it now; nothing is done."""
        ...

    async def direct(self, command: JobCommand) -> None:
        """Do with a job what an operator asked, or raise `NotFound` or `CommandRefused`."""
        ...

    async def jobs(self, limit: int) -> tuple[Job, ...]:
        """Give the newest jobs, also those that the state no longer carries."""
        ...

    async def job_detail(self, job: JobId) -> JobDetail:
        """Give a job with all its attempts. Raises `NotFound`."""
        ...

    async def read_log(
        self, job: JobId, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE, before: bool = False
    ) -> LogChunk:
        """Read whole lines of a job's log from an offset on, or those that end there.

        A negative offset counts from the end. Raises `NotFound`.
        """
        ...

    async def seek_log(self, job: JobId, *, offset: int, wanted: LogFilter, backward: bool) -> LogPlace:
        """Find the next wanted line of a job's log, or the one before. Raises `NotFound`."""
        ...

    async def count_log(self, job: JobId, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        """Count the lines of an attempt's log between two offsets. Raises `NotFound`."""
        ...

    def log_news(self, job: JobId) -> AbstractContextManager[News]:
        """Begin to look at a job's log: what is written from here on is told."""
        ...

    def work(self, wish: Wish, *, by: str) -> AsyncGenerator[Part, None]:
        """Begin a work on nodes, and tell of it; to close the generator cancels it.

        Raises `NotFound` or `CommandRefused` before the first part.
        """
        ...

    def hostfile(self) -> str:
        """Give the present nodes.txt."""
        ...
