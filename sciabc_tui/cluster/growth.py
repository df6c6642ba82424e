"""What a running job would get that asks for every slot, were it launched again now: pure."""

from dataclasses import dataclass, replace

from sciabc_tui.cluster.job import Allocation, Job, JobState
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.schedule import Placed, total_slots, turns
from sciabc_tui.cluster.state import State


@dataclass(frozen=True, slots=True)
class Growth:
    """More slots than a job has.

    Attributes:
        allocation: What it would get.
        joined: Names of the nodes among them that it does not run on.
    """

    allocation: tuple[Allocation, ...]
    joined: tuple[str, ...]

    @property
    def text(self) -> str:
        """Say it in words: `node05 joined, 12 ranks`."""
        ranks = sum(part.slots for part in self.allocation)
        who = f"{fold(self.joined)} joined" if self.joined else "its nodes have more slots"
        return f"{who}, {ranks} ranks"


def growth(state: State, job: Job) -> Growth | None:
    """Say what a running job would get if its own slots were free; None if that is not more.

    The jobs that wait have their turns first where they stand before it, those that somebody holds too: when
    they are released, their slots must not have gone to a job that had enough.
    """
    if job.elsewhere or total_slots(state) <= job.slots:
        return None
    waiting = {other.id: _released(other) for other in state.jobs.values()}
    asked = replace(job, state=JobState.PENDING, allocation=(), held_by="")
    outcome = next(
        turn.outcome
        for turn in turns(replace(state, jobs={**waiting, job.id: asked}))
        if turn.job.id == job.id
    )
    if not isinstance(outcome, Placed) or sum(part.slots for part in outcome.allocation) <= job.slots:
        return None
    has = {part.node for part in job.allocation}
    return Growth(outcome.allocation, tuple(part.name for part in outcome.allocation if part.node not in has))


def _released(job: Job) -> Job:
    return replace(job, held_by="") if job.held_by else job
