"""`sciabc-tui programs`: what comes with us to run, to read and to change. It asks no head service."""

import ast
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from jobs.spec import COMPANION, Program, bundled
from sciabc_tui.cli.complete import program_names
from sciabc_tui.cli.failures import EXIT_CODES
from sciabc_tui.cli.output import emit, examples, say, table
from sciabc_tui.cli.sentences import Sentences
from sciabc_tui.cli.values import AsJson
from sciabc_tui.errors import CommandRefused

app = typer.Typer(
    cls=Sentences,
    add_completion=False,
    name="programs",
    help="List the bundled programs; each runs with `sciabc-tui run NAME`.",
    epilog=f"""{
        examples(
            "sciabc-tui programs",
            "sciabc-tui programs show mergesort",
            "sciabc-tui programs copy mergesort ~/mine",
        )
    }\n\n{EXIT_CODES}""",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", autocompletion=program_names, help="As `sciabc-tui programs` lists it."),
]


@dataclass(frozen=True, slots=True)
class Shown:
    """What `--json` prints of a program; `text` says what it shows, `files` is what a copy has."""

    name: str
    summary: str
    text: str
    path: str
    files: tuple[str, ...]


@app.callback()
def listed(context: typer.Context, *, as_json: AsJson = False) -> None:
    """List the bundled programs; each runs with `sciabc-tui run NAME`."""
    if context.invoked_subcommand is not None:
        return
    found = bundled()
    if as_json:
        emit([_shown(program) for program in found])
        return
    table(("name", "what it does"), [(program.name, program.summary) for program in found])


@app.command(epilog=examples("sciabc-tui programs show pingpong"))
def show(name: Name, *, as_json: AsJson = False) -> None:
    """Say what a program shows, and where it is."""
    shown = _shown(_found(name))
    if as_json:
        emit(shown)
        return
    for line in shown.text.splitlines():
        say(line)
    say("")
    say(f"file     {shown.path}")
    say(f"run      sciabc-tui run {shown.name}")
    say(f"options  sciabc-tui run -n 1 {shown.name} -- --help")


@app.command(epilog=examples("sciabc-tui programs copy wing", "sciabc-tui programs copy wing ~/mine --force"))
def copy(
    name: Name,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Where to; made if need be. Without: here.")
    ] = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Put it in place of files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Copy a program, to be changed, with the file that prints its progress lines."""
    program = _found(name)
    target = (folder or Path()).expanduser()
    wanted = [program.path, program.path.with_name(COMPANION)]
    try:
        target.mkdir(parents=True, exist_ok=True)
        # One of an earlier copy is no obstacle as long as nobody changed it.
        lacking = [path for path in wanted if not _same(path, target / path.name)]
        if taken := [path.name for path in lacking if (target / path.name).exists() and not force]:
            raise CommandRefused(
                f"{target / taken[0]} is there and is another one. Next: name another DIR, or give --force"
            )
        for path in lacking:
            shutil.copyfile(path, target / path.name)
    except OSError as error:
        raise CommandRefused(
            f"{error.filename or target}: {error.strerror}. Next: name a DIR that is yours"
        ) from error
    copies = tuple(str((target / path.name).absolute()) for path in wanted)
    if as_json:
        emit(Shown(program.name, program.summary, _text(program), copies[0], copies))
        return
    for path in copies:
        say(path)
    say(f"Next: sciabc-tui run {target / program.path.name}")


def _found(name: str) -> Program:
    programs = bundled()
    for program in programs:
        if name in {program.name, program.path.name}:
            return program
    names = ", ".join(program.name for program in programs)
    raise CommandRefused(f"{name} is no bundled program. Next: give one of {names}")


def _shown(program: Program) -> Shown:
    files = (str(program.path), str(program.path.with_name(COMPANION)))
    return Shown(program.name, program.summary, _text(program), str(program.path), files)


def _text(program: Program) -> str:
    return ast.get_docstring(ast.parse(program.path.read_bytes())) or program.summary


def _same(path: Path, other: Path) -> bool:
    return other.is_file() and other.read_bytes() == path.read_bytes()
