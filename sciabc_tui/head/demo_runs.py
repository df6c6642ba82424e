"""The jobs of the demonstration: no program runs, each line of output says SIMULATED or tells progress.

`play` gives the lines of an attempt over time; `DemoRuns` writes them where a real attempt has its log.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Executor
from pathlib import Path, PurePath
from typing import Protocol

from jobs.attempt import AttemptFiles, Order
from jobs.errors import StoreError
from jobs.logstore import LogLine, Stream, format_line
from jobs.spec import JobSpec
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.head.ports import Attempt, Clock, Ending, Launch, ending_of

OPENING_JOB = SubmitJob(program="powers", ranks=12, name="soak")
"""The job that runs from the start: `powers` over and over, for OPENING_ROUNDS rounds."""

OPENING_ROUNDS = 200

MARK = "SIMULATED"

TOLD = "@sciabc progress "
"""Begins what tells how far a job is: no other mark may stand before it."""

_Line = tuple[float, int | None, str]
"""Seconds after the line before, the rank (None: the launcher), and the text."""


class Sleep(Protocol):
    """`asyncio.sleep`, or simulated time."""

    async def __call__(self, seconds: float, /) -> object:
        """Let so many seconds pass."""
        ...


async def play(attempt: Attempt, clock: Clock, sleep: Sleep = asyncio.sleep) -> AsyncIterator[bytes]:
    """Give the records of the attempt's log, each when it is due; the end means exit code 0.

    Args:
        attempt: What is said to run.
        clock: For the times in the log.
        sleep: Lets time pass.
    """
    for pause, rank, text in _lines(attempt):
        if pause:
            await sleep(pause)
        words = text if text.startswith(TOLD) else f"{MARK} {text}"
        line = LogLine(clock.wall(), rank, Stream.OUT, words.encode())
        yield format_line(line)


class DemoRuns:
    """Plays attempts where `sciabc_tui.head.runs.MpiRuns` launches them."""

    def __init__(self, clock: Clock, disk: Executor, *, sleep: Sleep = asyncio.sleep) -> None:
        """Play nothing yet.

        Args:
            clock: For the times in the log.
            disk: Where files are written.
            sleep: Lets time pass.
        """
        self._clock = clock
        self._disk = disk
        self._sleep = sleep
        self._started: set[JobId] = set()
        self._orders: dict[JobId, Ending] = {}
        self._playing: dict[JobId, asyncio.Task[None]] = {}

    def describe(self) -> tuple[str, str]:
        """Name the launcher."""
        return f"{MARK}, no MPI", ""

    def check(self, spec: JobSpec) -> None:
        """Refuse nothing."""

    async def preview(self, _: Attempt, /) -> Launch:
        """Say that nothing would run."""
        return Launch(self.describe()[0])

    async def start(self, attempt: Attempt) -> None:
        """Make the attempt's folder and an empty log."""
        await self._on_disk(attempt, b"")
        self._started.add(attempt.job)

    async def ended(self, attempt: Attempt) -> Ending:
        """Play the attempt to its end."""
        if attempt.job not in self._started:
            reason = "the simulation that ran it is gone. Next: submit it again"
            return Ending(JobState.FAILED, self._clock.wall(), reason=reason)
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(self._write(attempt))
            self._playing[attempt.job] = playing
            if attempt.job in self._orders:
                playing.cancel()
        del self._playing[attempt.job]
        self._started.discard(attempt.job)
        ordered = self._orders.pop(attempt.job, None)
        return ordered or Ending(JobState.COMPLETED, self._clock.wall(), exit_code=0)

    async def end(self, attempt: Attempt, order: Order) -> None:
        """End the attempt now."""
        self._orders[attempt.job] = ending_of(order, self._clock.wall())
        playing = self._playing.get(attempt.job)
        if playing is not None:
            playing.cancel()

    async def _write(self, attempt: Attempt) -> None:
        """Write the log until the end."""
        async for record in play(attempt, self._clock, self._sleep):
            await self._on_disk(attempt, record)

    async def _on_disk(self, attempt: Attempt, record: bytes) -> None:
        path = AttemptFiles(attempt.folder).log
        await asyncio.get_running_loop().run_in_executor(self._disk, _append, path, record)


def _append(path: Path, record: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(record)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error


def _lines(attempt: Attempt) -> Iterator[_Line]:
    where = tuple(host.name for host in attempt.hosts for _ in range(host.slots))
    yield 0.3, None, f"{attempt.spec.name}: {len(where)} ranks, nothing really runs"
    if attempt.spec.name == OPENING_JOB.name:
        for number in range(1, OPENING_ROUNDS + 1):
            yield 3.0, 0, f"round {number} of {OPENING_ROUNDS}"
            yield 0.0, 0, _told(number, OPENING_ROUNDS)
        return
    match PurePath(attempt.spec.program).stem:
        case "hello":
            for rank, name in enumerate(where):
                yield 0.05, rank, f"hello from rank {rank} of {len(where)} on {name}"
        case "powers":
            yield from _powers(where)
        case "mergesort":
            yield from _mergesort(where)
        case stem:
            for rank, name in enumerate(where):
                yield 0.1, rank, f"{stem} would run here: rank {rank} on {name}"
            yield 3.0, 0, "done"


def _told(done: int, total: int) -> str:
    return f"{TOLD}{done} of {total}"


def _powers(where: tuple[str, ...]) -> Iterator[_Line]:
    yield 0.0, 0, _told(0, len(where))
    yield 0.5, 0, f"exponent 3 broadcast to {len(where)} ranks, numbers scattered"
    for rank, name in enumerate(where):
        yield 0.2, rank, f"{rank + 1} to the power of 3 is {(rank + 1) ** 3} ({name})"
        yield 0.0, 0, _told(rank + 1, len(where))
    yield 0.5, 0, f"sum of all: {sum((rank + 1) ** 3 for rank in range(len(where)))}"


def _mergesort(where: tuple[str, ...]) -> Iterator[_Line]:
    yield 0.5, 0, f"500,000 numbers scattered to {len(where)} ranks"
    for rank, name in enumerate(where):
        yield 0.2, rank, f"sorts its part on {name}"
        yield 0.0, 0, _told(rank + 1, len(where))
    yield 1.0, 0, "parts merged; no numbers were sorted and no times were taken"
