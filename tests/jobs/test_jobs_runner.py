"""The runner: a process of its own that owns a launcher. Launchers here are a few lines of Python."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import procs
from jobs.attempt import AttemptFiles, AttemptStatus, read_runner, read_status
from jobs.detach import cancel, clear, launch, runner_alive
from jobs.errors import StoreError
from jobs.launchers import Launcher
from jobs.logstore import LogLine, Stream, parse_line
from jobs.spec import PROGRAMS
from jobs.states import JobState

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]
StartPython = Callable[..., tuple[int, Path]]

_HOUSE = PROGRAMS.parent.parent
# A launcher that goes on until it is told to end; it says "up" when it stands.
_FOREVER = "import signal; print('up'); signal.pause()"
_STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"
)


def _log(folder: Path) -> list[LogLine]:
    path = AttemptFiles(folder).log
    data = path.read_bytes() if path.exists() else b""
    return [parse_line(record) for record in data.split(b"\n")[:-1]]


def _texts(folder: Path) -> list[bytes]:
    return [line.text for line in _log(folder)]


def _up(folder: Path) -> bool:
    return b"up" in _texts(folder)


@pytest.mark.parametrize("code", [0, 1, 7, 255])
def test_the_exit_status_passes_through(start_python: StartPython, end_of: EndOf, code: int) -> None:
    """What the launcher exits with is what the record says; the error's next step names the job."""
    status = end_of(*start_python(f"raise SystemExit({code})"))
    assert status.exit_code == code
    assert status.signal is None
    assert status.state is (JobState.FAILED if code else JobState.COMPLETED)
    assert status.error == (f"exit status {code}. Next: sciabc-tui logs 7" if code else "")
    assert status.ended_at is not None
    assert status.ended_at >= status.started_at > 1_700_000_000


def test_a_signal_of_the_launcher_is_told(start_python: StartPython, end_of: EndOf) -> None:
    """A launcher that was killed is failed, with the shell's exit status and the signal."""
    status = end_of(*start_python("import os; os.kill(os.getpid(), 9)"))
    assert (status.state, status.exit_code, status.signal) == (JobState.FAILED, 137, 9)


def test_the_log_is_complete(start_python: StartPython, end_of: EndOf) -> None:
    """Every line is there with rank, stream and time, and what had no newline too."""
    code = """
import sys
for rank in range(3):
    for number in range(5000):
        sys.stdout.write(f"[1,{rank}]<stdout>: {number}\\n")
sys.stderr.buffer.write(b"[1,2]<stderr>: \\xff\\0\\x1b[2J\\n")
sys.stdout.write("[1,1]<stdout>: no newline[1,0]<stdout>: none here")
"""
    pid, folder = start_python(code)
    status = end_of(pid, folder)
    assert status.state is JobState.COMPLETED
    out = [line for line in _log(folder) if line.stream is Stream.OUT]
    expected = {rank: [b"%d" % number for number in range(5000)] for rank in range(3)}
    expected[0].append(b"none here")
    expected[1].append(b"no newline")
    assert {rank: [line.text for line in out if line.rank == rank] for rank in range(3)} == expected
    assert [(line.rank, line.text) for line in _log(folder) if line.stream is Stream.ERR] == [
        (2, b"\xff\0\x1b[2J")
    ]
    assert status.ended_at is not None
    assert all(status.started_at - 0.001 <= line.at <= status.ended_at + 0.001 for line in out)


def test_a_line_can_be_read_while_the_job_runs(
    start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """The log is flushed without waiting for more, and the status says running meanwhile."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    status = read_status(folder)
    assert status is not None
    assert status.state is JobState.RUNNING
    assert status.exit_code is None
    assert runner_alive(folder)
    assert cancel(folder)
    assert end_of(pid, folder).state is JobState.CANCELLED
    assert not runner_alive(folder)


def test_a_huge_line_is_kept_in_little_memory(start_python: StartPython, end_of: EndOf) -> None:
    """A line of 10 MB is in the log byte for byte."""
    code = "import sys; sys.stdout.write('[1,0]<stdout>: ' + 'x' * 10_000_000 + 'end\\n')"
    pid, folder = start_python(code)
    end_of(pid, folder)
    lines = _log(folder)
    assert b"".join(line.text for line in lines) == b"x" * 10_000_000 + b"end"
    assert [line.joined for line in lines] == [False] + [True] * (len(lines) - 1)


def test_cancel_ends_the_stubborn(start_python: StartPython, end_of: EndOf, until: Until) -> None:
    """A launcher that ignores SIGTERM is killed after the grace; cancelled is what it is."""
    pid, folder = start_python(_STUBBORN)
    until(lambda: _up(folder))
    assert cancel(folder)
    assert cancel(folder)
    status = end_of(pid, folder)
    assert (status.state, status.signal) == (JobState.CANCELLED, 9)
    assert status.error == "cancelled"


def test_nothing_is_left_of_a_job(start_python: StartPython, end_of: EndOf, token: str) -> None:
    """A child in a session of its own, which ignores the end of its parent, goes with the job."""
    code = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], start_new_session=True)
print(child.pid)
"""
    pid, folder = start_python(code)
    assert end_of(pid, folder).state is JobState.COMPLETED
    assert not procs.of_job(token)


def test_cancel_after_the_end_changes_nothing(start_python: StartPython, end_of: EndOf) -> None:
    """There is nobody to ask, and the record stays."""
    pid, folder = start_python("pass")
    status = end_of(pid, folder)
    assert not cancel(folder)
    AttemptFiles(folder).pid.write_bytes(b"")  # as a power cut may leave it
    assert not cancel(folder)
    assert read_status(folder) == status


def test_a_launcher_that_is_not_there(start_python: StartPython, end_of: EndOf) -> None:
    """No mpirun at its place is a failed attempt with a reason, not a lost one."""
    status = end_of(*start_python("", argv=("/nope/mpirun", "x")))
    assert (status.state, status.exit_code, status.launcher_pid) == (JobState.FAILED, None, None)
    assert "did not start: No such file or directory. Next: " in status.error


def test_a_directory_that_is_gone(start_python: StartPython, end_of: EndOf) -> None:
    """A working directory that was removed meanwhile is named."""
    status = end_of(*start_python("", cwd="/nope/here"))
    assert status.error == "cwd /nope/here: No such file or directory. Next: make it, or choose another"


def test_the_runner_is_nobodys_child(start_python: StartPython, end_of: EndOf, until: Until) -> None:
    """It is in a session of its own, without our descriptors, and leaves us no zombie."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    runner = read_runner(folder)
    assert runner is not None
    assert runner.pid == pid
    assert os.getsid(pid) != os.getsid(0)
    with pytest.raises(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    assert Path(f"/proc/{pid}/fd/0").readlink() == Path(os.devnull)
    assert Path(f"/proc/{pid}/fd/1").readlink() == Path(os.devnull)
    os.kill(pid, signal.SIGHUP)  # a terminal that goes away
    assert runner_alive(folder)
    cancel(folder)
    assert end_of(pid, folder).state is JobState.CANCELLED


def test_a_wish_is_heard_whichever_thread_the_kernel_gives_the_signal(
    start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """Python's own handlers wait for the main thread, and that for the launcher, as long as it is silent."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    threads = {int(task.name) for task in Path(f"/proc/{pid}/task").iterdir()} - {pid}
    assert threads  # the one that syncs the log
    assert ctypes.CDLL(None, use_errno=True).tgkill(pid, threads.pop(), signal.SIGTERM) == 0
    assert end_of(pid, folder).state is JobState.CANCELLED


def test_the_launcher_hears_a_hangup(start_python: StartPython, end_of: EndOf) -> None:
    """The runner does not, and what it starts must not take that over."""
    said = "print(signal.getsignal(signal.SIGHUP) is signal.SIG_DFL)"
    pid, folder = start_python(f"import signal; {said}")
    assert end_of(pid, folder).state is JobState.COMPLETED
    assert _texts(folder) == [b"True"]


def test_one_runner_an_attempt(start_python: StartPython, end_of: EndOf, until: Until) -> None:
    """A second one is refused while the first lives."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    with pytest.raises(StoreError, match="has a runner already"):
        launch(folder)
    with pytest.raises(StoreError, match="has a living runner"):
        clear(folder)
    cancel(folder)
    end_of(pid, folder)


def test_it_survives_who_started_it(
    tmp_path: Path, start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """The starter is SIGKILLed with its whole process group; the job goes on to its end."""
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    code = f"print('up'); print(open({str(gate)!r}).read())"
    _, folder = start_python(code, launched=False)
    start = (
        "import sys, signal; from pathlib import Path; from jobs.detach import launch\n"
        "print(launch(Path(sys.argv[1])), flush=True); signal.pause()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", start, str(folder)], cwd=_HOUSE, stdout=subprocess.PIPE, start_new_session=True
    ) as starter:
        assert starter.stdout is not None
        runner = int(starter.stdout.readline())
        until(lambda: _up(folder))
        os.killpg(starter.pid, signal.SIGKILL)
    assert runner_alive(folder)
    gate.write_text("went on")
    assert end_of(runner, folder).state is JobState.COMPLETED
    assert b"went on" in _texts(folder)


def test_a_runner_that_fails_leaves_no_launcher(start_python: StartPython, until: Until, token: str) -> None:
    """If the status can't be written the launcher is ended, and the runner's own words say why."""
    _, folder = start_python(_STUBBORN, launched=False)
    (AttemptFiles(folder).status / "in the way").mkdir(parents=True)
    launch(folder)
    until(lambda: not runner_alive(folder))
    assert not procs.of_job(token)
    assert "status.json" in AttemptFiles(folder).errors.read_text()


def test_a_cancel_never_hits_a_stranger(tmp_path: Path) -> None:
    """A pid that was given out again has another start time: no signal is sent."""
    with subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"]) as stranger:
        started = procs.start_time(stranger.pid)
        assert started is not None
        assert not procs.send(stranger.pid, started - 1, signal.SIGKILL)
        assert stranger.poll() is None
        assert procs.send(stranger.pid, started, signal.SIGKILL)


def test_the_status_is_never_half(start_python: StartPython, end_of: EndOf) -> None:
    """Who reads all the time sees running and then the end, and never an error."""
    seen: list[JobState] = []
    stop = threading.Event()
    pid, folder = start_python("print('x')")

    def read() -> None:
        over = False
        while not over:
            over = stop.is_set()  # the last look comes after the end
            status = read_status(folder)
            if status is not None and (not seen or seen[-1] is not status.state):
                seen.append(status.state)

    reader = threading.Thread(target=read)
    reader.start()
    end_of(pid, folder)
    stop.set()
    reader.join()
    assert seen in ([JobState.RUNNING, JobState.COMPLETED], [JobState.COMPLETED])


def test_a_runner_without_a_plan_says_so(tmp_path: Path) -> None:
    """Whoever starts it learns that it could not begin, and where the reason stands."""
    with pytest.raises(StoreError, match=r"did not start. Next: see .*runner\.err"):
        launch(tmp_path)
    assert "plan.json is not there" in AttemptFiles(tmp_path).errors.read_text()
    assert not runner_alive(tmp_path)


def test_it_can_be_run_by_hand(start_python: StartPython, end_of: EndOf, old: Launcher) -> None:
    """``python -m jobs.runner DIR`` runs the attempt in the foreground."""
    pid, folder = start_python("print('[1,0]<stdout>:again')", launcher=old)
    end_of(pid, folder)
    done = subprocess.run(
        [sys.executable, "-m", "jobs.runner", str(folder)], cwd=_HOUSE, capture_output=True, check=True
    )
    assert done.stdout.strip().isdigit()
    assert _texts(folder) == [b"again", b"again"]
