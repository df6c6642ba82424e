"""The column at the right of a wide dashboard: the front panel, the load of the cluster, and a node."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from typing_extensions import override

from sciabc_tui.tui.present.cells import Line
from sciabc_tui.tui.widgets.lines import Lines, PanelMirror


class SideColumn(Vertical):
    """What does not change is not painted again."""

    def __init__(self) -> None:
        super().__init__(id="side")
        self._panel_title = Lines()
        self._panel = PanelMirror()
        self._load_title = Lines()
        self._load = Lines(id="load")
        self._node_title = Lines()
        self._node = Lines(id="node")

    @override
    def compose(self) -> ComposeResult:
        yield self._panel_title
        yield self._panel
        yield self._load_title
        yield self._load
        yield self._node_title
        yield self._node

    def put(self, parts: Sequence[tuple[Line, ...]]) -> None:
        """Show the front panel and the load, each below its title."""
        places = (self._panel_title, self._panel, self._load_title, self._load)
        for lines, part in zip(places, parts, strict=True):
            lines.put(part)

    def put_node(self, parts: Sequence[tuple[Line, ...]]) -> None:
        """Show a node below its title."""
        for lines, part in zip((self._node_title, self._node), parts, strict=True):
            lines.put(part)
