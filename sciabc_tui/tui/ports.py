"""What the screen needs of the head service. `sciabc_tui.api.client.Client` fits; tests bring their own."""

from collections.abc import Iterator
from typing import Protocol

from sciabc_tui.api.messages import LogChunk, PreflightReport, PreflightWish, SubmitJob
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.state import LogEntry, State


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

    def submit(self, request: SubmitJob, /) -> Job:
        """Put a job into the queue."""
        ...

    def preflight(self, wish: PreflightWish, /) -> PreflightReport:
        """Check whether nodes are fit for a job; takes seconds."""
        ...

    def stop_preflight(self) -> None:
        """End `preflight` from another thread; does not block."""
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

    def log(self, job: JobId, /, *, offset: int, limit: int) -> LogChunk:
        """Read whole lines of a job's log from a byte offset; a negative one counts from the end."""
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
