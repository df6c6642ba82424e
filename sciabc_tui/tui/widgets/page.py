"""A part of a screen that is longer than its room, and moves by the keys of every list."""

from typing import ClassVar

from textual.binding import BindingType
from textual.containers import VerticalScroll

from sciabc_tui.tui.widgets import moves


class Page(VerticalScroll):
    """Scrolls what is in it, at once and by whole lines."""

    BINDINGS: ClassVar[list[BindingType]] = [*moves.ROWS]

    @property
    def first(self) -> int:
        """How many lines are above what is seen."""
        return self.scroll_offset.y

    def action_move(self, by: int) -> None:
        """Move by lines."""
        self._to(self.scroll_offset.y + by)

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self._to(self.scroll_offset.y + by * max(1, self.size.height - 1))

    def action_edge(self, which: int) -> None:
        """Go to the first (-1) or the last (1) line."""
        self._to(0 if which < 0 else self.max_scroll_y)

    def _to(self, line: int) -> None:
        self.scroll_to(y=line, animate=False, force=True, immediate=True)
