"""One-line fields of a form."""

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Input


class ChoiceInput(Input):
    """A field with values at hand: up and down walk through them, and anything else can be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "Previous", show=False),
        Binding("down", "choose(1)", "Next", show=False),
    ]

    def __init__(self, value: str, *, id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(value, compact=True, id=id)
        self.choices: tuple[str, ...] = ()
        self.cursor_blink = False

    def action_choose(self, by: int) -> None:
        """Take the next (1) or the previous (-1) value at hand."""
        if not self.choices:
            return
        here = self.choices.index(self.value) if self.value in self.choices else -1 if by > 0 else 0
        self.value = self.choices[(here + by) % len(self.choices)]
        self.cursor_position = len(self.value)
