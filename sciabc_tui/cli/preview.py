"""Draws the front panel in a terminal: what the glass and the lamp show, and what hinders them."""

import shutil
import sys
import textwrap
import time
from collections.abc import Iterable
from dataclasses import dataclass

import typer

from hw.hd44780 import Size
from sciabc_tui.cli.harmless import harmless
from sciabc_tui.cli.output import say
from sciabc_tui.cluster.state import PanelView, State
from sciabc_tui.panel.looks import describe
from sciabc_tui.panel.ports import LocalTime
from sciabc_tui.panel.present import present
from sciabc_tui.panel.scene import NIGHT, Night

_UP = "\x1b[{}F"
_TO_THE_END_OF_THE_LINE = "\x1b[K"
_TO_THE_END = "\x1b[J"


@dataclass(frozen=True, slots=True)
class Panel:
    """What `panel --json` prints. `lines` have exactly the size of the glass."""

    lines: tuple[str, ...]
    backlight: bool
    lamp: str
    rhythm: str
    lcd_problem: str
    stick_problem: str
    simulated: bool


def panel_of(
    state: State,
    wanted: Size | None,
    *,
    configured: Size,
    night: Night = NIGHT,
    local: LocalTime = time.localtime,
) -> Panel:
    """Give what the panel shows.

    Args:
        state: As the head service gave it.
        wanted: Size of the glass to draw; None draws what is shown, whatever its size.
        configured: Size to draw while nothing is shown yet.
        night: When a glass that is not there would be dark.
        local: The time zone.
    """
    shown = state.panel
    if shown is not None and wanted in {None, _size(shown)}:
        lines, backlight, lamp, rhythm = shown.lines, shown.backlight, shown.lamp, shown.rhythm
    else:
        size = wanted or configured
        frame = present(state, state.at, state.wall, size=size, local=local, night=night)
        lines, backlight, lamp, rhythm = frame.lines, frame.backlight, frame.lamp, describe(frame.lamp)
    return Panel(
        lines,
        backlight,
        lamp.value,
        rhythm,
        shown.lcd_problem if shown else "",
        shown.stick_problem if shown else "",
        state.head.simulated,
    )


def _size(shown: PanelView) -> Size:
    return Size(max(map(len, shown.lines), default=0), len(shown.lines))


def drawn(panel: Panel, width: int = 80) -> list[str]:
    """Draw the panel in lines of at most `width` characters."""
    rule = f"+{'-' * len(panel.lines[0])}+"
    lamp = f"{panel.lamp}: {panel.rhythm}" if panel.rhythm else panel.lamp
    told = [
        ("light", "on" if panel.backlight else "off"),
        ("lamp", f"{lamp}{'  [SIMULATED]' if panel.simulated else ''}"),
        ("LCD", panel.lcd_problem),
        ("stick", panel.stick_problem),
    ]
    return [
        rule,
        *(f"|{line}|" for line in panel.lines),
        rule,
        *(
            line
            for name, text in told
            if text
            for line in textwrap.wrap(
                harmless(text),
                width,
                initial_indent=f"{name:<7}",
                subsequent_indent=" " * 7,
                break_on_hyphens=False,
            )
        ),
    ]


def show_live(panels: Iterable[Panel]) -> None:
    """Draw the panel, and over it again whenever it changes; on a terminal only."""
    height = 0
    before: Panel | None = None
    for panel in panels:
        if panel == before:
            continue
        before = panel
        lines = drawn(panel, max(20, shutil.get_terminal_size().columns - 1))
        text = "".join(f"{harmless(line)}{_TO_THE_END_OF_THE_LINE}\n" for line in lines)
        typer.echo(f"{_UP.format(height) if height else ''}{text}{_TO_THE_END}", nl=False)
        sys.stdout.flush()
        height = len(lines)


def show_once(panel: Panel) -> None:
    """Draw the panel as it is now."""
    for line in drawn(panel):
        say(line)
