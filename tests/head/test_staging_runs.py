"""A job whose files are brought to nodes first: launched afterwards, or ended as it was ordered meanwhile."""

import asyncio
import os
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from jobs.attempt import Order, read_plan, write_order, write_unswept
from jobs.errors import JobsError, SpecError, StoreError
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.prepare import Site
from jobs.runner import hold
from jobs.spec import JobSpec
from jobs.staging_words import MARK
from jobs.states import JobState as StoredState
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.cluster.state import State
from sciabc_tui.head import sweeper
from sciabc_tui.head.errors import StagingFailed
from sciabc_tui.head.ports import Attempt
from sciabc_tui.head.runs import MpiRuns
from sciabc_tui.head.sweeper import Sweeper
from tests.head.fakes import FakeClock

ONE = JobId(1)
N1 = NodeId("n-1")
HEAD = Host("head", "127.0.0.1", 1, local=True)
NODE = Host("node01", "10.77.0.11", 1, host_key_alias="n-1")


class Around:
    """A cluster of which nothing is known."""

    def networks(self) -> tuple[str, ...]:
        """Give none."""
        return ()

    def flavours(self, hosts: object) -> tuple[str, ...]:
        """Give none."""
        del hosts
        return ()


@dataclass(slots=True)
class FakeStager:
    """Stages when the test lets it."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    done: asyncio.Event = field(default_factory=asyncio.Event)
    error: Exception | None = None
    staged: list[str] = field(default_factory=list[str])

    async def stage(self, attempt: Attempt, plan: object) -> None:
        """Wait for the test's word."""
        del attempt, plan
        self.begun.set()
        await self.done.wait()
        if self.error is not None:
            raise self.error
        self.staged.append("done")


@dataclass(slots=True)
class Bench:
    """Runs whose launches are noted, and end without a status."""

    runs: MpiRuns
    stager: FakeStager
    launched: list[Path]
    attempt: Attempt


@asynccontextmanager
async def bench(
    tmp_path: Path, hosts: tuple[Host, ...] = (HEAD, NODE), refusal: JobsError | None = None
) -> AsyncGenerator[Bench]:
    """Give runs, with a job that has a program of its own."""
    launched: list[Path] = []

    def launch(folder: Path) -> int:
        if refusal is not None:
            raise refusal
        launched.append(folder)
        return 1

    program = tmp_path / "project" / "simulate"
    program.parent.mkdir(exist_ok=True)
    program.write_text("#!/bin/sh\n")
    spec = JobSpec(str(program), cwd=str(program.parent))
    stager = FakeStager()
    with ThreadPoolExecutor(2) as threads:
        runs = MpiRuns(
            (Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/new/bin/mpirun"),),
            Site(tmp_path / "known_hosts", uid=1000),
            surroundings=Around(),
            stager=stager,
            launch=launch,
            clock=FakeClock(),
            worker=threads,
            sweeper=threads,
        )
        folder = tmp_path / "jobs" / "1" / "attempt-1"
        async with asyncio.timeout(30):
            yield Bench(runs, stager, launched, Attempt(ONE, 1, spec, hosts, folder))


async def test_a_job_is_launched_when_its_files_are_there(tmp_path: Path) -> None:
    """Its start does not wait for them: other jobs start meanwhile."""
    async with bench(tmp_path) as table, asyncio.TaskGroup() as group:
        await table.runs.start(table.attempt)
        ended = group.create_task(table.runs.ended(table.attempt))
        await table.stager.begun.wait()
        assert table.launched == []
        table.stager.done.set()
        assert await ended is None  # no runner left a status
        assert (table.stager.staged, table.launched) == (["done"], [table.attempt.folder])


async def test_a_job_of_this_machine_is_launched_at_once(tmp_path: Path) -> None:
    """There is nobody to bring files to."""
    async with bench(tmp_path, (HEAD,)) as table:
        await table.runs.start(table.attempt)
        assert table.launched == [table.attempt.folder]
        assert not table.stager.begun.is_set()


@pytest.mark.parametrize("early", [False, True])
async def test_an_order_ends_the_copying_at_once(tmp_path: Path, early: bool) -> None:
    """Also one that is given before it begun; nothing is launched, and the end is what was ordered."""
    async with bench(tmp_path) as table, asyncio.TaskGroup() as group:
        await table.runs.start(table.attempt)
        if early:
            await table.runs.end(table.attempt, Order(StoredState.CANCELLED, "by ada"))
        ended = group.create_task(table.runs.ended(table.attempt))
        if not early:
            await table.stager.begun.wait()
            await table.runs.end(table.attempt, Order(StoredState.CANCELLED, "by ada"))
        ending = await ended
        assert ending is not None
        assert (ending.state, ending.reason) == (JobState.CANCELLED, "by ada")
        assert (table.launched, table.stager.staged) == ([], [])


async def test_a_lost_node_ends_the_copying_as_what_it_is(tmp_path: Path) -> None:
    """The order says so, and whether the job is launched again."""
    async with bench(tmp_path) as table, asyncio.TaskGroup() as group:
        await table.runs.start(table.attempt)
        ended = group.create_task(table.runs.ended(table.attempt))
        await table.stager.begun.wait()
        await table.runs.end(
            table.attempt, Order(StoredState.NODE_FAIL, "node01 is gone", ("node01",), again=True)
        )
        ending = await ended
        assert ending is not None
        assert (ending.state, ending.again) == (JobState.NODE_FAIL, True)


@pytest.mark.parametrize("error", [StagingFailed("node01 is full. Next: x"), SpecError("files", "gone")])
async def test_files_that_can_not_be_brought_fail_the_job(tmp_path: Path, error: Exception) -> None:
    """With the reason; nothing is launched."""
    async with bench(tmp_path) as table:
        table.stager.error = error
        table.stager.done.set()
        await table.runs.start(table.attempt)
        ending = await table.runs.ended(table.attempt)
        assert ending is not None
        assert (ending.state, ending.reason) == (JobState.FAILED, str(error))
        assert table.launched == []


async def test_a_launch_that_fails_afterwards_fails_the_job(tmp_path: Path) -> None:
    """As one that fails at the start."""
    async with bench(tmp_path, refusal=StoreError("no room. Next: x")) as table:
        table.stager.done.set()
        await table.runs.start(table.attempt)
        ending = await table.runs.ended(table.attempt)
        assert ending is not None
        assert ending.reason == "no room. Next: x"


@pytest.mark.parametrize("ordered", [False, True])
async def test_a_service_that_was_killed_meanwhile_leaves_no_mark(tmp_path: Path, ordered: bool) -> None:
    """The next one decides anew over the job; one that was cancelled by then stays so."""
    async with bench(tmp_path) as before:
        await before.runs.start(before.attempt)
    token = _token(before.attempt.folder)
    mark = tmp_path / "project" / MARK.format(token=token)
    _touch(mark)
    if ordered:
        write_order(before.attempt.folder, Order(StoredState.CANCELLED, "by ada"))
    async with bench(tmp_path) as after:
        ending = await after.runs.ended(after.attempt)
    assert (ending.state if ending else None) == (JobState.CANCELLED if ordered else None)
    assert not _there(mark)


# -------------------------------------------------------------- what is left is cleaned


@dataclass(slots=True)
class ShownHub:
    """Shows the states that a test gives it."""

    state: State
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, state: State) -> None:
        """Show the next state."""
        self.state = replace(state, revision=self.state.revision + 1)
        self.news.set()

    async def changed(self, seen: int) -> State:
        """Wait for a newer one."""
        while self.state.revision == seen:
            self.news.clear()
            await self.news.wait()
        return self.state


@dataclass(frozen=True, slots=True)
class Sweeping:
    """A sweeper that works: what it is shown, and what it cleaned."""

    hub: ShownHub
    swept: asyncio.Queue[str]


@asynccontextmanager
async def sweeping(folder: Path, job: Job, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Sweeping]:
    """Let a sweeper follow a job on a node that can be reached."""
    swept: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def sweep(folder: Path, names: object) -> tuple[str, ...]:
        loop.call_soon_threadsafe(swept.put_nowait, f"{folder.name}: {names}")
        write_unswept(folder, ())
        return ()

    monkeypatch.setattr(sweeper, "sweep_again", sweep)
    monkeypatch.setattr(sweeper, "GATHER", 0.01)
    node = Node(N1, "node01", Origin.MDNS, streaming=True)
    hub = ShownHub(State(nodes={N1: node}, jobs={ONE: job}, revision=1))
    with ThreadPoolExecutor(1) as threads:
        task = loop.create_task(Sweeper(folder, FakeClock(), threads).run(hub))  # pyright: ignore[reportArgumentType]
        async with asyncio.timeout(20):
            yield Sweeping(hub, swept)
        task.cancel()
        await asyncio.wait([task])
    assert swept.empty()


def running(attempt: int) -> Job:
    """Give the job with an attempt that runs on the node."""
    allocation = (Allocation(N1, "node01", 1),)
    return Job(ONE, "x", "x", (), None, JobState.RUNNING, 0.0, attempt=attempt, allocation=allocation)


async def test_nodes_are_cleaned_only_when_the_attempt_is_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written down as soon as files are brought to them; what runs is left alone."""
    for attempt in ("attempt-1", "attempt-2", "attempt-3"):
        _write_down(tmp_path / "1" / attempt)
    alive = hold(tmp_path / "1" / "attempt-3")  # adopted, and the state does not tell it yet
    async with sweeping(tmp_path, running(2), monkeypatch) as work:
        assert await work.swept.get() == "attempt-1: {'node01'}"
        assert work.swept.empty()
        work.hub.show(replace(work.hub.state, jobs={ONE: replace(running(2), state=JobState.FAILED)}))
        assert await work.swept.get() == "attempt-2: {'node01'}"
    os.close(alive)


async def test_an_attempt_is_over_when_the_next_one_runs_already(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A requeued job waits so short a time that nobody may see it: what it left is cleaned all the same."""
    _write_down(tmp_path / "2" / "attempt-1")  # of a job that nobody knows: told when the sweeper has looked
    async with sweeping(tmp_path, running(1), monkeypatch) as work:
        assert await work.swept.get() == "attempt-1: {'node01'}"
        _write_down(tmp_path / "1" / "attempt-1")
        work.hub.show(replace(work.hub.state, jobs={ONE: running(2)}))
        assert await work.swept.get() == "attempt-1: {'node01'}"


def _token(folder: Path) -> str:
    return read_plan(folder).token


def _touch(path: Path) -> None:
    path.touch()


def _there(path: Path) -> bool:
    return path.exists()


def _write_down(folder: Path) -> None:
    folder.mkdir(parents=True)
    write_unswept(folder, ("node01",))
