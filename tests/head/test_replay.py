"""A recording behind the API: its time passes at any speed, all commands are refused, no file breaks it."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from jobs.logstore import LogLine, Stream, format_line
from sciabc_tui.api.messages import EVERY_LINE, LogFilter, PreflightWish, SubmitJob
from sciabc_tui.api.recording_writer import RecordingWriter
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.job_commands import CancelJob
from sciabc_tui.cluster.node import Reading
from sciabc_tui.cluster.observations import ForgetNode
from sciabc_tui.cluster.state import LogEntry, Replay, Severity, State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.replay import Player, ReplayBackend
from sciabc_tui.head.replay_logs import ReplayLogs
from tests.api.scripted import NOW, WALL, small_cluster
from tests.api.test_recording import HEAD, packed

JOB = JobId(3)


@pytest.fixture
def disk() -> Generator[ThreadPoolExecutor]:
    """Give the thread in which files are read."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


def line(number: int, rank: int = 0) -> bytes:
    """Make a record of a job's log."""
    return format_line(LogLine(WALL + number, rank, Stream.OUT, b"step %d" % number))


def session(seconds: int) -> list[State]:
    """Make a state for each second: a reading of a node, an event, and in the end the job completes."""
    state = small_cluster()
    states: list[State] = []
    for second in range(seconds):
        node = state.nodes[NodeId("id-node01")]
        reading = Reading(NOW + second, cpu_percent=float(second % 100))
        entry = LogEntry(second + 1, WALL + second, Severity.INFO, f"event {second + 1}")
        state = replace(
            state,
            revision=second + 2,
            at=NOW + second,
            wall=WALL + second,
            nodes={**state.nodes, node.id: replace(node, reading=reading)},
            log=(*state.log, entry),
        )
        states.append(state)
    job = replace(state.jobs[JOB], state=JobState.COMPLETED, exit_code=0, ended_at=WALL + seconds)
    return [*states, replace(state, revision=seconds + 2, jobs={**state.jobs, JOB: job})]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Record twenty seconds."""
    path = tmp_path / "x.rec"
    with RecordingWriter(path, program="x", began=WALL) as writer:
        for second, state in enumerate(session(20)):
            writer.state(float(second), state)
            writer.log(second + 0.5, JOB, line(second, second % 2))
        writer.end(21.0)
    return path


@pytest.fixture
def goes(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Show each state, however late it is; the recording stands still while this is cleared."""
    goes = asyncio.Event()
    goes.set()
    waiting = Player._until

    async def wait(player: Player, due: float, now: Callable[[], float]) -> None:
        await goes.wait()
        await waiting(player, due, now)

    monkeypatch.setattr(Player, "_until", wait)
    monkeypatch.setattr("sciabc_tui.head.replay.GAP", 0.0)
    return goes


@asynccontextmanager
async def playing(
    path: Path, disk: ThreadPoolExecutor, *, speed: float = 100.0, loop: bool = False
) -> AsyncGenerator[ReplayBackend]:
    """Play a recording for the length of the block."""
    backend = ReplayBackend(ReplayLogs(path.parent / "logs", disk))
    player = Player(path, backend, disk, speed=speed, loop=loop)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(player.run())
        yield backend
        task.cancel()


async def until(backend: ReplayBackend, true: Callable[[State], bool]) -> State:
    """Wait for a state, ten seconds at most."""
    async with asyncio.timeout(10):
        state = backend.state
        while not true(state):
            state = await backend.changed(state.revision)
        return state


def ended(state: State) -> bool:
    """Is the recording at its end?"""
    return state.head.replay is not None and state.head.replay.ended


@pytest.mark.usefixtures("goes")
async def test_states_come_as_they_were_and_say_that_they_are_a_replay(
    recording: Path, disk: ThreadPoolExecutor
) -> None:
    """Only the revision and the head's word for it differ."""
    known = {state.at: state for state in session(20)[:20]}
    async with playing(recording, disk, speed=50) as backend:
        state = await until(backend, lambda state: state.at >= NOW + 3)
        before = known[state.at]
        assert state.head.replay == Replay(50.0)
        assert replace(state, revision=before.revision, head=before.head) == before


async def test_time_passes_at_the_speed(recording: Path, disk: ThreadPoolExecutor) -> None:
    """Twenty seconds in a fifth of a second at a hundred times the speed; in 0.1 s nothing at a quarter."""
    loop = asyncio.get_running_loop()
    async with playing(recording, disk, speed=100) as backend:
        began = loop.time()
        state = await until(backend, ended)
        assert 0.15 < loop.time() - began < 5
        assert state.at == NOW + 19
        assert state.head.pace == 0.0
    async with playing(recording, disk, speed=0.25) as backend:
        state = await until(backend, lambda state: state.revision > 0)
        assert (state.at, state.head.pace) == (NOW, 0.25)


async def test_the_end_is_told_once_and_stays(recording: Path, disk: ThreadPoolExecutor) -> None:
    """Its problem is empty: nothing is missing."""
    async with playing(recording, disk) as backend:
        state = await until(backend, ended)
        assert state.head.replay == Replay(100.0, ended=True)
        assert state.jobs[JOB].state is JobState.COMPLETED


async def test_logs_grow_with_the_time(
    recording: Path, disk: ThreadPoolExecutor, goes: asyncio.Event
) -> None:
    """They are read as those of a head service: from an offset, from the end, backward, by rank, searched."""
    whole = b"".join(line(second, second % 2) for second in range(21))
    async with playing(recording, disk, speed=20) as backend:
        await until(backend, lambda state: state.at >= NOW + 5)
        goes.clear()
        chunk = await backend.read_log(JOB, offset=0, limit=10_000)
        assert whole.startswith(chunk.data)
        assert 0 < len(chunk.data) < len(whole)
        assert not chunk.ended
        goes.set()
        await until(backend, ended)
        chunk = await backend.read_log(JOB, offset=0, limit=10_000)
        assert (chunk.data, chunk.ended, chunk.size) == (whole, True, len(whole))
        last = await backend.read_log(JOB, offset=-1, limit=10_000)
        assert last.data == b""
        before = await backend.read_log(JOB, offset=len(whole), limit=60, before=True)
        assert before.data == line(20)
        odd = await backend.read_log(JOB, offset=0, limit=10_000, wanted=LogFilter(ranks=(1,)))
        assert odd.data.count(b"\n") == 10
        place = await backend.seek_log(JOB, offset=1, wanted=LogFilter(ranks=(1,)), backward=False)
        assert (place.offset, place.found) == (len(line(0)), True)
        assert (await backend.count_log(JOB, offset=0, to=len(whole), wanted=EVERY_LINE)).lines == 21
        with backend.log_news(JOB) as news:
            await news.wait(0.01)


async def test_a_job_whose_log_is_not_recorded(recording: Path, disk: ThreadPoolExecutor) -> None:
    """It printed nothing; one that is not there is not there."""
    async with playing(recording, disk) as backend:
        await until(backend, ended)
        chunk = await backend.read_log(JobId(1), offset=0, limit=1000)
        assert (chunk.data, chunk.ended) == (b"", True)
        with pytest.raises(NotFound, match="no job 99"):
            await backend.read_log(JobId(99), offset=0, limit=1000)
        with pytest.raises(NotFound):
            await backend.job_detail(JobId(99))


async def test_what_else_is_read(recording: Path, disk: ThreadPoolExecutor) -> None:
    """All events, the load over time from every reading, the jobs, a job in full, and nodes.txt."""
    async with playing(recording, disk) as backend:
        await until(backend, ended)
        assert [entry.seq for entry in await backend.events(0, 1000)] == list(range(1, 21))
        assert [entry.seq for entry in await backend.events(5, 3)] == [18, 19, 20]
        series = backend.history(NodeId("id-node01"), 60)
        assert [value for value in series.cpu if value is not None] == [float(n) for n in range(20)]
        assert backend.history(NodeId("nobody"), 60).cpu == (None,) * 60
        assert [job.id for job in await backend.jobs(2)] == [3, 2]
        detail = await backend.job_detail(JOB)
        assert [attempt.state for attempt in detail.attempts] == [JobState.COMPLETED]
        assert backend.hostfile() == "192.168.8.11\n"


async def test_every_command_is_refused(recording: Path, disk: ThreadPoolExecutor) -> None:
    """With a line that says what this is."""
    async with playing(recording, disk) as backend:
        await until(backend, ended)
        for deed in (
            lambda: backend.obey(ForgetNode(NodeId("id-node01"), "ada")),
            lambda: backend.follow_preflight(PreflightWish()),
        ):
            with pytest.raises(CommandRefused, match="This is a recording"):
                deed()
        for asked in (
            backend.submit(SubmitJob("hello"), by="ada"),
            backend.preview(SubmitJob("hello")),
            backend.preflight(PreflightWish()),
            backend.direct(CancelJob(JOB, "ada")),
            backend.add_node("node09", by="ada"),
        ):
            with pytest.raises(CommandRefused, match="This is a recording"):
                await asked


async def test_it_begins_again(
    recording: Path, disk: ThreadPoolExecutor, goes: asyncio.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `loop`: the time, the events and the logs begin anew, and the head looks like another one."""
    monkeypatch.setattr("sciabc_tui.head.replay.AGAIN_AFTER", 0.01)
    async with playing(recording, disk, loop=True) as backend:
        first = await until(backend, ended)
        again = await until(backend, lambda state: state.at < first.at)
        goes.clear()
        assert again.head.started > first.head.started
        assert again.revision > first.revision
        chunk = await backend.read_log(JOB, offset=0, limit=10_000)
        assert chunk.data.count(b"\n") < 21
        goes.set()
        await until(backend, ended)


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ((b"nonsense",), "damaged at line 3"),
        (({"t": 2, "state": {"wall": 1e300}},), "a number is impossible"),
        (({"t": 2, "state": {"nodes": {"a": {"reading": {"at": "x"}}}}},), "damaged in a reading"),
        (({"t": 2, "state": {"nodes": {"a": 7}}},), "does not know"),
        (({"t": 2, "state": {"nodes": {"a": {"reading": {"at": 10**400}}}}},), "damaged"),
        ((), "it breaks off here"),
    ],
)
async def test_a_damaged_recording_is_shown_up_to_there(
    tmp_path: Path, disk: ThreadPoolExecutor, lines: tuple[object, ...], problem: str
) -> None:
    """Its last good state stays, with why there is no more."""
    good = msgspec.json.decode(msgspec.json.encode(small_cluster()))
    path = packed(tmp_path / "x.rec", HEAD, {"t": 0.5, "state": good}, *lines)
    async with playing(path, disk) as backend:
        state = await until(backend, ended)
        assert state.head.replay is not None
        assert problem in state.head.replay.problem
        assert len(state.nodes) == 4


async def test_a_file_that_went_away_is_told(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """There is no state, only why."""
    async with playing(tmp_path / "none.rec", disk) as backend:
        state = await until(backend, ended)
        assert state.head.replay is not None
        assert "Next: name a recording" in state.head.replay.problem
