"""Looks at a scripted state without a screen."""

from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import Line
from sciabc_tui.tui.present.glyphs import UNICODE, Glyphs
from sciabc_tui.tui.present.view import View


def seen(state: State, *, glyphs: Glyphs = UNICODE, gone: float | None = None, later: float = 0.0) -> View:
    """View a state, some seconds after it was published."""
    return View(glyphs, state, state.at + later, state.wall + later, gone)


def text(line: Line) -> str:
    """Give a line's text."""
    return "".join(cell.text for cell in line)
