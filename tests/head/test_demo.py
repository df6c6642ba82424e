"""The demonstration in simulated time: its boards go through the real membership."""

import asyncio
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles, Order
from jobs.hostfile import Host
from jobs.logstore import parse_line
from jobs.progress import Progress, told
from jobs.spec import JobSpec
from jobs.states import JobState as StoredState
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.job_events import JobStarted
from sciabc_tui.cluster.node import Liveness, Node, Readiness, RowWord, Trust, row_word
from sciabc_tui.cluster.observations import ApproveHostKey, DrainNode, ForgetNode, Ticked
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.schedule import total_slots
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head import demo_script as script
from sciabc_tui.head.demo import DemoAdapter
from sciabc_tui.head.demo_runs import OPENING_JOB, DemoRuns, Sleep, play
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ports import Attempt
from tests.simtime import WALL, SimTime


@dataclass
class Stage:
    """The demonstration on a real hub, with time in our hands."""

    clock: SimTime
    hub: StateHub
    asked: list[SubmitJob] = field(default_factory=list[SubmitJob])
    refuses: bool = False

    async def submit(self, request: SubmitJob) -> None:
        """Take a job."""
        self.asked.append(request)
        if self.refuses:
            raise CommandRefused("no room. Next: wait")

    async def tick(self) -> None:
        """Let membership look at its deadlines, as the service does."""
        while True:
            await self.clock.sleep(0.25)
            self.hub.observe([Ticked()])

    async def advance(self, seconds: float) -> None:
        """Let simulated time pass."""
        await self.clock.advance(seconds, sleepers=2)

    def node(self, name: str) -> Node:
        """Find a node by name."""
        return next(node for node in self.hub.state.nodes.values() if node.name == name)

    def words(self) -> dict[str, RowWord]:
        """Give what each row shows."""
        return {node.name: row_word(node, busy=False) for node in self.hub.state.nodes.values()}


@asynccontextmanager
async def staged(*, refuses: bool = False) -> AsyncGenerator[Stage]:
    """Play the demonstration."""
    clock = SimTime()
    stage = Stage(clock, StateHub(clock), refuses=refuses)
    adapter = DemoAdapter(clock, submit=stage.submit, sleep=clock.sleep)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(adapter.run(stage.hub)), group.create_task(stage.tick())]
        yield stage
        for task in tasks:
            task.cancel()


async def test_seven_boards_become_ready_and_one_waits_for_the_user() -> None:
    """They join one after the other; node08 is left to be approved, and then becomes ready too."""
    async with staged() as stage:
        await stage.advance(5.0)
        assert 2 <= len(stage.hub.state.nodes) <= 5
        await stage.advance(20.0)
        ready = {name for name, word in stage.words().items() if word is RowWord.READY}
        assert ready == {"headnode-01", *(f"node0{number}" for number in range(1, 8))}
        assert stage.words()["node08"] is RowWord.NEW
        assert total_slots(stage.hub.state) == 32
        key = stage.node("node08").host_key
        assert key is not None
        stage.hub.obey(ApproveHostKey(stage.node("node08").id, key.fingerprint, "pi"))
        await stage.advance(2.0)
        assert stage.words()["node08"] is RowWord.READY


async def test_an_unapproved_board_stays_alive_and_tells_no_load() -> None:
    """node08 is heard of for as long as it waits, and no number of it is shown."""
    async with staged() as stage:
        await stage.advance(3.0)
        for _ in range(10):
            await stage.advance(12.0)
            node = stage.node("node08")
            assert (node.liveness, node.trust, node.reading) == (Liveness.ALIVE, Trust.UNKNOWN, None)


async def test_node03_is_lost_silently_and_comes_back_in_a_loop() -> None:
    """Its readings stop; suspect and dead are membership's decisions; it returns, and is lost again."""
    async with staged() as stage:
        for _ in range(3):
            await stage.advance(40.0)
            assert stage.words()["node03"] is RowWord.READY
            await stage.advance(8.0)
            assert stage.words()["node03"] is RowWord.SUSPECT
            await stage.advance(12.0)
            assert stage.words()["node03"] is RowWord.DOWN
            assert stage.node("node03").probe == "ARP failed"
            assert total_slots(stage.hub.state) == 28
            await stage.advance(25.0)
            assert stage.words()["node03"] is RowWord.READY
            others = {word for name, word in stage.words().items() if name not in {"node03", "node08"}}
            assert others == {RowWord.READY}


async def test_the_operator_is_obeyed() -> None:
    """A drained node stays drained, and a forgotten one is the user's to approve again."""
    async with staged() as stage:
        await stage.advance(20.0)
        stage.hub.obey(DrainNode(stage.node("node02").id, "fan broken", "pi"))
        stage.hub.obey(ForgetNode(stage.node("node05").id, "pi"))
        await stage.advance(60.0)
        assert stage.words()["node02"] is RowWord.DRAINED
        assert stage.words()["node05"] is RowWord.NEW
        key = stage.node("node05").host_key
        assert key is not None
        stage.hub.obey(ApproveHostKey(stage.node("node05").id, key.fingerprint, "pi"))
        await stage.advance(2.0)
        assert stage.words()["node05"] is RowWord.READY


async def test_the_load_follows_the_jobs() -> None:
    """A board whose slots a job holds gets busy and warm; the others stay idle and cool."""
    async with staged() as stage:
        await stage.advance(20.0)
        part = Allocation(stage.node("node01").id, "node01", 4)
        job = Job(JobId(1), "j", "/j", (), 4, JobState.RUNNING, WALL, WALL, allocation=(part,))
        stage.hub.publish([JobStarted(job)])
        await stage.advance(20.0)
        busy, idle = stage.node("node01").reading, stage.node("node02").reading
        assert busy is not None
        assert idle is not None
        assert (busy.cpu_percent or 0) > 90
        assert (idle.cpu_percent or 100) < 10
        assert (busy.temperature or 0) > (idle.temperature or 100)


async def test_the_opening_job_is_submitted_once_when_there_is_room() -> None:
    """A job runs from the start, through the same queue as all others."""
    async with staged() as stage:
        await stage.advance(60.0)
        assert stage.asked == [OPENING_JOB]


async def test_a_refused_opening_job_does_not_end_the_demonstration() -> None:
    """The boards go on without it."""
    async with staged(refuses=True) as stage:
        await stage.advance(30.0)
        assert stage.words()["node01"] is RowWord.READY
        assert len(stage.asked) == 1


async def test_nothing_in_it_is_unapproved_and_schedulable() -> None:
    """At every second of four minutes the rules of the cluster hold."""
    async with staged() as stage:
        for _ in range(240):
            await stage.advance(1.0)
            for node in stage.hub.state.nodes.values():
                assert not node.schedulable or (
                    node.trust is Trust.TRUSTED and node.readiness is Readiness.READY
                )
                reading = node.reading
                assert reading is None or 0.0 <= (reading.cpu_percent or 0.0) <= 100.0
        assert stage.hub.state.nodes[HEAD].liveness is Liveness.ALIVE
        assert stage.hub.state.uplink is not None
        assert stage.hub.state.uplink.address == "203.0.113.254"


def test_two_runs_are_the_same() -> None:
    """The numbers look like chance and are not."""
    assert script.boards() == script.boards()
    board = script.boards()[0]
    first = script.reading(board, 10.0, None, share=0.5)
    assert script.reading(board, 11.0, first, share=0.5) == script.reading(board, 11.0, first, share=0.5)
    assert len({board.key.fingerprint for board in script.boards()}) == 8


# ------------------------------------------------------------------ jobs

HOSTS = (Host("headnode-01", "10.77.0.1", 2, local=True), Host("node01", "10.77.0.11", 2))


def attempt(program: str, folder: Path, *, name: str = "") -> Attempt:
    """Give an attempt on four slots of two nodes."""
    spec = JobSpec(program, name=name or Path(program).stem)
    return Attempt(JobId(7), 1, spec, HOSTS, folder)


async def at_once(seconds: float, /) -> None:
    """Let any time pass now."""
    await asyncio.sleep(0)


@pytest.mark.parametrize("program", ["/p/hello.py", "/p/powers.py", "/p/mergesort.py", "/bin/other", "soak"])
async def test_every_line_says_that_it_is_simulated(program: str, tmp_path: Path) -> None:
    """Each record of the log is one of jobs.logstore, and says SIMULATED, or how far the job is."""
    records = [record async for record in play(attempt(program, tmp_path), SimTime(), at_once)]
    lines = [parse_line(record) for record in records]
    assert len(lines) > 4
    assert all(line.text.startswith(b"SIMULATED ") or isinstance(told(line.text), Progress) for line in lines)
    assert all(line.rank is None or 0 <= line.rank < 4 for line in lines)


async def test_powers_are_right() -> None:
    """What can be told without running anything is true: 1 + 8 + 27 + 64."""
    *_, last = [record async for record in play(attempt("powers.py", Path("/nowhere")), SimTime(), at_once)]
    assert parse_line(last).text.endswith(b"sum of all: 100")


@asynccontextmanager
async def runs(clock: SimTime, sleep: Sleep | None = None) -> AsyncGenerator[DemoRuns]:
    """Give the launcher of the demonstration."""
    with ThreadPoolExecutor(max_workers=1) as disk:
        yield DemoRuns(clock, disk, sleep=sleep or clock.sleep)


async def test_an_attempt_leaves_its_log_and_completes(tmp_path: Path) -> None:
    """The log grows where a real attempt has it, and the attempt ends with exit code 0."""
    what = attempt("hello.py", tmp_path / "7" / "attempt-1")
    async with runs(SimTime(), at_once) as demo:
        await demo.start(what)
        end = await demo.ended(what)
    assert (end.state, end.exit_code) == (JobState.COMPLETED, 0)
    records = AttemptFiles(what.folder).log.read_bytes().splitlines()
    assert len([parse_line(record) for record in records]) == 5


async def test_a_cancelled_attempt_ends_at_once(tmp_path: Path) -> None:
    """Cancelling ends the play, before it began or in its middle."""
    clock, what = SimTime(), attempt("soak", tmp_path)
    async with runs(clock) as demo, asyncio.TaskGroup() as group:
        await demo.start(what)
        ending = group.create_task(demo.ended(what))
        await clock.advance(10.0, sleepers=1)
        await demo.end(what, Order(StoredState.CANCELLED, "by ada"))
        assert (await ending).state is JobState.CANCELLED
        await demo.start(what)
        await demo.end(what, Order(StoredState.CANCELLED, "by ada"))
        assert (await demo.ended(what)).state is JobState.CANCELLED


async def test_an_attempt_that_is_ordered_to_end_says_why(tmp_path: Path) -> None:
    """A simulated job ends with the state and the reason that were ordered, as a real one does."""
    clock, what = SimTime(), attempt("soak", tmp_path)
    async with runs(clock) as demo, asyncio.TaskGroup() as group:
        await demo.start(what)
        ending = group.create_task(demo.ended(what))
        await clock.advance(10.0, sleepers=1)
        await demo.end(what, Order(StoredState.NODE_FAIL, "node01 was lost"))
        end = await ending
    assert (end.state, end.reason) == (JobState.NODE_FAIL, "node01 was lost")


async def test_an_attempt_of_an_earlier_demonstration_is_not_adopted(tmp_path: Path) -> None:
    """What no longer plays has failed, and the reason names the next step."""
    async with runs(SimTime()) as demo:
        end = await demo.ended(attempt("soak", tmp_path))
    assert end.state is JobState.FAILED
    assert "Next:" in end.reason
