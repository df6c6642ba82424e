"""Jobs that go to Slurm, as the head tells of them: the queue here, the queue there, and where they ran."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles, read_runner
from jobs.errors import LauncherMissing
from jobs.prepare import Site
from jobs.slurm_attempt import SlurmNote
from jobs.slurm_calls import detect_slurm
from jobs.slurm_states import Share
from jobs.spec import JobSpec
from jobs.store import JobStore
from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.job_commands import CancelJob, HoldJob
from sciabc_tui.cluster.schedule import used_slots
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.ports import Attempt
from sciabc_tui.head.slurm_runs import RunsByLauncher, SlurmRuns, shown
from sciabc_tui.head.users import Users
from tests.head.fakes import FakeRuns, head_with
from tests.jobs.slurm_site import SlurmSite, running_slurm

ONE, TWO = JobId(1), JobId(2)
MISSING = LauncherMissing("Slurm is asked, and there is no sbatch here. Next: get it")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Generator[SlurmSite]:
    """Two nodes with two cores each."""
    with running_slurm(tmp_path_factory.mktemp("slurm")) as site:
        yield site


@pytest.fixture
def slurm(cluster: SlurmSite, monkeypatch: pytest.MonkeyPatch) -> SlurmSite:
    """The same, idle, and the one that is meant by what a test starts."""
    cluster.until_idle()
    monkeypatch.setenv("SLURM_CONF", str(cluster.config))
    return cluster


@asynccontextmanager
async def serving(folder: Path, *, there: bool = True) -> AsyncGenerator[tuple[StateHub, Dispatcher]]:
    """Run a dispatcher whose Slurm is real, on a head with one slot."""
    clock = SystemClock()
    hub = StateHub(clock)
    hub.observe(head_with(1))
    site = Site(known_hosts=folder / "known_hosts", uid=os.geteuid())
    with (
        JobStore(folder / "jobs.sqlite") as store,
        ThreadPoolExecutor(4) as worker,
        ThreadPoolExecutor(1) as disk,
    ):
        slurm = SlurmRuns(
            detect_slurm() if there else MISSING,
            site,
            (),
            hub=hub,
            clock=clock,
            worker=worker,
            sweeper=worker,
        )
        runs = RunsByLauncher(FakeRuns(), slurm)
        dispatcher = Dispatcher(
            hub, runs, Ledger(hub, store, disk), folder=folder / "jobs", users=Users("pi"), clock=clock
        )
        task = asyncio.get_running_loop().create_task(dispatcher.run(hub))
        try:
            yield hub, dispatcher
        finally:
            task.cancel()
            await asyncio.wait([task])


async def until(hub: StateHub, holds: Callable[[Job], bool], job: JobId = ONE) -> State:
    """Wait until a job is as the test wants it."""
    async with asyncio.timeout(40.0):
        while not (job in hub.state.jobs and holds(hub.state.jobs[job])):
            await hub.changed(hub.state.revision)
    return hub.state


def held(folder: Path) -> str:
    """Give shell that waits for `let_go`: a job with it runs until it was seen to run."""
    return f"until [ -e {folder}/go ]; do sleep 0.1; done"


def let_go(folder: Path) -> None:
    """Let the jobs go on that are held so."""
    (folder / "go").touch()


def asked(code: str, ranks: int = 3) -> SubmitJob:
    """Ask Slurm for a few lines of shell."""
    return SubmitJob("/bin/sh", ("-c", code), ranks, name="far", cwd="/tmp", launcher="slurm")


@pytest.mark.usefixtures("slurm")
async def test_a_job_goes_to_slurm_and_takes_no_slot_here(tmp_path: Path) -> None:
    """Its nodes are Slurm's and are named, also after its end; a job of ours runs beside it."""
    async with serving(tmp_path) as (hub, dispatcher):
        job = await dispatcher.submit(asked(f"{held(tmp_path)}; echo hello"), by="ada")
        assert (job.state, job.elsewhere, job.handed_over) == (JobState.PENDING, True, False)
        state = await until(hub, lambda job: job.state is JobState.RUNNING)
        parts = [(part.name, part.slots) for part in state.jobs[ONE].allocation]
        assert parts == [("sl1", 2), ("sl2", 1)]
        assert not used_slots(state)
        await dispatcher.submit(SubmitJob("hello", ranks=1), by="ada")
        await until(hub, lambda job: job.state is JobState.RUNNING, TWO)
        let_go(tmp_path)
        state = await until(hub, lambda job: job.state.ended)
        ended = state.jobs[ONE]
        chunk = await dispatcher.read_log(ONE, offset=0, limit=10_000)
        texts = [entry.text for entry in state.log]
    assert (ended.state, ended.exit_code, ended.reason) == (JobState.COMPLETED, 0, "")
    assert [(part.name, part.slots) for part in ended.allocation] == parts
    assert ended.started_at is not None
    assert chunk.data.count(b" out hello\n") == 3
    assert "job 1 far started: 3 ranks on sl[1-2] of Slurm" in texts


async def test_a_job_says_where_it_waits_in_slurms_queue_until_it_is_cancelled(
    slurm: SlurmSite, tmp_path: Path
) -> None:
    """Its state is pending as long as Slurm has it so; the cancel is Slurm's too."""
    slurm.ask("sbatch", "--ntasks=4", "--output=/dev/null", "--wrap=sleep 60")
    try:
        async with serving(tmp_path) as (hub, dispatcher):
            await dispatcher.submit(asked("echo never"), by="ada")
            state = await until(hub, lambda job: job.reason.endswith(": Resources"))
            assert state.jobs[ONE].reason.startswith("in Slurm's queue as ")
            assert (state.jobs[ONE].state, state.jobs[ONE].started_at) == (JobState.PENDING, None)
            with pytest.raises(CommandRefused, match="Job 1 is in Slurm's hands: it waits no more"):
                await dispatcher.direct(HoldJob(ONE, "ben"))
            await dispatcher.direct(CancelJob(ONE, "ben"))
            state = await until(hub, lambda job: job.state.ended)
        assert (state.jobs[ONE].state, state.jobs[ONE].reason) == (JobState.CANCELLED, "by ben")
    finally:
        slurm.ask("scancel", "--user=root")


@pytest.mark.usefixtures("slurm")
async def test_a_killed_runner_gets_a_successor(tmp_path: Path) -> None:
    """The job is Slurm's, and goes on: it ends as it would have, with all its words."""
    async with serving(tmp_path) as (hub, dispatcher):
        await dispatcher.submit(asked(f"echo one; {held(tmp_path)}; echo two", 1), by="ada")
        await until(hub, lambda job: job.state is JobState.RUNNING)
        runner = read_runner(tmp_path / "jobs" / "1" / "attempt-1")
        assert runner is not None
        os.kill(runner.pid, signal.SIGKILL)
        let_go(tmp_path)
        state = await until(hub, lambda job: job.state.ended)
        log = AttemptFiles(tmp_path / "jobs" / "1" / "attempt-1").log.read_bytes()
    assert state.jobs[ONE].state is JobState.COMPLETED
    assert [line.split()[-1] for line in log.splitlines()] == [b"one", b"two"]


@pytest.mark.usefixtures("slurm")
async def test_a_service_that_was_killed_with_its_runner_finds_the_job_again(tmp_path: Path) -> None:
    """As after a power cut of the head: Slurm went on meanwhile."""
    async with serving(tmp_path) as (hub, dispatcher):
        await dispatcher.submit(asked(f"echo one; {held(tmp_path)}; echo two", 2), by="ada")
        await until(hub, lambda job: job.state is JobState.RUNNING)
    runner = read_runner(tmp_path / "jobs" / "1" / "attempt-1")
    assert runner is not None
    os.kill(runner.pid, signal.SIGKILL)
    async with serving(tmp_path) as (hub, _):
        state = await until(hub, lambda job: job.handed_over)
        assert state.jobs[ONE].state in {JobState.PENDING, JobState.RUNNING}
        let_go(tmp_path)
        state = await until(hub, lambda job: job.state.ended)
    assert state.jobs[ONE].state is JobState.COMPLETED
    assert [part.name for part in state.jobs[ONE].allocation] == ["sl1"]


async def test_where_there_is_no_slurm_a_job_for_it_is_refused(tmp_path: Path) -> None:
    """With the next step; jobs of ours are none the worse."""
    async with serving(tmp_path, there=False) as (hub, dispatcher):
        with pytest.raises(CommandRefused, match=r"no sbatch here\. Next: get it"):
            await dispatcher.submit(asked("echo never"), by="ada")
        await dispatcher.submit(SubmitJob("hello", ranks=1), by="ada")
        await until(hub, lambda job: job.state is JobState.RUNNING)


async def test_each_job_goes_to_who_launches_such_ones(tmp_path: Path) -> None:
    """And both are named; one that is missing is no problem as long as the other is there."""
    mpi, slurm = FakeRuns(), FakeRuns()
    runs = RunsByLauncher(mpi, slurm)
    for number, launcher in ((ONE, ""), (TWO, "slurm")):
        await runs.start(Attempt(number, 1, JobSpec("x", launcher=launcher), (), tmp_path))
    assert [attempt.job for attempt in mpi.started] == [ONE]
    assert [attempt.job for attempt in slurm.started] == [TWO]
    assert runs.describe() == ("Fake MPI 1.0, Fake MPI 1.0", "")
    assert RunsByLauncher(FakeRuns("no MPI"), slurm).describe() == ("Fake MPI 1.0", "")
    assert RunsByLauncher(FakeRuns("no MPI"), FakeRuns("no Slurm")).describe() == ("", "no MPI")


def test_a_job_is_shown_as_it_stands_there() -> None:
    """Pending with Slurm's reason, then running on nodes that can be none of ours."""
    job = Job(ONE, "far", "/bin/x", (), 3, JobState.PENDING, 0.0, elsewhere=True, handed_over=True)
    waits = shown(job, SlurmNote(12, words="in Slurm's queue as 12: Priority"))
    assert (waits.state, waits.reason) == (JobState.PENDING, "in Slurm's queue as 12: Priority")
    runs = shown(waits, SlurmNote(12, running=True, shares=(Share("head", 3),), running_since=9.0))
    assert (runs.state, runs.reason, runs.started_at) == (JobState.RUNNING, "", 9.0)
    assert [(part.node, part.name, part.slots) for part in runs.allocation] == [("slurm/head", "head", 3)]
    assert shown(runs, SlurmNote(12, words="in Slurm's queue as 12")).allocation == ()
