"""Every key."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from typing_extensions import override

from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present import help as keys
from sciabc_tui.tui.present.cells import titled
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.screens.filtered import FilteredScreen
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.page import Page


class HelpScreen(FilteredScreen):
    """Made from the table that the footer and the palette are made from."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(Place.HELP, first={Verb.FILTER}),
        Binding("question_mark,q", "back", "Back", show=False),
    ]

    def __init__(self, link: Link, beneath: ClusterScreen) -> None:
        self._keys = Lines(id="keys")
        self._page = Page(self._keys, id="page")
        super().__init__(link, self._page, "filter keys")
        self._asked_at = beneath.place
        self._now = frozenset(action.verb for action in beneath.available())
        self._title = Lines()

    @override
    def body(self) -> ComposeResult:
        yield self._title
        yield from super().body()

    @override
    def present(self) -> None:
        lines = keys.lines(self._asked_at, self._now, self.size.width - 4, self.wanted)
        self._keys.put(lines)
        filtered = f"  /{self.wanted}" if self.wanted else ""
        self._title.put((titled(f"Keys{filtered}  up down scrolls", self.size.width, self.view.glyphs.rule),))

    @property
    @override
    def own_place(self) -> Place:
        return Place.HELP
