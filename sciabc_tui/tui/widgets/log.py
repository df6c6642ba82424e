"""A window over the end of a log: bounded, follows its end, and stays where the reader is."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from typing_extensions import override

from sciabc_tui.tui.present.cells import Line, Tone
from sciabc_tui.tui.widgets import moves
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of

KEPT = 5_000
"""Lines that the window keeps."""

_SIDEWAYS = 16


class LogView(ScrollView, can_focus=True):
    """Lines of a log; each begins with two cells, the gutter, that stay while the text moves sideways."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = [
        *moves.ROWS,
        *moves.SIDEWAYS,
        Binding("space", "page(1)", "Page down", show=False),
    ]
    ALLOW_SELECT = False
    DEFAULT_CSS = "LogView { overflow: hidden; height: 1fr; }"

    @dataclass
    class Changed(Message):
        """The log follows its end now, or no longer."""

        following: bool

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self._lines: deque[Line] = deque(maxlen=KEPT)
        self._left = 0
        self.total = 0
        """How many lines came in."""
        self.following = True

    @property
    def kept(self) -> int:
        """How many lines are there to be seen."""
        return len(self._lines)

    def extend(self, lines: Sequence[Line]) -> None:
        """Take in new lines at the end."""
        if not lines:
            return
        dropped = max(0, len(self._lines) + len(lines) - KEPT)
        self._lines.extend(lines)
        self.total += len(lines)
        self.virtual_size = Size(self.size.width, len(self._lines))
        if self.following:
            self._scroll(self._end)
        elif dropped:
            self._scroll(self.scroll_offset.y - dropped)
        self.refresh()

    def put(self, lines: Sequence[Line]) -> None:
        """Show these lines in place of all that are there."""
        self._lines.clear()
        self._lines.extend(lines)
        self.total = len(lines)
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._scroll(self._end if self.following else self.scroll_offset.y)
        self.refresh()

    def follow(self, *, following: bool) -> None:
        """Go to the end and stay there, or stay here."""
        if following:
            self._scroll(self._end)
        if following != self.following:
            self.following = following
            self.post_message(self.Changed(following))

    @property
    def _end(self) -> int:
        return max(0, len(self._lines) - self.size.height)

    def _scroll(self, top: int) -> None:
        self.scroll_to(y=max(0, min(top, self._end)), animate=False, force=True, immediate=True)

    def _go(self, top: int) -> None:
        """Go there as the reader: at the end it follows, elsewhere it stays."""
        self._scroll(top)
        self.follow(following=top >= self._end)

    def on_resize(self) -> None:
        """Stay at the end if that is where it was."""
        self.virtual_size = Size(self.size.width, len(self._lines))
        if self.following:
            self._scroll(self._end)

    def action_move(self, by: int) -> None:
        """Scroll by lines."""
        self._go(self.scroll_offset.y + by)

    def action_page(self, by: int) -> None:
        """Scroll by pages."""
        self._go(self.scroll_offset.y + by * max(1, self.size.height - 1))

    def action_edge(self, which: int) -> None:
        """Go to the first (-1) or the last (1) line."""
        self._go(0 if which < 0 else self._end)

    def action_sideways(self, by: int) -> None:
        """Move the text sideways."""
        self._left = max(0, self._left + by * _SIDEWAYS)
        self.refresh()

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        number = y + self.scroll_offset.y
        blank = style_of(self, Tone.PLAIN)
        if number >= len(self._lines):
            return Strip.blank(width, blank)
        line = self._lines[number]
        gutter, text = paint(self, line[:2]), paint(self, line[2:])
        room = max(0, width - gutter.cell_length)
        moved = text.crop(self._left, self._left + room)
        return Strip.join([gutter, moved]).adjust_cell_length(width, blank)
