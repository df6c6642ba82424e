"""A dry run tells exactly what a submission would do, and does nothing."""

import os
import shlex
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from jobs.attempt import AttemptPlan, read_plan
from jobs.errors import LauncherMissing
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.prepare import Site
from jobs.spec import JobSpec, validated
from jobs.store import JobStore
from sciabc_tui.api.messages import AttemptHost, JobPreview, SubmitJob
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.demo_runs import DemoRuns
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.ports import Attempt, Runs
from sciabc_tui.head.preview import TOKEN, turn_of
from sciabc_tui.head.runs import MpiRuns
from sciabc_tui.head.slurm_runs import RunsByLauncher, SlurmRuns
from sciabc_tui.head.users import Users
from tests.head.fakes import FakeClock, FakeRuns, head_with, until

OPEN_MPI = Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/new/bin/mpirun")


class Around:
    """A cluster's network, and nodes that say nothing of their MPI."""

    def networks(self) -> tuple[str, ...]:
        """Give one."""
        return ("10.77.0.0/24",)

    def flavours(self, hosts: Sequence[Host]) -> tuple[str, ...]:
        """Know nothing."""
        return tuple("" for _ in hosts)


class NoStager:
    """Copies nothing."""

    async def stage(self, attempt: Attempt, plan: AttemptPlan) -> None:
        """Do nothing."""


@dataclass
class Bench:
    """A dispatcher with what it would write to, and what was launched."""

    hub: StateHub
    dispatcher: Dispatcher
    folder: Path
    launched: list[Path] = field(default_factory=list[Path])

    async def asked(self, request: SubmitJob) -> JobPreview:
        """Ask for a preview, and see that nothing came of it."""
        revision = self.hub.state.revision
        preview = await self.dispatcher.preview(request)
        assert not (self.folder / "jobs").exists()
        assert self.hub.state.revision == revision
        assert await self.dispatcher.jobs(10) == ()
        assert self.launched == []
        return preview


@asynccontextmanager
async def bench(tmp_path: Path, runs: Runs | None = None) -> AsyncGenerator[Bench]:
    """Run a dispatcher on a head with four slots; by default with a real Open MPI's command lines."""
    clock, launched = FakeClock(), list[Path]()

    def launch(folder: Path) -> int:
        launched.append(folder)
        return 1

    hub = StateHub(clock)
    hub.observe(head_with(4))
    with JobStore(tmp_path / "jobs.sqlite") as store, ThreadPoolExecutor(1) as disk:
        runs = runs or MpiRuns(
            (OPEN_MPI,),
            Site(tmp_path / "known_hosts", uid=1000),
            surroundings=Around(),
            stager=NoStager(),
            launch=launch,
            clock=clock,
            worker=disk,
            sweeper=disk,
        )
        dispatcher = Dispatcher(
            hub, runs, Ledger(hub, store, disk), folder=tmp_path / "jobs", users=Users("pi"), clock=clock
        )
        yield Bench(hub, dispatcher, tmp_path, launched)


async def test_the_command_line_is_that_of_the_launch(tmp_path: Path) -> None:
    """What the preview gives is what the plan of the attempt then has, but for the random word."""
    async with bench(tmp_path) as at:
        request = SubmitJob("hello", ranks=3, env={"A": "b c"})
        preview = await at.asked(request)
        assert preview.launcher == "Open MPI 5.0.11"
        assert preview.name == "hello"
        assert preview.program.endswith("/hello.py")
        assert preview.hosts == (AttemptHost("headnode", "127.0.0.1", (0, 1, 2)),)
        assert (preview.waits, preview.ahead, preview.problem) == ("", 0, "")
        runs = at.dispatcher._runs
        job = await at.dispatcher.submit(request, by="ada")
        folder = tmp_path / "jobs" / f"{job.id}" / "attempt-1"
        record = await at.dispatcher._ledger.record(job.id)
        host = Host("headnode", "127.0.0.1", 3, "pi", local=True, host_key_alias="head")
        await runs.start(Attempt(job.id, 1, record.spec, (host,), folder))
        plan = read_plan(folder)
    assert str(folder / "hostfile") in preview.command
    assert shlex.split(preview.command) == [word.replace(plan.token, TOKEN) for word in plan.argv]


async def test_no_number_is_used(tmp_path: Path) -> None:
    """However often one asks, the next job gets the number that the preview named."""
    async with bench(tmp_path, FakeRuns()) as at:
        previews = {await at.asked(SubmitJob("hello")) for _ in range(3)}
        assert len(previews) == 1
        preview = previews.pop()
        assert preview.command == f"fakerun {tmp_path}/jobs/1/attempt-1 headnode"
        assert (await at.dispatcher.submit(SubmitJob("hello"), by="ada")).id == 1
        preview = await at.dispatcher.preview(SubmitJob("hello"))
        assert preview.waits or "/jobs/2/attempt-1" in preview.command


@pytest.mark.parametrize(
    "request_",
    [
        SubmitJob("no-such-program"),
        SubmitJob("hello", ranks=0),
        SubmitJob("hello", ranks=10_000),
        SubmitJob("hello", cwd="nowhere"),
        SubmitJob("hello", files=("nothing",)),
        SubmitJob("hello", env={"1": "x"}),
        SubmitJob("hello", grow=True),
        SubmitJob("hello", time_limit=0.1),
        SubmitJob("hello", launcher="mpich"),
    ],
)
async def test_it_refuses_what_a_submission_refuses(tmp_path: Path, request_: SubmitJob) -> None:
    """In the very same words, which name the field."""
    async with bench(tmp_path) as at:
        told: list[str] = []
        for ask in (at.dispatcher.preview(request_), at.dispatcher.submit(request_, by="ada")):
            with pytest.raises(CommandRefused) as refused:
                await ask
            told.append(str(refused.value))
        assert told[0] == told[1]


async def test_it_says_what_a_job_would_wait_for(tmp_path: Path) -> None:
    """Behind which jobs, and without a command line: nobody knows yet where it will run."""
    async with bench(tmp_path, FakeRuns()) as at:
        first = await at.dispatcher.submit(SubmitJob("hello", nodes=("node09",)), by="ada")
        await until(at.hub, lambda state: first.id in state.jobs)
        preview = await at.dispatcher.preview(SubmitJob("hello", nodes=("node07",)))
        assert preview.waits == "waits for node07, which was never seen"
        assert (preview.ahead, preview.command, preview.hosts) == (1, "", ())
        assert preview.launcher == "Fake MPI 1.0"
        urgent = await at.dispatcher.preview(SubmitJob("hello", nodes=("node07",), priority=5))
        assert urgent.ahead == 0
        assert at.hub.state.jobs[first.id].state is JobState.PENDING


async def test_it_says_why_a_launch_would_fail(tmp_path: Path) -> None:
    """What is refused only at the launch is no refusal of the job, but told."""
    async with bench(tmp_path, FakeRuns(refuse=True)) as at:
        preview = await at.asked(SubmitJob("hello"))
    assert preview.problem == "not as root. Next: be somebody else"
    assert preview.command == ""


async def test_a_simulation_has_no_command_line(tmp_path: Path) -> None:
    """Ranks have their places, and nothing would run."""
    with ThreadPoolExecutor(1) as disk:
        async with bench(tmp_path, DemoRuns(FakeClock(), disk)) as at:
            preview = await at.asked(SubmitJob("hello", ranks=2))
    assert (preview.launcher, preview.command) == ("SIMULATED, no MPI", "")
    assert preview.hosts == (AttemptHost("headnode", "127.0.0.1", (0, 1)),)


async def test_slurm_s_command_line_is_told_and_slurm_not_asked(tmp_path: Path) -> None:
    """Where its ranks go is that cluster's to decide."""
    with ThreadPoolExecutor(1) as disk:
        clock = FakeClock()
        slurm = SlurmRuns(
            LauncherMissing("no sbatch. Next: get it"),
            Site(tmp_path / "known_hosts", uid=os.geteuid()),
            ("--partition=small",),
            hub=StateHub(clock),
            clock=clock,
            worker=disk,
            sweeper=disk,
        )
        async with bench(tmp_path, RunsByLauncher(FakeRuns(), slurm)) as at:
            with pytest.raises(CommandRefused, match="no sbatch"):
                await at.asked(SubmitJob("hello", ranks=2, launcher="slurm"))
        launch = await slurm.preview(_attempt_for_slurm(tmp_path))
    assert launch.argv[:2] == ("sbatch", "--partition=small")
    assert f"--comment=sciabc:{TOKEN}" in launch.argv
    assert launch.argv[-1] == str(tmp_path / "jobs" / "1" / "attempt-1" / "slurm.sh")
    assert not (tmp_path / "jobs").exists()


def _attempt_for_slurm(tmp_path: Path) -> Attempt:
    spec = validated(JobSpec("hello", ranks=2, launcher="slurm"), total_slots=None)
    return Attempt(JobId(1), 1, spec, (), tmp_path / "jobs" / "1" / "attempt-1")


def test_jobs_of_another_cluster_are_before_nobody() -> None:
    """Nor are those that are held: a job waits behind those whose turn comes first."""
    waiting = Job(JobId(1), "a", "a", (), 1, JobState.PENDING, 0.0, nodes=("node09",))
    held = replace(waiting, id=JobId(2), held_by="ada")
    slurm = replace(waiting, id=JobId(3), elsewhere=True)
    state = State(jobs={job.id: job for job in (waiting, held, slurm)})
    assert turn_of(state, replace(waiting, id=JobId(4)))[1] == 1
