"""The real head service of this machine, on loopback: from `head` to a job's lines, and its orderly end."""

import json
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from jobs.errors import JobsError
from jobs.launchers import detect
from jobs.spec import JobSpec
from jobs.states import JobState
from jobs.store import JobRecord, JobStore
from sciabc_tui.api.client import Client
from sciabc_tui.cluster.state import JOBS_LENGTH, State
from sciabc_tui.errors import ServiceUnavailable
from tests.cli.shell import Shell
from tests.lab.procs import until

pytestmark = pytest.mark.timeout(120)


@contextmanager
def real_head(shell: Shell, **environ: str) -> Generator[subprocess.Popen[str], None, None]:
    """Run the real head service, and wait until it says that it stands."""
    process = shell.start("head", **environ)
    try:
        assert process.stderr is not None
        lines: list[str] = []
        for line in process.stderr:
            lines.append(line)
            if "serving" in line:
                break
        else:
            pytest.fail("".join(lines))
        yield process
    finally:
        process.kill()
        process.communicate()


def until_it_began(shell: Shell) -> None:
    """Wait until the only job has printed that."""
    deadline = time.monotonic() + 60
    while "began" not in (logs := shell.run("logs", "1")).stdout:
        assert time.monotonic() < deadline, logs.stderr


def first_look(socket: Path, seen: list[State]) -> bool:
    """Keep the first state that a service tells; return whether it told one."""
    with suppress(ServiceUnavailable):
        seen.append(next(Client(socket).watch()))
    return bool(seen)


def needs_mpi() -> None:
    """Skip with the reason where no mpirun is."""
    try:
        detect(None)
    except JobsError as error:
        pytest.skip(str(error))


def test_the_head_is_a_live_node_and_ends_in_order(shell: Shell) -> None:
    """It sees itself with a measured load; on SIGTERM it exits 0 and takes its socket along."""
    with real_head(shell) as process:
        (node,) = json.loads(shell.run("nodes", "--json").stdout)["nodes"]
        assert node["state"] == "ready"
        assert node["slots"] >= 1
        assert node["memory_percent"] > 0
        socket = shell.home / "run" / "api.sock"
        assert socket.exists()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=15)
        assert process.returncode == 0
        assert not socket.exists()


def test_the_first_look_at_a_new_service_has_the_jobs_of_the_one_before(shell: Shell, home: Path) -> None:
    """Whoever reconnects at once finds them all: none is gone for the moment until they are read."""
    state = home / "state"
    state.mkdir(exist_ok=True)
    with JobStore(state / "jobs.sqlite") as store:
        for number in range(JOBS_LENGTH):  # megabytes of variables: to read them takes longer than to connect
            spec = JobSpec("hello", env={f"VARIABLE_{number}": "x" * 50_000})
            store.update(JobRecord(store.add(spec, 1.0), spec, JobState.CANCELLED, 1.0, ended_at=2.0))
    process = shell.start("head")
    try:
        seen: list[State] = []
        assert until(lambda: first_look(home / "run" / "api.sock", seen), timeout=60.0)
        assert len(seen[0].jobs) == JOBS_LENGTH
    finally:
        process.kill()
        process.communicate()


def test_without_mpi_nothing_is_launched_and_the_next_step_is_named(shell: Shell, tmp_path: Path) -> None:
    """A head without mpirun shows its nodes, and refuses a job in one line."""
    with real_head(shell, SCIABC_JOBS_LAUNCHER=str(tmp_path / "mpirun")):
        done = shell.run("run", "hello")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "mpirun is not there" in done.stderr
    assert "Next: " in done.stderr


@pytest.mark.mpi
def test_a_job_outlives_a_killed_service(shell: Shell, tmp_path: Path) -> None:
    """SIGKILL of the service: the job runs on, and the next service shows it running, then its result."""
    needs_mpi()
    go = tmp_path / "go"
    subprocess.run(["mkfifo", str(go)], check=True)
    with real_head(shell) as process:
        script = f"echo began; read line < {go}; echo went on: $line"
        done = shell.run("run", "--detach", "-n", "1", "--name", "waiter", "sh", "-c", script)
        assert done.returncode == 0, done.stderr
        until_it_began(shell)  # it is submitted before it is launched
        process.kill()
        process.communicate()
    with real_head(shell):
        (job,) = json.loads(shell.run("jobs", "--json").stdout)["jobs"]
        assert job["state"] == "running"
        go.write_text("on and on\n", encoding="utf-8")
        followed = shell.run("logs", "1", "-f").stdout
        assert "began" in followed
        assert "went on: on and on" in followed
        (job,) = json.loads(shell.run("jobs", "--json").stdout)["jobs"]
        assert (job["state"], job["exit_code"]) == ("completed", 0)
