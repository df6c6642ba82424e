"""`sciabc-tui exec`: a command on nodes, equal outputs folded."""

import sys
from collections.abc import Sequence
from typing import Annotated, TextIO

import typer

from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Said
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.failures import FAILED, INTERRUPTED
from sciabc_tui.cli.harmless import harmless
from sciabc_tui.cli.output import hint, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, checked_nodes, duration, up_nodes
from sciabc_tui.cli.work import Status, carry_out
from sciabc_tui.cluster.gather import Gathering, Group, Outcome
from sciabc_tui.cluster.nodeset import fold

RULE = "-" * 15
ERR = "stderr: "
"""What stands before what was written to standard error; it goes to ours."""


def exec(  # noqa: A001 - it is what the command is called
    context: typer.Context,
    command: Annotated[
        list[str],
        typer.Argument(
            metavar="COMMAND", help="A line for the shell of each node; words are joined, as by ssh."
        ),
    ],
    *,
    nodes: Annotated[
        str,
        typer.Option(
            "--nodes", "-w", metavar="NODES", help="On these: node[01-03], @up!node04. Without: @up."
        ),
    ] = "",
    exclude: Annotated[str, typer.Option("--exclude", "-x", metavar="NODES", help="On none of these.")] = "",
    within: Annotated[
        str, typer.Option("--within", metavar="DURATION", help="End it on a node after 30s or 10m.")
    ] = "",
    folded: Annotated[
        bool | None,
        typer.Option(
            "--fold/--no-fold",
            help="Show equal outputs once, when all are done; or each line as it comes. "
            "Without: once on a terminal.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run a command on all nodes at once, the head with them; exit as it exited where it went worst.

    It runs as the user that the head logs in as, in their home directory, with no input. Ctrl-C ends it on
    every node.
    """
    for node_set in (nodes, exclude):
        checked_nodes(node_set)
    seconds = duration(within) if within else None
    with connected(session(context), start=False) as client:
        wish = ExecWish(up_nodes(client, nodes, exclude), " ".join(command), seconds)
        folds = sys.stdout.isatty() if folded is None else folded
        listener = Folded() if folds else Lines()
        try:
            carry_out(client, wish, listener, as_json=as_json)
        except typer.Exit as ended:
            if ended.exit_code == INTERRUPTED and not as_json:
                listener.close()
            raise


_LONGEST = 64 * 1024
"""Bytes of a line that are kept until its end comes."""


class Lines:
    """Shows each line as it comes, with its node before it."""

    def __init__(self) -> None:
        self._begun: dict[tuple[str, bool], bytes] = {}
        self._ends = _Ends()

    def hear(self, part: Part) -> None:
        """Show it."""
        match part:
            case Begun() if part.simulated:
                say("[SIMULATED]")
            case Said():
                self._said(part)
            case Ended():
                for err in (False, True):
                    if rest := self._begun.pop((part.node, err), b""):
                        self._show(part.node, rest, err=err)
                self._ends.add((part.node,), part)
            case _:
                pass

    def close(self) -> int:
        """Give the exit code."""
        for (node, err), rest in self._begun.items():
            self._show(node, rest, err=err)
        return self._ends.code

    def _said(self, part: Said) -> None:
        key = (part.node, part.err)
        *lines, rest = (self._begun.pop(key, b"") + part.data).split(b"\n")
        for line in lines:
            self._show(part.node, line, err=part.err)
        if len(rest) > _LONGEST:  # a line without end is shown in pieces
            self._show(part.node, rest, err=part.err)
        elif rest:
            self._begun[key] = rest
        sys.stdout.flush()

    def _show(self, node: str, line: bytes, *, err: bool) -> None:
        text = line.removesuffix(b"\r").decode("utf-8", "backslashreplace")
        _print(f"{node}: {ERR if err else ''}{text}", sys.stderr if err else sys.stdout)


class Folded:
    """Shows what nodes said when all are done, the same once; until then how many are."""

    def __init__(self) -> None:
        self._gathering = Gathering(())
        self._of = 0
        self._over = 0
        self._status = Status()
        self._ends = _Ends()

    def hear(self, part: Part) -> None:
        """Take it in."""
        match part:
            case Begun():
                self._of = len(part.nodes)
                self._gathering = Gathering(part.nodes)
                if part.simulated:
                    say("[SIMULATED]")
            case Said():
                self._gathering.said(part.node, part.data, err=part.err)
            case Ended():
                self._over += 1
                self._gathering.ended(part.node, ok=part.ok, text=part.text, fix=part.fix, code=part.code)
            case Over():
                self._status.clear()
            case _:
                pass
        if self._over < self._of:
            running = fold(self._gathering.running)
            self._status.show(f"{self._over}/{self._of} done, waiting for {running}")

    def close(self) -> int:
        """Show the groups; give the exit code."""
        self._status.clear()
        groups = self._gathering.groups()
        for group in groups:
            _show_output(group)
        sys.stdout.flush()
        for group in groups:
            if not group.outcome.running:
                self._ends.add(group.nodes, group.outcome)
        return self._ends.code


class _Ends:
    """Tells of nodes where it did not go well, and keeps the worst exit code."""

    def __init__(self) -> None:
        self.code = 0

    def add(self, nodes: Sequence[str], end: Ended | Outcome) -> None:
        if end.ok:
            return
        hint(f"sciabc-tui: {fold(nodes)}: {end.text}")
        if end.fix:
            hint(f"  {end.fix}")
        self.code = max(self.code, end.code or FAILED)


def _show_output(group: Group) -> None:
    if not group.count and not group.lost:
        return
    title = f"{fold(group.nodes)} ({len(group.nodes)})"
    for line in (RULE, title, RULE):
        say(line)
    for line in group.out():
        _print(line, sys.stdout)
    for line in group.err():
        _print(f"{ERR}{line}", sys.stderr)
    if group.lost:
        hint(f"sciabc-tui: {fold(group.nodes)}: {group.lost} bytes more. Next: --no-fold, to a file")


def _print(text: str, to: TextIO) -> None:
    if to is sys.stderr:
        sys.stdout.flush()  # on a terminal both are one, in their order
    to.write(harmless(text) + "\n")
