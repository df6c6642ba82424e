"""The host keys that wait for a person."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.cluster.node import Node
from sciabc_tui.tui.actions import Place
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present.forms import key_help, keys
from sciabc_tui.tui.present.nodes import pending_keys
from sciabc_tui.tui.requests import ApproveKey
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.table import TableView


class ApproveScreen(ClusterScreen):
    """Name, address and fingerprint of each; one or all can be approved."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.APPROVE)

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        glyphs = self.view.glyphs
        self._about = Lines(id="about")
        self._keys = TableView(glyphs.rule, glyphs.cursor, id="keys")

    @override
    def body(self) -> ComposeResult:
        yield self._about
        yield self._keys

    @override
    def on_mount(self) -> None:
        self._keys.focus()
        super().on_mount()

    @override
    def present(self) -> None:
        width = self.size.width
        self._about.put(key_help(width))
        self._keys.put(keys(self.view, width - 3))

    @property
    @override
    def place(self) -> Place:
        return Place.APPROVE

    def _waiting(self) -> tuple[Node, ...]:
        return pending_keys(self.view.state) if self.view.state else ()

    @override
    def action_approve(self) -> None:
        """Ask for trust in the key under the cursor."""
        self._approve(tuple(node for node in self._waiting() if node.id == self._keys.key))

    def action_approve_all(self) -> None:
        """Ask for trust in every key on the list as it is shown."""
        self._approve(self._waiting())

    def _approve(self, nodes: tuple[Node, ...]) -> None:
        for node in nodes:
            if node.host_key is not None:
                self.link.tell(ApproveKey(node.id, node.host_key.fingerprint))
