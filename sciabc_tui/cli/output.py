"""How commands print: harmless text for people, JSON for programs."""

import io
import sys
from collections.abc import Sequence

import msgspec
import typer

from sciabc_tui.cli.harmless import harmless


def say(text: str) -> None:
    """Print a line of our own to standard output."""
    typer.echo(harmless(text))


def hint(text: str) -> None:
    """Tell the user something beside the output: on standard error."""
    typer.echo(harmless(text), err=True)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns that are as wide as what is in them."""
    lines = [[harmless(cell) for cell in line] for line in (header, *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        typer.echo("  ".join(cells).rstrip())


def emit(value: object) -> None:
    """Print a value as JSON: the same shape as in the API."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def ask(question: str) -> str:
    """Ask on standard error, so that standard output stays clean; an end of input is an empty answer."""
    typer.echo(f"{harmless(question)} ", err=True, nl=False)
    return sys.stdin.readline().strip().lower()


def examples(*lines: str) -> str:
    """Lay out the examples at the end of a command's help, each on a line of its own."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def survive_any_locale() -> None:
    """Print what the terminal's encoding lacks as an escape instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
