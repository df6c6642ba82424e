"""How an attempt ended: a state and one line with the next step, out of what the launcher said.

The exit status alone proves nothing: Open MPI 5 was seen to exit 0 after it lost a node.
"""

import re
import signal as signals
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from jobs.states import JobState

_LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known when the launcher is gone.

    Attributes:
        job: The number of the job, for the next step.
        exit_code: The launcher's exit status; None if it never started.
        signal: The signal that ended the launcher itself.
        cancelled: Whether it was told to end.
        tail: The last lines of the launcher's own words and of the ranks' standard error.
    """

    job: int
    exit_code: int | None
    signal: int | None = None
    cancelled: bool = False
    tail: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """A final state and its reason: one line, empty if all went well."""

    state: JobState
    reason: str


@dataclass(frozen=True, slots=True)
class _Sign:
    """Words of a launcher, and what they mean."""

    pattern: re.Pattern[str]
    reason: Callable[[re.Match[str]], str]


def _sign(pattern: str, reason: Callable[[re.Match[str]], str]) -> _Sign:
    # A launcher breaks its lines where it likes: the tail is searched with every white space made one.
    return _Sign(re.compile(pattern), reason)


_LOST = _sign(
    r"lost communication with a remote daemon(?:.*?Remote daemon:.*? on node ([\w.-]+))?",
    lambda found: f"{found[1] or 'a node'} was lost. Next: sciabc-tui nodes",
)

# In this order: the cause stands before what follows from it.
_SIGNS = (
    _sign(
        r"Host key verification failed",
        lambda _: "ssh refused a host key. Next: sciabc-tui nodes, then approve or forget the node",
    ),
    _sign(
        r"(\S+@)?(\S+): Permission denied \(",
        lambda found: f"{found[2]} let us not log in. Next: ssh-copy-id {found[1] or ''}{found[2]}",
    ),
    _sign(
        r"ssh: connect to host (\S+) port \d+: ([A-Z][a-z]+(?: [a-z]+)*)",
        lambda found: f"{found[1]} is unreachable: {found[2]}. Next: sciabc-tui nodes",
    ),
    _sign(
        r"Could not resolve hostname (\S+?):",
        lambda found: f"{found[1]} has no known address. Next: sciabc-tui nodes",
    ),
    _sign(
        r"(?:prted|orted): (?:command not found|not found|No such file)|(?:prted|orted): No such file",
        lambda _: "a node has not the head's Open MPI at the same path. Next: install the same version there",
    ),
    _sign(
        r"daemon failed to report back.*?Remote host: (\S+)",
        lambda found: f"{found[1]} could not be reached or could not start Open MPI. Next: sciabc-tui nodes",
    ),
    _sign(
        r"(?:timed out during banner exchange|ORTE was unable to reliably start one or more daemons)",
        lambda _: "a node could not be reached or could not start Open MPI. Next: sciabc-tui nodes",
    ),
    _sign(
        r"not enough slots available",
        lambda _: "not enough slots. Next: ask for fewer ranks, or leave ranks out for all",
    ),
    _sign(
        r"could not access (?:or execute )?an executable: Executable: (\S.*?) Node: (\S+)",
        lambda found: f"{found[1]} is not on {found[2]} or can't be executed. Next: copy it there",
    ),
    _sign(
        r"No module named '?mpi4py\b",
        lambda _: "mpi4py is missing. Next: pip install mpi4py (or apt install python3-mpi4py) on every node",
    ),
    _sign(
        r"can't open file '([^']+)'",
        lambda found: f"{found[1]} is not on every node. Next: copy it to the same path there",
    ),
    _sign(
        r"attempt to run as root",
        lambda _: "Open MPI refuses root. Next: run as an ordinary user, or set jobs.allow_root = true",
    ),
)

_BY_SIGNAL = re.compile(r"process rank (\d+) with PID \d+ on node (\S+) exited on signal (\d+)")
_ABORT = re.compile(r"MPI_ABORT was invoked on rank (\d+)")
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning)(?:: .*)?")
_FIRST = re.compile(r"Process name: \[.*?,(\d+)\] Exit code: (\d+)")


def judge(ending: Ending) -> Verdict:
    """Say how an attempt ended and why."""
    text = " ".join(" ".join(ending.tail).split())
    if ending.cancelled:
        return Verdict(JobState.CANCELLED, "cancelled")
    if lost := _LOST.pattern.search(text):
        return Verdict(JobState.NODE_FAIL, _line(_LOST.reason(lost)))
    if ending.exit_code == 0:
        return Verdict(JobState.COMPLETED, "")
    return Verdict(JobState.FAILED, _line(_why(ending, text)))


def _why(ending: Ending, text: str) -> str:
    log = f"Next: sciabc-tui logs {ending.job}"
    for sign in _SIGNS:
        if found := sign.pattern.search(text):
            return sign.reason(found)
    if ending.signal is not None:
        return f"mpirun was ended by {_signal(ending.signal)}. {log}"
    if found := _BY_SIGNAL.search(text):
        return f"rank {found[1]} on {found[2]} was ended by {_signal(int(found[3]))}. {log}"
    return f"{_failure(ending, text)}. {log}"


def _failure(ending: Ending, text: str) -> str:
    if exceptions := [line for line in ending.tail if _EXCEPTION.fullmatch(line)]:
        # Long ones are cut here, so that the next step behind them is not.
        return exceptions[-1].rstrip(".")[:100]
    if found := _ABORT.search(text):
        return f"rank {found[1]} called MPI_Abort, exit status {ending.exit_code}"
    if found := _FIRST.search(text):
        return f"rank {found[1]} ended first, exit status {found[2]}"
    return f"exit status {ending.exit_code}"


def _signal(number: int) -> str:
    match number:
        case signals.SIGSEGV:
            return "signal 11: it touched memory that it must not (segmentation fault)"
        case signals.SIGKILL:
            return "signal 9: often a node out of memory"
        case _:
            return f"signal {number} ({signals.strsignal(number) or 'unknown'})"


def _line(text: str) -> str:
    clean = _CONTROL.sub(" ", text)
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 3]}..."
