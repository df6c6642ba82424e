"""The form of a new job: its fields, what was typed into them, and what that asks for."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from sciabc_tui.api.messages import JobDetail, SubmitJob
from sciabc_tui.cluster.durations import UNITS, read_duration
from sciabc_tui.cluster.job import OnNodeLoss
from sciabc_tui.cluster.nodeset import fold, unfold
from sciabc_tui.tui.present.cells import plain

BUNDLED = (
    "hello",
    "powers",
    "ring",
    "pingpong",
    "mergesort",
    "pi",
    "taskfarm",
    "heat",
    "wing",
    "linpack",
)
"""The programs that come with sciabc-tui; the service finds them by name."""

LOSSES = tuple(loss.value for loss in OnNodeLoss)
YES, NO = "yes", "no"
MPI, EACH = "mpi", "each"
LAUNCHERS = ("", "openmpi", "mpich", "slurm")

_MAX_RANKS = 4096
_PRIORITY = 1000
_ATTEMPTS = 100
_FRACTION = re.compile(r"[0-9]{1,9}\.[0-9]{1,3}")


@dataclass(frozen=True, slots=True)
class Fields:
    """What stands in the form, as it was typed."""

    program: str
    arguments: str = ""
    ranks: str = "all"
    nodes: str = ""
    loss: str = OnNodeLoss.FAIL.value
    limit: str = ""
    name: str = ""
    directory: str = ""
    env: str = ""
    exclude: str = ""
    per_node: str = ""
    priority: str = "0"
    attempts: str = "3"
    files: str = ""
    outputs: str = ""
    grow: str = NO
    launcher: str = ""
    kind: str = MPI


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form; `key` is its name in `Fields`."""

    key: str
    label: str
    hint: str
    """What is said of it while one types in it."""
    empty: str = ""
    """What stands there, dim, when there is nothing."""
    choices: tuple[str, ...] = ()


MAIN = (
    Field("program", "Program", "a path, or a program that comes along; down offers them"),
    Field("arguments", "Arguments", "as in a shell: quotes keep words together", "none"),
    Field("ranks", "Ranks", ""),
    Field("nodes", "Nodes", "only these, such as node[01-03],head; nothing: any", "any"),
    Field(
        "loss", "Node loss", "up down: fail ends it, requeue runs it again, survive goes on", choices=LOSSES
    ),
    Field("limit", "Time limit", "ended after 90s, 10m or 1h30m; nothing: never", "none"),
)
"""The fields that every job needs a look at."""

MORE = (
    Field("name", "Name", "what the job is called; nothing: as its program", "as the program"),
    Field("directory", "Directory", "where it runs, on every node; nothing: the home directory", "home"),
    Field("env", "Environment", "NAME=value for every rank; quotes keep words together", "none"),
    Field("exclude", "Not on", "none of these nodes, such as node[01-03]", "none"),
    Field("per_node", "Per node", "so many ranks on each node; nothing: one on each slot", "each slot"),
    Field("priority", "Priority", "-1000 to 1000: of two jobs that wait, more goes first"),
    Field("attempts", "Attempts", "how often it may be launched, with requeue: 1 to 100"),
    Field("files", "With files", "files and folders it needs, for nodes that do not share them", "none"),
    Field("outputs", "Collect", "brought back in the end: result*.csv, in its directory", "nothing"),
    Field(
        "grow", "Grow", "up down: yes launches it again with more ranks when nodes join", choices=(NO, YES)
    ),
    Field("launcher", "Launcher", "up down: nothing is what the nodes have", "what nodes have", LAUNCHERS),
    Field("kind", "Kind", "up down: mpi, or each: once on every node, no MPI in it", choices=(MPI, EACH)),
)
"""Those that are seldom used."""

FIELDS: Mapping[str, Field] = {field.key: field for field in (*MAIN, *MORE)}

_OF_THE_SERVICE = {
    "args": "arguments",
    "cwd": "directory",
    "time_limit": "limit",
    "on_node_loss": "loss",
    "max_attempts": "attempts",
}
"""Fields that the service calls otherwise."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the form asks for; or in which field it can't be used, and why."""

    request: SubmitJob | None = None
    field: str = ""
    problem: str = ""


class _UnusableError(Exception):
    """A field can't be used."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{FIELDS[key].label.lower()}: {why}")
        self.key = key


def read_wish(fields: Fields) -> Wish:
    """Read the form's fields; paths stay as they were typed."""
    try:
        return Wish(_read(fields))
    except _UnusableError as error:
        return Wish(field=error.key, problem=str(error))


def _read(fields: Fields) -> SubmitJob:
    if not fields.program.strip():
        raise _UnusableError("program", f"name one of {', '.join(BUNDLED)}, or a path")
    each = _one_of("kind", fields.kind, (MPI, EACH)) == EACH
    request = SubmitJob(
        program=fields.program.strip(),
        args=_words("arguments", fields.arguments),
        ranks=None
        if fields.ranks.strip().lower() in {"", "all"}
        else _number("ranks", fields.ranks, 1, _MAX_RANKS),
        name=fields.name.strip(),
        cwd=fields.directory.strip(),
        env=_variables(fields.env),
        each=each,
        per_node=_number("per_node", fields.per_node, 1, _MAX_RANKS) if fields.per_node.strip() else None,
        nodes=_nodes("nodes", fields.nodes),
        exclude=_nodes("exclude", fields.exclude),
        time_limit=_seconds(fields.limit) if fields.limit.strip() else None,
        priority=_number("priority", fields.priority or "0", -_PRIORITY, _PRIORITY),
        on_node_loss=OnNodeLoss(_one_of("loss", fields.loss, LOSSES)),
        max_attempts=_number("attempts", fields.attempts or "3", 1, _ATTEMPTS),
        launcher=_one_of("launcher", fields.launcher, LAUNCHERS),
        files=_words("files", fields.files),
        outputs=_words("outputs", fields.outputs),
        grow=_one_of("grow", fields.grow, (NO, YES)) == YES,
    )
    _check_together(request)
    return request


def _check_together(request: SubmitJob) -> None:
    if request.grow and (request.ranks is not None or request.on_node_loss is not OnNodeLoss.REQUEUE):
        raise _UnusableError("grow", "it is launched again for that: ranks all, and requeue on node loss")
    if request.each and (request.ranks is not None or request.per_node is not None):
        raise _UnusableError("kind", "each runs once on every node: ranks all, and nothing per node")
    if both := sorted({*request.nodes} & {*request.exclude}):
        raise _UnusableError("exclude", f"{plain(both[0])} is wanted and excluded")


def _words(key: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise _UnusableError(key, "a quotation mark or backslash is open; close it") from error


def _number(key: str, text: str, least: int, most: int) -> int:
    wanted = text.strip()
    digits = wanted.removeprefix("-")
    right = digits.isascii() and digits.isdigit() and len(digits) <= 9
    if not right or not least <= int(wanted) <= most:
        other = ", or all" if key == "ranks" else ""
        raise _UnusableError(key, f"a number from {least} to {most}{other}")
    return int(wanted)


def _nodes(key: str, text: str) -> tuple[str, ...]:
    try:
        return unfold(text) if text.strip() else ()
    except ValueError as error:
        raise _UnusableError(key, plain(str(error))) from error


def _one_of(key: str, text: str, words: tuple[str, ...]) -> str:
    wanted = text.strip().lower()
    if wanted not in words:
        shown = " or ".join(words) if len(words) == 2 else f"one of {', '.join(filter(None, words))}"
        raise _UnusableError(key, shown)
    return wanted


def _seconds(text: str) -> float:
    wanted = text.strip().lower()
    if _FRACTION.fullmatch(wanted):
        return float(wanted)
    try:
        return read_duration(wanted)
    except ValueError as error:
        raise _UnusableError("limit", "a duration such as 90s, 10m or 1h30m") from error


def _variables(text: str) -> dict[str, str]:
    pairs = _words("env", text)
    for pair in pairs:
        if not pair.partition("=")[0] or "=" not in pair:
            raise _UnusableError("env", f"{plain(pair)} is not NAME=value")
    return dict(pair.split("=", 1) for pair in pairs)


def refused_field(problem: str) -> str:
    """Give the key of the field that the service complains of; empty if it is none of the form's."""
    name = problem.partition(":")[0]
    key = _OF_THE_SERVICE.get(name, name)
    return key if key in FIELDS else ""


def fields_of(detail: JobDetail) -> Fields:
    """Give the form that asks for a job once more."""
    job = detail.job
    return Fields(
        program=job.program,
        arguments=shlex.join(job.args),
        ranks="all" if job.ranks is None else str(job.ranks),
        nodes=fold(job.nodes),
        loss=job.on_node_loss.value,
        limit="" if job.time_limit is None else _written(job.time_limit),
        name="" if job.name == _stem(job.program) else job.name,
        directory=job.cwd,
        env=shlex.join(detail.env),
        exclude=fold(job.exclude),
        per_node="" if job.per_node is None else str(job.per_node),
        priority=str(job.priority),
        attempts=str(job.max_attempts),
        files=shlex.join(detail.files),
        outputs=shlex.join(detail.outputs),
        grow=YES if detail.grow else NO,
        launcher=job.launcher,
        kind=EACH if job.each else MPI,
    )


def _stem(program: str) -> str:
    name = program.rpartition("/")[2]
    return name.rpartition(".")[0] or name


def _written(seconds: float) -> str:
    """Write a duration as the form reads it."""
    if seconds != int(seconds):
        return f"{seconds:.3f}"
    rest, parts = int(seconds), list[str]()
    for unit in ("d", "h", "m", "s"):
        count, rest = divmod(rest, UNITS[unit])
        parts += [f"{count}{unit}"] if count else []
    return "".join(parts) or "0s"
