"""`sciabc-tui`: the entry point, and the list of commands."""

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from sciabc_tui.cli.failures import EXIT_CODES
from sciabc_tui.cli.listed import Commands
from sciabc_tui.cli.output import say, survive_any_locale
from sciabc_tui.cli.session import Session

EXAMPLES = """\b
Examples:
  sciabc-tui                        open the control panel
  sciabc-tui --demo                 the same on eight simulated nodes
  sciabc-tui status                 where do I connect, and is it well?
  sciabc-tui run hello.py           run a program on every slot
  sciabc-tui head                   run the head service here"""

app = typer.Typer(
    cls=Commands,
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="The control panel of a cluster in a briefcase. Alone it opens the screen; see the commands below.",
    epilog=f"{EXAMPLES}\n\n{EXIT_CODES}",
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - no other command pays for it

        say(f"sciabc-tui {version('sciabc-tui')}")
        raise typer.Exit


@app.callback()
def alone(
    context: typer.Context,
    *,
    config: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Settings, in place of the user's own file.")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="On a simulated cluster, for this command only.")
    ] = False,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="The control panel offers nothing that changes something.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Open the control panel, unless a command follows."""
    del show_version  # its callback has done it
    if read_only and context.invoked_subcommand:
        raise typer.BadParameter("--read-only is for the control panel, which opens without a command")
    context.obj = Session(config, demo, debug, read_only)
    if context.invoked_subcommand is None:
        from sciabc_tui.cli.service import open_tui  # noqa: PLC0415 - as above

        raise typer.Exit(open_tui(context.obj))


def main() -> None:
    """Run the command that the arguments name, and exit."""
    survive_any_locale()
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # a library's warnings are for developers: -W shows them
    app(prog_name="sciabc-tui", args=sys.argv[1:])
