"""The host keys that wait for a person."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Trust
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present.trust import key_help, keys, node_of
from sciabc_tui.tui.requests import ApproveKey, ForgetNode, ForMany
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.table import TableView


class ApproveScreen(ClusterScreen):
    """Name, address and fingerprint of each; one or all can be approved, a changed one only be forgotten."""

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

    @override
    def present(self) -> None:
        width = self.size.width
        changed = bool(self.view.digest.changed)
        self._about.put(key_help(width, changed=changed))
        self._keys.put(keys(self.view, width - 3))

    @property
    @override
    def place(self) -> Place:
        return Place.APPROVE

    @override
    def hidden(self) -> set[Verb]:
        here = self._here()
        hidden = super().hidden()
        if here is None or here.trust is not Trust.CHANGED:
            hidden.add(Verb.FORGET)
        if here is None or here.trust is Trust.CHANGED:
            hidden.add(Verb.APPROVE)
        return hidden if self._waiting() else hidden | {Verb.APPROVE_ALL}

    def _here(self) -> Node | None:
        state = self.view.state
        return state.nodes.get(NodeId(node_of(self._keys.key))) if state else None

    def on_table_view_moved(self) -> None:
        """Print the keys that apply."""
        self.show_keys()

    def _waiting(self) -> tuple[Node, ...]:
        return self.view.digest.pending

    @override
    def action_approve(self) -> None:
        """Ask for trust in the key under the cursor."""
        here = self._here()
        if here is not None and here.host_key is not None and here in self._waiting():
            self.link.tell(ApproveKey(here.id, here.host_key.fingerprint))

    def action_approve_all(self) -> None:
        """Ask for trust in every key on the list as it is shown."""
        self.link.tell(ForMany(Verb.APPROVE, tuple(node.id for node in self._waiting())))

    def action_forget(self) -> None:
        """Ask for the node with the changed key to be forgotten."""
        here = self._here()
        if here is not None:
            self.link.tell(ForgetNode(here.id))
