"""What is worth a word when it happens: jobs that end, nodes that are lost. Once, and many at once as one."""

from collections.abc import Sequence
from dataclasses import dataclass

from sciabc_tui.cluster.evidence import outcome
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.node import Liveness
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import crop, plain

_LENGTH = 200
"""Cells that a notice may take."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One line to show, and perhaps to ring for."""

    text: str
    problem: bool


class Watch:
    """Compares each state with what was known; what the first one shows was there before."""

    def __init__(self) -> None:
        self._began = False
        self._down: set[NodeId] = set()
        self._ended: dict[JobId, int] = {}
        """The attempt that each job ended with."""
        self._lost: list[str] = []
        self._over: list[Job] = []

    def look(self, state: State) -> bool:
        """Take a state; tell whether there is something to tell."""
        down = {id_ for id_, node in state.nodes.items() if node.liveness is Liveness.DEAD}
        ended = {job.id: job.attempt for job in state.jobs.values() if job.state.ended}
        if self._began:
            self._lost += [state.nodes[id_].name for id_ in state.nodes if id_ in down - self._down]
            self._over += [
                state.jobs[id_] for id_, attempt in ended.items() if self._ended.get(id_) != attempt
            ]
        # a node that the state no longer names may come back as the same loss
        self._down = down | (self._down - state.nodes.keys())
        self._ended, self._began = ended, True
        return bool(self._lost or self._over)

    def tell(self) -> tuple[Notice, ...]:
        """Give what came since the last time, the problems first."""
        lost, over = self._lost, self._over
        self._lost, self._over = [], []
        notices = [*_of_nodes(lost), *_of_jobs(over)]
        return tuple(sorted(notices, key=lambda notice: not notice.problem))


def _of_nodes(names: Sequence[str]) -> tuple[Notice, ...]:
    if not names:
        return ()
    named = plain(fold(names))
    text = f"{named} is down" if len(names) == 1 else f"{len(names)} nodes down: {named}"
    return (Notice(crop(text, _LENGTH), problem=True),)


def _of_jobs(jobs: Sequence[Job]) -> tuple[Notice, ...]:
    well = [job for job in jobs if job.state in {JobState.COMPLETED, JobState.CANCELLED}]
    bad = [job for job in jobs if job not in well]
    return (*_as_one(bad, problem=True), *_as_one(well, problem=False))


def _as_one(jobs: Sequence[Job], *, problem: bool) -> tuple[Notice, ...]:
    if not jobs:
        return ()
    if len(jobs) == 1:
        text = f"job {jobs[0].id} {plain(jobs[0].name)} {plain(outcome(jobs[0]))}"
    else:
        words = sorted({job.state.value for job in jobs})
        counted = ", ".join(f"{sum(job.state == word for job in jobs)} {word}" for word in words)
        text = f"{len(jobs)} jobs ended: {counted}"
    return (Notice(crop(text, _LENGTH), problem),)
