"""When a job that asked for it is launched again, with more ranks, because nodes joined."""

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.growth import Growth, growth
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.state import State

SETTLED = 10.0
"""Seconds for which a job must be able to get the very same slots, so that boards which are switched on
together cost one launch, and one that comes and goes costs none."""


class Growing:
    """Remembers since when each job could have more."""

    def __init__(self) -> None:
        self._since: dict[JobId, tuple[frozenset[tuple[NodeId, int]], Instant]] = {}

    def due(self, state: State, job: Job, now: Instant) -> Growth | None:
        """Give what a running job gets if it is launched again now; None if it shall go on as it is."""
        found = growth(state, job)
        if found is None:
            self.forget(job.id)
            return None
        slots = frozenset((part.node, part.slots) for part in found.allocation)
        known, since = self._since.get(job.id, (slots, now))
        if known != slots:
            since = now
        self._since[job.id] = slots, since
        return found if now - since >= SETTLED else None

    def forget(self, job: JobId) -> None:
        """A job has ended, or can't have more."""
        self._since.pop(job, None)
