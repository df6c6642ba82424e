"""What Slurm says of a job, read and judged: its state becomes ours, with one line and the next step.

``squeue -O`` gives the fields between bars, the one that may hold spaces last; ``sacct -P`` likewise. What
does not have this form is no answer.
"""

import re
import signal as signals
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from jobs.outcome import Ending, judge
from jobs.states import JobState

SQUEUE_FORMAT = "JobID:|,State:|,exit_code:|,NodeList:|,Reason:|"
SACCT_FORMAT = "JobID,State,ExitCode,NodeList,Reason"

_ID = re.compile(r"([0-9]{1,10})(?:;[\w.-]{1,64})?")
_STATE = re.compile(r"([A-Z_]{2,32})(?: by [0-9]+)?")
_STATUS = re.compile(r"([0-9]{1,9})(?::([0-9]{1,3}))?")
_NODES = re.compile(r"[\w.,\[\]-]{1,4096}")
_SHARES = re.compile(r"([0-9]{1,6})(?:\(x([0-9]{1,6})\))?")
_REASON_LENGTH = 160
_NO_REASON = {"", "None", "(null)"}
_NOT_WRITABLE = 53
"""The signal by which slurmd tells that it could not open the job's output."""

# srun names each that ended badly: first those by themselves, then those that it ended itself.
_TASKS = re.compile(r"srun: error: (\S+): tasks? ([\d,-]+): (.{1,80})")
_BY_SRUN = re.compile(r"(?:Terminated|Killed)\b")
_EXITED = re.compile(r"Exited with exit code (\d{1,9})")


class Phase(StrEnum):
    """How far Slurm is with a job."""

    QUEUED = "queued"
    RUNS = "runs"
    OVER = "over"


_QUEUED = frozenset({"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "RESV_DEL_HOLD"})
_RUNS = frozenset({"RUNNING", "COMPLETING", "SUSPENDED", "RESIZING", "SIGNALING", "STAGE_OUT", "STOPPED"})


@dataclass(frozen=True, slots=True)
class Seen:
    """What Slurm says of a job.

    Attributes:
        number: Slurm's number of it.
        state: In Slurm's word.
        exit_code: The exit status of the script; 0 as long as there is none.
        signal: The signal that ended it; 0 if none did.
        nodes: Where it is, in Slurm's short form; empty if nowhere.
        reason: Why it waits, in Slurm's words; empty if it does not say.
    """

    number: int
    state: str
    exit_code: int = 0
    signal: int = 0
    nodes: str = ""
    reason: str = ""

    @property
    def phase(self) -> Phase:
        """Tell how far it is; what we do not know is over, but never well."""
        if self.state in _QUEUED:
            return Phase.QUEUED
        return Phase.RUNS if self.state in _RUNS else Phase.OVER


@dataclass(frozen=True, slots=True)
class Share:
    """How many tasks a node of Slurm's has."""

    node: str
    tasks: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of a job that is over, beside Slurm's word.

    Attributes:
        job: Our number of it, for the next step.
        asked: The time limit that was asked for, in seconds; None if none was.
        tail: The last lines of what went to standard error and of srun's own words.
    """

    job: int
    asked: float | None = None
    tail: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class End:
    """How a job ended: a final state, its exit status if it has one, and one line; empty if all went well."""

    state: JobState
    exit_code: int | None
    reason: str = ""


def parse_number(text: str) -> int | None:
    """Read what ``sbatch --parsable`` says: the number, and maybe the cluster; None if this is none."""
    found = _ID.fullmatch(text.strip())
    return int(found[1]) if found else None


def parse_seen(text: str, number: int) -> Seen | None:
    """Read what ``squeue`` or ``sacct`` say of that job; None if they say nothing of it."""
    for line in text.splitlines():
        fields = line.strip().removesuffix("|").split("|", maxsplit=4)
        if len(fields) == 5 and fields[0].strip() == str(number):
            return _seen(number, *(field.strip() for field in fields[1:]))
    return None


def parse_comments(text: str, comment: str) -> int | None:
    """Find the number of the job that has this comment, in lines ``NUMBER COMMENT``; None if none has."""
    for line in text.splitlines():
        number, _, found = line.strip().partition(" ")
        if found.strip() == comment and number.isdecimal():
            return int(number)
    return None


def parse_shares(names: Sequence[str], shares: str) -> tuple[Share, ...]:
    """Say how many tasks each node has: ``2(x3),1`` is two on each of three nodes, and one on the next.

    Returns:
        Nothing if the two do not fit each other.
    """
    counts: list[int] = []
    for part in shares.split(","):
        found = _SHARES.fullmatch(part)
        if found is None or len(counts) > len(names):
            return ()
        counts += [int(found[1])] * min(int(found[2] or 1), len(names) + 1)
    if len(counts) != len(names) or not all(_NODES.fullmatch(name) for name in names):
        return ()
    return tuple(Share(name, count) for name, count in zip(names, counts, strict=True))


def is_node_list(text: str) -> bool:
    """Tell whether this can be a list of nodes in Slurm's short form."""
    return _NODES.fullmatch(text) is not None


def waiting_words(seen: Seen) -> str:
    """Say where a job is in Slurm's queue, and why, in Slurm's word."""
    if seen.state == "CONFIGURING":
        return f"starts as {seen.number} of Slurm on {seen.nodes}"
    why = f": {seen.reason}" if seen.reason else ""
    return f"in Slurm's queue as {seen.number}{why}"


def judge_slurm(seen: Seen, known: Evidence) -> End:
    """Say how a job ended and why."""
    again = f"Next: sciabc-tui requeue {known.job}"
    where = f" on {seen.nodes}" if seen.nodes else ""
    match seen.state:
        case "COMPLETED":
            return End(JobState.COMPLETED, 0)
        case "CANCELLED":
            return End(JobState.CANCELLED, None, f"cancelled in Slurm, where it was {seen.number}")
        case "TIMEOUT":
            limit = "it asked for" if known.asked is not None else "of its partition"
            return End(JobState.TIMEOUT, None, f"the time limit {limit} was reached. Next: give --time more")
        case "DEADLINE":
            return End(JobState.TIMEOUT, None, f"Slurm's deadline for it came. {again}")
        case "NODE_FAIL" | "BOOT_FAIL":
            return End(JobState.NODE_FAIL, None, f"Slurm lost a node of it{where}. {again}")
        case _:
            return End(JobState.FAILED, _code(seen, known), _why_failed(seen, known, where, again))


def judge_unknown(number: int, exit_code: int | None, known: Evidence) -> End:
    """Say how a job ended that Slurm has forgotten, by the exit status that its script wrote, if it did."""
    match exit_code:
        case None:
            reason = f"Slurm has forgotten how its job {number} ended. Next: sciabc-tui logs {known.job}"
            return End(JobState.FAILED, None, reason)
        case 0:
            return End(JobState.COMPLETED, 0)
        case _:
            return judge_slurm(Seen(number, "FAILED", exit_code), known)


def _seen(number: int, state: str, status: str, nodes: str, reason: str) -> Seen | None:
    word, ended = _STATE.fullmatch(state), _STATUS.fullmatch(status)
    if word is None or ended is None:
        return None
    if ended[2] is None:  # squeue gives what wait(2) gave
        code, signal = int(ended[1]) >> 8 & 0xFF, int(ended[1]) & 0x7F
    else:
        code, signal = int(ended[1]), int(ended[2])
    plain = "".join(letter if letter.isprintable() else " " for letter in reason)
    return Seen(
        number,
        word[1],
        code,
        signal,
        nodes if _NODES.fullmatch(nodes) and nodes != "None" else "",
        "" if plain in _NO_REASON else plain[:_REASON_LENGTH],
    )


def _code(seen: Seen, known: Evidence) -> int | None:
    """Give the exit status of who ended first; srun's own is the largest, also of those that it ended."""
    found = _first(known.tail)
    exited = _EXITED.match(found[3]) if found else None
    if exited is not None and not seen.signal:
        return int(exited[1]) & 0xFF
    return 128 + seen.signal if seen.signal else seen.exit_code or None


def _why_failed(seen: Seen, known: Evidence, where: str, again: str) -> str:
    log = f"Next: sciabc-tui logs {known.job}"
    match seen.state:
        case "FAILED":
            return _why(seen, known, log)
        case "PREEMPTED":
            return f"Slurm ended it in favour of another job (preempted). {again}"
        case "OUT_OF_MEMORY":
            step = "Next: fewer ranks a node, or more memory (--mem in jobs.slurm_options)"
            return f"out of memory{where}. {step}"
        case _:
            return f"Slurm calls its end {seen.state}. {log}"


def _why(seen: Seen, known: Evidence, log: str) -> str:
    if seen.signal == _NOT_WRITABLE:
        return "Slurm's nodes can't write into the state directory. Next: set paths.state to a shared folder"
    if seen.signal:
        name = signals.strsignal(seen.signal) or "unknown"
        return f"its script was ended by signal {seen.signal} ({name}). {log}"
    found = _first(known.tail)
    if found and not _EXITED.match(found[3]):
        return f"{_who(found)}: {found[3].strip()}. {log}"
    told = judge(Ending(known.job, seen.exit_code or 1, tail=known.tail))
    if found and told.reason.startswith("exit status"):
        return f"{_who(found)} ended first, {found[3][0].lower()}{found[3][1:].strip()}. {log}"
    return told.reason


def _first(tail: Sequence[str]) -> re.Match[str] | None:
    """Find whose end came first by srun's word, and not by srun's hand if there is another."""
    told = [found for line in tail if (found := _TASKS.match(line))]
    return next((found for found in told if not _BY_SRUN.match(found[3])), told[0] if told else None)


def _who(found: re.Match[str]) -> str:
    many = "s" if re.search(r"\D", found[2]) else ""
    return f"rank{many} {found[2]} on {found[1]}"
