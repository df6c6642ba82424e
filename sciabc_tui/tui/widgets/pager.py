"""A screen of ready lines out of many; asks for others when keys are pressed."""

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

from sciabc_tui.tui.present.cells import Line, Tone
from sciabc_tui.tui.widgets import moves
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of


class PagerView(Widget, can_focus=True):
    """Shows lines as they are; what they are a part of, and where in it they stand, its owner knows."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    BINDINGS: ClassVar[list[BindingType]] = [
        *moves.ROWS,
        *moves.SIDEWAYS,
        Binding("space", "page(1)", "Page down", show=False),
    ]
    ALLOW_SELECT = False
    DEFAULT_CSS = "PagerView { height: 1fr; width: 1fr; }"

    @dataclass
    class Moved(Message):
        """The reader wants to see lines further on, or back if it is negative."""

        by: int

    @dataclass
    class Jumped(Message):
        """The reader wants to see the begin (-1) or the end (1)."""

        to: int

    @dataclass
    class Shifted(Message):
        """The reader wants to see more of the right, or of the left if it is negative; in steps."""

        by: int

    @dataclass
    class Resized(Message):
        """There is room for more lines or fewer, of another width."""

        width: int
        height: int

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self._lines: tuple[Line, ...] = ()

    def put(self, lines: tuple[Line, ...]) -> None:
        """Show these lines; what has not changed is not painted again."""
        before, self._lines = self._lines, lines
        blank: Line = ()
        for y in range(max(len(before), len(lines))):
            old = before[y] if y < len(before) else blank
            new = lines[y] if y < len(lines) else blank
            if old != new:
                self.refresh(Region(0, y, self.size.width, 1))

    def on_resize(self) -> None:
        """Tell how much room there is."""
        self.post_message(self.Resized(self.size.width, self.size.height))

    def action_move(self, by: int) -> None:
        """Move by lines."""
        self.post_message(self.Moved(by))

    def action_page(self, by: int) -> None:
        """Move by pages."""
        self.post_message(self.Moved(by * max(1, self.size.height - 1)))

    def action_edge(self, which: int) -> None:
        """Go to the begin (-1) or the end (1)."""
        self.post_message(self.Jumped(which))

    def action_sideways(self, by: int) -> None:
        """Move the text sideways."""
        self.post_message(self.Shifted(by))

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        blank = style_of(self, Tone.PLAIN)
        if y >= len(self._lines):
            return Strip.blank(width, blank)
        return paint(self, self._lines[y]).adjust_cell_length(width, blank)
