"""A job that starts in the very moment in which its board is taken away: it is seen, or it waits."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from typing_extensions import override

from jobs.store import JobRecord, JobStore
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.powering import PackWish, PowerWish
from sciabc_tui.api.works import Begun, Part, Step
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.pack import Pack
from sciabc_tui.head.power import Power
from sciabc_tui.head.power_starts import GOES_WITHIN, Starts
from sciabc_tui.head.users import Users
from tests.head.fakes import FakeRuns, until
from tests.head.power_world import World, ends, whole, world

ONE, TWO = JobId(1), JobId(2)


class SlowStore(JobStore):
    """Keeps jobs, and waits while it writes down that one starts, for as long as a test wants."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.writing = threading.Event()
        self.go_on = threading.Event()
        self.go_on.set()

    @override
    def update(self, record: JobRecord) -> None:
        """Write it, by and by."""
        self.writing.set()
        assert self.go_on.wait(20)
        super().update(record)


@dataclass(frozen=True, slots=True)
class Scene:
    """A cluster whose jobs are queued, started and lost as in the service."""

    made: World
    store: SlowStore
    dispatcher: Dispatcher
    runs: FakeRuns

    @property
    def power(self) -> Power:
        """The work `power`."""
        return Power(self.made.hub, self.made.clock, self.made.boards, self.dispatcher.starts)

    @property
    def pack(self) -> Pack:
        """The work `pack`."""
        made, queue = self.made, self.dispatcher
        return Pack(made.hub, made.clock, made.boards, queue.direct, queue.starts)

    async def begin_to_start(self) -> None:
        """Submit a job, and return in the middle between the decision that it starts and its telling."""
        self.store.go_on.clear()
        self.store.writing.clear()
        await self.dispatcher.submit(SubmitJob("hello", ranks=1, nodes=("node01",)), by="eve")
        async with asyncio.timeout(10):
            while not self.store.writing.is_set():  # noqa: ASYNC110 - it is set in another thread
                await asyncio.sleep(0.001)


@asynccontextmanager
async def scene(folder: Path, *names: str) -> AsyncGenerator[Scene]:
    """Run a queue on a head and these nodes."""
    made, runs = world(*names), FakeRuns()
    with SlowStore(folder / "jobs.sqlite") as store, ThreadPoolExecutor(1) as disk:
        ledger = Ledger(made.hub, store, disk)
        dispatcher = Dispatcher(
            made.hub, runs, ledger, folder=folder / "jobs", users=Users("pi"), clock=made.clock
        )
        task = asyncio.get_running_loop().create_task(dispatcher.run(made.hub))
        try:
            yield Scene(made, store, dispatcher, runs)
        finally:
            store.go_on.set()
            task.cancel()
            await asyncio.wait([task])


def is_(job: JobId, state: JobState) -> Callable[[State], bool]:
    """Say whether a job is in a state."""
    return lambda seen: job in seen.jobs and seen.jobs[job].state is state


async def turns(count: int = 50) -> None:
    """Let everything that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


async def test_power_sees_a_job_that_is_just_being_started(tmp_path: Path) -> None:
    """Between the decision and its telling nobody halts the board: then the job is named, and it runs on."""
    async with scene(tmp_path, "node01") as made:
        await made.begin_to_start()
        asked = whole(made.power.work(PowerWish(("node01",), "off"), "ada"))
        work = asyncio.get_running_loop().create_task(asked)
        await turns()
        assert made.made.asked == []
        made.store.go_on.set()
        with pytest.raises(CommandRefused, match=r"job 1 hello runs on node01"):
            await work
        assert made.made.asked == []
        assert is_(ONE, JobState.RUNNING)(made.made.hub.state)
        assert made.made.node("node01").schedulable


async def test_pack_sees_a_job_that_is_just_being_started(tmp_path: Path) -> None:
    """It is waited for as any other, and no board is halted under it."""
    async with scene(tmp_path, "node01") as made:
        await made.begin_to_start()
        parts: list[Part] = []
        async with aclosing(made.pack.work(PackWish(wait=60.0, keep_head=True), "ada")) as coming:
            async for part in coming:
                parts.append(part)
                if isinstance(part, Begun):
                    await turns()
                    made.store.go_on.set()
                if isinstance(part, Step) and part.text.startswith("waits for 1 hello on node01"):
                    assert made.made.asked == []
                    made.runs.let_end(ONE)
        assert ends(parts)["node01"].ok
        assert is_(ONE, JobState.COMPLETED)(made.made.hub.state)


async def test_a_job_that_is_submitted_meanwhile_waits(tmp_path: Path) -> None:
    """For the node, in the queue; when the node is back and given back it starts."""
    async with scene(tmp_path, "node01") as made:
        made.made.does["node01"] = lambda hear: hear("going")  # by and by
        async with aclosing(made.power.work(PowerWish(("node01",), "reboot"), "ada")) as parts:
            await anext(parts)
            await made.dispatcher.submit(SubmitJob("hello", ranks=1, nodes=("node01",)), by="eve")
            state = await until(made.made.hub, lambda state: bool(state.jobs and state.jobs[ONE].reason))
            assert state.jobs[ONE].reason == "waits for node01 to take jobs"
            assert made.runs.started == []
            made.made.restart("node01")
            rest = [part async for part in parts]
        assert ends(rest)["node01"].ok
        await until(made.made.hub, is_(ONE, JobState.RUNNING))


async def test_no_job_starts_anywhere_while_the_head_is_about_to_end(tmp_path: Path) -> None:
    """Its nodes would be free, but it launches them all; a head that refuses to go starts them after all."""
    async with scene(tmp_path, "node01", "node02") as made:
        made.made.does["node02"] = lambda hear: hear("going")  # by and by
        made.made.does["head"] = lambda hear: hear("failed no such unit")
        async with aclosing(made.power.work(PowerWish(("node02", "head"), "off"), "ada")) as parts:
            await anext(parts)
            await made.dispatcher.submit(SubmitJob("hello", ranks=1, nodes=("node01",)), by="eve")
            state = await until(made.made.hub, lambda state: bool(state.jobs and state.jobs[ONE].reason))
            assert state.jobs[ONE].reason == "waits for the head, which may end: power off by ada"
            made.made.go("node02")
            rest = [part async for part in parts]
        assert not ends(rest)["head"].ok
        await until(made.made.hub, is_(ONE, JobState.RUNNING))


async def test_nothing_starts_in_the_last_seconds_of_a_head_that_goes(tmp_path: Path) -> None:
    """The work is over, its drain is lifted, and the service still runs: what waits goes on waiting."""
    assert GOES_WITHIN > 60
    async with scene(tmp_path, "node01") as made:
        assert ends(await whole(made.power.work(PowerWish(("head",), "off"), "ada")))["head"].ok
        assert made.made.node("head").schedulable
        await made.dispatcher.submit(SubmitJob("hello", ranks=1), by="eve")
        state = await until(made.made.hub, lambda state: bool(state.jobs and state.jobs[ONE].reason))
        assert state.jobs[ONE].reason.startswith("waits for the head, which may end")
        assert made.runs.started == []


async def test_each_who_stops_the_queue_lets_it_go_on_alone() -> None:
    """Two may end at the same time; the second one's word still holds."""
    starts, one, two = Starts(), object(), object()
    assert not starts.why_not
    starts.stop(one, "first")
    starts.stop(two, "second")
    assert starts.why_not == "first"
    starts.allow(one)
    assert starts.why_not == "second"
    starts.allow(two, after=0.01)
    starts.allow(two)
    assert starts.why_not == "second"
    async with asyncio.timeout(10):
        while starts.why_not:  # noqa: ASYNC110 - it has no event
            await asyncio.sleep(0.005)
