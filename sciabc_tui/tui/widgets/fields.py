"""One-line fields of a form."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.tui.widgets.lines import Lines


class ChoiceInput(Input):
    """A field with values at hand: up and down walk through them, and anything else can be typed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "Previous", show=False),
        Binding("down", "choose(1)", "Next", show=False),
    ]

    def __init__(self, value: str, *, placeholder: str = "", id: str | None = None) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(value, placeholder=placeholder, compact=True, id=id)
        self.choices: tuple[str, ...] = ()
        self.cursor_blink = False

    def action_choose(self, by: int) -> None:
        """Take the next (1) or the previous (-1) value at hand."""
        if not self.choices:
            return
        here = self.choices.index(self.value) if self.value in self.choices else -1 if by > 0 else 0
        self.value = self.choices[(here + by) % len(self.choices)]
        self.cursor_position = len(self.value)


class SuggestInput(Input):
    """A field that offers values while one types, or when one goes down into the list.

    Up and down walk through them, and what they are on stands in the field. Right, at the end, takes what is
    offered; so does Tab, which goes on to the next field unless there is more to complete. A value that ends
    in `/` is a folder: taking it offers what is in it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "walk(-1)", "Previous", show=False),
        Binding("down", "walk(1)", "Next", show=False),
    ]

    @dataclass
    class Wanted(Message):
        """Values that go on from a text are wanted, or `every` value at hand; `offer` takes them."""

        field: str
        text: str
        every: bool = False

    @dataclass
    class Offered(Message):
        """Other values are offered (none: the list is closed), or the cursor is on another one (-1: none)."""

        field: str
        found: tuple[str, ...]
        here: int

    def __init__(self, value: str, *, placeholder: str = "", id: str) -> None:  # noqa: A002 (Textual's name for it)
        super().__init__(value, placeholder=placeholder, compact=True, id=id)
        self.cursor_blink = False
        self._field = id
        self._typed = value
        self._found: tuple[str, ...] = ()
        self._here = -1
        self._open = False
        self._walks = 0

    def offer(self, text: str, found: Sequence[str]) -> None:
        """Offer values for a text; nothing happens if another one stands there by now."""
        if text != self._typed or self._here >= 0 or not self.has_focus:
            return
        self._found = tuple(value for value in found if value != text)
        if walks := self._walks:
            self._walks = 0
            self.action_walk(walks)
        else:
            self._show()

    def _show(self) -> None:
        self.post_message(self.Offered(self._field, self._found if self._open else (), self._here))

    def close(self) -> bool:
        """Close the list and take back what it put into the field; tell whether it was open."""
        was_open = self._open and bool(self._found)
        if was_open and self._here >= 0:
            self._put(self._typed)
        self._shut()
        return was_open

    def _shut(self) -> None:
        self._open, self._here, self._found = False, -1, ()
        self._show()

    def _put(self, text: str) -> None:
        self.value = text
        self.cursor_position = len(text)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Want values for what was typed."""
        if event.value != self.value or event.value == self._typed:
            return
        if self._here >= 0 and event.value == self._found[self._here]:
            return  # it was walked to
        self._typed, self._here, self._walks, self._open = event.value, -1, 0, self.has_focus
        self.post_message(self.Wanted(self._field, event.value))

    def on_blur(self) -> None:
        """Keep what stands there."""
        self._typed = self.value
        self._shut()

    def action_walk(self, by: int) -> None:
        """Put the next (1) or the previous (-1) value into the field; open the list first if it is closed."""
        if not self._open:
            self._open, self._walks, self._typed = True, by, self.value
            self.post_message(self.Wanted(self._field, self.value, every=True))
            return
        if not self._found:
            return
        count = len(self._found) + 1  # beyond the last stands what was typed
        self._here = (self._here + 1 + by) % count - 1
        self._put(self._typed if self._here < 0 else self._found[self._here])
        self._show()

    def take(self, *, whole: bool) -> bool:
        """Take what is offered; tell whether there is more to choose in this field.

        Args:
            whole: Take the first value if the cursor is on none; else only what all have in common.
        """
        if not (self._open and self._found):
            return False
        if self._here < 0:
            common = self._found[0] if whole else _common(self._found)
            if not common.startswith(self._typed) or common == self._typed:
                return False
        else:
            common = self._found[self._here]
        more = common.endswith("/") or (self._here < 0 and common not in self._found)
        self._typed, self._here, self._found = common, -1, ()
        self._put(common)
        self._open = more
        self._show()
        if more:
            self.post_message(self.Wanted(self._field, common))
        return more

    @override
    def action_cursor_right(self, select: bool = False) -> None:
        if not select and self.cursor_at_end and self._open and self._found:
            self.take(whole=True)
        else:
            super().action_cursor_right(select)


def _common(values: Sequence[str]) -> str:
    """Give what all values begin with."""
    first, last = min(values), max(values)
    same = (number for number, (one, other) in enumerate(zip(first, last, strict=False)) if one != other)
    return first[: next(same, min(len(first), len(last)))]


class Suggestions(Lines):
    """The values that a field offers, over what stands below it."""

    DEFAULT_CSS = """
    Suggestions { overlay: screen; constrain: none inside; display: none; width: 1fr; margin: 0 2 0 14; }
    """
