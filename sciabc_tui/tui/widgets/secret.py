"""A field for a password: what is typed is in no message, and gone as soon as it is taken."""

from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, Tone
from sciabc_tui.tui.widgets.paint import COMPONENTS, paint, style_of

LONGEST = 1024
"""Characters that are taken."""

MASK = "*"
"""Stands for each of them; in every character set."""


class Secret(Widget, can_focus=True):
    """Shows how many characters there are, and nothing else of them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = COMPONENTS
    ALLOW_SELECT = False
    DEFAULT_CSS = "Secret { height: 1; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("backspace,ctrl+h", "rub_out", "Take a character away", show=False),
        Binding("ctrl+u,ctrl+w", "clear", "Take all away", show=False),
        Binding("enter", "submit", "Submit", show=False),
    ]

    @dataclass
    class Changed(Message):
        """There are more characters, or fewer."""

    @dataclass
    class Submitted(Message):
        """Enter was pressed."""

    def __init__(self, *, empty: str = "", id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        """Hold nothing.

        Args:
            empty: Stands there, dim, when there is nothing.
            id: Of the widget.
        """
        super().__init__(id=id)
        self._typed: list[str] = []
        self._empty = empty

    @property
    def filled(self) -> bool:
        """Is there something?"""
        return bool(self._typed)

    def take(self) -> str:
        """Give what was typed, and forget it."""
        taken = "".join(self._typed)
        self.action_clear()
        return taken

    def _put(self, typed: list[str]) -> None:
        if typed != self._typed:
            self._typed = typed
            self.refresh()
            self.post_message(self.Changed())

    def action_clear(self) -> None:
        """Forget what was typed."""
        self._put([])

    def action_rub_out(self) -> None:
        """Forget the last character."""
        self._put(self._typed[:-1])

    def action_submit(self) -> None:
        """Tell that Enter was pressed."""
        self.post_message(self.Submitted())

    def on_key(self, event: events.Key) -> None:
        """Take a character."""
        if event.is_printable and event.character:
            event.stop()
            event.prevent_default()
            self._type(event.character)

    def on_paste(self, event: events.Paste) -> None:
        """Take what was pasted, up to the end of its first line."""
        event.stop()
        self._type(next(iter(event.text.splitlines()), ""))

    def _type(self, text: str) -> None:
        self._put([*self._typed, *text][:LONGEST])

    @override
    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return 1

    @override
    def render_line(self, y: int) -> Strip:
        width = self.size.width
        shown = Cell(MASK * min(len(self._typed), width - 1)) if self._typed else Cell(self._empty, Tone.DIM)
        cursor = [Cell("_", Tone.ACCENT)] if self.has_focus else []
        return paint(self, [shown, *cursor]).adjust_cell_length(width, style_of(self, Tone.PLAIN))
