"""`sciabc-tui wheels`: MPI for boards without internet, fetched before class."""

import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from jobs.launchers import detect
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.output import emit, examples, say, table
from sciabc_tui.cli.sentences import Sentences
from sciabc_tui.cli.session import Session, session
from sciabc_tui.cli.values import AsJson, checked_nodes, node_names
from sciabc_tui.cli.work import Status
from sciabc_tui.cluster.node import Facts
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.wheels import Kind, Need, Shelf, is_wheels, kind_of, needs
from sciabc_tui.head.wheels_fetch import fetch as fetch_kind

_PYTHON = re.compile(r"([1-9])\.(\d{1,2})(?:\.\d{1,3})?")
_SYSTEM_PYTHON = "/usr/bin/python3"

app = typer.Typer(
    cls=Sentences,
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keep MPI for boards without internet: fetched where there is some, copied when provisioned.",
    epilog=examples(
        "sciabc-tui wheels fetch",
        "sciabc-tui wheels fetch --for node[01-04]",
        "sciabc-tui wheels fetch --python 3.11 --machine aarch64",
        "sciabc-tui wheels list",
    ),
)


@dataclass(frozen=True, slots=True)
class KindLine:
    """What there is for one kind of board, as `wheels list --json` prints it."""

    kind: str
    python: str
    machine: str
    glibc: str
    size: int
    wheels: tuple[str, ...]
    damaged: tuple[str, ...]


@app.command(
    epilog=examples(
        "sciabc-tui wheels fetch                             for boards like this head",
        "sciabc-tui wheels fetch --for @all                  for the nodes that are there",
        "sciabc-tui wheels fetch --python 3.11 --machine aarch64",
    )
)
def fetch(
    context: typer.Context,
    *,
    nodes: Annotated[
        str, typer.Option("--for", metavar="NODES", callback=checked_nodes, help="For these nodes.")
    ] = "",
    python: Annotated[
        list[str] | None, typer.Option(metavar="VERSION", help="For boards with this Python, such as 3.11.")
    ] = None,
    machine: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="For boards that are this, by uname -m: aarch64.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Fetch the wheels of MPI, mpi4py, numpy and pip, of the versions that this head has.

    Where nothing is said of the boards, they are taken to be like this head. What is there already is not
    fetched again.
    """
    kinds = _kinds(session(context), nodes, python or [], machine or [])
    wanted = _needs(session(context))
    shelf = _shelf(session(context))
    status = Status()
    for kind in kinds:
        try:
            fetched = fetch_kind(shelf, kind, wanted, status.show)
        finally:
            status.clear()
        line = _line(shelf, kind)
        if not as_json:
            how = "" if fetched else "already there: "
            say(f"{kind.title}: {how}{', '.join(line.wheels)} ({_megabytes(line.size)})")
    if as_json:
        emit({"wheels": [_line(shelf, kind) for kind in kinds]})


@app.command(name="list", epilog=examples("sciabc-tui wheels list", "sciabc-tui wheels list --json"))
def list_(context: typer.Context, *, as_json: AsJson = False) -> None:
    """Show what there is, for which boards, and whether it is still whole."""
    shelf = _shelf(session(context))
    lines = [_line(shelf, kind) for kind in shelf.kinds()]
    if as_json:
        emit({"wheels": lines})
        return
    if not lines:
        say(f"No wheels in {shelf.folder}. Next: sciabc-tui wheels fetch")
        return
    table(
        ("NAME", "PYTHON", "MACHINE", "GLIBC", "SIZE", "STATE"),
        [
            (line.kind, line.python, line.machine, line.glibc, _megabytes(line.size), _state(line))
            for line in lines
        ],
    )
    for line in lines:
        say(f"{line.kind}: {', '.join(line.wheels)}")
        if line.damaged:
            say(f"  Next: sciabc-tui wheels fetch --python {line.python} --machine {line.machine}")


@app.command(epilog=examples("sciabc-tui wheels remove cp311-aarch64", "sciabc-tui wheels remove --all"))
def remove(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="As `wheels list` shows it.", show_default=False)
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="All of them.")] = False,
) -> None:
    """Remove the wheels for one kind of board, or all."""
    if (name is None) != every:
        raise typer.BadParameter("name one, or --all")
    shelf = _shelf(session(context))
    chosen = [kind for kind in shelf.kinds() if every or kind.name == name]
    if not chosen and not every:
        raise NotFound(f"there are no wheels {name}. Next: sciabc-tui wheels list")
    for kind in chosen:
        shelf.remove(kind)
        say(f"{kind.name} removed")


def _shelf(options: Session) -> Shelf:
    return Shelf(options.load().settings.paths.wheels)


def _needs(options: Session) -> tuple[Need, ...]:
    launcher = detect(options.load().settings.jobs.launcher or None)
    if not is_wheels(launcher):
        raise CommandRefused(
            f"the head's {launcher.title} ({launcher.path}) is no wheel, and nodes need the same. "
            "Next: sciabc-tui nodes provision --mpi packages; or pip install 'sciabc-tui[mpi]' on the head"
        )
    return needs(launcher.flavour)


def _kinds(options: Session, nodes: str, pythons: Sequence[str], machines: Sequence[str]) -> list[Kind]:
    if nodes and (pythons or machines):
        raise typer.BadParameter("either --for, or --python and --machine")
    if nodes:
        return _of_nodes(options, nodes)
    versions = [_python(text) for text in pythons] or [_system_python()]
    return [kind_of(machine, python) for machine in machines or [platform.machine()] for python in versions]


def _of_nodes(options: Session, text: str) -> list[Kind]:
    with connected(options, start=False) as client:
        names = node_names(client, text)
        nodes = {node.name: node for node in client.state().nodes.values()}
    found: dict[Kind, None] = {}
    for name in names:
        if name not in nodes:
            raise NotFound(f"there is no node {name}. Next: sciabc-tui nodes")
        facts = nodes[name].facts or Facts()
        if not facts.machine or not facts.python:
            raise CommandRefused(f"{name} did not say what it is. Next: give --python and --machine for it")
        try:
            found[kind_of(facts.machine, _python(facts.python))] = None
        except CommandRefused as error:
            raise CommandRefused(f"{name}: {error}") from error
    return list(found)


def _python(text: str) -> tuple[int, int]:
    if (found := _PYTHON.fullmatch(text.removeprefix("Python ").strip())) is None:
        raise typer.BadParameter(f"{text!r} is no version of Python such as 3.11")
    return int(found[1]), int(found[2])


def _system_python() -> tuple[int, int]:
    """Give the distribution's Python, which boards with the same system have too; else our own."""
    try:
        asked = subprocess.run(
            [_SYSTEM_PYTHON, "--version"], capture_output=True, text=True, timeout=10, check=True
        )
        return _python(asked.stdout)
    except (OSError, subprocess.SubprocessError, typer.BadParameter):
        return sys.version_info[:2]


def _line(shelf: Shelf, kind: Kind) -> KindLine:
    wheels = shelf.wheels(kind)
    oldest = max((each.glibc for each in wheels if each.glibc), default=None)
    return KindLine(
        kind.name,
        ".".join(map(str, kind.python)),
        kind.machine,
        f"{oldest[0]}.{oldest[1]}+" if oldest else "any",
        sum(each.size for each in wheels),
        tuple(each.title for each in wheels),
        tuple(each.path.name for each in wheels if not each.whole),
    )


def _state(line: KindLine) -> str:
    return f"damaged: {', '.join(line.damaged)}" if line.damaged else "whole"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
