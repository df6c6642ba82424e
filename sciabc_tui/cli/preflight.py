"""`sciabc-tui preflight`: are the nodes fit for a job?"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from msgspec.structs import replace

from sciabc_tui.api.messages import PreflightCheck, PreflightReport, PreflightRow, PreflightWish
from sciabc_tui.cli.complete import program_names
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.failures import FAILED
from sciabc_tui.cli.output import emit, hint, say, table
from sciabc_tui.cli.run import resolve_program
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, node_names
from sciabc_tui.cluster.nodeset import fold

_WORDS = {"ok": "ok", "warn": "warn", "fail": "FAIL", "unknown": "--"}
_TITLES = {"directory": "DIR"}
_NAME_WIDTH = 24
"""What a name may take of 80 columns, beside eight checks."""


def preflight(
    context: typer.Context,
    program: Annotated[
        str | None,
        typer.Argument(
            metavar="PROGRAM", autocompletion=program_names, help="As for run.", show_default=False
        ),
    ] = None,
    *,
    each: Annotated[
        bool, typer.Option("--each", help="For a command on every node, with no MPI in it.")
    ] = False,
    nodes: Annotated[
        str, typer.Option("--nodes", "-w", metavar="NODES", help="Check only these: node[01-03], @up!node04.")
    ] = "",
    exclude: Annotated[str, typer.Option("--exclude", "-x", metavar="NODES", help="Leave these out.")] = "",
    launcher: Annotated[
        str, typer.Option("--mpi", metavar="FLAVOUR", help="openmpi or mpich. Without: what the nodes have.")
    ] = "",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Ask again whoever was well a minute ago, too.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check in seconds whether nodes are fit for a job; exit with 1 if one is not.

    Each is asked through the ssh that a launch uses: login, MPI, memory, disk, clock; with a PROGRAM also
    whether that is there, the same as here, and this directory; for Python mpi4py.
    """
    for node_set in (nodes, exclude):
        checked_nodes(node_set)
    wish = PreflightWish(
        program=resolve_program(program, Path.cwd()) if program else "",
        cwd=os.path.abspath(Path.cwd()) if program else "",  # noqa: PTH100 - as run does
        fresh=fresh,
        each=each,
        launcher=launcher,
    )
    with connected(session(context), start=False) as client:
        wish = replace(
            wish,
            nodes=node_names(client, nodes),
            exclude=node_names(client, exclude, may_be_none=True),
        )
        report = client.preflight(wish)
        simulated = client.state().head.simulated
    if as_json:
        emit(report)
    else:
        if simulated:
            say("[SIMULATED]")
        _show(report)
    if any(check.verdict == "fail" for row in report.rows for check in row.checks):
        raise typer.Exit(FAILED)


def _show(report: PreflightReport) -> None:
    subjects = [check.subject for check in report.rows[0].checks] if report.rows else []
    header = ("NODE", *(_TITLES.get(subject, subject.upper()) for subject in subjects))
    table(header, [_cells(row) for row in report.rows])
    for line in _problems(report.rows):
        say(line)
    oldest = max((row.age for row in report.rows), default=0.0)
    if oldest >= 1.0:
        hint(f"as of {oldest:.0f} s ago. Next: --fresh asks again")


def _cells(row: PreflightRow) -> tuple[str, ...]:
    name = row.node if len(row.node) <= _NAME_WIDTH else f"{row.node[: _NAME_WIDTH - 1]}~"
    return (name, *(_WORDS[check.verdict] for check in row.checks))


def _problems(rows: Sequence[PreflightRow]) -> Iterable[str]:
    """Say of each cell that is not ok what was found and what to do; the same of several nodes once."""
    nodes_of: dict[PreflightCheck, list[str]] = {}
    for row in rows:
        for check in row.checks:
            if check.fix:
                nodes_of.setdefault(check, []).append(row.node)
    for check, names in nodes_of.items():
        yield ""
        yield f"{fold(names)}: {check.subject}: {check.value}"
        yield f"  {check.fix}"
