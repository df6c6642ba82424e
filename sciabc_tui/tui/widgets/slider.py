"""A number from 1 to a most, or all of it: moved by keys, or typed."""

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

from sciabc_tui.tui.present.cells import Line, Tone
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of

ALL = "all"
_DIGITS = 6
_PAGE = 10


class Slider(Widget, can_focus=True):
    """Holds a number as text; beyond the most stands `all`, and beyond that 1 again."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    ALLOW_SELECT = False
    DEFAULT_CSS = "Slider { height: 1; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "step(-1)", "Fewer", show=False),
        Binding("right,down", "step(1)", "More", show=False),
        Binding("pageup", f"leap(-{_PAGE})", "Far fewer", show=False),
        Binding("pagedown", f"leap({_PAGE})", "Far more", show=False),
        Binding("home", "leap(-1000000)", "One", show=False),
        Binding("end,a", "all", "All", show=False),
        Binding("backspace,delete", "rub_out", "Take a digit away", show=False),
        Binding("enter", "submit", "Submit", show=False),
    ]

    @dataclass
    class Changed(Message):
        """There is another number."""

        value: str

    @dataclass
    class Submitted(Message):
        """Enter was pressed."""

        value: str

    def __init__(self, value: str, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(id=id)
        self.most = 0
        self._value = value
        self._typing = False
        self._line: Line = ()

    @property
    def value(self) -> str:
        """The number as it was typed, or `all`."""
        return self._value

    def put(self, line: Line) -> None:
        """Show this line: how the number looks."""
        if line != self._line:
            self._line = line
            self.refresh()

    def _set(self, value: str, *, typing: bool = False) -> None:
        self._typing = typing
        if value != self._value:
            self._value = value
            self.post_message(self.Changed(value))

    @property
    def _number(self) -> int | None:
        return int(self._value) if self._value.isascii() and self._value.isdigit() else None

    def action_step(self, by: int) -> None:
        """Go to the next number (1) or the one before (-1), round and round."""
        # `all` is 0 on a ring of all numbers
        here = min(self._number or 0, self.most)
        there = (here + by) % (self.most + 1)
        self._set(str(there) if there else ALL)

    def action_leap(self, by: int) -> None:
        """Go on by so many, and not beyond the ends."""
        here = self.most if self._number is None else self._number
        self._set(str(max(1, min(self.most, here + by))) if self.most else ALL)

    def action_all(self) -> None:
        """Take all."""
        self._set(ALL)

    def action_rub_out(self) -> None:
        """Take the last digit away; without digits it is all."""
        digits = "" if self._number is None else self._value[:-1]
        self._set(digits or ALL, typing=bool(digits))

    def action_submit(self) -> None:
        """Tell that Enter was pressed."""
        self.post_message(self.Submitted(self._value))

    def on_key(self, event: events.Key) -> None:
        """Take a digit: the first one begins a new number."""
        digit = event.character or ""
        if len(digit) == 1 and digit.isascii() and digit.isdigit():
            event.stop()
            self._set(((self._value if self._typing else "") + digit)[:_DIGITS], typing=True)

    def on_focus(self) -> None:
        """Begin a new number with the next digit."""
        self._typing = False

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1

    @override
    def render_line(self, y: int) -> Strip:
        return paint(self, self._line).adjust_cell_length(self.size.width, style_of(self, Tone.PLAIN))
