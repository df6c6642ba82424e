"""Running jobs and lost nodes: the job ends, goes on or shrinks as it asked to, and its record says why."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from jobs.store import JobStore
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.events import NodeLost, NodeReturned, NodeSuspected
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, JobState, OnNodeLoss
from sciabc_tui.cluster.job_commands import CancelJob, HoldJob, PrioritiseJob, ReleaseJob, RequeueJob
from sciabc_tui.cluster.node import Facts
from sciabc_tui.cluster.observations import FactsRead
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.users import Users
from sciabc_tui.head.watchman import BLIP, LOOK
from tests.cluster.builders import id_of, ready
from tests.head.fakes import FakeClock, FakeRuns, until

ONE, TWO = JobId(1), JobId(2)
NODE1, NODE2 = id_of("node01"), id_of("node02")


@dataclass(frozen=True, slots=True)
class Stage:
    """A dispatcher on two nodes of two slots."""

    hub: StateHub
    clock: FakeClock
    runs: FakeRuns
    dispatcher: Dispatcher

    async def start(self, request: SubmitJob) -> State:
        """Submit a job and wait until it runs."""
        job = await self.dispatcher.submit(request, by="ada")
        return await until(self.hub, lambda state: is_(state, job.id, JobState.RUNNING))

    def lose(self, node: NodeId) -> None:
        """Let membership declare a node dead."""
        now = self.clock.monotonic()
        self.hub.publish([NodeSuspected(node, now, "silent"), NodeLost(node, now, "ARP failed")])

    def doubt(self, node: NodeId) -> None:
        """Let a node fall silent."""
        self.hub.publish([NodeSuspected(node, self.clock.monotonic(), "silent")])

    def bring_back(self, node: NodeId) -> None:
        """Let a node send readings again."""
        self.hub.publish([NodeReturned(node, self.clock.monotonic(), "reading")])

    async def let_blip_pass(self) -> None:
        """Let the time pass in which a dead node may come back."""
        await self.a_look()
        self.clock.now += BLIP

    async def a_look(self) -> None:
        """Let the losses be looked at: twice the time between two looks without news."""
        await asyncio.sleep(2 * LOOK)


def is_(state: State, job: JobId, wanted: JobState) -> bool:
    """Say whether a job is in a state."""
    return job in state.jobs and state.jobs[job].state is wanted


def ends(job: JobId, wanted: JobState) -> Callable[[State], bool]:
    """Give the condition that a job is in a state."""
    return lambda state: is_(state, job, wanted)


@asynccontextmanager
async def staged(tmp_path: Path) -> AsyncGenerator[Stage]:
    """Run a dispatcher on two ready nodes."""
    clock = FakeClock()
    state = ready(ready(State(), "node01", 0.0, slots=2), "node02", 0.0, address="10.77.0.12", slots=2)
    hub, runs = StateHub(clock, state), FakeRuns()
    hub.observe([FactsRead(node, Facts(cores=2, boot_id="first")) for node in (NODE1, NODE2)])
    with JobStore(tmp_path / "jobs.sqlite") as store, ThreadPoolExecutor(1) as disk:
        ledger = Ledger(hub, store, disk)
        dispatcher = Dispatcher(hub, runs, ledger, folder=tmp_path, users=Users("pi"), clock=clock)
        task = asyncio.get_running_loop().create_task(dispatcher.run(hub))
        try:
            yield Stage(hub, clock, runs, dispatcher)
        finally:
            task.cancel()
            await asyncio.wait([task])


async def test_a_job_that_loses_a_node_ends_as_node_fail(tmp_path: Path) -> None:
    """The record names the node, how it went, and the ranks it held; the runner is told whom to leave."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        stage.lose(NODE2)
        await stage.let_blip_pass()
        state = await until(stage.hub, ends(ONE, JobState.NODE_FAIL))
        assert state.jobs[ONE].reason == "node02 was lost (dead, ranks 2-3). Next: sciabc-tui logs 1"
        assert stage.runs.given_up == [("node02",)]


async def test_a_node_that_is_back_at_once_costs_no_job(tmp_path: Path) -> None:
    """A blip: the cable was out for a little longer than it takes to be declared dead."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        stage.lose(NODE2)
        await stage.a_look()
        stage.bring_back(NODE2)
        await stage.let_blip_pass()
        await stage.a_look()
        assert stage.runs.ordered == []


async def test_a_node_that_rebooted_is_not_waited_for(tmp_path: Path) -> None:
    """It is there, and the ranks are not."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        stage.hub.observe([FactsRead(NODE2, Facts(cores=2, boot_id="second"))])
        state = await until(stage.hub, ends(ONE, JobState.NODE_FAIL))
        assert "node02 was lost (rebooted, ranks 2-3)" in state.jobs[ONE].reason


async def test_a_job_elsewhere_is_not_touched(tmp_path: Path) -> None:
    """Only the jobs of the lost node end."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello", nodes=("node01",)))
        await stage.start(SubmitJob("hello", nodes=("node02",)))
        stage.lose(NODE2)
        await stage.let_blip_pass()
        await until(stage.hub, ends(TWO, JobState.NODE_FAIL))
        assert [job for job, _, _ in stage.runs.ordered] == [TWO]


async def test_a_job_is_launched_anew_on_the_nodes_that_are_left(tmp_path: Path) -> None:
    """`requeue`: the next attempt, with fewer slots, and a line that says why."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello", on_node_loss=OnNodeLoss.REQUEUE))
        stage.lose(NODE2)
        await stage.let_blip_pass()
        await until(stage.hub, lambda _: [attempt.number for attempt in stage.runs.started] == [1, 2])
        assert [host.name for host in stage.runs.started[1].hosts] == ["node01"]
        texts = [entry.text for entry in stage.hub.state.log]
        assert "job 1 hello requeued: node02 was lost (dead, ranks 2-3); attempt 2 of 3" in texts


async def test_attempts_are_bounded(tmp_path: Path) -> None:
    """A job that takes its nodes down is not launched for ever."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello", on_node_loss=OnNodeLoss.REQUEUE, max_attempts=2))
        stage.lose(NODE2)
        await stage.let_blip_pass()
        await until(stage.hub, lambda _: len(stage.runs.started) == 2)
        stage.bring_back(NODE2)
        stage.lose(NODE1)
        await stage.let_blip_pass()
        await until(stage.hub, ends(ONE, JobState.NODE_FAIL))
        assert len(stage.runs.started) == 2


async def test_a_job_that_survives_goes_on_and_says_without_whom(tmp_path: Path) -> None:
    """`survive`: nobody ends it, the row shows what was lost, and so does its end."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello", on_node_loss=OnNodeLoss.SURVIVE))
        stage.lose(NODE2)
        state = await until(stage.hub, lambda state: bool(state.jobs[ONE].lost))
        assert state.jobs[ONE].state is JobState.RUNNING
        stage.runs.let_end(ONE)
        state = await until(stage.hub, ends(ONE, JobState.COMPLETED))
        assert state.jobs[ONE].reason == "without node02, whose loss it survived"
        assert stage.runs.ordered == []


async def test_a_failure_while_a_node_is_silent_waits_for_the_verdict(tmp_path: Path) -> None:
    """The launcher may notice first; what it says is not the whole truth."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        stage.doubt(NODE2)
        stage.runs.let_end(ONE, JobState.FAILED, 255, "exit status 255")
        await stage.a_look()
        assert is_(stage.hub.state, ONE, JobState.RUNNING)
        stage.lose(NODE2)
        state = await until(stage.hub, ends(ONE, JobState.NODE_FAIL))
        assert "node02 was lost" in state.jobs[ONE].reason


async def test_a_failure_of_its_own_stays_one(tmp_path: Path) -> None:
    """A node that was only slow is not blamed."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        stage.doubt(NODE2)
        stage.runs.let_end(ONE, JobState.FAILED, 3, "exit status 3")
        stage.bring_back(NODE2)
        state = await until(stage.hub, ends(ONE, JobState.FAILED))
        assert (state.jobs[ONE].exit_code, state.jobs[ONE].reason) == (3, "exit status 3")


async def test_what_a_person_cancelled_is_not_requeued(tmp_path: Path) -> None:
    """Cancelled in the moment in which its node went: it stays cancelled."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello", on_node_loss=OnNodeLoss.REQUEUE))
        stage.lose(NODE2)
        await stage.let_blip_pass()
        await stage.dispatcher.direct(CancelJob(ONE, "ben"))
        await until(stage.hub, ends(ONE, JobState.CANCELLED))
        assert len(stage.runs.started) == 1


async def test_a_held_job_waits_until_it_is_released(tmp_path: Path) -> None:
    """Hold and release, and what the row says meanwhile."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        await stage.dispatcher.submit(SubmitJob("powers"), by="ada")
        await stage.dispatcher.direct(HoldJob(TWO, "ben"))
        stage.runs.let_end(ONE)
        state = await until(stage.hub, lambda state: state.jobs[TWO].reason == "held by ben")
        assert is_(state, TWO, JobState.PENDING)
        await stage.dispatcher.direct(ReleaseJob(TWO, "ben"))
        await until(stage.hub, ends(TWO, JobState.RUNNING))


async def test_priority_changes_the_order(tmp_path: Path) -> None:
    """A later job goes first when it has more; what is no priority is refused and changes nothing."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        for _ in range(2):
            await stage.dispatcher.submit(SubmitJob("powers"), by="ada")
        await stage.dispatcher.direct(PrioritiseJob(JobId(3), 7, "ben"))
        with pytest.raises(CommandRefused, match="priority: 5000"):
            await stage.dispatcher.direct(PrioritiseJob(TWO, 5000, "ben"))
        stage.runs.let_end(ONE)
        state = await until(stage.hub, ends(JobId(3), JobState.RUNNING))
        assert is_(state, TWO, JobState.PENDING)


async def test_a_job_that_ended_runs_once_more(tmp_path: Path) -> None:
    """Requeue makes the next attempt of the same job; one that runs is refused."""
    async with staged(tmp_path) as stage:
        await stage.start(SubmitJob("hello"))
        with pytest.raises(CommandRefused, match="Job 1 is running"):
            await stage.dispatcher.direct(RequeueJob(ONE, "ben"))
        stage.runs.let_end(ONE, JobState.FAILED, 1)
        await until(stage.hub, ends(ONE, JobState.FAILED))
        await stage.dispatcher.direct(RequeueJob(ONE, "ben"))
        await until(stage.hub, ends(ONE, JobState.RUNNING))
        assert [attempt.number for attempt in stage.runs.started] == [1, 2]


async def test_an_unknown_boot_is_no_reboot(tmp_path: Path) -> None:
    """A node whose kernel's number was not read when the job started is not blamed when it is."""
    async with staged(tmp_path) as stage:
        state = stage.hub.state
        blank = replace(state.nodes[NODE1], facts=Facts(cores=2))
        assert blank.facts is not None
        stage.hub.observe([FactsRead(NODE1, blank.facts)])
        await stage.start(SubmitJob("hello", nodes=("node01",)))
        stage.hub.observe([FactsRead(NODE1, Facts(cores=2, boot_id="first"))])
        await stage.a_look()
        assert stage.runs.ordered == []
