"""The palette over a screen: finds what that screen can do, nodes and jobs, by their names."""

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.events import Key, Paste
from textual.screen import ModalScreen
from typing_extensions import override

from sciabc_tui.tui.actions import Verb
from sciabc_tui.tui.present import palette
from sciabc_tui.tui.present.cells import is_hidden
from sciabc_tui.tui.requests import OpenJob, OpenNode
from sciabc_tui.tui.screens.base import ClusterScreen
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.paint import TONES

_WIDEST = 100
_HIGHEST = 18
_AROUND = 6
"""Cells beside the palette, and about as many lines above and below it."""


class PaletteScreen(ModalScreen[None]):
    """What is typed is kept here and not in a field: keys that come in one burst are read in their order."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "choose(-1)", "Previous", show=False),
        Binding("down", "choose(1)", "Next", show=False),
        Binding("pageup", "choose(-10)", "Page up", show=False),
        Binding("pagedown", "choose(10)", "Page down", show=False),
    ]
    AUTO_FOCUS: ClassVar[str | None] = ""

    def __init__(self, beneath: ClusterScreen, owner: App[None]) -> None:
        """Find what belongs to a screen.

        Args:
            beneath: The screen.
            owner: The application: leaves the palette, and takes the keys that come after that.
        """
        super().__init__()
        self._owner = owner
        self._beneath = beneath
        self._view = beneath.link.look()
        self._known = palette.entries(beneath.available(), self._view)
        self._found = self._known
        self._typed = ""
        self._chosen = 0
        self._done = False
        self._lines = Lines()

    @override
    def compose(self) -> ComposeResult:
        yield Vertical(self._lines, id="palette")

    def on_mount(self) -> None:
        """Show everything."""
        self._show()

    def on_resize(self) -> None:
        """Draw it anew."""
        self._show()

    def _show(self) -> None:
        size = min(_WIDEST, self.size.width - _AROUND), min(_HIGHEST, self.size.height - _AROUND)
        glyphs = self._beneath.view.glyphs
        self._lines.put(palette.lines(self._found, len(self._known), self._typed, self._chosen, size, glyphs))

    def _type(self, typed: str) -> None:
        self._typed = typed[: palette.LONGEST]
        before, self._view = self._view, self._beneath.link.look()
        if self._view.state is not before.state:  # nodes and jobs may have come meanwhile
            self._known = palette.entries(self._beneath.available(), self._view)
        self._found = palette.find(self._known, self._typed)
        self._chosen = 0
        self._show()

    def action_choose(self, by: int) -> None:
        """Choose another one."""
        self._chosen = max(0, min(len(self._found) - 1, self._chosen + by))
        self._show()

    def on_key(self, event: Key) -> None:
        """Type, take or leave; what comes after that is for the screen that is then on top."""
        if self._done:
            event.stop()
            self._owner.post_message(Key(event.key, event.character))
            return
        match event.key:
            case "enter":
                self._take()
            case "escape":
                self._leave()
            case "backspace" | "ctrl+h":
                self._type(self._typed[:-1])
            case "ctrl+u" | "ctrl+w":
                self._type("")
            case _ if event.character and not is_hidden(event.character):
                self._type(self._typed + event.character)
            case _:
                return
        event.stop()
        event.prevent_default()

    def on_paste(self, event: Paste) -> None:
        """Type what was pasted, without what is no text."""
        event.stop()
        self._type(self._typed + "".join(c for c in event.text if not is_hidden(c)))

    def _take(self) -> None:
        """Do what is chosen; with nothing found, wait for other keys."""
        if self._found:
            self._leave(self._found[self._chosen].deed)

    def _leave(self, deed: palette.Deed | None = None) -> None:
        """Let the application go on from here: in its turn, so that later keys come after what is done."""
        self._done = True
        self._owner.call_later(self._finish, deed)

    async def _finish(self, deed: palette.Deed | None) -> None:
        self.dismiss()
        match deed:
            case OpenNode() | OpenJob():
                self._beneath.link.tell(deed)
            case Verb():
                await self._beneath.run_action(deed.value)
            case None:
                pass
