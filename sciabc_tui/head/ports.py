"""What the head service needs of the world, so that tests and the simulation can stand in for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from jobs.attempt import Order
from jobs.hostfile import Host
from jobs.spec import JobSpec
from sciabc_tui.cluster.changes import Event
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.observations import Observation
from sciabc_tui.cluster.state import State


class Clock(Protocol):
    """The two clocks. Deadlines use the first, people read the second."""

    def monotonic(self) -> Instant:
        """Give seconds that never jump."""
        ...

    def wall(self) -> float:
        """Give seconds since the epoch; jumps when the board learns the time."""
        ...


class Hub(Protocol):
    """Where adapters bring what they saw. `sciabc_tui.head.hub.StateHub` is the one."""

    @property
    def state(self) -> State:
        """The newest state."""
        ...

    def observe(self, observations: Sequence[Observation]) -> None:
        """Take in a batch; only from the loop's thread."""
        ...

    def from_thread(self, observations: Sequence[Observation]) -> None:
        """Take in a batch from any thread."""
        ...

    def publish(self, events: Sequence[Event]) -> None:
        """Take in what was decided outside membership; only from the loop's thread."""
        ...

    async def changed(self, seen: int) -> State:
        """Wait until the state's revision is not `seen`; give the newest."""
        ...


class Adapter(Protocol):
    """A part of the service with effects of its own."""

    async def run(self, hub: Hub) -> None:
        """Work until cancelled; an adapter that can't work says so in the state and waits."""
        ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One launch of a job: which, what, where, and the folder for its files."""

    job: JobId
    number: int
    spec: JobSpec
    hosts: tuple[Host, ...]
    folder: Path


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended; `at` is in seconds since the epoch."""

    state: JobState
    at: float
    exit_code: int | None = None
    reason: str = ""
    again: bool = False
    """It was ended so that the job can be launched again."""
    hosts: tuple[Host, ...] = ()
    """Where it ran, if that was not decided here."""
    started_at: float | None = None
    """When it began there, likewise."""


def ending_of(order: Order, at: float) -> Ending:
    """Give the end of an attempt that was ordered before anything of it ran."""
    return Ending(JobState(order.state.value), at, reason=order.reason, again=order.again)


@dataclass(frozen=True, slots=True)
class Launch:
    """How an attempt would be launched."""

    launcher: str
    """By what, such as `Open MPI 5.0.11`."""
    argv: tuple[str, ...] = ()
    """The command line; empty where there is none, or it is not known yet."""


class Runs(Protocol):
    """Launches attempts. `sciabc_tui.head.runs.MpiRuns` is the real one."""

    def describe(self) -> tuple[str, str]:
        """Name the launcher, and say why nothing can be launched; one of the two is empty."""
        ...

    def check(self, spec: JobSpec) -> None:
        """Refuse what no launcher here can do. Raises `jobs.errors.JobsError`."""
        ...

    async def preview(self, attempt: Attempt, /) -> Launch:
        """Say how an attempt would be launched, and launch nothing; without hosts, only by what.

        Raises `jobs.errors.JobsError` if it could not be.
        """
        ...

    async def start(self, attempt: Attempt) -> None:
        """Start the attempt. Raises `jobs.errors.JobsError` if it can't be started."""
        ...

    async def ended(self, attempt: Attempt) -> Ending | None:
        """Wait for the end of an attempt, also of one that an earlier service started.

        None if nothing of it ever ran, because that service was killed too early: launch it again.
        """
        ...

    async def end(self, attempt: Attempt, order: Order) -> None:
        """Make the attempt end.

        Args:
            attempt: Which one.
            order: Why, and what is told of it then.
        """
        ...
