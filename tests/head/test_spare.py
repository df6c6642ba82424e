"""When a runner is made to wait for the next job."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace

from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.job_events import JobEnded, JobStarted
from sciabc_tui.cluster.observations import Ticked
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.spare import SETTLED, SpareRunner
from tests.cluster.builders import sighted
from tests.head.fakes import FakeClock

JOB = Job(JobId(1), "hello", "/hello", (), 2, JobState.RUNNING, 0.0, attempt=1)


class Keeper:
    """Counts the runners that were made to wait."""

    def __init__(self) -> None:
        self.waits = False
        self.begun = 0

    def prepare(self) -> None:
        """Let one wait."""
        self.waits = True
        self.begun += 1


@asynccontextmanager
async def kept(hub: StateHub) -> AsyncGenerator[Keeper]:
    """Run the part beside the block."""
    keeper = Keeper()
    with ThreadPoolExecutor(1) as worker:
        running = asyncio.get_running_loop().create_task(SpareRunner(keeper, worker).run(hub))
        try:
            yield keeper
        finally:
            running.cancel()
            await asyncio.wait([running])


async def until(keeper: Keeper, count: int) -> None:
    """Wait until so many were made."""
    async with asyncio.timeout(5.0):
        while keeper.begun < count:  # noqa: ASYNC110 - it is counted in a thread
            await asyncio.sleep(0.01)


async def at_rest() -> None:
    """Let the part do what it would do."""
    for _ in range(20):
        await asyncio.sleep(0.005)


async def test_one_waits_from_the_start_and_no_second() -> None:
    """Changes of the state make no more of them."""
    hub = StateHub(FakeClock())
    async with kept(hub) as keeper:
        await until(keeper, 1)
        hub.observe([sighted("node01")])
        await at_rest()
        assert keeper.begun == 1


async def test_a_job_that_begins_has_the_processor() -> None:
    """The next one is made when the job has run for some seconds, or is over."""
    clock = FakeClock()
    hub = StateHub(clock)
    async with kept(hub) as keeper:
        await until(keeper, 1)
        keeper.waits = False  # it took a job
        running = replace(JOB, started_at=clock.wall())
        hub.publish([JobStarted(running)])
        await at_rest()
        assert keeper.begun == 1
        clock.now += SETTLED
        hub.observe([Ticked(), sighted("node01")])
        await until(keeper, 2)
        keeper.waits = False
        hub.publish([JobStarted(replace(running, started_at=clock.wall()))])
        await at_rest()
        assert keeper.begun == 2
        hub.publish([JobEnded(replace(running, state=JobState.COMPLETED))])
        await until(keeper, 3)
