"""A grid of ready cells with a cursor on one of them: draws only what is seen."""

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, Grid, Tone, cell_width, fit
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of

_MARGIN = 2
"""Cells before each row."""
_BEFORE = 2
"""Cells before each column; the last of them shows the cursor."""
_TOP = 2
"""Lines above the rows: title and heading."""


class GridView(ScrollView, can_focus=True):
    """Rows of cells; where they don't fit side by side, the columns around the cursor are shown."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS | {"table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("left,h", "sideways(-1)", "Left", show=False),
        Binding("right,l", "sideways(1)", "Right", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(-1)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
    ]
    ALLOW_SELECT = False
    DEFAULT_CSS = "GridView { overflow: hidden; height: 1fr; }"

    @dataclass
    class Moved(Message):
        """The cursor is on another cell; both are empty when there is none."""

        row: str
        column: str

    def __init__(self, rule: str, mark: str, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self._rule = rule
        self._mark = mark
        self._grid = Grid("", (), ())
        self._row = 0
        self._column = 0
        self._first = 0
        self._told = ("", "")

    @property
    def row(self) -> str:
        """The key of the row under the cursor; empty when there is none."""
        rows = self._grid.rows
        return rows[self._row].key if self._row < len(rows) else ""

    @property
    def column(self) -> str:
        """The key of the column under the cursor; empty when there is none."""
        columns = self._grid.columns
        return columns[self._column].key if self._column < len(columns) else ""

    def put(self, grid: Grid) -> None:
        """Show this grid; the cursor stays on the keys of its cell, if these are still there."""
        if grid == self._grid:
            return
        row, column, self._grid = self.row, self.column, grid
        self.virtual_size = Size(self.size.width, len(grid.rows) + _TOP)
        self.point(row, column)
        self.refresh()

    def point(self, row: str, column: str) -> None:
        """Put the cursor on a cell by its keys; what is not there leaves it in its line."""
        rows = {found.key: number for number, found in enumerate(self._grid.rows)}
        columns = {found.key: number for number, found in enumerate(self._grid.columns)}
        self._go(rows.get(row, self._row), columns.get(column, self._column))

    def _go(self, row: int, column: int) -> None:
        before = self._row
        self._row = max(0, min(row, len(self._grid.rows) - 1))
        self._column = max(0, min(column, len(self._grid.columns) - 1))
        self._reveal()
        for changed in {before, self._row}:
            self.refresh(Region(0, _TOP + changed - self.scroll_offset.y, self.size.width, 1))
        self.refresh(Region(0, 0, self.size.width, _TOP))
        if (self.row, self.column) != self._told:
            self._told = (self.row, self.column)
            self.post_message(self.Moved(*self._told))

    def _reveal(self) -> None:
        """Scroll so that the cursor is seen."""
        room = max(1, self.size.height - _TOP)
        wanted = min(max(self.scroll_offset.y, self._row - room + 1), self._row)
        wanted = max(0, min(wanted, len(self._grid.rows) - room))
        if wanted != self.scroll_offset.y:
            self.scroll_to(y=wanted, animate=False, force=True, immediate=True)
        first = min(self._first, self._column)
        while first < self._column and self._last(first) < self._column:
            first += 1
        while first > 0 and self._last(first - 1) == len(self._grid.columns) - 1:
            first -= 1  # no room is left empty at the right
        if first != self._first:
            self._first = first
            self.refresh()

    def _last(self, first: int) -> int:
        """Give the last column that is seen whole when this is the first; it is at least that one."""
        room = self.size.width - _MARGIN - self._grid.name_width
        last = first
        for number, column in enumerate(self._grid.columns[first:], first):
            room -= _BEFORE + column.width
            if room < 0:
                break
            last = number
        return last

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(self.size.width, len(self._grid.rows) + _TOP)
        self._reveal()

    def on_focus(self) -> None:
        """Show that the keys come here."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go(self._row + by, self._column)

    def action_sideways(self, by: int) -> None:
        """Move the cursor by columns."""
        self._go(self._row, self._column + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self._go(self._row + by * max(1, self.size.height - _TOP), self._column)

    def action_edge(self, which: int) -> None:
        """Move the cursor to the first (-1) or the last (1) row."""
        self._go(0 if which < 0 else len(self._grid.rows) - 1, self._column)

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        number = y - _TOP + self.scroll_offset.y
        if y == 0:
            return self._title(width)
        if y == 1:
            return self._heading(width)
        if number < len(self._grid.rows):
            return self._drawn(number, width)
        if not self._grid.rows and y == _TOP:
            return paint(self, [Cell(fit(" " * _MARGIN + self._grid.empty, width), Tone.DIM)])
        return Strip.blank(width, style_of(self, Tone.PLAIN))

    def _seen(self) -> range:
        return range(self._first, self._last(self._first) + 1 if self._grid.columns else 0)

    def _drawn(self, number: int, width: int) -> Strip:
        grid, row = self._grid, self._grid.rows[number]
        here = number == self._row and self.has_focus
        cells = [Cell(" " * _MARGIN + fit(row.name, grid.name_width), Tone.ACCENT if here else Tone.PLAIN)]
        strips = [paint(self, cells)]
        for at in self._seen():
            text = fit(row.cells[at].text, grid.columns[at].width)
            pointed = here and at == self._column
            mark = Cell(" " * (_BEFORE - 1) + (self._mark if pointed else " "), Tone.ACCENT)
            strips.append(paint(self, [mark]))
            under = self._cursor_style() if pointed else None
            strips.append(paint(self, [Cell(text, row.cells[at].tone)], under))
        return Strip.join(strips).adjust_cell_length(width, style_of(self, Tone.PLAIN))

    def _cursor_style(self) -> Style:
        style = self.get_component_rich_style("table--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)

    def _heading(self, width: int) -> Strip:
        grid = self._grid
        cells = [Cell(" " * _MARGIN + fit(grid.heading, grid.name_width), Tone.DIM)]
        for at in self._seen():
            column = grid.columns[at]
            tone = Tone.ACCENT if at == self._column and self.has_focus else Tone.DIM
            cells += [Cell(" " * _BEFORE), Cell(fit(column.heading, column.width), tone)]
        return paint(self, cells).adjust_cell_length(width, style_of(self, Tone.PLAIN))

    def _title(self, width: int) -> Strip:
        note = " ".join(part for part in (self._parts_seen(), self._grid.note) if part)
        right = f" {note} {self._rule}" if note else ""
        left = f"{self._rule} {self._grid.title} "
        rule = self._rule * max(0, width - cell_width(left) - cell_width(right))
        cells = (
            Cell(f"{self._rule} ", Tone.DIM),
            Cell(f"{self._grid.title} ", Tone.ACCENT if self.has_focus else Tone.DIM),
            Cell(rule + right, Tone.DIM),
        )
        return paint(self, cells).adjust_cell_length(width, style_of(self, Tone.DIM))

    def _parts_seen(self) -> str:
        """Say which columns and rows are seen, when it is not all of them."""
        columns, rows, room = len(self._grid.columns), len(self._grid.rows), self.size.height - _TOP
        seen, first = self._seen(), self.scroll_offset.y + 1
        wide = f"columns {seen.start + 1}-{seen.stop} of {columns} " if len(seen) < columns else ""
        high = f"{first}-{min(rows, first + room - 1)} of" if rows > room >= 1 else ""
        return wide + high
