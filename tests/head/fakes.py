"""Stand-ins for the world outside the head service, and a head that is ready."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.attempt import Order
from jobs.errors import JobsError, LauncherRefused
from jobs.spec import JobSpec
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.node import Reading
from sciabc_tui.cluster.observations import HeadSighted, Observation, ReadingTaken
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ports import Attempt, Ending, Launch


@dataclass(slots=True)
class FakeClock:
    """A clock that goes only when it is told to."""

    now: float = 100.0

    def monotonic(self) -> float:
        """Give seconds that never jump."""
        return self.now

    def wall(self) -> float:
        """Give seconds since the epoch."""
        return 1_800_000_000.0 + self.now


@dataclass(slots=True)
class FakeRuns:
    """Runs nothing; the test says how each attempt ends."""

    problem: str = ""
    refuse: bool = False
    patient: bool = False
    """What is ordered to end does not, until the test lets it."""
    started: list[Attempt] = field(default_factory=list[Attempt])
    ordered: list[tuple[JobId, JobState, str]] = field(default_factory=list[tuple[JobId, JobState, str]])
    given_up: list[tuple[str, ...]] = field(default_factory=list[tuple[str, ...]])
    again: list[bool] = field(default_factory=list[bool])
    _endings: dict[JobId, "asyncio.Future[Ending | None]"] = field(
        default_factory=dict[JobId, "asyncio.Future[Ending | None]"]
    )

    def describe(self) -> tuple[str, str]:
        """Name the launcher."""
        return ("" if self.problem else "Fake MPI 1.0"), self.problem

    def check(self, spec: JobSpec) -> None:
        """Refuse nothing."""

    async def preview(self, attempt: Attempt) -> Launch:
        """Give a command line that names the folder and the hosts."""
        if self.refuse:
            raise LauncherRefused("not as root. Next: be somebody else")
        argv = ("fakerun", str(attempt.folder), *(host.name for host in attempt.hosts))
        return Launch("Fake MPI 1.0", argv if attempt.hosts else ())

    async def start(self, attempt: Attempt) -> None:
        """Note what was started."""
        if self.refuse:
            refusal: JobsError = LauncherRefused("not as root. Next: be somebody else")
            raise refusal
        self.started.append(attempt)

    async def ended(self, attempt: Attempt) -> Ending | None:
        """Wait until the test ends the attempt."""
        ending = await self._future(attempt.job)
        del self._endings[attempt.job]
        return ending

    async def end(self, attempt: Attempt, order: Order) -> None:
        """End the attempt as ordered."""
        state = JobState(order.state.value)
        self.ordered.append((attempt.job, state, order.reason))
        self.given_up.append(order.lost)
        self.again.append(order.again)
        if not self.patient and not self._future(attempt.job).done():
            self.let_end(attempt.job, state, None, order.reason, again=order.again)

    def let_end(
        self,
        job: JobId,
        state: JobState = JobState.COMPLETED,
        exit_code: int | None = 0,
        reason: str = "",
        *,
        again: bool = False,
    ) -> None:
        """Let an attempt end."""
        self._future(job).set_result(Ending(state, 1_800_000_200.0, exit_code, reason, again))

    def never_ran(self, job: JobId) -> None:
        """Let an attempt be found that was never launched."""
        self._future(job).set_result(None)

    def _future(self, job: JobId) -> "asyncio.Future[Ending | None]":
        if job not in self._endings:
            self._endings[job] = asyncio.get_running_loop().create_future()
        return self._endings[job]


def head_with(slots: int) -> list[Observation]:
    """Make a head that is ready."""
    return [HeadSighted("headnode", ("10.77.0.1",), slots), ReadingTaken(HEAD, Reading(0.0, cpu_percent=1.0))]


async def until(hub: StateHub, holds: Callable[[State], bool]) -> State:
    """Wait until the state is as the test wants it."""
    async with asyncio.timeout(30.0):
        state = hub.state
        while not holds(state):
            state = await hub.changed(state.revision)
        return state
