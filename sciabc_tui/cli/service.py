"""`sciabc-tui head`, `panel`, and `sciabc-tui` alone: what needs the heavy libraries, imported when asked."""

import os
import sys
from typing import Annotated, Literal

import typer

from sciabc_tui.cli.connect import attached, connected
from sciabc_tui.cli.daemon import command_line
from sciabc_tui.cli.output import emit, say
from sciabc_tui.cli.session import Session, session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.errors import CommandRefused

Glass = Literal["16x2", "20x4"]


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
    preview: Annotated[bool, typer.Option("--preview", help="Draw the glass here.")] = False,
    size: Annotated[
        Glass | None, typer.Option(help="Columns x rows. Without: as configured.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show what the LCD and the lamp show now."""
    from hw.hd44780 import Size  # noqa: PLC0415 - only this command needs it
    from sciabc_tui.panel.present import present  # noqa: PLC0415 - as above

    if not preview and not as_json:
        raise typer.BadParameter("--preview draws the glass")
    options = session(context)
    columns, rows = (size or options.load().settings.panel.size).split("x")
    with connected(options, start=False) as client:
        state = client.state()
    frame = present(state, state.at, state.wall, size=Size(int(columns), int(rows)))
    lamp = state.panel.lamp.value if state.panel else "--"
    if as_json:
        emit({"lines": frame.lines, "backlight": frame.backlight, "lamp": lamp})
        return
    say(f"+{'-' * int(columns)}+")
    for line in frame.lines:
        say(f"|{line}|")
    say(f"+{'-' * int(columns)}+")
    say(f"lamp: {lamp}{'  [SIMULATED]' if state.head.simulated else ''}")


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
        from sciabc_tui.tui.run import run_tui  # noqa: PLC0415 - Textual costs more than a whole command

        runtime = options.load().settings.paths.runtime_dir
        return run_tui(attachment.client, begin=attachment.begin, log_file=runtime / "tui.log")
