"""A small menu: one of a few works is chosen by its key, or by the arrows and Enter."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key
from textual.screen import ModalScreen
from typing_extensions import override

from sciabc_tui.tui.present import power
from sciabc_tui.tui.present.cells import Cell, Line, Tone, wrapped
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.paint import TONES

_WIDTH = 54
"""Cells in the frame, on a terminal of the least width, too."""


class MenuScreen(ModalScreen[str]):
    """Gives the name of what was chosen; empty for nothing."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES
    CSS = "MenuScreen { align: center middle; background: transparent; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Previous", show=False),
        Binding("down,j", "move(1)", "Next", show=False),
        Binding("enter", "take", "Take", show=False),
        Binding("escape,q", "leave", "Back", show=False),
    ]

    def __init__(self, menu: power.Menu, title: str, glyphs: Glyphs) -> None:
        super().__init__()
        self._menu = menu
        self._title = title
        self._glyphs = glyphs
        self._chosen = 0
        self._lines = Lines()

    @override
    def compose(self) -> ComposeResult:
        yield Vertical(self._lines, id="dialog")

    def on_mount(self) -> None:
        """Show it."""
        self._show()

    def _show(self) -> None:
        lines: list[Line] = [(Cell(part, Tone.ACCENT),) for part in wrapped(self._title, _WIDTH)]
        lines += [(), *power.lines(self._menu, self._chosen, _WIDTH, self._glyphs), ()]
        lines.append((Cell("a key, or up down and enter; esc leaves it", Tone.DIM),))
        self._lines.put(tuple(lines))

    def on_key(self, event: Key) -> None:
        """Take the choice of a key."""
        for choice in self._menu.choices:
            if event.key == choice.key:
                event.stop()
                self.dismiss(choice.name)

    def action_move(self, by: int) -> None:
        """Choose another one."""
        self._chosen = max(0, min(len(self._menu.choices) - 1, self._chosen + by))
        self._show()

    def action_take(self) -> None:
        """Take what is chosen."""
        self.dismiss(self._menu.choices[self._chosen].name)

    def action_leave(self) -> None:
        """Choose nothing."""
        self.dismiss("")
