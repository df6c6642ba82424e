"""What the screen needs of the head service. `sciabc_tui.api.client.Client` fits; tests bring their own."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from sciabc_tui.api.messages import (
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
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.series import Series
from sciabc_tui.cluster.state import LogEntry, State

if TYPE_CHECKING:
    from sciabc_tui.api.works import Part, Wish


class Shell(Protocol):
    """Logs in to a node from this terminal, which must be nobody else's meanwhile."""

    def open(self, node: NodeId, /) -> int:
        """Log in, and wait for the end of that; give its exit status. Blocks.

        Raises:
            SciabcError: It can't be logged in there; the text names the next step.
        """
        ...

    def close(self) -> None:
        """End what is open, from another thread; does not block."""
        ...


class Owner(Protocol):
    """Who wanted a work, and knows how it is done again."""

    def again(self, failed: tuple[str, ...]) -> "Wish | None":
        """Give the wish for those that failed; None: something is to be asked first, where it was wanted."""
        ...

    def over(self, *, well: int, of: int, changes: int) -> str:
        """Hear on how many nodes it went well and how much was changed; say what that means."""
        ...


class ClusterClient(Protocol):
    """The head service, seen by the screen.

    Every call blocks, so each runs in a worker thread. Each raises `sciabc_tui.errors.SciabcError` with a
    line for the user; `ServiceUnavailable` means that nobody answers.
    """

    def watch(self) -> Iterator[State]:
        """Give the state now and whenever it changes (latest wins); ends when the service goes."""
        ...

    def close_watch(self) -> None:
        """End `watch` from another thread."""
        ...

    def events(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Give the newest events with a number above `since`, the oldest first."""
        ...

    def history(self, node: NodeId, span: int, /) -> Series:
        """Give a node's load over 60, 600 or 3600 seconds."""
        ...

    def submit(self, request: SubmitJob, /) -> Job:
        """Put a job into the queue."""
        ...

    def preview(self, request: SubmitJob, /) -> JobPreview:
        """Say what would become of a job; raises `CommandRefused` if it would not be taken."""
        ...

    def preflight(
        self, wish: PreflightWish, /, tell: Callable[[PreflightBegun | PreflightRow], object]
    ) -> PreflightReport:
        """Check whether nodes are fit for a job; takes seconds, and tells of each as soon as it answered."""
        ...

    def stop_preflight(self) -> None:
        """End `preflight` from another thread; does not block."""
        ...

    def work(self, wish: "Wish", tell: "Callable[[Part], object]", /) -> None:
        """Do a work on nodes, and tell each part as it happens; takes as long as the work."""
        ...

    def stop_works(self) -> None:
        """Cancel every `work` of this client from another thread; does not block."""
        ...

    def apart(self) -> "ClusterClient":
        """Give another client of the same service: its works are stopped by themselves."""
        ...

    def cancel(self, job: JobId, /) -> None:
        """Cancel a job."""
        ...

    def hold(self, job: JobId, /) -> None:
        """Keep a waiting job from starting."""
        ...

    def release(self, job: JobId, /) -> None:
        """Let a held job start."""
        ...

    def requeue(self, job: JobId, /) -> None:
        """Run a job that ended once more."""
        ...

    def job_detail(self, job: JobId, /) -> JobDetail:
        """Give a job with all its attempts."""
        ...

    def log(
        self, job: JobId, /, *, offset: int, limit: int, wanted: LogFilter, before: bool = False
    ) -> LogChunk:
        """Read whole lines of a job's log from a byte offset on, or those that end there."""
        ...

    def seek_log(self, job: JobId, /, *, offset: int, wanted: LogFilter, backward: bool = False) -> LogPlace:
        """Find the next wanted line of a job's log from an offset on, or the last one before it."""
        ...

    def count_log(self, job: JobId, /, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        """Count the lines of a job's log between two offsets."""
        ...

    def approve(self, node: NodeId, fingerprint: str, /) -> None:
        """Trust the node's host key."""
        ...

    def forget(self, node: NodeId, /) -> None:
        """Forget the node and its host key."""
        ...

    def drain(self, node: NodeId, reason: str, /) -> None:
        """Take no new jobs there."""
        ...

    def resume(self, node: NodeId, /) -> None:
        """Take new jobs there again."""
        ...
