"""Stands in front of everything while the terminal is too small for it to keep its meaning."""

from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.screen import Screen
from typing_extensions import override

from sciabc_tui.tui.present.cells import Cell, Tone, crop
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.paint import TONES

LEAST = Size(60, 20)
"""Columns and lines: every dialog fits, and every table keeps state, name and why."""


def too_small(size: Size) -> bool:
    """Is there too little room? A terminal that tells no size has enough."""
    return 0 < size.width < LEAST.width or 0 < size.height < LEAST.height


def said(size: Size) -> str:
    """Say in one line what is needed, as long as the terminal is wide."""
    needed = f"{LEAST.width}x{LEAST.height}"
    here = f"{size.width}x{size.height}"
    texts = (f"needs {needed}, this is {here}; q leaves", f"needs {needed}, not {here}", needed)
    return next((text for text in texts if len(text) <= size.width), crop(needed, size.width))


class TooSmallScreen(Screen[None]):
    """Goes by itself when there is room again; no key but `q` does anything meanwhile."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES

    BINDINGS: ClassVar[list[BindingType]] = [Binding("q", "app.quit", "Leave", show=False)]

    def __init__(self, size: Callable[[], Size], leave: Callable[[], object]) -> None:
        """Stand there until there is room.

        Args:
            size: Gives the terminal's size.
            leave: Takes this screen away.
        """
        super().__init__()
        self._size_now = size
        self._leave = leave
        self._line = Lines()

    @override
    def compose(self) -> ComposeResult:
        yield self._line

    def on_resize(self) -> None:
        """Say it anew."""
        self._line.put(((Cell(said(self._size_now()), Tone.WARN),),))

    def on_screen_resume(self) -> None:
        """Go, if it came up again after there was room."""
        if not too_small(self._size_now()):
            self._leave()
