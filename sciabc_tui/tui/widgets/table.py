"""A table of ready rows: draws only what is seen, and only what changed."""

from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, Row, Table, Tone, cell_width, fit
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of

_CACHED = 512
_MARGIN = 2
"""Cells before each row, for the cursor."""


class TableView(ScrollView, can_focus=True):
    """Title, heading and rows, with a cursor that stays on its row's key while rows come and go."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS | {"table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup,ctrl+b", "page(-1)", "Page up", show=False),
        Binding("pagedown,ctrl+f", "page(1)", "Page down", show=False),
        Binding("home,g", "edge(-1)", "First", show=False),
        Binding("end,G", "edge(1)", "Last", show=False),
    ]
    ALLOW_SELECT = False
    DEFAULT_CSS = "TableView { overflow: hidden; height: 1fr; }"

    cursor: Reactive[int] = reactive(0, repaint=False)

    @dataclass
    class Moved(Message):
        """The cursor is on another row; `key` is empty when there is none."""

        table: "TableView"
        key: str

        @property
        @override
        def control(self) -> "TableView":
            return self.table

    def __init__(
        self,
        rule: str,
        mark: str,
        *,
        id: str | None = None,  # noqa: A002 (Textual's name for it)
        newest_first: bool = False,
    ) -> None:
        super().__init__(id=id)
        self._newest_first = newest_first
        self._rule = rule
        self._mark = mark
        self._table = Table("", "", ())
        self._key = ""
        self._cache: LRUCache[tuple[Row, bool, bool, int], Strip] = LRUCache(_CACHED)

    @property
    def key(self) -> str:
        """The key of the row under the cursor; empty when there is none."""
        return self._key

    @property
    def needed(self) -> int:
        """How many lines the whole table would take."""
        return self._top + max(len(self._table.rows), 1 if self._table.empty else 0)

    @property
    def _top(self) -> int:
        """How many lines stand above the rows."""
        return 2 if self._table.heading and self._table.rows else 1

    def put(self, table: Table) -> None:
        """Show this table."""
        before, self._table = self._table, table
        size = Size(self.size.width, len(table.rows) + self._top)
        if size != self.virtual_size:
            self.virtual_size = size
        self._hold_cursor(before)
        self._repaint(before)

    def _hold_cursor(self, before: Table) -> None:
        rows = self._table.rows
        keys = {row.key: number for number, row in enumerate(rows)}
        if self._newest_first and self.cursor == 0:
            self._point(0)  # at the top it stays there and sees what comes
        elif self._key in keys:
            self._point(keys[self._key])
        elif rows:
            self._point(min(self.cursor, len(rows) - 1))
        else:
            self._point(0)
        if len(before.rows) != len(rows):
            self._reveal()

    def _repaint(self, before: Table) -> None:
        old, new = before.rows, self._table.rows
        if len(old) != len(new) or (before.title, before.note, before.heading, before.empty) != (
            self._table.title,
            self._table.note,
            self._table.heading,
            self._table.empty,
        ):
            self.refresh()
            return
        for number, (was, is_) in enumerate(zip(old, new, strict=True)):
            if was != is_:
                self._refresh_row(number)

    def _refresh_row(self, number: int) -> None:
        y = self._top + number - self.scroll_offset.y
        if self._top <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _point(self, number: int) -> None:
        rows = self._table.rows
        key = rows[number].key if number < len(rows) else ""
        was, self.cursor = self.cursor, number
        if was != number:
            self._refresh_row(was)
            self._refresh_row(number)
        if key != self._key:
            self._key = key
            self.post_message(self.Moved(self, key))

    def _go(self, number: int) -> None:
        self._point(max(0, min(number, len(self._table.rows) - 1)))
        self._reveal()

    def _reveal(self) -> None:
        """Scroll so that the cursor is seen."""
        room = max(1, self.size.height - self._top)
        top = self.scroll_offset.y
        wanted = min(max(top, self.cursor - room + 1), self.cursor)
        wanted = max(0, min(wanted, len(self._table.rows) - room))
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True, immediate=True)

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(self.size.width, len(self._table.rows) + self._top)
        self._reveal()

    def on_focus(self) -> None:
        """Show where the keys go."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self._go(self.cursor + by * max(1, self.size.height - self._top))

    def action_edge(self, which: int) -> None:
        """Move the cursor to the first (-1) or the last (1) row."""
        self._go(0 if which < 0 else len(self._table.rows) - 1)

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            return self._title(width)
        if y < self._top:
            heading = Cell(fit(" " * _MARGIN + self._table.heading, width), Tone.DIM)
            return paint(self, [heading])
        number = y - self._top + self.scroll_offset.y
        rows = self._table.rows
        if number < len(rows):
            return self._row(number, width)
        if not rows and y == self._top:
            return paint(self, [Cell(fit(" " * _MARGIN + self._table.empty, width), Tone.DIM)])
        return Strip.blank(width, style_of(self, Tone.PLAIN))

    def _row(self, number: int, width: int) -> Strip:
        row = self._table.rows[number]
        here = number == self.cursor
        key = (row, here, self.has_focus, width)
        strip = self._cache.get(key)
        if strip is None:
            under = self._cursor_style() if here and self.has_focus else None
            mark = Cell(f"{self._mark if here and self.has_focus else ' '} ", Tone.ACCENT)
            blank = style_of(self, Tone.PLAIN, under)
            strip = paint(self, (mark, *row.cells), under).adjust_cell_length(width, blank)
            self._cache[key] = strip
        return strip

    def _cursor_style(self) -> Style:
        style = self.get_component_rich_style("table--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)

    def _title(self, width: int) -> Strip:
        tone = Tone.ACCENT if self.has_focus else Tone.DIM
        note = " ".join(part for part in (self._seen(), self._table.note) if part)
        right = f" {note} {self._rule}" if note else ""
        left = f"{self._rule} {self._table.title} "
        rule = self._rule * max(0, width - cell_width(left) - cell_width(right))
        cells = (
            Cell(f"{self._rule} ", Tone.DIM),
            Cell(f"{self._table.title} ", tone),
            Cell(rule + right, Tone.DIM),
        )
        return paint(self, cells).adjust_cell_length(width, style_of(self, Tone.DIM))

    def _seen(self) -> str:
        """Say which rows are seen, when it is not all of them."""
        room = self.size.height - self._top
        if len(self._table.rows) <= room or room < 1:
            return ""
        first = self.scroll_offset.y + 1
        return f"{first}-{min(len(self._table.rows), first + room - 1)} of"

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cache.clear()
