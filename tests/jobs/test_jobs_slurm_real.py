"""Attempts on a real Slurm: slurmctld, two slurmd and munge from Debian, on loopback."""

import contextlib
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from jobs.attempt import AttemptStatus, Order, read_runner, read_status, write_order
from jobs.detach import cancel, launch, runner_alive
from jobs.errors import LauncherMissing
from jobs.logstore import LogLine, Stream, parse_line
from jobs.slurm_attempt import SlurmFiles, prepare_slurm, read_note, read_slurm_plan
from jobs.slurm_calls import detect_slurm, submit
from jobs.slurm_states import Share
from jobs.spec import JobSpec, Kind
from jobs.states import JobState
from tests.jobs.slurm_site import SlurmSite, running_slurm

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]

PRINTER = 'i=0; while [ $i -lt {count} ]; do echo "line $i of $SLURM_PROCID"; i=$((i+1)); {pause} done'


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


@dataclass(slots=True)
class Try:
    """Attempts in a folder of the test."""

    folder: Path
    end_of: EndOf
    made: list[Path] = field(default_factory=list[Path])

    def prepare(self, spec: JobSpec, *options: str) -> Path:
        """Make the folder of an attempt."""
        folder = self.folder / f"attempt-{len(self.made) + 1}"
        token = secrets.token_hex(16)
        prepare_slurm(folder, spec, job=7, attempt=2, token=token, python=sys.executable, options=options)
        self.made.append(folder)
        return folder

    def run(self, spec: JobSpec, *options: str) -> tuple[AttemptStatus, Path]:
        """Run an attempt to its end."""
        folder = self.prepare(spec, *options)
        return self.end_of(launch(folder), folder), folder


@pytest.fixture
def attempts(tmp_path: Path, end_of: EndOf) -> Generator[Try]:
    """Make attempts; none of their runners outlives the test."""
    tries = Try(tmp_path, end_of)
    yield tries
    for folder in tries.made:
        if runner_alive(folder):
            cancel(folder)


def shell(code: str, ranks: int | None = 3, **changes: object) -> JobSpec:
    """Ask for a few lines of shell on some ranks."""
    spec = JobSpec("/bin/sh", ("-c", code), ranks, "try me", "/tmp", launcher="slurm")
    for name, value in changes.items():
        object.__setattr__(spec, name, value)
    return spec


def lines(folder: Path) -> list[LogLine]:
    """Read the log of an attempt."""
    return [parse_line(record) for record in (folder / "log").read_bytes().splitlines()]


def said(folder: Path, rank: int | None, stream: Stream = Stream.OUT) -> list[str]:
    """Give what a rank said."""
    return [line.text.decode() for line in lines(folder) if (line.rank, line.stream) == (rank, stream)]


@pytest.mark.usefixtures("slurm")
def test_a_job_runs_on_slurms_nodes_and_its_words_stand_in_the_log_by_rank(attempts: Try) -> None:
    """The whole way: submitted, placed by Slurm, started by srun, followed, ended; only the log is left."""
    code = 'echo "$SCIABC_JOB_ID.$SCIABC_ATTEMPT $SLURM_PROCID $COLOUR"; echo "oh $SLURM_PROCID" >&2'
    status, folder = attempts.run(shell(code, env={"COLOUR": "it's red"}))
    assert (status.state, status.exit_code, status.error) == (JobState.COMPLETED, 0, "")
    for rank in range(3):
        assert said(folder, rank) == [f"7.2 {rank} it's red"]
        assert said(folder, rank, Stream.ERR) == [f"oh {rank}"]
    assert read_note(folder).shares == (Share("sl1", 2), Share("sl2", 1))
    assert not [path.name for path in folder.iterdir() if path.name in {"slurm.out", "slurm.err"}]


@pytest.mark.usefixtures("slurm")
def test_a_rank_that_fails_ends_the_job_and_is_named(attempts: Try) -> None:
    """One line tells who and how, with the exit status that it had."""
    status, _ = attempts.run(shell('[ "$SLURM_PROCID" != 2 ] || exit 3; exec sleep 60'))
    assert (status.state, status.exit_code) == (JobState.FAILED, 3)
    assert status.error == "rank 2 on sl2 ended first, exited with exit code 3. Next: sciabc-tui logs 7"


@pytest.mark.usefixtures("slurm")
def test_a_rank_that_a_signal_ends_is_named(attempts: Try) -> None:
    """It was the signal, and not the end that srun then made of the others."""
    status, _ = attempts.run(shell('[ "$SLURM_PROCID" != 1 ] || kill -SEGV $$; exec sleep 60'))
    assert status.state is JobState.FAILED
    assert status.error == "rank 1 on sl1: Segmentation fault. Next: sciabc-tui logs 7"


@pytest.mark.usefixtures("slurm")
def test_a_command_for_each_node_runs_once_on_each_that_is_named(attempts: Try) -> None:
    """One that fails there is no reason to end the others."""
    code = 'echo "$SLURMD_NODENAME"; [ "$SLURM_PROCID" = 0 ] || exit 1'
    status, folder = attempts.run(shell(code, None, kind=Kind.EACH, nodes=("sl1", "sl2")))
    assert sorted(said(folder, 0) + said(folder, 1)) == ["sl1", "sl2"]
    assert (status.state, status.exit_code) == (JobState.FAILED, 1)


@pytest.mark.usefixtures("slurm")
def test_ranks_go_to_the_nodes_that_are_wanted(attempts: Try) -> None:
    """Node names, excluded ones, and how many on each are Slurm's to obey."""
    where = 'echo "$SLURMD_NODENAME"'
    _, folder = attempts.run(shell(where, 2, exclude=("sl1",)))
    assert {line.text for line in lines(folder)} == {b"sl2"}
    _, folder = attempts.run(shell(where, 2, per_node=1))
    assert {line.text for line in lines(folder)} == {b"sl1", b"sl2"}


@pytest.mark.usefixtures("slurm")
def test_long_lines_and_any_bytes_come_through(attempts: Try) -> None:
    """What srun breaks are lines of 1,024 bytes and more; in the log they are whole again."""
    code = "import sys; w = sys.stdout.buffer.write\n"
    code += "for n in (1023, 1024, 1025, 2048, 5000): w(b'x' * n + b'\\n')\n"
    code += "w(bytes([0, 27, 255]) + b'[31m')"
    spec = JobSpec("/usr/bin/python3", ("-c", code), 1, "long", "/tmp", launcher="slurm")
    _, folder = attempts.run(spec)
    whole: list[bytes] = []
    for line in lines(folder):
        if line.joined:
            whole[-1] += line.text
        else:
            whole.append(line.text)
    assert [len(text) for text in whole[:-1]] == [1023, 1024, 1025, 2048, 5000]
    assert whole[-1] == bytes([0, 27, 255]) + b"[31m"


def test_a_job_in_slurms_queue_says_so_and_is_cancelled_there(
    slurm: SlurmSite, attempts: Try, until: Until, end_of: EndOf
) -> None:
    """It waits because another one has the nodes; a cancel takes it out of the queue of Slurm itself."""
    holding = attempts.prepare(shell("exec sleep 100", 4))
    holder = launch(holding)
    until(lambda: read_note(holding).running)
    waiting = attempts.prepare(shell("echo never", 4))
    pid = launch(waiting)
    number = read_note(holding).number or 0
    until(lambda: read_note(waiting).words == f"in Slurm's queue as {number + 1}: Resources")
    for runner, folder in ((pid, waiting), (holder, holding)):
        write_order(folder, Order(JobState.CANCELLED, "by ada"))
        assert cancel(folder)
        status = end_of(runner, folder)
        assert (status.state, status.error) == (JobState.CANCELLED, "by ada")
    assert slurm.states()[number] == slurm.states()[number + 1] == "CANCELLED"
    assert not (waiting / "log").read_bytes()


def test_a_job_that_was_cancelled_in_slurm_is_told_as_that(
    slurm: SlurmSite, attempts: Try, until: Until, end_of: EndOf
) -> None:
    """Its user, or an operator there, may end it without us."""
    folder = attempts.prepare(shell("exec sleep 100"))
    pid = launch(folder)
    until(lambda: read_note(folder).running)
    slurm.ask("scancel", str(read_note(folder).number))
    status = end_of(pid, folder)
    assert status.state is JobState.CANCELLED
    assert status.error.startswith("cancelled in Slurm, where it was ")


def test_a_node_that_slurm_loses_ends_the_job_as_that(
    slurm: SlurmSite, attempts: Try, until: Until, end_of: EndOf
) -> None:
    """Whether it goes on with another attempt is decided as for every other job."""
    folder = attempts.prepare(shell("exec sleep 100", 4))
    pid = launch(folder)
    until(lambda: read_note(folder).running)
    slurm.fails("sl2")
    try:
        status = end_of(pid, folder)
    finally:
        slurm.mend("sl2")
    assert status.state is JobState.NODE_FAIL
    assert status.error.startswith("Slurm lost a node of it on sl[1-2]")


@pytest.mark.usefixtures("slurm")
def test_a_killed_runner_loses_and_doubles_no_line(attempts: Try, until: Until, end_of: EndOf) -> None:
    """The job goes on in Slurm; who comes after finds it, and goes on with its log."""
    go = f"{attempts.folder}/go"  # each hundred lines wait for a runner, however long that takes to begin
    pause = f'[ $((i % 100)) != 0 ] || until [ -e "{go}-$((i / 100))" ]; do sleep 0.05; done; sleep 0.01;'
    folder = attempts.prepare(shell(PRINTER.format(count=400, pause=pause), 2))
    launch(folder)
    until(lambda: len(said_safely(folder)) > 20)
    pid = 0
    for turn in range(1, 4):
        kill_runner(folder, until)
        before = len((folder / "log").read_bytes())
        pid = launch(folder)
        Path(f"{go}-{turn}").touch()
        until(lambda more=before: len((folder / "log").read_bytes()) > more)
    Path(f"{go}-4").touch()
    status = end_of(pid, folder)
    assert (status.state, status.error) == (JobState.COMPLETED, "")
    for rank in range(2):
        assert said(folder, rank) == [f"line {number} of {rank}" for number in range(400)]


def test_what_was_submitted_in_the_instant_of_a_kill_is_found_again(
    slurm: SlurmSite, attempts: Try, end_of: EndOf
) -> None:
    """Its number was never written down; its token stands in Slurm's queue. It is not submitted twice."""
    folder = attempts.prepare(shell("sleep 2; echo here"))
    plan = read_slurm_plan(folder)
    assert plan is not None
    number = submit(plan.options, plan.cwd)
    before = len(slurm.states())
    (folder / "status.json").write_text('{"state": "running", "started_at": 12.0}\n')
    status = end_of(launch(folder), folder)
    assert (status.state, status.started_at) == (JobState.COMPLETED, 12.0)
    assert (read_note(folder).number, len(slurm.states())) == (number, before)
    assert said(folder, 2) == ["here"]


@pytest.mark.usefixtures("slurm")
def test_a_runner_that_is_killed_at_any_moment_of_the_launch_leaves_one_job(
    slurm: SlurmSite, attempts: Try, until: Until, end_of: EndOf
) -> None:
    """However early: the next one submits it, or finds it."""
    before = len(slurm.states())
    for moment in range(5):
        folder = attempts.prepare(shell("echo once", 1))
        launch(folder)
        threading.Event().wait(moment * 0.025)
        kill_runner(folder, until)
        status = end_of(launch(folder), folder)
        assert (status.state, status.error) == (JobState.COMPLETED, "")
        assert said(folder, 0) == ["once"]
    assert len(slurm.states()) == before + 5


def test_an_order_to_a_killed_runner_is_obeyed_by_the_next(
    slurm: SlurmSite, attempts: Try, until: Until, end_of: EndOf
) -> None:
    """Nobody had to be asked twice."""
    folder = attempts.prepare(shell("exec sleep 100"))
    launch(folder)
    until(lambda: read_note(folder).running)
    kill_runner(folder, until)
    write_order(folder, Order(JobState.CANCELLED, "by ada"))
    status = end_of(launch(folder), folder)
    assert (status.state, status.error) == (JobState.CANCELLED, "by ada")
    assert slurm.states()[read_note(folder).number or 0] == "CANCELLED"


def test_a_controller_that_is_away_for_a_while_changes_nothing(
    slurm: SlurmSite, attempts: Try, until: Until, end_of: EndOf
) -> None:
    """The job's words go on coming, and its end is told when Slurm answers again."""
    go = attempts.folder / "go"  # half of the lines wait until it is away
    pause = f'[ $i != 20 ] || until [ -e "{go}" ]; do sleep 0.05; done; sleep 0.05;'
    folder = attempts.prepare(shell(PRINTER.format(count=40, pause=pause), 1))
    pid = launch(folder)
    until(lambda: len(said_safely(folder)) > 2)
    slurm.stop_controller()
    go.touch()
    try:
        until(lambda: len(said_safely(folder)) == 40)
        assert read_status(folder) == AttemptStatus(JobState.RUNNING, mine(folder))
    finally:
        slurm.start_controller()
        slurm.until_idle()
    status = end_of(pid, folder)
    assert (status.state, status.exit_code) == (JobState.COMPLETED, 0)


@pytest.mark.usefixtures("slurm")
def test_what_slurm_does_not_take_fails_with_slurms_words(attempts: Try) -> None:
    """Options of the settings may be wrong for this cluster."""
    status, folder = attempts.run(shell("echo never"), "--partition=nosuch")
    assert status.state is JobState.FAILED
    assert status.error.startswith("Slurm did not take it: invalid partition specified: nosuch")
    assert read_note(folder).number is None


@pytest.mark.usefixtures("slurm")
def test_output_that_slurm_can_not_write_says_that_the_folder_is_not_shared(
    attempts: Try, until: Until, end_of: EndOf
) -> None:
    """On a cluster where the state directory is the head's own this is what happens first."""
    folder = attempts.prepare(shell("echo never"))
    files = SlurmFiles(folder).papers
    plan = (folder / "slurm_plan.json").read_text()
    (folder / "slurm_plan.json").write_text(plan.replace(str(files.out), "/nowhere/at/all"))
    status = end_of(launch(folder), folder)
    assert status.state is JobState.FAILED
    assert status.error.startswith("Slurm's nodes can't write into the state directory")


def test_slurm_is_found_with_its_version(slurm: SlurmSite) -> None:
    """What the head is described with."""
    assert detect_slurm().title == f"Slurm {slurm.ask('sbatch', '--version').split()[1]}"


def test_commands_without_a_cluster_are_no_slurm(slurm: SlurmSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Debian's package alone knows of no slurmctld; nobody waits the minute that Slurm itself would."""
    monkeypatch.setenv("SLURM_CONF", str(slurm.folder / "nosuch.conf"))
    with pytest.raises(LauncherMissing, match=r"knows no cluster\. Next: sudo apt install slurm-client"):
        detect_slurm()


def said_safely(folder: Path) -> list[bytes]:
    """Give the lines of a log that may not be there yet."""
    log = folder / "log"
    return log.read_bytes().splitlines() if log.exists() else []


def mine(folder: Path) -> float:
    """Give when the attempt began."""
    status = read_status(folder)
    assert status is not None
    return status.started_at


def kill_runner(folder: Path, until: Until) -> None:
    """Kill the runner; gone is gone."""
    runner = read_runner(folder)
    assert runner is not None
    with contextlib.suppress(ProcessLookupError):  # it was at its end already
        os.kill(runner.pid, signal.SIGKILL)
    until(lambda: not runner_alive(folder))
