"""The queue: jobs start in order where slots are free, and every job ends with the truth."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles
from jobs.logstore import LogLine, Stream, format_line
from jobs.store import JobStore
from sciabc_tui.api.messages import LogFilter, SubmitJob
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.job_commands import CancelJob
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.users import Users
from tests.head.fakes import FakeClock, FakeRuns, head_with, until

ONE, TWO = JobId(1), JobId(2)


@asynccontextmanager
async def dispatching(
    tmp_path: Path, runs: FakeRuns, slots: int = 4
) -> AsyncGenerator[tuple[StateHub, Dispatcher]]:
    """Run a dispatcher on a head with some slots."""
    clock = FakeClock()
    hub = StateHub(clock)
    hub.observe(head_with(4))
    with JobStore(tmp_path / "jobs.sqlite") as store, ThreadPoolExecutor(1) as disk:
        dispatcher = Dispatcher(
            hub, runs, Ledger(hub, store, disk), folder=tmp_path / "jobs", users=Users("pi"), clock=clock
        )
        task = asyncio.get_running_loop().create_task(dispatcher.run(hub))
        try:
            yield hub, dispatcher
        finally:
            task.cancel()
            await asyncio.wait([task])


def is_(job: JobId, state: JobState) -> Callable[[State], bool]:
    """Say whether a job is in a state."""

    def holds(seen: State) -> bool:
        return job in seen.jobs and seen.jobs[job].state is state

    return holds


async def test_a_job_is_queued_started_on_free_slots_and_ended(tmp_path: Path) -> None:
    """The whole life of a job, as the state tells it."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        job = await dispatcher.submit(SubmitJob("hello", ranks=2), by="ada")
        assert job.state is JobState.PENDING
        state = await until(hub, is_(ONE, JobState.RUNNING))
        assert [(part.name, part.slots) for part in state.jobs[ONE].allocation] == [("headnode", 2)]
        runs.let_end(ONE)
        await until(hub, is_(ONE, JobState.COMPLETED))
        texts = [entry.text for entry in hub.state.log]
    assert "job 1 hello submitted by ada" in texts
    assert "job 1 hello started: 2 ranks on headnode" in texts
    assert "job 1 hello completed" in texts


async def test_a_job_that_does_not_fit_waits_and_says_for_what(tmp_path: Path) -> None:
    """Jobs run in order; the next one starts when the slots are free."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello", ranks=3), by="ada")
        await dispatcher.submit(SubmitJob("powers", ranks=2), by="ada")
        state = await until(hub, lambda state: bool(state.jobs.get(TWO) and state.jobs[TWO].reason))
        assert state.jobs[TWO].reason == "waits for 1 slot"
        runs.let_end(ONE)
        await until(hub, is_(TWO, JobState.RUNNING))


async def test_a_pending_job_is_cancelled_without_a_launch(tmp_path: Path) -> None:
    """What never ran needs no signal."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        await dispatcher.submit(SubmitJob("powers"), by="ada")
        await until(hub, is_(ONE, JobState.RUNNING))
        await dispatcher.direct(CancelJob(TWO, "ben"))
        state = await until(hub, is_(TWO, JobState.CANCELLED))
        assert state.jobs[TWO].reason == "by ben"
    assert [attempt.job for attempt in runs.started] == [ONE]


async def test_a_running_job_is_cancelled_by_its_runner(tmp_path: Path) -> None:
    """Only the runner knows when all ranks are gone."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        await until(hub, is_(ONE, JobState.RUNNING))
        await dispatcher.direct(CancelJob(ONE, "ben"))
        await until(hub, is_(ONE, JobState.CANCELLED))
        with pytest.raises(CommandRefused, match="cancelled already"):
            await dispatcher.direct(CancelJob(ONE, "ben"))
    assert runs.ordered == [(ONE, JobState.CANCELLED, "by ben")]


async def test_a_cancel_at_any_moment_ends_the_job(tmp_path: Path) -> None:
    """A cancel that meets a start in the middle is neither lost nor does it leave a job running."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        for number in range(1, 21):
            job = (await dispatcher.submit(SubmitJob("hello"), by="ada")).id
            for _ in range(number % 7):
                await asyncio.sleep(0)
            await dispatcher.direct(CancelJob(job, "ben"))
            await until(hub, is_(job, JobState.CANCELLED))


@pytest.mark.parametrize(
    ("request_", "text"),
    [
        (SubmitJob("no-such-program"), "program: no-such-program not found"),
        (SubmitJob("hello", ranks=0), "ranks: 0 ranks asked"),
        (SubmitJob("hello", ranks=10_000), "ranks: 10000 ranks asked, the cluster has 4 slots"),
        (SubmitJob("hello", cwd="nowhere"), "cwd: nowhere is not absolute"),
    ],
)
async def test_bad_input_is_refused_before_launch_and_names_the_field(
    tmp_path: Path, request_: SubmitJob, text: str
) -> None:
    """Nothing that can't run enters the queue."""
    async with dispatching(tmp_path, FakeRuns()) as (hub, dispatcher):
        with pytest.raises(CommandRefused, match=text):
            await dispatcher.submit(request_, by="ada")
        assert not hub.state.jobs


async def test_without_mpi_a_job_is_refused_with_the_next_step(tmp_path: Path) -> None:
    """A head without a launcher says so when a job is submitted, not when it fails."""
    runs = FakeRuns(problem="No mpirun found. Next: sudo apt install openmpi-bin")
    async with dispatching(tmp_path, runs) as (_, dispatcher):
        with pytest.raises(CommandRefused, match="apt install openmpi-bin"):
            await dispatcher.submit(SubmitJob("hello"), by="ada")


async def test_a_launch_that_is_refused_fails_the_job_with_the_reason(tmp_path: Path) -> None:
    """The queue goes on behind a job that can't be launched."""
    runs = FakeRuns(refuse=True)
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        state = await until(hub, is_(ONE, JobState.FAILED))
        assert state.jobs[ONE].reason == "not as root. Next: be somebody else"
        runs.refuse = False
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        await until(hub, is_(TWO, JobState.RUNNING))


async def test_a_restarted_service_adopts_what_runs_and_remembers_what_ended(tmp_path: Path) -> None:
    """The service may crash: jobs do not notice, and nothing is forgotten."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello", ranks=1), by="ada")
        await dispatcher.submit(SubmitJob("powers", ranks=1), by="ada")
        await until(hub, is_(TWO, JobState.RUNNING))
        runs.let_end(ONE, JobState.FAILED, exit_code=3)
        await until(hub, is_(ONE, JobState.FAILED))
    again = FakeRuns()
    async with dispatching(tmp_path, again) as (hub, _):
        state = await until(hub, is_(TWO, JobState.RUNNING))
        assert state.jobs[ONE].exit_code == 3
        again.let_end(TWO)
        await until(hub, is_(TWO, JobState.COMPLETED))
    assert not again.started


async def test_a_job_that_was_claimed_and_never_launched_is_launched_by_the_next_service(
    tmp_path: Path,
) -> None:
    """A service that is killed between the decision and the launch costs a job nothing but time."""
    async with dispatching(tmp_path, FakeRuns()) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        await until(hub, is_(ONE, JobState.RUNNING))
    again = FakeRuns()
    async with dispatching(tmp_path, again) as (hub, _):
        await until(hub, is_(ONE, JobState.RUNNING))
        again.never_ran(ONE)
        await until(hub, lambda _: [attempt.number for attempt in again.started] == [2])
        again.let_end(ONE)
        await until(hub, is_(ONE, JobState.COMPLETED))


async def test_the_log_is_read_from_any_offset_in_whole_lines(tmp_path: Path) -> None:
    """A follower gets every line once, and knows when nothing more will come."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        await until(hub, lambda _: bool(runs.started))
        folder = runs.started[0].folder
        folder.mkdir(parents=True)
        AttemptFiles(folder).log.write_bytes(b"one\ntwo\nthr")
        chunk = await dispatcher.read_log(ONE, offset=0, limit=100)
        assert (chunk.data, chunk.next_offset, chunk.ended) == (b"one\ntwo\n", 8, False)
        assert (await dispatcher.read_log(ONE, offset=-8, limit=100)).data == b"two\n"
        assert (await dispatcher.read_log(ONE, offset=-999, limit=100)).data == b"one\ntwo\n"
        AttemptFiles(folder).log.write_bytes(b"one\ntwo\nthree\n")
        runs.let_end(ONE)
        await until(hub, is_(ONE, JobState.COMPLETED))
        chunk = await dispatcher.read_log(ONE, offset=8, limit=100)
        assert (chunk.data, chunk.ended) == (b"three\n", True)
        with pytest.raises(NotFound, match="no job 7"):
            await dispatcher.read_log(JobId(7), offset=0, limit=1)


async def test_a_log_is_read_by_rank_stream_time_and_attempt(tmp_path: Path) -> None:
    """The offset goes on over what is not wanted, and the end is known all the same."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        await until(hub, lambda _: bool(runs.started))
        folder = runs.started[0].folder
        folder.mkdir(parents=True)
        first = format_line(LogLine(1000.0, 3, Stream.ERR, b"early"))
        last = format_line(LogLine(2000.0, 4, Stream.OUT, b"late"))
        AttemptFiles(folder).log.write_bytes(first + last)
        runs.let_end(ONE)
        await until(hub, is_(ONE, JobState.COMPLETED))
        for wanted, expected in (
            (LogFilter(ranks=(3,)), first),
            (LogFilter(streams=("out",)), last),
            (LogFilter(since=1500.0), last),
            (LogFilter(ranks=(3,), since=1500.0), b""),
            (LogFilter(attempt=1), first + last),
        ):
            chunk = await dispatcher.read_log(ONE, offset=0, limit=1000, wanted=wanted)
            assert (chunk.data, chunk.next_offset, chunk.ended) == (expected, len(first + last), True)
        with pytest.raises(NotFound, match="no attempt 2"):
            await dispatcher.read_log(ONE, offset=0, limit=1, wanted=LogFilter(attempt=2))


async def test_jobs_beyond_the_state_are_still_listed(tmp_path: Path) -> None:
    """The state carries the newest jobs, the store all of them."""
    async with dispatching(tmp_path, FakeRuns()) as (_, dispatcher):
        for _ in range(5):
            await dispatcher.submit(SubmitJob("hello"), by="ada")
        assert [job.id for job in await dispatcher.jobs(3)] == [5, 4, 3]


async def test_a_log_is_read_backwards_sought_and_counted(tmp_path: Path) -> None:
    """From the end to the begin, to the lines of a rank, and by their number; a log that is gone is told."""
    runs = FakeRuns()
    async with dispatching(tmp_path, runs) as (hub, dispatcher):
        await dispatcher.submit(SubmitJob("hello"), by="ada")
        assert (await dispatcher.logs.count(ONE, offset=0, to=9)).lines == 0
        await until(hub, lambda _: bool(runs.started))
        folder = runs.started[0].folder
        folder.mkdir(parents=True)
        first = format_line(LogLine(1000.0, 3, Stream.ERR, b"early"))
        last = format_line(LogLine(2000.0, 4, Stream.OUT, b"late"))
        AttemptFiles(folder).log.write_bytes(first + last + b"begun")
        size = len(first + last)
        chunk = await dispatcher.logs.read(ONE, offset=2**53, limit=len(last), before=True)
        assert (chunk.data, chunk.start, chunk.next_offset) == (last, len(first), size)
        assert (chunk.size, chunk.ended) == (size + 5, False)
        chunk = await dispatcher.logs.read(ONE, offset=chunk.start, limit=100, before=True)
        assert (chunk.data, chunk.start) == (first, 0)
        wanted = LogFilter(ranks=(4,))
        place = await dispatcher.logs.seek(ONE, offset=0, wanted=wanted)
        assert (place.offset, place.found) == (len(first), True)
        place = await dispatcher.logs.seek(ONE, offset=len(first), wanted=wanted, backward=True)
        assert (place.offset, place.found) == (0, False)
        count = await dispatcher.logs.count(ONE, offset=0, to=2**53)
        assert (count.lines, count.offset, count.size) == (2, size + 5, size + 5)
        with pytest.raises(NotFound, match="no attempt 2"):
            await dispatcher.logs.seek(ONE, offset=0, wanted=LogFilter(attempt=2))
