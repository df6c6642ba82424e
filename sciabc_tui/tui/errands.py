"""What the application has done by the service; each blocks, and gives the message that tells of it."""

from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from sciabc_tui.cluster.ids import JobId, NodeId
from sciabc_tui.errors import CommandRefused, SciabcError
from sciabc_tui.tui import messages as msg
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.requests import ReadDetail, ReadEvents, ReadHistory, Reads

if TYPE_CHECKING:
    from sciabc_tui.api.messages import PreflightWish, SubmitJob
    from sciabc_tui.tui.late import LateClient
    from sciabc_tui.tui.log_reader import LogSource
    from sciabc_tui.tui.ports import ClusterClient


class Errands:
    """Each raises what the client raises."""

    def __init__(self, client: "LateClient") -> None:
        self._client = client

    def submit(self, request: "SubmitJob") -> msg.JobAccepted:
        """Put a job into the queue."""
        return msg.JobAccepted(self._client().submit(request))

    def preview(self, request: "SubmitJob", number: int) -> msg.PreviewEnded:
        """Ask what would become of a job; why it was not told belongs to the same answer."""
        try:
            return msg.PreviewEnded(number, self._client().preview(request))
        except CommandRefused as error:
            return msg.PreviewEnded(number, problem=str(error), refused=True)
        except SciabcError as error:
            return msg.PreviewEnded(number, problem=str(error))

    def fill_form(self, job: JobId) -> msg.FormFilled:
        """Read a job in full, to run it again with changes."""
        return msg.FormFilled(self._client().job_detail(job))

    def preflight(
        self, wish: "PreflightWish", number: int, post: Callable[[msg.PreflightTold], object]
    ) -> msg.PreflightEnded:
        """Ask nodes whether they are fit, and post what each says as soon as it does.

        Why they could not be asked belongs to the answer.
        """
        try:
            report = self._client().preflight(wish, lambda part: post(msg.PreflightTold(number, part)))
            return msg.PreflightEnded(number, report)
        except SciabcError as error:
            return msg.PreflightEnded(number, problem=str(error))

    def stop_preflight(self) -> None:
        """Wait no longer for what nodes are asked; does not block."""
        if self._client.made is not None:
            self._client.made.stop_preflight()

    def apart(self) -> "ClusterClient":
        """Give a client whose works are stopped by themselves."""
        return self._client().apart()

    def cancel(self, job: JobId) -> msg.Accepted:
        """Cancel a job."""
        self._client().cancel(job)
        return msg.Accepted(f"job {job} is being cancelled")

    def hold(self, job: JobId) -> msg.Accepted:
        """Keep a waiting job from starting."""
        self._client().hold(job)
        return msg.Accepted(f"job {job} does not start until h releases it")

    def release(self, job: JobId) -> msg.Accepted:
        """Let a held job start again."""
        self._client().release(job)
        return msg.Accepted(f"job {job} starts when it is its turn")

    def requeue(self, job: JobId) -> msg.Accepted:
        """Run a job that ended once more."""
        self._client().requeue(job)
        return msg.Accepted(f"job {job} waits for its next attempt")

    def approve(self, node: NodeId, fingerprint: str) -> msg.Accepted:
        """Trust a host key."""
        self._client().approve(node, fingerprint)
        return msg.Accepted(f"approved {plain(fingerprint)}")

    def forget(self, node: NodeId, name: str) -> msg.Accepted:
        """Forget a node."""
        self._client().forget(node)
        return msg.Accepted(f"{name} is forgotten; approve it anew if it is yours")

    def drain(self, node: NodeId, name: str) -> msg.Accepted:
        """Take no new jobs on a node."""
        self._client().drain(node, "")
        return msg.Accepted(f"{name} takes no new jobs")

    def resume(self, node: NodeId) -> msg.Accepted:
        """Take new jobs on a node again."""
        self._client().resume(node)
        return msg.Accepted("it takes new jobs again")

    @property
    def log_source(self) -> "LogSource":
        """What gives the logs of jobs."""
        return self._client()

    def read(self, request: Reads) -> msg.DetailReceived | msg.HistoryReceived | msg.EventsReceived:
        """Read what a screen shows and the state does not carry."""
        match request:
            case ReadDetail(job):
                return msg.DetailReceived(self._client().job_detail(job))
            case ReadHistory(node, span):
                return msg.HistoryReceived(self._client().history(node, span))
            case ReadEvents(since, limit):
                return msg.EventsReceived(self._client().events(since, limit))
            case _:
                assert_never(request)
