"""A job in full: what the folders of its attempts tell."""

from pathlib import Path

from jobs.attempt import AttemptPlan, AttemptStatus, write_plan, write_status
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher
from jobs.spec import JobSpec
from jobs.states import JobState as StoredState
from jobs.store import JobRecord
from sciabc_tui.api.messages import AttemptHost, JobAttempt
from sciabc_tui.cluster.job import JobState
from sciabc_tui.head.details import MOST, detail

HOSTS = (Host("node01", "10.77.0.11", 4), Host("node02", "10.77.0.12", 4))
SPEC = JobSpec(
    "/srv/nbody", ("--steps", "9"), 6, "nbody", "/srv", {"OMP_NUM_THREADS": "1"}, outputs=("*.csv",)
)
LAUNCHER = Launcher(Flavour.OPENMPI, (5, 0, 11), "/usr/bin/mpirun")


def _record(attempt: int) -> JobRecord:
    return JobRecord(7, SPEC, StoredState.RUNNING, 100.0, attempt=attempt, hosts=HOSTS)


def _attempt(folder: Path, number: int, status: AttemptStatus, hosts: tuple[Host, ...]) -> None:
    attempt = folder / "7" / f"attempt-{number}"
    attempt.mkdir(parents=True)
    write_plan(
        attempt,
        AttemptPlan(7, number, LAUNCHER, ("mpirun", "a b"), {"SECRET": "x"}, "/srv", "t", hosts=hosts),
    )
    write_status(attempt, status)


def test_each_attempt_is_told_with_its_ranks(tmp_path: Path) -> None:
    """How each ended, on which nodes with which ranks, and by which command line, quoted."""
    lost = AttemptStatus(StoredState.NODE_FAIL, 101.0, 1, ended_at=103.0, error="node01 was lost", again=True)
    _attempt(tmp_path, 1, lost, HOSTS)
    _attempt(tmp_path, 2, AttemptStatus(StoredState.RUNNING, 104.0), HOSTS)
    found = detail(_record(2), tmp_path)
    ranks = (AttemptHost("node01", "10.77.0.11", (0, 1, 2, 3)), AttemptHost("node02", "10.77.0.12", (4, 5)))
    command = "mpirun 'a b'"
    assert found.attempts == (
        JobAttempt(1, JobState.NODE_FAIL, 101.0, 103.0, 1, "node01 was lost", command, ranks),
        JobAttempt(2, JobState.RUNNING, 104.0, command=command, hosts=ranks),
    )
    assert (found.env, found.outputs) == (("OMP_NUM_THREADS=1",), ("*.csv",))


def test_removed_and_damaged_folders_leave_the_number(tmp_path: Path) -> None:
    """An attempt whose files are gone or damaged is told by its number; the newest by its record."""
    (tmp_path / "7" / "attempt-2").mkdir(parents=True)
    (tmp_path / "7" / "attempt-2" / "plan.json").write_bytes(b"\xff{")
    (tmp_path / "7" / "attempt-2" / "status.json").write_text("{}")
    first, second = detail(_record(2), tmp_path).attempts
    assert first == JobAttempt(1)
    assert (second.state, second.command) == (None, "")
    assert [host.name for host in second.hosts] == ["node01", "node02"]


def test_the_answer_is_bounded(tmp_path: Path) -> None:
    """Of a job that was requeued without end the newest attempts are told."""
    attempts = detail(_record(3 * MOST), tmp_path).attempts
    assert [attempts[0].number, attempts[-1].number, len(attempts)] == [2 * MOST + 1, 3 * MOST, MOST]


def test_hosts_of_another_size_are_told_without_ranks(tmp_path: Path) -> None:
    """Where the ranks of the spec have no place on the hosts, nobody invents numbers."""
    _attempt(tmp_path, 1, AttemptStatus(StoredState.RUNNING, 104.0), HOSTS[:1])
    (attempt,) = detail(_record(1), tmp_path).attempts
    assert attempt.hosts == (AttemptHost("node01", "10.77.0.11"),)
