"""The settings, to be read."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.config import Loaded
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present import settings
from sciabc_tui.tui.screens.base import Link
from sciabc_tui.tui.screens.filtered import FilteredScreen
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.table import TableView

_FEWEST = 5
"""Lines that the list keeps, however much there is to tell of a setting."""


class SettingsScreen(FilteredScreen):
    """Every setting; below the list stands what the one under the cursor means and how it is changed."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.SETTINGS, first={Verb.FILTER})

    def __init__(self, link: Link, loaded: Loaded | None) -> None:
        glyphs = link.look().glyphs
        self._table = TableView(glyphs.rule, glyphs.cursor, id="settings")
        super().__init__(link, self._table, "filter settings")
        self._loaded = loaded
        self._about = Lines(id="whose")
        self._detail = Lines(id="setting")

    @override
    def body(self) -> ComposeResult:
        yield self._about
        yield self._table
        yield self._detail
        yield self._filter

    @override
    def present(self) -> None:
        width = self.size.width
        self._about.put(settings.about(width))
        self._table.put(settings.table(self._loaded, width - 3, self.wanted, self.view.glyphs))
        self._tell()

    def _tell(self) -> None:
        told = settings.detail(self._loaded, self._table.key, self.size.width - 3, self.view.glyphs)
        taken = 2 + self._about.line_count + self._banner.line_count + int(self._filter.display)
        self._detail.put(told[: max(2, self.size.height - taken - _FEWEST)])

    @property
    @override
    def own_place(self) -> Place:
        return Place.SETTINGS

    def on_table_view_moved(self) -> None:
        """Tell of the setting under the cursor."""
        self._tell()
