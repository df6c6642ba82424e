"""What a table and a grid have in common: a title in a rule, rows below it, and a cursor on one of them."""

from typing import ClassVar

from rich.style import Style
from textual.binding import BindingType
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sciabc_tui.tui.present.cells import Cell, Tone, cell_width, fit
from sciabc_tui.tui.widgets import moves
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of

MARGIN = 2
"""Cells before each row."""


class RowsView(ScrollView, can_focus=True):
    """The keys that move the cursor, the rows that are seen, and how title and cursor look."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS | {"table--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [*moves.ROWS]
    ALLOW_SELECT = False
    DEFAULT_CSS = "RowsView { overflow: hidden; height: 1fr; }"

    def __init__(self, rule: str, mark: str, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        """Show nothing yet.

        Args:
            rule: What the title's line is made of.
            mark: What stands at the cursor.
            id: Of the widget.
        """
        super().__init__(id=id)
        self._rule = rule
        self.mark = mark

    @property
    def number(self) -> int:
        """Which row the cursor is on, from 0."""
        raise NotImplementedError

    @property
    def count(self) -> int:
        """How many rows there are."""
        raise NotImplementedError

    @property
    def top(self) -> int:
        """How many lines stand above the rows."""
        raise NotImplementedError

    def go(self, number: int) -> None:
        """Put the cursor on a row, or as near as there is one."""
        raise NotImplementedError

    @property
    def room(self) -> int:
        """How many rows can be seen at once."""
        return max(1, self.size.height - self.top)

    def reveal(self) -> None:
        """Scroll so that the cursor's row is seen; what has no room yet waits until it is laid out."""
        if self.size.height <= self.top:
            return
        first = self.scroll_offset.y
        wanted = min(max(first, self.number - self.room + 1), self.number)
        wanted = max(0, min(wanted, self.count - self.room))
        self.begin_at(wanted)

    def begin_at(self, line: int) -> None:
        """Scroll so that this row is the first, as far as there are rows for it."""
        line = max(0, min(line, self.count - self.room))
        if line != self.scroll_offset.y:
            self.scroll_to(y=line, animate=False, force=True, immediate=True)

    def on_focus(self) -> None:
        """Show that the keys come here."""
        self.refresh()

    def on_blur(self) -> None:
        """Show that the keys go elsewhere."""
        self.refresh()

    def action_move(self, by: int) -> None:
        """Move the cursor by rows."""
        self.go(self.number + by)

    def action_page(self, by: int) -> None:
        """Move the cursor by pages."""
        self.go(self.number + by * self.room)

    def action_edge(self, which: int) -> None:
        """Move the cursor to the first (-1) or the last (1) row."""
        self.go(0 if which < 0 else self.count - 1)

    def seen(self) -> str:
        """Say which rows are seen, when it is not all of them."""
        if self.count <= self.size.height - self.top or self.size.height <= self.top:
            return ""
        first = self.scroll_offset.y + 1
        return f"{first}-{min(self.count, first + self.room - 1)} of"

    def title_strip(self, width: int, title: str, note: str) -> Strip:
        """Paint the title in its rule, with a note at the right."""
        right = f" {note} {self._rule}" if note else ""
        left = f"{self._rule} {title} "
        rule = self._rule * max(0, width - cell_width(left) - cell_width(right))
        cells = (
            Cell(f"{self._rule} ", Tone.DIM),
            Cell(f"{title} ", Tone.ACCENT if self.has_focus else Tone.DIM),
            Cell(rule + right, Tone.DIM),
        )
        return paint(self, cells).adjust_cell_length(width, style_of(self, Tone.DIM))

    def dim_strip(self, width: int, text: str) -> Strip:
        """Paint a line of dim text behind the margin."""
        return paint(self, [Cell(fit(" " * MARGIN + text, width), Tone.DIM)])

    def cursor_style(self) -> Style:
        """Give what every cell under the cursor gets besides."""
        style = self.get_component_rich_style("table--cursor")
        return Style(bgcolor=style.bgcolor, bold=style.bold, reverse=style.reverse)
