"""A grid of ready cells with a cursor on one of them: draws only what is seen."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, Grid, Tone, fit
from sciabc_tui.tui.widgets import moves
from sciabc_tui.tui.widgets.paint import paint, style_of
from sciabc_tui.tui.widgets.rows import MARGIN, RowsView

_BEFORE = 2
"""Cells before each column; the last of them shows the cursor."""
_TOP = 2
"""Lines above the rows: title and heading."""


class GridView(RowsView):
    """Rows of cells; where they don't fit side by side, the columns around the cursor are shown."""

    BINDINGS: ClassVar[list[BindingType]] = [*moves.SIDEWAYS]

    @dataclass
    class Moved(Message):
        """The cursor is on another cell; both are empty when there is none."""

        row: str
        column: str

    def __init__(self, rule: str, mark: str, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(rule, mark, id=id)
        self._grid = Grid("", (), ())
        self._row = 0
        self._column = 0
        self._first = 0
        self._told = ("", "")

    @property
    @override
    def number(self) -> int:
        return self._row

    @property
    @override
    def count(self) -> int:
        return len(self._grid.rows)

    @property
    @override
    def top(self) -> int:
        return _TOP

    @override
    def go(self, number: int) -> None:
        self._go(number, self._column)

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
        self._reveal_cell()
        for changed in {before, self._row}:
            self.refresh(Region(0, _TOP + changed - self.scroll_offset.y, self.size.width, 1))
        self.refresh(Region(0, 0, self.size.width, _TOP))
        if (self.row, self.column) != self._told:
            self._told = (self.row, self.column)
            self.post_message(self.Moved(*self._told))

    def _reveal_cell(self) -> None:
        """Scroll both ways so that the cursor is seen."""
        self.reveal()
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
        room = self.size.width - MARGIN - self._grid.name_width
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
        self._reveal_cell()

    def action_sideways(self, by: int) -> None:
        """Move the cursor by columns."""
        self._go(self._row, self._column + by)

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        number = y - _TOP + self.scroll_offset.y
        if y == 0:
            rows = " ".join(part for part in (self.seen(), self._grid.note) if part)
            note = "  ".join(part for part in (self._columns_seen(), rows) if part)
            return self.title_strip(width, self._grid.title, note)
        if y == 1:
            return self._heading(width)
        if number < len(self._grid.rows):
            return self._drawn(number, width)
        if not self._grid.rows and y == _TOP:
            return self.dim_strip(width, self._grid.empty)
        return Strip.blank(width, style_of(self, Tone.PLAIN))

    def _sight(self) -> range:
        return range(self._first, self._last(self._first) + 1 if self._grid.columns else 0)

    def _drawn(self, number: int, width: int) -> Strip:
        grid, row = self._grid, self._grid.rows[number]
        here = number == self._row and self.has_focus
        cells = [Cell(" " * MARGIN + fit(row.name, grid.name_width), Tone.ACCENT if here else Tone.PLAIN)]
        strips = [paint(self, cells)]
        for at in self._sight():
            text = fit(row.cells[at].text, grid.columns[at].width)
            pointed = here and at == self._column
            mark = Cell(" " * (_BEFORE - 1) + (self.mark if pointed else " "), Tone.ACCENT)
            strips.append(paint(self, [mark]))
            under = self.cursor_style() if pointed else None
            strips.append(paint(self, [Cell(text, row.cells[at].tone)], under))
        return Strip.join(strips).adjust_cell_length(width, style_of(self, Tone.PLAIN))

    def _heading(self, width: int) -> Strip:
        grid = self._grid
        cells = [Cell(" " * MARGIN + fit(grid.heading, grid.name_width), Tone.DIM)]
        for at in self._sight():
            column = grid.columns[at]
            tone = Tone.ACCENT if at == self._column and self.has_focus else Tone.DIM
            cells += [Cell(" " * _BEFORE), Cell(fit(column.heading, column.width), tone)]
        return paint(self, cells).adjust_cell_length(width, style_of(self, Tone.PLAIN))

    def _columns_seen(self) -> str:
        """Say which columns are seen, when it is not all of them."""
        count, sight = len(self._grid.columns), self._sight()
        return f"columns {sight.start + 1}-{sight.stop} of {count}" if len(sight) < count else ""
