"""How an attempt ended: a state and one line with the next step, out of what the launcher said.

The exit status alone proves nothing: Open MPI 5 was seen to exit 0 after it lost a node.
"""

import re
import signal as signals
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jobs.states import JobState

_LONGEST = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Memory(StrEnum):
    """What the kernels say of the memory there was, if a rank was killed: see `jobs.oom`."""

    UNKNOWN = "unknown"
    """Nobody asked them, or none could tell."""
    ENOUGH = "enough"
    """They ended nothing for want of it."""
    PROBABLY_OUT = "probably out"
    OUT = "out"


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known when the launcher is gone.

    Attributes:
        job: The number of the job, for the next step.
        exit_code: The launcher's exit status; None if it never started.
        signal: The signal that ended the launcher itself.
        tail: The last lines of the launcher's own words and of the ranks' standard error.
        memory: Whether memory ran out.
        short: Names of the nodes where it did.
        untold: Of how many ranks the launcher should have told the end, and did not.
    """

    job: int
    exit_code: int | None
    signal: int | None = None
    tail: Sequence[str] = ()
    memory: Memory = Memory.UNKNOWN
    short: tuple[str, ...] = ()
    untold: int = 0


@dataclass(frozen=True, slots=True)
class Killed:
    """A rank that signal 9 ended, or the program that it waited for.

    Attributes:
        rank: Its number; None if the launcher does not tell.
        pid: Its process there; None likewise.
    """

    rank: int | None = None
    pid: int | None = None


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
_SAME = "Next: install the same version there"
_PROVISION = "Next: sciabc-tui nodes provision, or install it there"
_MPI = {"prted": "Open MPI 5", "orted": "Open MPI 4.1", "hydra_pmi_proxy": "MPICH"}

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
    _sign(  # a shell's words or env(1)'s, and beside them perhaps the launcher's, which name the node
        r"^(?=(?:.*?daemon failed to report back.*?Remote host: (\S+))?)"
        r".*?\b(prted|orted|hydra_pmi_proxy)['\u2019]?: (?:command not found|not found|No such file)",
        lambda found: f"{found[1] or 'a node'} has no {_MPI[found[2]]} at the head's path. {_PROVISION}",
    ),
    _sign(
        r"bad parameters passed to the proxy|UI version string does not match proxy version",
        lambda _: f"a node has another version of MPICH than the head. {_SAME}",
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
        r"Launch proxy failed",
        lambda _: "a node could not be reached or could not start MPICH. Next: sciabc-tui nodes",
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
        r"\[proxy:[\d:]+@(\S+?)\] HYDU_create_process \(.*?execvp error on file (\S.*?) \([A-Z]",
        lambda found: f"{found[2]} is not on {found[1]} or can't be executed. Next: copy it there",
    ),
    _sign(
        r"No module named '?mpi4py\b",
        lambda _: "mpi4py is missing. Next: pip install mpi4py (or apt install python3-mpi4py) on every node",
    ),
    _sign(
        r"can't open file '([^']+)'",
        lambda found: f"{found[1]} is not on every node. Next: copy it to the same path there",
    ),
    _sign(  # mpi4py's runner found no such program
        r"in _get_code_from_file FileNotFoundError: \[Errno 2\] No such file or directory: '([^']+)'",
        lambda found: f"{found[1]} is not on every node. Next: copy it to the same path there",
    ),
    _sign(
        r"attempt to run as root",
        lambda _: "Open MPI refuses root. Next: run as an ordinary user, or set jobs.allow_root = true",
    ),
)

_BY_SIGNAL = re.compile(r"process rank (\d+) with PID (\d+) on node (\S+) exited on signal (\d+)")
_ABORT = re.compile(r"MPI_ABORT was invoked on rank (\d+)")
_EXCEPTION = re.compile(r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning)(?:: .*)?")
_ABORT_MPICH = re.compile(r"Abort\((-?\d+)\) on node \d+ \(rank (\d+) in comm \d+\): (.{0,100})")
_CODES = re.compile(r"Exit codes: ((?:\[[\w.:-]+\] \d+(?:,\d+)* ?)+)")
_CODES_OF_HOST = re.compile(r"\[([\w.:-]+)\] ([\d,]+)")
_EXIT_STRING = re.compile(r"TERMINATED WITH THE EXIT STRING: [\w ]+ \(signal (\d+)\)")
_LOST_TRACK = "assert (!closed) failed"
_DAEMON_LOST = re.compile(r"daemon failed to report back after being spawned")
_AS_KILLED = 128 + signals.SIGKILL  # of a shell whose program was
_FIRST = re.compile(r"Process name: \[.*?,(\d+)\] Exit code: (\d+)")


def judge(ending: Ending) -> Verdict:
    """Say how an attempt ended and why."""
    text = " ".join(" ".join(ending.tail).split())
    if lost := _LOST.pattern.search(text):
        return Verdict(JobState.NODE_FAIL, _line(_LOST.reason(lost)))
    # Open MPI 5 exits 0 also when the ssh of a daemon was killed in the middle (measured)
    if ending.exit_code == 0 and not _DAEMON_LOST.search(text):
        return Verdict(JobState.FAILED, _unseen(ending)) if ending.untold else Verdict(JobState.COMPLETED, "")
    return Verdict(JobState.FAILED, _line(_why(ending, text)))


def killed(ending: Ending) -> Killed | None:
    """Say whom signal 9 ended, by the launcher's word; None if nobody was, or the launcher itself."""
    text = " ".join(" ".join(ending.tail).split())
    if struck := _by_signal(text):
        return Killed(struck.rank, struck.pid or None) if struck.number == signals.SIGKILL else None
    if found := _FIRST.search(text):
        return Killed(int(found[1])) if int(found[2]) == _AS_KILLED else None
    for rank, _, status in _statuses(text):
        if status >> 8 == _AS_KILLED:
            return Killed(rank)
    return Killed() if ending.signal is None and ending.exit_code == _AS_KILLED else None


def _why(ending: Ending, text: str) -> str:
    log = f"Next: sciabc-tui logs {ending.job}"
    for sign in _SIGNS:
        if found := sign.pattern.search(text):
            return sign.reason(found)
    if ending.signal is not None:
        return f"mpirun was ended by {_signal(ending.signal)}. {log}"
    struck = _by_signal(text)
    if (victim := killed(ending)) is not None and (out := _out_of_memory(ending, struck, victim)):
        return out
    if struck is not None:
        return f"{struck.who} was ended by {_signal(struck.number, ending.memory)}. {log}"
    return f"{_failure(ending, text)}. {log}"


def _unseen(ending: Ending) -> str:
    """Say that an exit status of 0 is not that of all."""
    who = "a rank was" if ending.untold == 1 else f"{ending.untold} ranks were"
    return f"{who} lost, and mpirun did not see the end. Next: sciabc-tui logs {ending.job}"


def _out_of_memory(ending: Ending, struck: "_Struck | None", victim: Killed) -> str:
    """Say that a rank was killed because memory ran out; empty if nothing speaks for that."""
    who = struck.who if struck else "a rank" if victim.rank is None else f"rank {victim.rank}"
    where = f"for want of memory on {', '.join(ending.short)}. Next: fewer ranks a node, or less data"
    match ending.memory:
        case Memory.OUT:
            return f"{who} was ended {where}"
        case Memory.PROBABLY_OUT:
            return f"{who} was ended by signal 9, probably {where}"
        case Memory.ENOUGH | Memory.UNKNOWN:
            return ""


@dataclass(frozen=True, slots=True)
class _Struck:
    """A rank that a signal ended; where it is not told, there is no rank, host or pid."""

    number: int
    rank: int | None = None
    host: str = ""
    pid: int = 0

    @property
    def who(self) -> str:
        return "a rank" if self.rank is None else f"rank {self.rank} on {self.host}"


def _by_signal(text: str) -> _Struck | None:
    """Say whom a signal ended, and which, by the word of any launcher."""
    if found := _BY_SIGNAL.search(text):
        return _Struck(int(found[4]), int(found[1]), found[3], int(found[2]))
    if (found := _EXIT_STRING.search(text)) is None:
        return None
    number = int(found[1])
    ended = [(rank, host) for rank, host, status in _statuses(text) if status & 0x7F == number]
    # MPICH ends the others by signal 9: of several with that, nobody knows who was the first.
    if len(ended) == 1 or (ended and number != signals.SIGKILL):
        return _Struck(number, *ended[0])
    return _Struck(number)


def _statuses(text: str) -> Iterator[tuple[int, str, int]]:
    """Give rank, host and wait status (wait(2)) of every rank, as MPICH lists them in the end."""
    if (listed := _CODES.search(text)) is None:
        return
    rank = 0
    for host, codes in _CODES_OF_HOST.findall(listed[1]):
        for code in filter(None, codes.split(",")):
            yield rank, host, int(code)
            rank += 1


def _failure(ending: Ending, text: str) -> str:
    if exceptions := [line for line in ending.tail if _EXCEPTION.fullmatch(line)]:
        # Long ones are cut here, so that the next step behind them is not.
        return exceptions[-1].rstrip(".")[:100]
    if found := _ABORT.search(text):
        return f"rank {found[1]} called MPI_Abort, exit status {ending.exit_code}"
    if found := _ABORT_MPICH.search(text):
        what = "called MPI_Abort" if "application called MPI_Abort" in found[3] else "ended by an MPI error"
        return f"rank {found[2]} {what}, exit status {ending.exit_code}"
    if found := _FIRST.search(text):
        return f"rank {found[1]} ended first, exit status {found[2]}"
    for rank, _, status in _statuses(text):
        if status >> 8:
            return f"rank {rank} ended with exit status {status >> 8}"
    return _by_status(ending, text)


def _by_status(ending: Ending, text: str) -> str:
    if _LOST_TRACK in text:
        return f"a rank or a node was lost, and MPICH did not say which, exit status {ending.exit_code}"
    # Open MPI and shells say so of a program that a signal ended.
    number = (ending.exit_code or 0) - 128
    if number in {signals.SIGSEGV, signals.SIGKILL, signals.SIGABRT, signals.SIGBUS, signals.SIGFPE}:
        return f"exit status {ending.exit_code}, as after {_signal(number)}"
    return f"exit status {ending.exit_code}"


def _signal(number: int, memory: Memory = Memory.UNKNOWN) -> str:
    match number:
        case signals.SIGSEGV:
            return "signal 11: it touched memory that it must not (segmentation fault)"
        case signals.SIGKILL:
            if memory is Memory.ENOUGH:
                return "signal 9 from somebody: memory did not run out"
            return "signal 9: often a node out of memory"
        case _:
            return f"signal {number} ({signals.strsignal(number) or 'unknown'})"


def _line(text: str) -> str:
    clean = _CONTROL.sub(" ", text)
    return clean if len(clean) <= _LONGEST else f"{clean[: _LONGEST - 3]}..."
