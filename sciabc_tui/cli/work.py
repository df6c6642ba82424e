"""Prints a work on nodes: how far it is, what came of each, and the exit code."""

import sys
from collections.abc import Callable
from typing import Protocol

import msgspec
import typer

from sciabc_tui.api.client import Client
from sciabc_tui.api.works import Begun, Board, Ended, Over, Part, Said, Step, Wish
from sciabc_tui.cli.failures import FAILED, INTERRUPTED
from sciabc_tui.cli.harmless import harmless
from sciabc_tui.cli.output import hint, say
from sciabc_tui.cluster.nodeset import fold

_WIDTH = 78
_WORDS = {"done": "done", "unchanged": "ok", "would": "would", "failed": "FAILED", "skipped": "skipped"}


class Listener(Protocol):
    """Shows a work to a person."""

    def hear(self, part: Part) -> None:
        """Take in what happened."""
        ...

    def close(self) -> int:
        """Say what is left to say; give the exit code."""
        ...


def carry_out(client: Client, wish: Wish, listener: Listener, *, as_json: bool) -> None:
    """Do a work and show it; with Ctrl-C it is cancelled on the nodes.

    Args:
        client: The head service.
        wish: What to do.
        listener: Shows it, unless JSON is wanted.
        as_json: Print a line of JSON for each part, as in docs/api.md.

    Raises:
        typer.Exit: With the exit code, if that is not 0.
    """
    lines = JsonLines() if as_json else listener
    try:
        client.work(wish, lines.hear)
    except KeyboardInterrupt:
        hint("Cancelled. What was begun on the nodes is ended.")
        raise typer.Exit(INTERRUPTED) from None
    if code := lines.close():
        raise typer.Exit(code)


class JsonLines:
    """Prints each part as a line of JSON."""

    def __init__(self) -> None:
        self._worst = 0

    def hear(self, part: Part) -> None:
        """Print it."""
        if isinstance(part, Ended) and not part.ok:
            self._worst = max(self._worst, part.code or FAILED)
        typer.echo(msgspec.json.encode(part).decode())

    def close(self) -> int:
        """Give the worst exit status of a program, 1 for another failure."""
        return self._worst


class Status:
    """One line on standard error that is written over and over; nothing where that is no terminal."""

    def __init__(self) -> None:
        self._shown = 0
        self._on = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Show this in place of what was there."""
        if self._on:
            line = harmless(text)[:_WIDTH]
            sys.stderr.write("\r" + line.ljust(self._shown))
            sys.stderr.flush()
            self._shown = len(line)

    def clear(self) -> None:
        """Show nothing."""
        if self._shown:
            sys.stderr.write("\r" + " " * self._shown + "\r")
            sys.stderr.flush()
            self._shown = 0


class Steps:
    """Shows a work that goes by steps: each node's result as soon as it is over, and where the others are."""

    def __init__(self, report: Callable[[str], None] = say) -> None:
        self._report = report
        self._status = Status()
        self._under_way: dict[str, str] = {}
        self._failed: list[str] = []
        self._told: set[str] = set()
        self._of = 0
        self._over = 0

    def hear(self, part: Part) -> None:
        """Show it."""
        match part:
            case Begun():
                self._of = len(part.nodes)
                if part.simulated:
                    self._report("[SIMULATED]")
            case Step():
                self._step(part)
            case Ended():
                self._ended(part)
            case Over():
                self._print(part.text, part.fix)
            case Board():
                self._print(f"{part.target}: {part.problem or part.fingerprint}", part.fix)
            case Said():
                self._print(f"{part.node}: {part.data.decode('utf-8', 'replace').rstrip()}")
        self._show()

    def close(self) -> int:
        """Name those that failed."""
        self._status.clear()
        if self._failed:
            hint(f"{fold(self._failed)}: failed")
        return FAILED if self._failed else 0

    def _step(self, part: Step) -> None:
        if part.outcome == "running":
            share = "" if part.share is None else f" {part.share:.0%}"
            text = f" ({part.text})" if part.text else ""
            self._under_way[part.node] = f"{part.step}{share}{text}"
            return
        if part.outcome == "unchanged" and not part.text:
            return
        if part.outcome == "failed":
            self._told.add(part.node)
        for line in part.text.splitlines() or [""]:
            self._print(f"{part.node}: {part.step}: {_WORDS[part.outcome]} {line}".rstrip())
        self._print("", part.fix)

    def _ended(self, part: Ended) -> None:
        self._under_way.pop(part.node, None)
        self._over += 1
        if not part.ok:
            self._failed.append(part.node)
        if part.node in self._told:
            return  # the step that failed has said it
        self._print(f"{part.node}: {'' if part.ok else 'FAILED '}{part.text}".rstrip(" :"), part.fix)

    def _print(self, text: str, fix: str = "") -> None:
        self._status.clear()
        if text:
            self._report(text)
        if fix:
            self._report(f"  {fix}")

    def _show(self) -> None:
        if self._under_way:
            node, what = next(iter(self._under_way.items()))
            self._status.show(f"{self._over} of {self._of} nodes, {node}: {what}")
