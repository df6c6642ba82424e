"""What the application has done by the service; each blocks, and gives the message that tells of it."""

from sciabc_tui.api.messages import PreflightWish, SubmitJob
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui import messages as msg
from sciabc_tui.tui.ports import ClusterClient
from sciabc_tui.tui.present.cells import plain


class Errands:
    """Each raises what the client raises."""

    def __init__(self, client: ClusterClient) -> None:
        self._client = client

    def submit(self, request: SubmitJob) -> msg.JobAccepted:
        """Put a job into the queue."""
        return msg.JobAccepted(self._client.submit(request))

    def preflight(self, wish: PreflightWish, number: int) -> msg.PreflightEnded:
        """Ask nodes whether they are fit; why they could not be asked belongs to the same answer."""
        try:
            return msg.PreflightEnded(number, self._client.preflight(wish))
        except SciabcError as error:
            return msg.PreflightEnded(number, problem=str(error))

    def stop_preflight(self) -> None:
        """Wait no longer for what nodes are asked; does not block."""
        self._client.stop_preflight()

    def cancel(self, job: JobId) -> msg.Accepted:
        """Cancel a job."""
        self._client.cancel(job)
        return msg.Accepted(f"job {job} is being cancelled")

    def hold(self, job: JobId) -> msg.Accepted:
        """Keep a waiting job from starting."""
        self._client.hold(job)
        return msg.Accepted(f"job {job} does not start until h releases it")

    def release(self, job: JobId) -> msg.Accepted:
        """Let a held job start again."""
        self._client.release(job)
        return msg.Accepted(f"job {job} starts when it is its turn")

    def requeue(self, job: JobId) -> msg.Accepted:
        """Run a job that ended once more."""
        self._client.requeue(job)
        return msg.Accepted(f"job {job} waits for its next attempt")

    def approve(self, node: NodeId, fingerprint: str) -> msg.Accepted:
        """Trust a host key."""
        self._client.approve(node, fingerprint)
        return msg.Accepted(f"approved {plain(fingerprint)}")

    def forget(self, node: NodeId, name: str) -> msg.Accepted:
        """Forget a node."""
        self._client.forget(node)
        return msg.Accepted(f"{name} is forgotten; approve it anew if it is yours")

    def drain(self, node: NodeId, name: str) -> msg.Accepted:
        """Take no new jobs on a node."""
        self._client.drain(node, "")
        return msg.Accepted(f"{name} takes no new jobs")

    def resume(self, node: NodeId) -> msg.Accepted:
        """Take new jobs on a node again."""
        self._client.resume(node)
        return msg.Accepted("it takes new jobs again")

    def read_log(self, job: JobId, offset: int, limit: int) -> msg.LogReceived:
        """Read more of a job's log."""
        return msg.LogReceived(self._client.log(job, offset=offset, limit=limit))

    def read_events(self, since: int, limit: int) -> msg.EventsReceived:
        """Read what happened."""
        return msg.EventsReceived(self._client.events(since, limit))
