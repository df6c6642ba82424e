"""Tones become styles here: each is a component class of the screen, and the style sheet gives it a colour.

Not of each widget: Textual goes through its style sheet for every component class of every widget, and the
first frame would wait for that. A widget only tells what it stands on.
"""

from collections.abc import Iterable

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from sciabc_tui.tui.present.cells import Cell, Tone

TONES = {f"tone--{tone.value}" for tone in Tone}
"""Component classes of every screen."""

GROUND = "ground"
"""A component class of every widget that paints: its background."""

COMPONENTS = {GROUND}


def paint(widget: Widget, cells: Iterable[Cell], under: Style | None = None) -> Strip:
    """Give cells the widget's styles.

    Args:
        widget: One with `COMPONENTS` among its component classes, on a screen with `TONES` among its own.
        cells: What to paint.
        under: What every cell gets besides, as the cursor's background.
    """
    return Strip(
        [
            Segment(cell.text, _inked(style_of(widget, cell.tone, under), cell.ink))
            for cell in cells
            if cell.text
        ]
    )


def _inked(style: Style, ink: str) -> Style:
    return style + Style.parse(ink) if ink else style


def style_of(widget: Widget, tone: Tone, under: Style | None = None) -> Style:
    """Give the style of a tone on the widget's background."""
    ink = widget.screen.get_component_rich_style(f"tone--{tone.value}", partial=True)
    style = widget.get_component_rich_style(GROUND) + ink
    return style if under is None else style + under
