"""Tones become styles here: each is a component class, and the style sheet gives it a colour."""

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from sciabc_tui.tui.present.cells import Cell, Tone

COMPONENTS = {f"tone--{tone.value}" for tone in Tone}


def paint(widget: Widget, cells: Iterable[Cell], under: Style | None = None) -> Strip:
    """Give cells the widget's styles.

    Args:
        widget: One with `COMPONENTS` among its component classes.
        cells: What to paint.
        under: What every cell gets besides, as the cursor's background.
    """
    return Strip([Segment(cell.text, style_of(widget, cell.tone, under)) for cell in cells if cell.text])


def style_of(widget: Widget, tone: Tone, under: Style | None = None) -> Style:
    """Give the style of a tone on the widget's background."""
    style = widget.get_component_rich_style(f"tone--{tone.value}")
    return style if under is None else style + under
