"""What goes over the socket, as JSON.

The state goes as the domain has it (`sciabc_tui.api.states`); here are only the requests and small answers.
A field that is not known is refused, so that a misspelt one is not silently ignored.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, NewType

from msgspec import Meta, Struct, convert

from sciabc_tui.cluster.job import Job, JobId, JobState, OnNodeLoss

VERSION = "v1"
"""The first part of every path; it changes when a client of before would break."""

Fingerprint = NewType("Fingerprint", str)

Text = Annotated[str, Meta(max_length=4096)]


class SubmitJob(Struct, frozen=True, forbid_unknown_fields=True):
    """Run a program.

    Attributes:
        program: A path, a bundled program, or an executable on PATH.
        args: Its arguments.
        ranks: How many ranks; None takes every schedulable slot.
        name: What to call the job; empty: as the program.
        cwd: Where it runs; empty: the home directory.
        env: Variables for every rank.
        each: Run the command once on every node, with no MPI in it.
        per_node: How many ranks on each node.
        nodes: The nodes that it may use, by name; none: any.
        exclude: The nodes that it must not use.
        time_limit: Seconds after which it is ended.
        priority: Of two waiting jobs the one with more goes first.
        on_node_loss: What happens when a node of it is lost.
        max_attempts: How often it may be launched, with `requeue`.
        launcher: `openmpi`, `mpich` or `slurm`; empty: what the nodes have.
        files: What the program needs beside itself; copied to nodes that do not share it.
        outputs: Patterns of files below `cwd` that are brought back in the end.
        grow: Launch it again with more ranks when nodes join.
    """

    program: Text
    args: tuple[Text, ...] = ()
    ranks: int | None = None
    name: Text = ""
    cwd: Text = ""
    env: dict[str, str] = {}
    each: bool = False
    per_node: int | None = None
    nodes: tuple[Text, ...] = ()
    exclude: tuple[Text, ...] = ()
    time_limit: float | None = None
    priority: int = 0
    on_node_loss: OnNodeLoss = OnNodeLoss.FAIL
    max_attempts: int = 3
    launcher: Text = ""
    files: tuple[Text, ...] = ()
    outputs: tuple[Text, ...] = ()
    grow: bool = False


class Priority(Struct, frozen=True, forbid_unknown_fields=True):
    """A job's place in the queue."""

    priority: int


class Submitted(Struct, frozen=True):
    """The job is in the queue."""

    job: Job


class ApproveKey(Struct, frozen=True, forbid_unknown_fields=True):
    """Trust the host key with this fingerprint."""

    fingerprint: Annotated[str, Meta(max_length=128)]


class Drain(Struct, frozen=True, forbid_unknown_fields=True):
    """No new jobs on the node."""

    reason: Annotated[str, Meta(max_length=200)] = ""


class AddNode(Struct, frozen=True, forbid_unknown_fields=True):
    """Take in a node that can't announce itself: `[USER@]HOST[:PORT]`."""

    host: Annotated[str, Meta(max_length=300)]


class PreflightWish(Struct, frozen=True, forbid_unknown_fields=True):
    """Check whether nodes are fit for a job.

    Attributes:
        program: As in `SubmitJob`; empty: whatever the nodes are fit for without one.
        cwd: Where it shall run; empty: the home directory.
        nodes: The nodes to check, by name; none: all that may take jobs.
        exclude: The nodes to leave out.
        fresh: Ask every node, also one that answered a moment ago.
        each: As in `SubmitJob`: a command for each node, with no MPI in it.
        launcher: As in `SubmitJob`: `openmpi` or `mpich`; empty: what the nodes have.
    """

    program: Text = ""
    cwd: Text = ""
    nodes: tuple[Text, ...] = ()
    exclude: tuple[Text, ...] = ()
    fresh: bool = False
    each: bool = False
    launcher: Text = ""


class PreflightCheck(Struct, frozen=True):
    """One cell of the grid: what was checked on a node, and what came of it."""

    subject: str
    """`ssh`, `mpi`, `mpi4py`, `program`, `directory`, `memory`, `disk` or `clock`."""
    verdict: Literal["ok", "warn", "fail", "unknown"]
    value: str
    """What was found, in a few words."""
    fix: str = ""
    """`Next: ...`; empty if all is well, or if another check's fix is what comes first."""


class PreflightRow(Struct, frozen=True):
    """What was found on a node."""

    node: str
    age: float
    """Seconds since the node was asked."""
    checks: tuple[PreflightCheck, ...]


class PreflightBegun(Struct, frozen=True):
    """Which nodes are asked; a row follows for each, in any order."""

    launcher: str
    """As in `PreflightReport`."""
    nodes: tuple[str, ...]


class PreflightReport(Struct, frozen=True):
    """What was found; every row has the same checks in the same order."""

    launcher: str
    """What the nodes must fit, such as `Open MPI 5.0.11`."""
    rows: tuple[PreflightRow, ...]


class Jobs(Struct, frozen=True):
    """Jobs, newest first.

    Attributes:
        jobs: They.
        wall: The head's time, in seconds since 1970; None from services of before.
        simulated: Whether none of it is real.
    """

    jobs: tuple[Job, ...]
    wall: float | None = None
    simulated: bool = False


class AttemptHost(Struct, frozen=True):
    """A node in an attempt, with the numbers of its ranks; none where nobody knows them."""

    name: str
    address: str
    ranks: tuple[int, ...] = ()


class JobAttempt(Struct, frozen=True):
    """One launch of a job; what its folder no longer tells, or does not tell yet, is empty.

    Attributes:
        number: From 1.
        state: How it stands or ended; None before it began.
        started_at: In seconds since 1970, like `ended_at`.
        ended_at: When all was over.
        exit_code: The launcher's.
        reason: One line on what went wrong.
        command: The launcher's command line, quoted for a shell.
        hosts: Where it runs or ran, in the order of the hostfile.
    """

    number: int
    state: JobState | None = None
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    reason: str = ""
    command: str = ""
    hosts: tuple[AttemptHost, ...] = ()


class JobDetail(Struct, frozen=True):
    """A job in full.

    Attributes:
        job: As in the list.
        attempts: The oldest first.
        env: What the job asked for its environment, `NAME=value`.
        files: As in `SubmitJob`.
        outputs: Likewise.
        grow: Likewise.
    """

    job: Job
    attempts: tuple[JobAttempt, ...]
    env: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    grow: bool = False


class JobPreview(Struct, frozen=True):
    """What would become of a job if it were submitted now.

    Attributes:
        program: The path that was found.
        name: What the job would be called.
        launcher: By what it would be launched, such as `Open MPI 5.0.11`.
        command: The launcher's command line, quoted for a shell; empty while it would wait, and in a
            simulation. Files are those of the attempt that it would be; `TOKEN` stands for a random word.
        hosts: Where its ranks would go; none while it would wait, or if another cluster decides it.
        waits: What it would wait for; empty if it would start at once.
        ahead: How many jobs have their turn before it, while it would wait.
        problem: Why its launch would fail at once; one line with the next step.
    """

    program: str
    name: str
    launcher: str = ""
    command: str = ""
    hosts: tuple[AttemptHost, ...] = ()
    waits: str = ""
    ahead: int = 0
    problem: str = ""


class Refusal(Struct, frozen=True):
    """Why a request was not granted; one line that names the next step."""

    error: str
    kind: str = ""
    """Which error of `sciabc_tui.errors` it is."""


class LogFilter(Struct, frozen=True):
    """Which lines of which attempt of a job are wanted; all of the newest, unless it says otherwise."""

    ranks: tuple[Annotated[int, Meta(ge=0, lt=10**9)], ...] = ()
    streams: tuple[Literal["out", "err"], ...] = ()
    since: Annotated[float, Meta(ge=0, lt=2**37)] | None = None
    """In seconds since 1970, as everywhere."""
    attempt: Annotated[int, Meta(ge=1, lt=10**6)] | None = None

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "LogFilter":
        """Read it from the parameters of a path. Raises `msgspec.ValidationError`."""
        fields: dict[str, object] = {
            name: [part for part in query[name].split(",") if part]
            for name in ("ranks", "streams")
            if name in query
        }
        fields |= {name: query[name] for name in ("since", "attempt") if name in query}
        return convert(fields, cls, strict=False)

    def parameters(self) -> str:
        """Write it as it stands in a path, behind other parameters."""
        fields = {
            "ranks": ",".join(map(str, self.ranks)),
            "streams": ",".join(self.streams),
            "since": "" if self.since is None else f"{self.since:.3f}",
            "attempt": "" if self.attempt is None else f"{self.attempt}",
        }
        return "".join(f"&{name}={value}" for name, value in fields.items() if value)


EVERY_LINE = LogFilter()


class LogChunk(Struct, frozen=True):
    """A piece of a job's log: whole lines, and where to read on."""

    data: bytes
    """There may be none although `next_offset` moved: then nothing up to there was wanted."""
    next_offset: int
    ended: bool
    """Has the job ended, so that nothing will come behind `next_offset`?"""
    start: int = 0
    """Where the lines begin: later than asked for, where something was left out."""
    size: int = 0
    """The offset behind the last byte that is there now."""


class LogPlace(Struct, frozen=True):
    """A wanted line, or how far was looked for one.

    Attributes:
        offset: Where it begins; or where to look on.
        found: Whether it is a line. If not, that was all there is if the offset stayed what it was.
    """

    offset: int
    found: bool


class LogCount(Struct, frozen=True):
    """How many lines there are between two offsets.

    Attributes:
        lines: That end there.
        offset: How far was counted.
        size: The offset behind the last byte that is there now.
    """

    lines: int
    offset: int
    size: int


def job_path(job: JobId, rest: str = "") -> str:
    """Give the path of a job."""
    return f"/{VERSION}/jobs/{job}{rest}"
