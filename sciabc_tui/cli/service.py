"""`sciabc-tui head`, `panel`, and `sciabc-tui` alone: what needs the heavy libraries, imported when asked."""

import os
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from msgspec import structs

from sciabc_tui.cli.connect import attached, connected
from sciabc_tui.cli.daemon import command_line
from sciabc_tui.cli.multiplexer import terminal_behind
from sciabc_tui.cli.output import emit
from sciabc_tui.cli.session import Session, session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.errors import CommandRefused, ServiceUnavailable

if TYPE_CHECKING:
    from sciabc_tui.cluster.state import State
    from sciabc_tui.tui.ports import Shell

Glass = Literal["16x2", "20x4"]

_BLANK_LINE = "\x1b[2K"
"""EL 2, see console_codes(4)."""


def head(
    context: typer.Context,
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Eight simulated nodes instead of real ones.")] = False,
    linger: Annotated[
        bool, typer.Option("--linger", help="End when no client is connected and no job is left.")
    ] = False,
) -> None:
    """Run the head service here: it finds the nodes, runs the jobs and drives LCD and lamp.

    It ends on SIGTERM or Ctrl-C; jobs go on, and the next head service finds them again.
    """
    options = session(context)
    command = command_line(options.config, linger=linger, demo=demo or options.demo, debug=options.debug)
    sys.stdout.flush()
    os.execv(command[0], command)  # noqa: S606 - the same process from here on: systemd keeps its pid


def panel(
    context: typer.Context,
    *,
    preview: Annotated[bool, typer.Option("--preview", help="Draw the glass here, until Ctrl-C.")] = False,
    once: Annotated[bool, typer.Option("--once", help="Draw it once; so it is into a pipe, too.")] = False,
    size: Annotated[
        Glass | None, typer.Option(help="Columns x rows. Without: as it is there.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the LCD and the lamp show now, and what hinders them."""
    from hw.hd44780 import SIZES  # noqa: PLC0415 - only this command needs it
    from sciabc_tui.cli.preview import Panel, panel_of, show_live, show_once  # noqa: PLC0415 - as above
    from sciabc_tui.panel.scene import parse_night  # noqa: PLC0415 - as above

    if not (preview or once or as_json):
        raise typer.BadParameter("--preview draws the glass")
    options = session(context)
    settings = options.load().settings.panel
    wanted = SIZES[size] if size else None
    configured, night = SIZES[settings.size], parse_night(settings.night)

    def shown(state: "State") -> Panel:
        return panel_of(state, wanted, configured=configured, night=night)

    with connected(options, start=False) as client:
        if preview and not (once or as_json) and is_terminal():
            with closing(client.watch()) as states:
                show_live(shown(state) for state in states)
            raise ServiceUnavailable("The head service went away. Next: sciabc-tui status")
        now = shown(client.state())
    if as_json:
        emit(now)
    else:
        show_once(now)


def is_terminal() -> bool:
    """Can what is drawn be drawn over?"""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in {"", "dumb", "unknown"}


@contextmanager
def _opening() -> Generator[None, None, None]:
    """Say that it works while Textual is loaded: on a Raspberry Pi that takes more than a second."""
    sys.stderr.write("sciabc-tui: opening ...\r")
    sys.stderr.flush()
    yield
    sys.stderr.write(_BLANK_LINE)


def open_tui(options: Session) -> int:
    """Open the control panel; give its exit status.

    Raises:
        CommandRefused: This is no terminal that can show it.
    """
    if not sys.stdin.isatty() or not sys.stdout.isatty():
        raise CommandRefused("The control panel needs a terminal. Next: sciabc-tui status")
    if os.environ.get("TERM", "dumb") in {"", "dumb", "unknown"}:
        raise CommandRefused("This terminal can't show the control panel (TERM). Next: sciabc-tui status")
    with attached(options) as attachment:
        with _opening():
            from sciabc_tui.tui.run import run_tui  # noqa: PLC0415 - Textual costs more than a whole command

        loaded = options.load()
        settings = loaded.settings
        wanted = settings.tui

        def shell() -> "Shell":
            from sciabc_tui.cli.shell import NodeShells  # noqa: PLC0415 - the first frame waits for none

            return NodeShells(attachment.client(), settings)

        return run_tui(
            attachment.client,
            begin=attachment.begin,
            log_file=settings.paths.runtime_dir / "tui.log",
            form_file=settings.paths.runtime_dir / "tui-form.json",
            settings=structs.replace(wanted, read_only=wanted.read_only or options.read_only),
            loaded=loaded,
            terminal=terminal_behind(os.environ),
            shell=shell,
        )
