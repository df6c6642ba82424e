"""Measures how a program scales: runs it as ordinary jobs, one after the other, on more and more slots.

    scaling = Scaling(client.apart(), ScaleWish(SubmitJob("mergesort"), rounds=3))
    scaling.run(tell)               blocks; `stop` ends it from another thread
    scaling.lesson()                what was learnt so far, also after an end before time

The time of a run is what the job's own record says: from the start of its runner, when all files are in
place, to its end. The first run of all, on the most ranks, is not counted: it loads the program into the
nodes' memory. Where no number of rounds is given, more runs follow the third round, until the serial share
is known well enough (`sciabc_tui.cluster.amdahl`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol, TypeAlias

from msgspec import structs

from sciabc_tui.api.messages import JobDetail, SubmitJob
from sciabc_tui.cluster import scaling
from sciabc_tui.cluster.amdahl import Fit, Run, fit, lacking
from sciabc_tui.cluster.evidence import outcome
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.scaling import FEWEST_ROUNDS, Lesson
from sciabc_tui.cluster.schedule import capacity
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, SciabcError, ServiceUnavailable

MOST_ROUNDS = 100


class Cluster(Protocol):
    """The head service, as far as a scaling lesson needs it; a client of its own."""

    def watch(self) -> Iterator[State]:
        """Give the state now and whenever it changes."""
        ...

    def close_watch(self) -> None:
        """End `watch` for good."""
        ...

    def submit(self, request: SubmitJob, /) -> Job:
        """Put a job into the queue."""
        ...

    def cancel(self, job: JobId, /) -> None:
        """Cancel a job."""
        ...

    def job_detail(self, job: JobId, /) -> JobDetail:
        """Give a job with all its attempts."""
        ...


@dataclass(frozen=True, slots=True)
class ScaleWish:
    """What to measure.

    Attributes:
        request: The job; its number of ranks is set for each run.
        ranks: The rank counts; none: 1, 2, 4 and so on, up to every slot.
        rounds: How often each is run; None: a few times, then as often as it takes to know the serial share.
    """

    request: SubmitJob
    ranks: tuple[int, ...] = ()
    rounds: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What will be run: `counts` rank counts, `runs` runs with the one that is not counted."""

    counts: tuple[int, ...]
    runs: int
    slots: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class Prolonged:
    """The runs differ too much for the share to be known, so that there will be more.

    Attributes:
        runs: How many there will be in all.
        more: How many more that are.
        law: What is known until now.
    """

    runs: int
    more: int
    law: Fit


@dataclass(frozen=True, slots=True)
class Disturbed:
    """Jobs that are none of ours wait or run: they disturb what is measured."""

    jobs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A job is in the queue. `number` counts from 0, the run that is not counted."""

    number: int
    ranks: int
    job: JobId
    left: float | None
    """Seconds that this run and those after it will take; None while nothing was measured."""


@dataclass(frozen=True, slots=True)
class RunWaits:
    """The job does not run yet, and why."""

    job: JobId
    reason: str


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A run is over. `problem` says why it does not count; its rank count is left out from then on."""

    number: int
    ranks: int
    seconds: float | None
    problem: str = ""


News: TypeAlias = Planned | Prolonged | Disturbed | RunBegan | RunWaits | RunEnded


class Scaling:
    """Runs one scaling lesson."""

    def __init__(self, client: Cluster, wish: ScaleWish) -> None:
        """Do nothing yet. The client's watch is closed in the end."""
        self._client = client
        self._wish = wish
        self._stopped = False
        self._runs: list[Run] = []
        self._cores: dict[int, bool] = {}
        self._ours: set[JobId] = set()
        self._others: set[str] = set()
        self._under_way: Job | None = None
        self.slots = 0
        """How many slots the nodes have that may be used; 0 before it is known."""

    @property
    def runs(self) -> tuple[Run, ...]:
        """What was measured so far."""
        return tuple(self._runs)

    def lesson(self) -> Lesson:
        """Say what was learnt so far."""
        return scaling.lesson(self.runs, slots=self.slots, cores=dict(self._cores), others=bool(self._others))

    def run(self, tell: Callable[[News], object]) -> bool:
        """Measure; whatever ends it before time cancels the job that runs.

        Args:
            tell: Hears what happens.

        Returns:
            Whether it came to its end, and was not stopped.

        Raises:
            CommandRefused: There are too few slots, or the job is not taken.
            ServiceUnavailable: The service went away; what was measured is kept.
        """
        states = self._client.watch()
        try:
            self._measure(states, tell)
        except BaseException:
            self._cancel()
            if self._stopped:
                return False
            raise
        finally:
            self._client.close_watch()
        return True

    def stop(self) -> None:
        """End it, from another thread; does not wait for that."""
        self._stopped = True
        self._client.close_watch()

    def _measure(self, states: Iterator[State], tell: Callable[[News], object]) -> None:
        counts = self._plan(self._next(states), tell)
        left = [counts[-1], *scaling.order(counts, self._wish.rounds or FEWEST_ROUNDS)]
        number = 0
        failed: set[int] = set()
        while left:
            ranks = left[0]
            if self._once(states, number, left, tell):
                failed.add(ranks)
            number += 1
            left = [count for count in left[1:] if count not in failed] or self._more(number, failed, tell)

    def _plan(self, state: State, tell: Callable[[News], object]) -> tuple[int, ...]:
        nodes = tuple(_usable(state, self._wish.request))
        self.slots = sum(map(capacity, nodes))
        counts = tuple(sorted(set(self._wish.ranks))) or scaling.counts(self.slots)
        if not self.slots:
            raise CommandRefused("No node takes jobs now. Next: sciabc-tui nodes")
        if counts[-1] > self.slots:
            fitting = ",".join(map(str, scaling.counts(self.slots)))
            raise CommandRefused(
                f"{counts[-1]} ranks need {counts[-1]} slots, there are {self.slots}. Next: --ranks {fitting}"
            )
        runs = 1 + len(counts) * (self._wish.rounds or FEWEST_ROUNDS)
        tell(Planned(counts, runs, self.slots, state.head.simulated))
        self._look_for_others(state, tell)
        return counts

    def _more(self, number: int, failed: set[int], tell: Callable[[News], object]) -> list[int]:
        """Say what to run still, so that the share is known, unless the number of rounds was given."""
        good = [run for run in self._runs if run.ranks not in failed]
        law = fit(good) if self._wish.rounds is None else None
        if law is None:
            return []
        more = list(lacking(good))
        if more:
            tell(Prolonged(number + len(more), len(more), law))
        return more

    def _once(
        self, states: Iterator[State], number: int, left: list[int], tell: Callable[[News], object]
    ) -> str:
        """Run it once; give why that does not count."""
        ranks = left[0]
        name = self._wish.request.name or PurePath(self._wish.request.program).name
        request = structs.replace(self._wish.request, ranks=ranks, name=f"{name} x{ranks}")
        if self._stopped:
            raise ServiceUnavailable("It was stopped. Next: sciabc-tui scale")
        self._under_way = job = self._client.submit(request)
        self._ours.add(job.id)
        tell(RunBegan(number, ranks, job.id, scaling.left(left, self._runs)))
        ended, state = self._to_the_end(states, job, tell)
        self._under_way = None
        if ended.state is not JobState.COMPLETED:
            problem = f"job {ended.id} {outcome(ended)}"
            tell(RunEnded(number, ranks, None, problem))
            return problem
        seconds = _seconds(self._client.job_detail(ended.id))
        if seconds is None:
            problem = f"job {ended.id} has no times on record"
            tell(RunEnded(number, ranks, None, problem))
            return problem
        if number:
            self._runs.append(Run(ranks, len(ended.allocation), seconds))
            self._cores[ranks] = self._cores.get(ranks, True) and _enough_cores(state, ended.allocation)
        tell(RunEnded(number, ranks, seconds))
        return ""

    def _to_the_end(
        self, states: Iterator[State], job: Job, tell: Callable[[News], object]
    ) -> tuple[Job, State]:
        said = ""
        while True:
            state = self._next(states)
            self._look_for_others(state, tell)
            now = state.jobs.get(job.id)
            if now is None:
                continue  # the state is older than the job
            if now.state.ended:
                return now, state
            if now.reason not in {"", said}:
                said = now.reason
                tell(RunWaits(job.id, now.reason))

    def _next(self, states: Iterator[State]) -> State:
        for state in states:
            return state
        raise ServiceUnavailable("The head service went away. Next: sciabc-tui status")

    def _look_for_others(self, state: State, tell: Callable[[News], object]) -> None:
        """Tell of other jobs, each once."""
        others = {
            f"job {job.id} {job.name}"
            for job in state.jobs.values()
            if not job.state.ended and not job.elsewhere and job.id not in self._ours
        }
        if new := others - self._others:
            self._others |= new
            tell(Disturbed(tuple(sorted(new))))

    def _cancel(self) -> None:
        job, self._under_way = self._under_way, None
        if job is not None:
            try:
                self._client.cancel(job.id)
            except SciabcError:
                return  # it ended by itself, or nobody answers


def _usable(state: State, request: SubmitJob) -> Iterable[Node]:
    for node in state.nodes.values():
        if (not request.nodes or node.name in request.nodes) and node.name not in request.exclude:
            yield node


def _enough_cores(state: State, allocation: tuple[Allocation, ...]) -> bool:
    """Has each node a core for each of its ranks? What is not known is no reason to doubt it."""
    for part in allocation:
        node = state.nodes.get(part.node)
        if node is not None and node.facts is not None and 0 < node.facts.cores < part.slots:
            return False
    return True


def _seconds(detail: JobDetail) -> float | None:
    """Give how long a job's last attempt ran, by its own record; else by the job's."""
    newest = detail.attempts[-1] if detail.attempts else None
    for begun, ended in (
        (newest.started_at, newest.ended_at) if newest else (None, None),
        (detail.job.started_at, detail.job.ended_at),
    ):
        if begun is not None and ended is not None and ended > begun:
            return ended - begun
    return None
