"""Every key."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from typing_extensions import override

from sciabc_tui.tui.actions import Place, help_lines
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines


class HelpScreen(ClusterScreen):
    """Made from the table that the footer and the palette are made from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.HELP),
        Binding("question_mark,q", "back", "Back", show=False),
    ]

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._keys = Lines(id="keys")
        self._page = VerticalScroll(self._keys, id="page")

    @override
    def body(self) -> ComposeResult:
        yield self._page

    @override
    def present(self) -> None:
        self._keys.put(help_lines())
        self._page.focus()

    @property
    @override
    def place(self) -> Place:
        return Place.HELP
