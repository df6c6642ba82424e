"""What a job is asked to be, and the check that it can be run."""

import ast
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path, PurePosixPath

from jobs.errors import SpecError

PROGRAMS = Path(__file__).parent / "programs"
COMPANION = "sciabc_lines.py"
"""A file that a program may have beside it, and takes along wherever it goes; no program itself."""
_NAME_LENGTH = 64
# A launcher passes its command line on through ssh, where one argument may hold 128 KiB (MAX_ARG_STRLEN).
_ARGS_LENGTH = 100_000
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = "SCIABC_"
_PER_NODE = 4096
_PRIORITY = 1000
_ATTEMPTS = 100
_TIME_LIMIT = 366 * 86_400.0
SLURM = "slurm"
FLAVOURS = ("openmpi", "mpich", SLURM)
"""What a job may ask to be launched by: a flavour of MPI, or Slurm on the cluster that it rules."""


class Kind(StrEnum):
    """What a launch starts."""

    MPI = "mpi"
    EACH = "each"
    """The command once on every node, with no MPI in it."""


class OnNodeLoss(StrEnum):
    """What becomes of a job that loses a node."""

    FAIL = "fail"
    REQUEUE = "requeue"
    SURVIVE = "survive"
    """The program shrinks and goes on by itself: MPI's fault tolerance, which Open MPI 5 has."""


@dataclass(frozen=True, slots=True)
class JobSpec:
    """What to run.

    Attributes:
        program: A path, the name of a bundled program, or an executable on PATH.
        args: Its arguments, passed on as they are: no shell reads them.
        ranks: How many ranks; None means one on every schedulable slot.
        name: What the job is called; empty means the stem of the program.
        cwd: Where it runs, on every node; empty means the home directory.
        env: Variables for every rank, beside those it has anyway.
        kind: An MPI program, or a command for each node.
        per_node: How many ranks on each node; with it ``ranks`` None means on every node.
        nodes: Names of the nodes that it may use; none means any.
        exclude: Names of the nodes that it must not use.
        time_limit: Seconds after which an attempt is ended; None means never.
        priority: Of two waiting jobs the one with more goes first.
        on_node_loss: What happens when a node of it is lost.
        max_attempts: How often it may be launched; more than once only with ``requeue``.
        launcher: The flavour of MPI to use; empty means what the nodes have. ``slurm``: on Slurm's cluster.
        files: What the program needs beside itself, files and folders; copied to nodes that do not share it.
        outputs: Patterns (``result*.csv``), relative to ``cwd``, of files that are brought back in the end.
        grow: Whether it is launched again with more ranks when nodes join; only where it asks for every slot
            and is requeued when it loses one.
    """

    program: str
    args: tuple[str, ...] = ()
    ranks: int | None = None
    name: str = ""
    cwd: str = ""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    kind: Kind = Kind.MPI
    per_node: int | None = None
    nodes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    time_limit: float | None = None
    priority: int = 0
    on_node_loss: OnNodeLoss = OnNodeLoss.FAIL
    max_attempts: int = 3
    launcher: str = ""
    files: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    grow: bool = False

    @property
    def each(self) -> bool:
        """Tell whether it is a command for each node."""
        return self.kind is Kind.EACH

    @property
    def elsewhere(self) -> bool:
        """Tell whether it goes to another cluster than ours: Slurm's."""
        return self.launcher == SLURM

    @property
    def is_python(self) -> bool:
        """Tell whether a Python interpreter must run the program."""
        return self.program.endswith(".py")


@dataclass(frozen=True, slots=True)
class Program:
    """A program that comes with sciabc-tui; ``summary`` is the first line of its docstring."""

    name: str
    path: Path
    summary: str


def bundled() -> tuple[Program, ...]:
    """List the programs that come with sciabc-tui, by name; none of them is run or imported."""
    return tuple(Program(name=path.stem, path=path, summary=_summary(path)) for path in _bundled_paths())


def validated(spec: JobSpec, *, total_slots: int | None) -> JobSpec:
    """Check every field and resolve the program.

    Args:
        spec: What was asked, from outside.
        total_slots: The slots of the whole cluster; None when they are not known.

    Returns:
        The same with an absolute program, cwd and files, and a name.

    Raises:
        SpecError: A field can't be used; it names the field and the next step.
    """
    _plain("program", spec.program)
    _plain("name", spec.name)
    _plain("cwd", spec.cwd)
    _check_args(spec.args)
    _check_env(spec.env)
    _check_ranks(spec.ranks, None if spec.elsewhere else total_slots)
    _check_places(spec)
    _check_policy(spec)
    _check_outputs(spec.outputs)
    cwd = _directory(spec.cwd)
    files = tuple(str(_needed(text, cwd)) for text in spec.files)
    program = _resolve(spec.program, cwd)
    name = spec.name.strip() or program.stem
    if len(name) > _NAME_LENGTH:
        raise SpecError("name", f"longer than {_NAME_LENGTH} characters. Next: choose a shorter one")
    return replace(spec, program=str(program), name=name, cwd=str(cwd), files=files)


def with_priority(spec: JobSpec, priority: int) -> JobSpec:
    """Give a validated spec with another priority.

    Raises:
        SpecError: It is none.
    """
    changed = replace(spec, priority=priority)
    _check_policy(changed)
    return changed


def _bundled_paths() -> list[Path]:
    return sorted(path for path in PROGRAMS.glob("*.py") if path.name != COMPANION)


def _summary(path: Path) -> str:
    docstring = ast.get_docstring(ast.parse(path.read_bytes())) or ""
    return docstring.partition("\n")[0]


def _plain(where: str, text: str) -> None:
    # Not only control characters: also what reorders text on a screen, other line ends, half characters.
    if not text.isprintable():
        raise SpecError(where, "holds a control or invisible character. Next: remove it")


def _check_args(args: tuple[str, ...]) -> None:
    for argument in args:
        _plain("args", argument)
    if sum(len(argument.encode()) + 1 for argument in args) > _ARGS_LENGTH:
        raise SpecError("args", f"longer than {_ARGS_LENGTH} bytes. Next: pass the data in a file")


def _check_env(env: Mapping[str, str]) -> None:
    for name, value in env.items():
        _plain("env", value)
        if not _ENV_NAME.fullmatch(name):
            raise SpecError("env", f"{_shown(name)} is no variable's name. Next: use letters, digits and _")
        if name.startswith(_RESERVED):
            raise SpecError("env", f"{name}: {_RESERVED}* belongs to sciabc-tui. Next: use another name")


def _check_ranks(ranks: int | None, total_slots: int | None) -> None:
    match ranks:
        case None:
            return
        case int() if ranks < 1:
            raise SpecError("ranks", f"{ranks} ranks asked. Next: ask for at least 1")
        case int() if total_slots is not None and ranks > total_slots:
            fits = f"1 to {total_slots}" if total_slots else "a node (sciabc-tui nodes)"
            slots = "1 slot" if total_slots == 1 else f"{total_slots} slots"
            raise SpecError("ranks", f"{ranks} ranks asked, the cluster has {slots}. Next: ask for {fits}")
        case _:
            return


def _check_places(spec: JobSpec) -> None:
    if spec.per_node is not None and not 1 <= spec.per_node <= _PER_NODE:
        raise SpecError("per_node", f"{spec.per_node} ranks a node. Next: ask for 1 to {_PER_NODE}")
    if spec.kind is Kind.EACH and (spec.ranks is not None or spec.per_node is not None):
        raise SpecError("ranks", "a command for each node has one on each. Next: leave ranks out")
    for where, names in (("nodes", spec.nodes), ("exclude", spec.exclude)):
        for name in names:
            _plain(where, name)
            if not name:
                raise SpecError(where, "holds an empty name. Next: name nodes as sciabc-tui nodes shows them")
    if both := sorted({*spec.nodes} & {*spec.exclude}):
        raise SpecError("exclude", f"{both[0]} is wanted and excluded. Next: name it once")


def _check_policy(spec: JobSpec) -> None:
    if spec.time_limit is not None and not 1.0 <= spec.time_limit <= _TIME_LIMIT:
        raise SpecError("time_limit", f"{spec.time_limit:g} s. Next: give 1 s to 1 year, or leave it out")
    if not -_PRIORITY <= spec.priority <= _PRIORITY:
        raise SpecError("priority", f"{spec.priority}. Next: give -{_PRIORITY} to {_PRIORITY}")
    if not 1 <= spec.max_attempts <= _ATTEMPTS:
        raise SpecError("max_attempts", f"{spec.max_attempts}. Next: give 1 to {_ATTEMPTS}")
    _check_grow(spec)
    if spec.launcher not in {"", *FLAVOURS}:
        raise SpecError(
            "launcher", f"{_shown(spec.launcher)} is not known. Next: give one of {', '.join(FLAVOURS)}"
        )


def _check_grow(spec: JobSpec) -> None:
    if not spec.grow:
        return
    if spec.ranks is not None:
        raise SpecError("grow", f"{spec.ranks} ranks asked. Next: leave ranks out, to take every slot")
    if spec.on_node_loss is not OnNodeLoss.REQUEUE:
        raise SpecError("grow", "it is launched again for that. Next: give --on-node-loss requeue too")


def _check_outputs(patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        _plain("outputs", pattern)
        path = PurePosixPath(pattern)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise SpecError(
                "outputs", f"{_shown(pattern)} is not inside the working directory. Next: give result*.csv"
            )


def _needed(text: str, cwd: Path) -> Path:
    _plain("files", text)
    path = Path(os.path.normpath(cwd / _expanded("files", text)))
    if not path.exists():
        raise SpecError("files", f"{_shown(text)} not found. Next: give its path")
    if not os.access(path, os.R_OK):
        raise SpecError("files", f"{_shown(text)} is not readable. Next: chmod +r {_shown(str(path))}")
    if path == cwd or path in cwd.parents:
        raise SpecError(
            "files", f"{_shown(text)} holds the working directory. Next: name what is needed in it"
        )
    return path


def _directory(text: str) -> Path:
    path = _expanded("cwd", text) if text else Path.home()
    if not path.is_absolute():
        raise SpecError("cwd", f"{_shown(text)} is not absolute. Next: give the path from /")
    if not path.is_dir():
        raise SpecError("cwd", f"{_shown(text)} is no directory. Next: make it, or choose another")
    return path


def _resolve(text: str, cwd: Path) -> Path:
    if not text.strip():
        raise SpecError("program", "none given. Next: give a path, or a bundled name such as hello")
    path = Path(os.path.normpath(cwd / _expanded("program", text)))
    if path.is_file():
        return _runnable(path, text)
    if found := _bundled_or_on_path(text):
        return found
    if path.is_dir():
        raise SpecError("program", f"{_shown(text)} is a directory. Next: name the program in it")
    names = ", ".join(bundled.stem for bundled in _bundled_paths())
    raise SpecError("program", f"{_shown(text)} not found. Next: give its path, or a bundled name ({names})")


def _runnable(path: Path, text: str) -> Path:
    if path.suffix != ".py" and not os.access(path, os.X_OK):
        raise SpecError("program", f"{_shown(text)} is not executable. Next: chmod +x {_shown(str(path))}")
    if not os.access(path, os.R_OK):
        raise SpecError("program", f"{_shown(text)} is not readable. Next: chmod +r {_shown(str(path))}")
    return path


def _bundled_or_on_path(text: str) -> Path | None:
    if "/" in text:
        return None
    for path in _bundled_paths():
        if text in {path.stem, path.name}:
            return path
    found = shutil.which(text)
    return Path(found).absolute() if found else None


def _expanded(where: str, text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise SpecError(where, f"{_shown(text)}: no such user. Next: give the path from /") from error


def _shown(text: str) -> str:
    return text if len(text) <= 80 else f"{text[:77]}..."
