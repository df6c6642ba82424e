"""`run` as a user has it: output, exit status, Ctrl-C."""

import json
import os
import select
import signal
import socket
import stat
import struct
from pathlib import Path

import pytest

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cli.run import exit_status, resolve_program
from sciabc_tui.cluster.job import Job, JobId, JobState
from tests.api.scripted import Serving
from tests.cli.shell import Shell


def asked(service: Serving) -> SubmitJob:
    """Give the one request that came."""
    [(request, _)] = service.backend.submitted
    return request


def test_run_prints_what_the_ranks_print_and_exits_0(shell: Shell, service: Serving) -> None:
    """Standard output has the ranks' lines and nothing else; standard error the rest."""
    done = shell.run("run", "/opt/hello", "-n", "2")
    assert done.returncode == 0
    assert done.stdout == "[0] Hello from rank 0\n[1] Hello from rank 1\n"
    assert done.stderr == "job 4 hello submitted\n[1] a warning\n"
    assert asked(service) == SubmitJob("/opt/hello", ranks=2, cwd=str(shell.home))


@pytest.mark.parametrize("code", [1, 7, 255])
@pytest.mark.usefixtures("service")
def test_run_exits_as_the_job_does(shell: Shell, code: int) -> None:
    """The job's exit status is ours, and one line says how it ended."""
    done = shell.run("run", f"/opt/exit-{code}")
    assert done.returncode == code
    assert f"sciabc-tui: job 4 failed, exit {code}\n" in done.stderr


def test_options_stand_before_or_behind_the_program(shell: Shell, service: Serving) -> None:
    """Ours are found anywhere before --; what is not ours, and all behind --, is the program's."""
    done = shell.run(
        "run",
        "-e",
        "A=1",
        "/opt/hello",
        "10",
        "--size",
        "3",
        "-n",
        "4",
        "--env",
        "B=x=y",
        "--",
        "-n",
        "5",
        "--json",
    )
    assert done.returncode == 0
    request = asked(service)
    assert request.args == ("10", "--size", "3", "-n", "5", "--json")
    assert (request.ranks, request.env) == (4, {"A": "1", "B": "x=y"})


def test_paths_are_the_user_s_own(shell: Shell, service: Serving) -> None:
    """A relative program and --cwd are taken from where the user stands; a bundled name stays a name."""
    (shell.home / "mine.py").write_text("")
    shell.run("run", "--detach", "mine.py", "--cwd", "sub/../work", "--name", "my own")
    request = asked(service)
    assert (request.program, request.cwd) == (str(shell.home / "mine.py"), str(shell.home / "work"))
    assert request.name == "my own"


def test_resolving(tmp_path: Path) -> None:
    """Only what is a path is made one."""
    (tmp_path / "there").write_text("")
    assert resolve_program("there", tmp_path) == f"{tmp_path}/there"
    assert resolve_program("hello", tmp_path) == "hello"
    assert resolve_program("./gone", tmp_path) == f"{tmp_path}/gone"
    assert resolve_program("/bin/x", tmp_path) == "/bin/x"
    assert resolve_program("~/x", tmp_path) == str(Path("~/x").expanduser())


@pytest.mark.usefixtures("service")
def test_a_refusal_is_one_line(shell: Shell) -> None:
    """What the service refuses ends with exit code 1 and the next step; so does its own failure."""
    done = shell.run("run", "/opt/missing")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "sciabc-tui: program: /opt/missing does not exist. Next: check the path\n"
    failed = shell.run("run", "/opt/crash")
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert failed.stderr.count("\n") == 1


@pytest.mark.parametrize("args", [["run"], ["run", "-n", "two", "x"], ["run", "-e", "novalue", "x"]])
def test_wrong_usage_is_exit_code_2(shell: Shell, args: list[str]) -> None:
    """Usage errors never reach a service."""
    done = shell.run(*args)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert not (shell.home / "run").exists()


def test_detach(shell: Shell, service: Serving) -> None:
    """The job is submitted and left alone, told in words or as JSON."""
    done = shell.run("run", "--detach", "/opt/wait")
    assert (done.returncode, done.stdout) == (0, "job 4 wait submitted. Next: sciabc-tui logs 4 -f\n")
    assert json.loads(shell.run("run", "--detach", "--json", "/opt/wait").stdout)["id"] == 5
    assert not service.backend.cancelled


@pytest.mark.usefixtures("service")
def test_json_gives_the_ended_job(shell: Shell) -> None:
    """With --json the job stands in place of its output, and the exit status is still the job's."""
    done = shell.run("run", "--json", "/opt/exit-3")
    assert done.returncode == 3
    assert json.loads(done.stdout).items() >= {"id": 4, "state": "failed", "exit_code": 3}.items()


def test_ctrl_c_without_a_terminal_cancels(shell: Shell, service: Serving) -> None:
    """SIGINT to a command that nobody can answer cancels the job; exit code 130."""
    with shell.start("run", "/opt/wait") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "[0] Hello from rank 0\n"
        running.send_signal(signal.SIGINT)
        assert running.wait(20) == 130
        told = running.stderr.read()
    assert [job for job, _ in service.backend.cancelled] == [4]
    assert "cancelling job 4" in told
    assert "sciabc-tui: job 4 cancelled" in told
    assert "Traceback" not in told


def test_ctrl_c_asks_and_cancels(shell: Shell, service: Serving) -> None:
    """On a terminal it asks; Enter means yes."""
    with shell.terminal("run", "/opt/wait") as terminal:
        terminal.until("rank 0")
        terminal.type(b"\x03")
        terminal.until("Cancel job 4? [Y/n/d(etach)]")
        assert not service.backend.cancelled
        terminal.type(b"\n")
        assert terminal.ended() == 130
    assert [job for job, _ in service.backend.cancelled] == [4]


def test_ctrl_c_and_no_goes_on_where_it_was(shell: Shell, service: Serving) -> None:
    """After `n` the output goes on without a line twice or lost."""
    with shell.terminal("run", "/opt/wait") as terminal:
        terminal.until("rank 0")
        terminal.type(b"\x03")
        terminal.until("[Y/n/d(etach)]")
        terminal.type(b"n\n")

        def finish() -> None:
            service.backend.logs[JobId(4)] += b"2026-11-21T14:03:11.124Z   1 out the rest\n"
            service.backend.end_job(JobId(4), JobState.COMPLETED, 0)

        service.do(finish)
        assert terminal.ended() == 0
    assert terminal.text.count("rank 0") == 1
    assert terminal.text.count("the rest") == 1
    assert not service.backend.cancelled


def test_ctrl_c_and_detach_leaves_it_running(shell: Shell, service: Serving) -> None:
    """`d` ends the command with 0, the job goes on, and it is said how to come back."""
    with shell.terminal("run", "/opt/wait") as terminal:
        terminal.until("rank 0")
        terminal.type(b"\x03")
        terminal.until("[Y/n/d(etach)]")
        terminal.type(b"d\n")
        assert terminal.ended() == 0
    assert "job 4 goes on. Next: sciabc-tui logs 4 -f" in terminal.text
    assert not service.backend.cancelled


def test_a_second_ctrl_c_leaves_it_running(shell: Shell, service: Serving) -> None:
    """Ctrl-C at the question is no answer: the job goes on, which is said; exit code 130."""
    with shell.terminal("run", "/opt/wait") as terminal:
        terminal.until("rank 0")
        terminal.type(b"\x03")
        terminal.until("[Y/n/d(etach)]")
        terminal.type(b"\x03")
        assert terminal.ended() == 130
    assert "job 4 goes on" in terminal.text
    assert "Traceback" not in terminal.text
    assert service.do(lambda: service.backend.state.jobs[JobId(4)].state) is JobState.RUNNING


def test_a_pending_job_says_what_it_waits_for(shell: Shell, service: Serving) -> None:
    """The reason is told once, before the output comes."""
    waiting = Job(JobId(4), "wait", "/opt/wait", (), 8, JobState.PENDING, 0.0, reason="waits for 4 slots")
    running = Job(JobId(4), "wait", "/opt/wait", (), 8, JobState.RUNNING, 0.0)
    with shell.start("run", "/opt/wait") as command:
        assert command.stderr is not None
        assert command.stdout is not None
        assert command.stderr.readline() == "job 4 wait submitted\n"
        service.until(lambda: JobId(4) in service.backend.state.jobs)
        service.do(lambda: service.backend.put_job(waiting))
        service.do(lambda: service.backend.put_job(running))
        service.do(lambda: service.backend.end_job(JobId(4), JobState.COMPLETED, 0))
        assert command.stdout.readline() == "[0] Hello from rank 0\n"
        assert command.wait(20) == 0


def test_a_service_that_goes_away_leaves_the_job(shell: Shell, service: Serving) -> None:
    """The user is told that the job goes on; exit code 3."""
    with shell.start("run", "/opt/wait") as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "[0] Hello from rank 0\n"
        service.loop.call_soon_threadsafe(service.stop.set)
        assert running.wait(20) == 3
        assert (
            "The head service went away; job 4 goes on. Next: sciabc-tui logs 4 -f" in running.stderr.read()
        )


@pytest.mark.parametrize(
    ("state", "exit_code", "status"),
    [
        (JobState.COMPLETED, 0, 0),
        (JobState.COMPLETED, None, 0),
        (JobState.FAILED, 3, 3),
        (JobState.FAILED, None, 1),
        (JobState.FAILED, 0, 1),
        (JobState.NODE_FAIL, 0, 1),
        (JobState.CANCELLED, 137, 137),
        (JobState.FAILED, 256, 1),
        (JobState.FAILED, -9, 1),
    ],
)
def test_exit_status(state: JobState, exit_code: int | None, status: int) -> None:
    """A job that did not complete never exits 0, whatever its launcher said."""
    assert exit_status(Job(JobId(1), "x", "x", (), 1, state, 0.0, exit_code=exit_code)) == status


def stop_service(path: Path) -> None:
    """Tell the service behind a socket to stop, and wait until it is gone."""
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(str(path))
        pid, _, _ = struct.unpack("3i", wire.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        handle = os.pidfd_open(pid)
        os.kill(pid, signal.SIGTERM)
    try:
        gone, _, _ = select.select([handle], [], [], 20)
        assert gone
    finally:
        os.close(handle)


def test_without_a_service_run_starts_one(shell: Shell) -> None:
    """A newcomer's `run` works: it starts a service, whose log is private."""
    done = shell.run("run", "./nothing-here")
    stop_service(shell.home / "run" / "api.sock")
    assert done.returncode == 1
    assert "Next: " in done.stderr
    log = shell.home / "run" / "head.log"
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert "serving" in log.read_text()
