"""How an attempt ended, out of what launchers were seen to say."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.outcome import Ending, Killed, Memory, Verdict, judge, killed
from jobs.states import JobState

_LINE = "-" * 74
_PROCESS_4 = (
    _LINE,
    "Primary job  terminated normally, but 1 process returned",
    "a non-zero exit code. Per user-direction, the job has been aborted.",
    _LINE,
)


@pytest.mark.parametrize(
    ("code", "tail", "reason"),
    [
        (7, (), "exit status 7. Next: sciabc-tui logs 42"),
        (
            7,
            (*_PROCESS_4, "  Process name: [[30525,1],1]", "  Exit code:    7"),
            "rank 1 ended first, exit status 7. Next: sciabc-tui logs 42",
        ),
        (
            2,
            ("   Process name: [prterun-vm-7089@1,0]", "   Exit code:    2"),
            "rank 0 ended first, exit status 2. Next: sciabc-tui logs 42",
        ),
        (
            139,
            (
                "prterun noticed that process rank 1 with PID 7023 on node vm exited on",
                "signal 11 (Segmentation fault).",
            ),
            "rank 1 on vm was ended by signal 11: it touched memory that it must not (segmentation fault)."
            " Next: sciabc-tui logs 42",
        ),
        (
            137,
            ("mpirun noticed that process rank 1 with PID 0 on node node03 exited on signal 9 (Killed).",),
            "rank 1 on node03 was ended by signal 9: often a node out of memory. Next: sciabc-tui logs 42",
        ),
        (
            9,
            ("MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD", "  Errorcode: 9"),
            "rank 1 called MPI_Abort, exit status 9. Next: sciabc-tui logs 42",
        ),
        (
            1,
            ("Traceback (most recent call last):", '  File "ex.py", line 6, in <module>', "ValueError: boo"),
            "ValueError: boo. Next: sciabc-tui logs 42",
        ),
        (
            183,
            (
                "could not",
                "access an executable:",
                "",
                "   Executable: /srv/prog",
                "   Node: node03",
                "",
                "while",
            ),
            "/srv/prog is not on node03 or can't be executed. Next: copy it there",
        ),
        (
            132,
            ("could not access", "or execute an executable:", "", "Executable: /srv/prog", "Node: vm", ""),
            "/srv/prog is not on vm or can't be executed. Next: copy it there",
        ),
        (
            1,
            ("/usr/bin/python3: No module named mpi4py",),
            "mpi4py is missing. Next: pip install mpi4py (or apt install python3-mpi4py) on every node",
        ),
        (
            1,
            ("ModuleNotFoundError: No module named 'mpi4py'",),
            "mpi4py is missing. Next: pip install mpi4py (or apt install python3-mpi4py) on every node",
        ),
        (
            2,
            ("python: can't open file '/nope.py': [Errno 2] No such file or directory",),
            "/nope.py is not on every node. Next: copy it to the same path there",
        ),
        (
            1,
            ("There are not enough slots available in the system to satisfy the 3",),
            "not enough slots. Next: ask for fewer ranks, or leave ranks out for all",
        ),
        (
            255,
            ("pi@10.77.0.11: Permission denied (publickey,password).\r", "A daemon failed to report back"),
            "10.77.0.11 let us not log in. Next: ssh-copy-id pi@10.77.0.11",
        ),
        (
            255,
            ("Host key verification failed.\r", "ORTE was unable to reliably start one or more daemons."),
            "ssh refused a host key. Next: sciabc-tui nodes, then approve or forget the node",
        ),
        (
            255,
            ("A daemon failed to report back", "ssh: connect to host 10.77.0.11 port 22: No route to host\r"),
            "10.77.0.11 is unreachable: No route to host. Next: sciabc-tui nodes",
        ),
        (
            255,
            (
                "A daemon failed to report back after being spawned.",
                "",
                "  Remote host:   10.77.0.11",
                "  Daemon",
            ),
            "10.77.0.11 could not be reached or could not start Open MPI. Next: sciabc-tui nodes",
        ),
        (
            255,
            ("Connection timed out during banner exchange\r",),
            "a node could not be reached or could not start Open MPI. Next: sciabc-tui nodes",
        ),
        (
            255,
            ("bash: line 1: /opt/x/bin/prted: No such file or directory",),
            "a node has no Open MPI 5 at the head's path. "
            "Next: sciabc-tui nodes provision, or install it there",
        ),
        (
            127,
            (
                "A daemon failed to report back after being spawned. This could",
                "  Remote host:   10.77.0.14",
                "env: '/opt/x/bin/prted': No such file or directory",
            ),
            "10.77.0.14 has no Open MPI 5 at the head's path. "
            "Next: sciabc-tui nodes provision, or install it there",
        ),
        (
            127,
            (
                "env: \u2018/usr/bin/orted\u2019: No such file or directory",
                "A daemon failed to report back after being spawned. This could",
                "  Remote host:   10.77.0.14",
            ),
            "10.77.0.14 has no Open MPI 4.1 at the head's path. "
            "Next: sciabc-tui nodes provision, or install it there",
        ),
        (
            1,
            ("prterun has detected an attempt to run as root.",),
            "Open MPI refuses root. Next: run as an ordinary user, or set jobs.allow_root = true",
        ),
    ],
)
def test_failures_are_told_in_a_line(code: int, tail: tuple[str, ...], reason: str) -> None:
    """What a launcher was seen to say becomes the cause and the next step."""
    assert judge(Ending(42, code, tail=tail)) == Verdict(JobState.FAILED, reason)


@pytest.mark.parametrize("code", [0, 205, 255])
def test_a_lost_node_is_one_whatever_the_exit_status(code: int) -> None:
    """Open MPI 5 was seen to exit 0 after it lost a node: its words count."""
    tail = (
        "PRTE has lost communication with a remote daemon.",
        "  HNP daemon   : [prterun-head-1@0,0] on node head",
        "  Remote daemon: [prterun-head-1@0,2] on node node3",
        "This is usually due to either a failure of the TCP network",
    )
    verdict = judge(Ending(1, code, tail=tail))
    assert verdict == Verdict(JobState.NODE_FAIL, "node3 was lost. Next: sciabc-tui nodes")


@pytest.mark.parametrize(
    "tail",
    [
        (
            "mpirun.openmpi noticed that process rank 2 with PID 391 on node 10.77.0.12"
            " exited on signal 9 (Killed).",
        ),
        (
            "prterun noticed that process rank 2 with PID 212 on node 10.77.0.12 exited on",
            "signal 9 (Killed).",
        ),
        (
            "[mpiexec@head] Exit codes: [10.77.0.11] 0,0",
            "[10.77.0.12] 9,0",
            "YOUR APPLICATION TERMINATED WITH THE EXIT STRING: Killed (signal 9)",
        ),
    ],
)
def test_want_of_memory_is_told_by_the_kernels_word(tail: tuple[str, ...]) -> None:
    """With the kernel's word it is no guess; if no rank was killed, its word is about somebody else."""
    who, step = "rank 2 on 10.77.0.12 was ended", "Next: fewer ranks a node, or less data"
    known = Ending(1, 137, tail=tail, memory=Memory.OUT, short=("node02",))
    assert judge(known) == Verdict(JobState.FAILED, f"{who} for want of memory on node02. {step}")
    guessed = replace(known, memory=Memory.PROBABLY_OUT)
    assert judge(guessed).reason == f"{who} by signal 9, probably for want of memory on node02. {step}"
    other = replace(known, memory=Memory.ENOUGH, short=())
    assert judge(other).reason.startswith(f"{who} by signal 9 from somebody: memory did not run out. Next: ")
    segmentation = "process rank 0 with PID 1 on node vm exited on signal 11 (Segmentation fault)"
    assert "segmentation fault" in judge(replace(known, exit_code=139, tail=(segmentation,))).reason


@pytest.mark.parametrize(
    ("tail", "code", "found"),
    [
        (("process rank 2 with PID 391 on node vm exited on signal 9 (Killed).",), 137, Killed(2, 391)),
        (("process rank 2 with PID 0 on node vm exited on signal 9 (Killed).",), 137, Killed(2)),
        (("process rank 2 with PID 391 on node vm exited on signal 11 (Segmentation fault).",), 139, None),
        ((*_PROCESS_4, "  Process name: [[30525,1],1]", "  Exit code:    137"), 137, Killed(1)),
        ((*_PROCESS_4, "  Process name: [[30525,1],1]", "  Exit code:    7"), 7, None),
        (("Exit codes: [10.77.0.11] 0,35072",), 137, Killed(1)),
        ((), 137, Killed()),
        ((), 1, None),
    ],
)
def test_who_was_killed_is_read_off_the_launchers_words(
    tail: tuple[str, ...], code: int, found: Killed | None
) -> None:
    """By signal 9 itself, or by the exit status of a shell whose program was; of others nobody need ask."""
    assert killed(Ending(1, code, tail=tail)) == found


def test_a_killed_launcher_is_no_killed_rank() -> None:
    """Its own end by signal 9 has the same status."""
    assert killed(Ending(1, 137, signal=9)) is None


def test_a_signal_shows_in_the_exit_status() -> None:
    """4.1 does not always name the rank; a shell never does."""
    tail = _PROCESS_4[:3]
    assert judge(Ending(1, 139, tail=tail)).reason.startswith(
        "exit status 139, as after signal 11: it touched"
    )
    assert judge(Ending(1, 130, tail=tail)).reason == "exit status 130. Next: sciabc-tui logs 1"


def test_exit_0_is_completed() -> None:
    """A program that complains on standard error and ends well ended well."""
    assert judge(Ending(1, 0, tail=("ValueError: ignored",))) == Verdict(JobState.COMPLETED, "")


def test_a_killed_launcher_is_told() -> None:
    """Mpirun's own end by a signal is not a rank's."""
    assert judge(Ending(1, 137, signal=9)).reason.startswith("mpirun was ended by signal 9")
    assert "signal 6 (" in judge(Ending(1, 134, signal=6)).reason


@given(st.lists(st.text(), max_size=5), st.integers(0, 255))
def test_a_reason_is_one_harmless_line(tail: list[str], code: int) -> None:
    """Whatever a program prints, the reason is short, one printable line, and empty only if all went well."""
    verdict = judge(Ending(1, code, tail=tail))
    assert len(verdict.reason) <= 200
    assert len(verdict.reason.splitlines()) <= 1
    assert (verdict.state is JobState.COMPLETED) == (not verdict.reason)
    hostile = judge(Ending(1, 1, tail=(f"ValueError: \x1b[2J{'x' * 1000}\x07",))).reason
    assert "\x1b" not in hostile
    assert hostile.endswith("Next: sciabc-tui logs 1")
