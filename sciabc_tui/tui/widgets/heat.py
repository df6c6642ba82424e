"""A map of cells with a cursor that moves in two dimensions: draws only what is seen."""

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, Tone
from sciabc_tui.tui.present.heat import SHADES, HeatMap, HeatRow
from sciabc_tui.tui.widgets import moves
from sciabc_tui.tui.widgets.paint import paint, style_of
from sciabc_tui.tui.widgets.rows import MARGIN, RowsView

_BEFORE = 1
"""Cells between the labels and the map."""

DEEP = 2
"""From this shade on not every tone can be read: letters have the plain colour there."""


class HeatView(RowsView):
    """One cell a node. A selected one is underlined, the one under the cursor reversed."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"heat--{shade}" for shade in range(SHADES)}
    BINDINGS: ClassVar[list[BindingType]] = [*moves.SIDEWAYS]

    @dataclass
    class Moved(Message):
        """The cursor is on another node; `key` is empty when there is none."""

        key: str

    def __init__(self, rule: str, mark: str, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(rule, mark, id=id)
        self._map: HeatMap | None = None
        self._selected: frozenset[str] = frozenset()
        self._row = 0
        self._column = 0
        self._key = ""

    @property
    def key(self) -> str:
        """The key of the node under the cursor; empty when there is none."""
        return self._key

    @property
    def needed(self) -> int:
        """How many lines the whole map would take."""
        return self.top + max(1, self.count) + self._below

    @property
    @override
    def number(self) -> int:
        return self._row

    @property
    @override
    def count(self) -> int:
        return len(self._rows)

    @property
    @override
    def top(self) -> int:
        return 1

    @property
    @override
    def room(self) -> int:
        return max(1, self.size.height - self.top - self._below)

    @property
    def _below(self) -> int:
        """How many lines stand below the map: what is under the cursor, and the legend."""
        return 1 + (len(self._map.legend) if self._map else 1)

    @property
    def _rows(self) -> tuple[HeatRow, ...]:
        return self._map.rows if self._map else ()

    def put(self, heat: HeatMap, selected: frozenset[str] = frozenset()) -> None:
        """Show this map; the cursor stays on its node, if that is still there."""
        self._map, self._selected = heat, selected
        self.virtual_size = Size(self.size.width, self.count + self.top)
        self.point(self._key)
        self.refresh()

    def point(self, key: str) -> None:
        """Put the cursor on a node; one that is not there leaves it where it is."""
        for number, row in enumerate(self._rows):
            if key in row.keys:
                self._go(number, row.keys.index(key))
                return
        self._go(self._row, self._column)

    @override
    def go(self, number: int) -> None:
        self._go(number, self._column)

    def _go(self, row: int, column: int) -> None:
        rows = self._rows
        self._row = max(0, min(row, len(rows) - 1))
        length = len(rows[self._row].keys) if rows else 0
        before, self._column = self._row, max(0, column)
        at = min(self._column, length - 1)
        key = rows[before].keys[at] if length else ""
        self.reveal()
        if key != self._key:
            self._key = key
            self.refresh()
            self.post_message(self.Moved(key))

    def action_sideways(self, by: int) -> None:
        """Move the cursor by nodes; behind the end of a line the next begins."""
        rows = self._rows
        if not rows:
            return
        length = len(rows[self._row].keys)
        column = min(self._column, length - 1) + by
        if column >= length and self._row + 1 < len(rows):
            self._go(self._row + 1, 0)
        elif column < 0 and self._row:
            self._go(self._row - 1, len(rows[self._row - 1].keys) - 1)
        else:
            self._go(self._row, max(0, min(column, length - 1)))

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(self.size.width, self.count + self.top)
        self.reveal()

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        blank = style_of(self, Tone.PLAIN)
        heat = self._map
        if heat is None:
            return Strip.blank(width, blank)
        if y == 0:
            note = " ".join(part for part in (self.seen(), heat.note) if part)
            return self.title_strip(width, heat.title, note)
        below = min(self.size.height - self._below, self.top + max(1, self.count))
        if y == below:
            line = heat.told(self._key) if self._key else ()
        elif below < y <= below + len(heat.legend):
            line = heat.legend[y - below - 1]
        else:
            number = y - self.top + self.scroll_offset.y
            if number < self.count and y < below:
                return self._drawn(heat, number, width)
            line = (Cell(heat.empty, Tone.DIM),) if y == self.top else ()
        return paint(self, (Cell(" " * MARGIN), *line)).adjust_cell_length(width, blank)

    def _drawn(self, heat: HeatMap, number: int, width: int) -> Strip:
        row = heat.rows[number]
        here = number == self._row
        label = Cell(
            f"{self.mark if here and self.has_focus else ' '} {row.label}{' ' * _BEFORE}",
            Tone.ACCENT if here else Tone.DIM,
        )
        strip = paint(self, [label])
        segments: list[Segment] = []
        for key in row.keys:
            cell = heat.cell(key)
            style = style_of(self, cell.tone) + self._ground(cell.shade)
            if key in self._selected:
                style += Style(underline=True)
            if key == self._key:
                style += Style(reverse=True)
            segments.append(Segment(cell.letter, style))
        return Strip.join([strip, Strip(segments).simplify()]).adjust_cell_length(
            width, style_of(self, Tone.PLAIN)
        )

    def _ground(self, shade: int) -> Style:
        ground = self.get_component_rich_style(f"heat--{shade}").bgcolor
        shaded = ground != self.get_component_rich_style("heat--0").bgcolor
        letters = style_of(self, Tone.PLAIN).color if shaded and shade >= DEEP else None
        return Style(bgcolor=ground, color=letters)
