"""A table of ready rows: makes and draws only what is seen, and only what changed."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import Reactive, reactive
from textual.strip import Strip
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, LazyRows, Row, Table, Tone
from sciabc_tui.tui.widgets.paint import paint, style_of
from sciabc_tui.tui.widgets.rows import RowsView

_CACHED = 512

SELECTED = "*"
"""Stands before a row that is selected; in every character set."""


class TableView(RowsView):
    """Title, heading and rows, with a cursor that stays on its row's key while rows come and go."""

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
        super().__init__(rule, mark, id=id)
        self._newest_first = newest_first
        self._table = Table("", "", ())
        self._key = ""
        self._selected: frozenset[str] = frozenset()
        self._drawn: dict[int, Row] = {}
        self._cache: LRUCache[tuple[Row, bool, bool, bool, int], Strip] = LRUCache(_CACHED)

    @property
    def key(self) -> str:
        """The key of the row under the cursor; empty when there is none."""
        return self._key

    @property
    def needed(self) -> int:
        """How many lines the whole table would take."""
        return self.top + max(len(self._table.rows), 1 if self._table.empty else 0)

    @property
    @override
    def top(self) -> int:
        return 2 if self._table.heading and self._table.rows else 1

    def put(self, table: Table, selected: frozenset[str] = frozenset()) -> None:
        """Show this table, with these rows marked by their keys."""
        before, self._table = self._table, table
        was_selected, self._selected = self._selected, selected
        size = Size(self.size.width, len(table.rows) + self.top)
        if size != self.virtual_size:
            self.virtual_size = size
        self._hold_cursor(before)
        self._repaint(before, all_rows=selected != was_selected)

    def _hold_cursor(self, before: Table) -> None:
        """Keep the cursor on its row, and that row in its line while others change places around it."""
        count, was = len(self._table.rows), self.cursor
        if self._newest_first and was == 0:
            self._point(0)  # at the top it stays there and sees what comes
        else:
            found = self._find(self._key)
            self._point(max(0, min(was, count - 1)) if found is None else found)
        if self.cursor != was and self.scroll_offset.y:
            self.begin_at(self.scroll_offset.y + self.cursor - was)
        if self.cursor != was or len(before.rows) != count:
            self.reveal()

    def point(self, key: str) -> None:
        """Put the cursor on a row by its key; one that is not there leaves it where it is."""
        found = self._find(key)
        if found is not None:
            self.go(found)

    def _find(self, key: str) -> int | None:
        rows = self._table.rows
        if self.cursor < len(rows) and _key_of(rows, self.cursor) == key:
            return self.cursor
        keys = rows.keys if isinstance(rows, LazyRows) else [row.key for row in rows]
        return keys.index(key) if key in keys else None

    def _repaint(self, before: Table, *, all_rows: bool) -> None:
        old, new = before, self._table
        if (
            all_rows
            or len(old.rows) != len(new.rows)
            or (old.title, old.note, old.heading, old.empty) != (new.title, new.note, new.heading, new.empty)
        ):
            self._drawn.clear()
            self.refresh()
            return
        for number in self._sight():
            if self._drawn.get(number) != new.rows[number]:
                self._refresh_row(number)

    def _sight(self) -> range:
        first = self.scroll_offset.y
        return range(first, min(len(self._table.rows), first + self.room))

    def _refresh_row(self, number: int) -> None:
        y = self.top + number - self.scroll_offset.y
        if self.top <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _point(self, number: int) -> None:
        rows = self._table.rows
        key = _key_of(rows, number) if number < len(rows) else ""
        was, self.cursor = self.cursor, number
        if was != number:
            self._refresh_row(was)
            self._refresh_row(number)
        if key != self._key:
            self._key = key
            self.post_message(self.Moved(self, key))

    @property
    @override
    def number(self) -> int:
        return self.cursor

    @property
    @override
    def count(self) -> int:
        return len(self._table.rows)

    @override
    def go(self, number: int) -> None:
        self._point(max(0, min(number, len(self._table.rows) - 1)))
        self.reveal()

    def on_resize(self) -> None:
        """Keep the cursor in sight."""
        self.virtual_size = Size(self.size.width, len(self._table.rows) + self.top)
        self.reveal()

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            note = " ".join(part for part in (self.seen(), self._table.note) if part)
            return self.title_strip(width, self._table.title, note)
        if y < self.top:
            return self.dim_strip(width, self._table.heading)
        number = y - self.top + self.scroll_offset.y
        rows = self._table.rows
        if number < len(rows):
            return self._row(number, width)
        if not rows and y == self.top:
            return self.dim_strip(width, self._table.empty)
        return Strip.blank(width, style_of(self, Tone.PLAIN))

    def _row(self, number: int, width: int) -> Strip:
        row = self._drawn[number] = self._table.rows[number]
        here, chosen = number == self.cursor, row.key in self._selected
        key = (row, here, chosen, self.has_focus, width)
        strip = self._cache.get(key)
        if strip is None:
            under = self.cursor_style() if here and self.has_focus else None
            mark = Cell(
                f"{self.mark if here and self.has_focus else ' '}{SELECTED if chosen else ' '}", Tone.ACCENT
            )
            blank = style_of(self, Tone.PLAIN, under)
            strip = paint(self, (mark, *row.cells), under).adjust_cell_length(width, blank)
            self._cache[key] = strip
        return strip

    @override
    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._cache.clear()


def _key_of(rows: Sequence[Row], number: int) -> str:
    return rows.keys[number] if isinstance(rows, LazyRows) else rows[number].key
