"""Why an attempt ends: orders, the time limit, a runner that is killed; and that nothing is left of it."""

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs import procs
from jobs.attempt import (
    AttemptFiles,
    AttemptStatus,
    Order,
    read_order,
    read_plan,
    read_status,
    read_unswept,
    write_ended,
    write_order,
    write_status,
)
from jobs.attendance import _duration
from jobs.detach import cancel, clear, launch, runner_alive
from jobs.errors import StoreError
from jobs.hostfile import Host
from jobs.launchers import Launcher
from jobs.logstore import parse_line
from jobs.sshconfig import ssh_config
from jobs.states import JobState
from tests.head.servers import running_sshd
from tests.jobs.conftest import Patience

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]
StartPython = Callable[..., tuple[int, Path]]

_FOREVER = "import signal; print('up'); signal.pause()"
_STUBBORN = (
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up')\nwhile True: signal.pause()"
)
_LOST = Order(JobState.NODE_FAIL, "node03 was lost. Next: sciabc-tui nodes")


def _texts(folder: Path) -> list[bytes]:
    path = AttemptFiles(folder).log
    data = path.read_bytes() if path.exists() else b""
    return [parse_line(record).text for record in data.split(b"\n")[:-1]]


def _up(folder: Path) -> bool:
    return b"up" in _texts(folder)


def _token(folder: Path) -> str:
    return read_plan(folder).token


# ---------------------------------------------------------------- orders


@pytest.mark.parametrize("state", [JobState.CANCELLED, JobState.NODE_FAIL, JobState.TIMEOUT, JobState.FAILED])
def test_an_order_is_what_the_end_says(
    start_python: StartPython, end_of: EndOf, until: Until, state: JobState
) -> None:
    """The head's state and reason become the attempt's; how the launcher ended is kept beside them."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    write_order(folder, Order(state, "because. Next: think"))
    assert cancel(folder)
    status = end_of(pid, folder)
    assert (status.state, status.error, status.signal) == (state, "because. Next: think", signal.SIGTERM)


def test_an_order_without_a_reason_says_its_word(
    start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """Nothing to explain is no empty line."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    write_order(folder, Order(JobState.CANCELLED))
    cancel(folder)
    assert end_of(pid, folder).error == "cancelled"


def test_an_order_before_the_launch_starts_nothing(
    start_python: StartPython, end_of: EndOf, tmp_path: Path
) -> None:
    """What was ended before it began never ran: no launcher, no output, the ordered state."""
    _, folder = start_python(f"open({str(tmp_path / 'ran')!r}, 'w')", launched=False)
    write_order(folder, _LOST)
    status = end_of(launch(folder), folder)
    assert (status.state, status.error, status.launcher_pid) == (_LOST.state, _LOST.reason, None)
    assert not (tmp_path / "ran").exists()


def test_a_damaged_order_still_ends_it(start_python: StartPython, end_of: EndOf, until: Until) -> None:
    """Whoever wrote it wanted an end."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    AttemptFiles(folder).order.write_text('{"state":"running"')
    cancel(folder)
    assert end_of(pid, folder).state is JobState.CANCELLED


def test_an_order_after_the_end_changes_nothing(start_python: StartPython, end_of: EndOf) -> None:
    """A job that completed stays so."""
    pid, folder = start_python("pass")
    status = end_of(pid, folder)
    write_order(folder, _LOST)
    assert not cancel(folder)
    assert clear(folder) == status
    assert read_status(folder) == status


@pytest.mark.parametrize("state", [JobState.PENDING, JobState.RUNNING, JobState.COMPLETED])
def test_no_other_end_can_be_ordered(state: JobState) -> None:
    """Nobody can order a job to be completed."""
    with pytest.raises(ValueError, match="can't be ordered"):
        Order(state)


def test_an_order_is_private_and_whole(tmp_path: Path) -> None:
    """It is for its owner's eyes and comes back as it went; none is no error."""
    assert read_order(tmp_path) is None
    write_order(tmp_path, _LOST)
    assert read_order(tmp_path) == _LOST
    assert AttemptFiles(tmp_path).order.stat().st_mode & 0o777 == 0o600


def test_a_lost_node_leaves_no_time_for_a_long_grace(
    start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """A launcher that hangs because of a lost node is killed long before the grace of a cancel is over."""
    pid, folder = start_python(_STUBBORN, grace=60.0)
    until(lambda: _up(folder))
    write_order(folder, _LOST)
    began = time.monotonic()
    cancel(folder)
    status = end_of(pid, folder)
    assert time.monotonic() - began < 30.0
    assert (status.state, status.signal) == (JobState.NODE_FAIL, signal.SIGKILL)


# ---------------------------------------------------------------- what the launcher left out


def test_lines_that_the_launcher_left_out_are_told(
    start_python: StartPython, end_of: EndOf, old: Launcher
) -> None:
    """Open MPI 4.1 loses short lines that come at once: the job completes, and its status says so."""
    code = """
import os
text = b"".join(b"%d\\n" % number for number in range(3000))
for at in range(0, len(text), 4096):
    words = text[at : at + 4096]
    tagged = b"[1,0]<stdout>:" + words[:-1].replace(b"\\n", b"\\n[1,0]<stdout>:") + words[-1:]
    os.write(1, tagged[:8192])
"""
    status = end_of(*start_python(code, launcher=old))
    assert status.state is JobState.COMPLETED
    assert status.error.startswith("Open MPI 4.1.4 left out lines: many short ones came at once. Next: ")


def test_a_rank_that_is_alone_is_known_without_tags(
    start_python: StartPython, end_of: EndOf, old: Launcher, tmp_path: Path
) -> None:
    """Its words stand in the log as rank 0's, every one of a burst; the status has nothing to say."""
    printer = tmp_path / "mpirun"
    printer.write_text("#!/bin/sh\nseq 20000; echo oh >&2\n")
    printer.chmod(0o755)
    pid, folder = start_python("", launcher=old, argv=(str(printer), "-n", "1", "seq"))
    status = end_of(pid, folder)
    assert (status.state, status.error) == (JobState.COMPLETED, "")
    records = AttemptFiles(folder).log.read_bytes().split(b"\n")[:-1]
    lines = [parse_line(record) for record in records]
    assert [line.text for line in lines if line.rank == 0] == [b"%d" % number for number in range(1, 20_001)]
    assert [line.text for line in lines if line.rank is None] == [b"oh"]


# ---------------------------------------------------------------- the time limit


@pytest.mark.parametrize(
    ("trap", "number"), [("", signal.SIGTERM), ("trap '' TERM; ", signal.SIGKILL)], ids=["obeys", "stubborn"]
)
def test_the_time_limit_ends_it(
    start_python: StartPython, end_of: EndOf, trap: str, number: signal.Signals
) -> None:
    """At the limit the launcher is asked to end, after the grace made to; the reason says what to do."""
    began = time.monotonic()
    # a shell, since a Python that begins on a busy machine may not ignore the signal by then
    pid, folder = start_python("", argv=("/bin/sh", "-c", f"{trap}sleep 60; exit 1"), time_limit=2.0)
    status = end_of(pid, folder)
    assert time.monotonic() - began >= 2.0
    assert (status.state, status.signal) == (JobState.TIMEOUT, number)
    assert status.error == "time limit of 2 s reached. Next: give --time more"


def test_a_job_within_its_limit_is_left_alone(start_python: StartPython, end_of: EndOf) -> None:
    """A limit that is not reached is not spoken of."""
    status = end_of(*start_python("pass", time_limit=600.0))
    assert (status.state, status.error) == (JobState.COMPLETED, "")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(600.0, "10 min"), (90.0, "1 min 30 s"), (5400.0, "1 h 30 min"), (0.5, "0.5 s"), (86400.0, "24 h")],
)
def test_a_limit_is_told_as_people_say_it(seconds: float, text: str) -> None:
    """In hours, minutes and seconds, without those that are none."""
    assert _duration(seconds) == text


# ---------------------------------------------------------------- a killed runner


def test_the_launcher_dies_with_the_runner(start_python: StartPython, end_of: EndOf, until: Until) -> None:
    """The kernel tells the launcher that its runner was killed, with no head there to do it."""
    code = """
import signal, sys
def end(number, frame): open("ended", "w").write(str(number)); sys.exit()
signal.signal(signal.SIGTERM, end)
print("up")
while True: signal.pause()
"""
    pid, folder = start_python(code)
    until(lambda: _up(folder))
    os.kill(pid, signal.SIGKILL)
    until(lambda: not procs.of_job(_token(folder)))
    assert (folder.parent / "ended").read_text() == "15"
    assert end_of(pid, folder).state is JobState.RUNNING


def test_a_killed_runner_is_told(start_python: StartPython, end_of: EndOf, until: Until) -> None:
    """The stubborn rest is ended, and the final status says that the runner was killed; once is enough."""
    pid, folder = start_python(_STUBBORN)
    until(lambda: _up(folder))
    with pytest.raises(StoreError, match="has a living runner"):
        clear(folder)
    os.kill(pid, signal.SIGKILL)
    end_of(pid, folder)
    assert not runner_alive(folder)
    assert not cancel(folder)
    status = clear(folder, at=1_800_000_000.0)
    assert status is not None
    assert (status.state, status.ended_at) == (JobState.FAILED, 1_800_000_000.0)
    assert status.error == "its runner was killed. Next: sciabc-tui logs 7"
    assert not procs.of_job(_token(folder))
    assert read_status(folder) == status == clear(folder, at=1_900_000_000.0)


def test_what_was_ordered_is_what_a_killed_runner_ends_as(
    start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """A job that was being cancelled when its runner was killed is cancelled."""
    pid, folder = start_python(_STUBBORN, grace=60.0)
    until(lambda: _up(folder))
    write_order(folder, Order(JobState.CANCELLED, "by ada"))
    os.kill(pid, signal.SIGKILL)
    end_of(pid, folder)
    status = clear(folder)
    assert status is not None
    assert (status.state, status.error) == (JobState.CANCELLED, "by ada")


def test_a_runner_killed_while_it_cleaned_changes_nothing(start_python: StartPython) -> None:
    """How the launcher ended was written down before the cleaning: that is the truth."""
    _, folder = start_python("pass", launched=False)
    write_status(folder, AttemptStatus(JobState.RUNNING, 1.0))
    write_ended(folder, AttemptStatus(JobState.COMPLETED, 1.0, exit_code=0, ended_at=2.0))
    status = clear(folder)
    assert status is not None
    assert (status.state, status.exit_code) == (JobState.COMPLETED, 0)


def test_nothing_launched_is_nothing_to_clear(start_python: StartPython) -> None:
    """No status means that it can be launched again."""
    _, folder = start_python("pass", launched=False)
    assert clear(folder) is None


# ---------------------------------------------------------------- other nodes


@pytest.mark.alone
@pytest.mark.parametrize("killed", [False, True], ids=["the runner ends", "the runner is killed"])
def test_other_nodes_are_clean_when_the_end_stands(
    tmp_path: Path,
    start_python: StartPython,
    end_of: EndOf,
    until: Until,
    patience: Patience,
    token: str,
    killed: bool,
) -> None:
    """By the runner or by the head after it: the node's staged folder is gone, the silent one is named."""
    patience(8.0)  # for the head: it has no hurry
    node = tmp_path / "node"
    node.mkdir()
    staged = node / ".cache" / "sciabc" / "jobs" / token
    staged.mkdir(parents=True)
    with running_sshd(node) as sshd, socket.create_server(("127.0.0.2", 0)) as silent:
        hosts = (
            Host("node01", "127.0.0.1", 1, port=sshd.port, host_key_alias="node01"),
            Host("node02", "127.0.0.2", 1, port=silent.getsockname()[1]),
        )
        known = tmp_path / "known_hosts"
        known.write_text(f"node01 {sshd.keys.public}\n")
        env = {"SCIABC_JOB_TOKEN": token}
        _, folder = start_python(_FOREVER, launched=False, hosts=hosts, token=token, env=env)
        text = ssh_config(hosts, known_hosts=known, identity=node / "id_ed25519")
        AttemptFiles(folder).ssh_config.write_text(text)
        pid = launch(folder)
        until(lambda: _up(folder))
        write_order(folder, _LOST)
        began = time.monotonic()
        if killed:
            os.kill(pid, signal.SIGKILL)
            end_of(pid, folder)
            status = clear(folder)
        else:
            cancel(folder)
            status = end_of(pid, folder)
            assert time.monotonic() - began < 4.5  # 3 s, and what a busy machine adds
    assert status is not None
    assert (status.state, status.error) == (_LOST.state, _LOST.reason)
    assert read_unswept(folder) == ("node02",)
    assert not staged.exists()


def test_the_first_words_after_a_silence_are_read_as_they_come(
    start_python: StartPython, end_of: EndOf
) -> None:
    """One rank's word does not make the next one's late: each has its own time, 2 ms after the other."""
    talks = "for word in range(6): print(turn, word, flush=True); time.sleep(0.002)"
    code = f"import time\nfor turn in range(10):\n    time.sleep(0.2)\n    {talks}"
    pid, folder = start_python(code)
    assert end_of(pid, folder).state is JobState.COMPLETED
    times: dict[bytes, set[float]] = {}
    for record in AttemptFiles(folder).log.read_bytes().splitlines():
        line = parse_line(record)
        times.setdefault(line.text.split()[0], set()).add(line.at)
    assert len(times) == 10
    assert max(map(len, times.values())) >= 5  # on a busy machine not each time


def test_a_launcher_that_hangs_after_an_abort_is_ended(start_python: StartPython, end_of: EndOf) -> None:
    """Its own word that a rank aborted is believed; a rank that prints the same is not."""
    words = "MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD"
    tagged = f"print('[1,0]<stderr>: {words}', file=sys.stderr); time.sleep(1.0); "
    code = f"import sys, time; {tagged}print('alive'); print({words!r}, file=sys.stderr); time.sleep(60)"
    pid, folder = start_python(code)
    status = end_of(pid, folder)
    assert status.state is JobState.FAILED
    assert status.error.startswith("rank 1 called MPI_Abort")
    assert b"alive" in AttemptFiles(folder).log.read_bytes()


@pytest.mark.parametrize(
    ("codes", "state", "error"),
    [
        (
            "[a] 0,0\n[b] 0",
            JobState.FAILED,
            "a rank was lost, and mpirun did not see the end. Next: sciabc-tui logs 7",
        ),
        (
            "[a] 0,0",
            JobState.FAILED,
            "2 ranks were lost, and mpirun did not see the end. Next: sciabc-tui logs 7",
        ),
        ("[a] 0,0\n[b] 0,0", JobState.COMPLETED, ""),
    ],
)
def test_mpich_has_not_seen_all(
    start_python: StartPython, end_of: EndOf, mpich: Launcher, codes: str, state: JobState, error: str
) -> None:
    """Its exit status of 0 is believed if it tells that of each rank; the last line of one may be open."""
    words = f"[1,1]<std>:half a line[mpiexec@vm] Exit codes: {codes}"
    status = end_of(*start_python(f"print({words!r})", launcher=mpich, ranks=4))
    assert (status.state, status.exit_code, status.error) == (state, 0, error)
