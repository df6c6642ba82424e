"""A question before something is lost."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, Line, Tone, wrapped
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.paint import TONES

_WIDTH = 54
"""Cells inside the frame of the dialog, which has 60 with its padding."""


class ConfirmScreen(ModalScreen[bool]):
    """Only `y` is a yes: Enter, which is pressed without reading, leaves everything as it is."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", show=False),
        Binding("n,escape,enter,q", "answer(False)", "No", show=False),
    ]

    def __init__(self, question: Question) -> None:
        super().__init__()
        self._question = question
        self._lines = Lines()

    @override
    def compose(self) -> ComposeResult:
        yield Vertical(self._lines, id="dialog")

    def on_mount(self) -> None:
        """Ask."""
        question = self._question
        lines: list[Line] = [(Cell(part, Tone.WARN),) for part in wrapped(question.title, _WIDTH)]
        lines.append((Cell(""),))
        lines += [(Cell(part),) for text in question.lines for part in wrapped(text, _WIDTH)]
        lines.append((Cell(""),))
        lines.append(
            (
                Cell("y", Tone.ACCENT),
                Cell(f" {question.yes}    ", Tone.DIM),
                Cell("n enter esc", Tone.ACCENT),
                Cell(" leave it", Tone.DIM),
            )
        )
        self._lines.put(tuple(lines))

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001 (Textual's actions take no keywords)
        """Give the answer."""
        self.dismiss(answer)
