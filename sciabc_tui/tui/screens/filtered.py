"""What screens have in common that show only what holds a text."""

from textual.app import ComposeResult
from textual.widget import Widget
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.tui.actions import Place
from sciabc_tui.tui.screens.base import ClusterScreen, Link


class FilteredScreen(ClusterScreen):
    """A part with rows, and below it the field of the filter while there is one."""

    def __init__(self, link: Link, rows: Widget, placeholder: str) -> None:
        super().__init__(link)
        self._rows = rows
        self._filter = Input(compact=True, id="filter", placeholder=placeholder)
        self._filter.cursor_blink = False

    @override
    def body(self) -> ComposeResult:
        yield self._rows
        yield self._filter

    @override
    def on_mount(self) -> None:
        self._filter.display = False
        self._rows.focus()

    @property
    def wanted(self) -> str:
        """The text of the filter; empty when there is none."""
        return self._filter.value if self._filter.display else ""

    @property
    def own_place(self) -> Place:
        """Where keys are pressed while no filter is typed."""
        raise NotImplementedError

    @property
    @override
    def place(self) -> Place:
        return Place.FILTER if self.focused is self._filter else self.own_place

    def on_descendant_focus(self) -> None:
        """Print the keys of the part that has the cursor."""
        self.show_keys()

    def action_filter(self) -> None:
        """Begin to type a filter; at once, so that what is typed behind it is in it."""
        self._filter.display = True
        self.set_focus(self._filter)
        self.tick()

    def on_input_changed(self) -> None:
        """Filter while it is typed."""
        self.tick()

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the rows; an empty one is taken away."""
        self._filter.display = bool(self._filter.value)
        self.set_focus(self._rows)
        self.tick()

    @override
    def action_back(self) -> None:
        if not self._filter.display:
            super().action_back()
            return
        self._filter.value = ""
        self._filter.display = False
        self.set_focus(self._rows)
        self.tick()
