"""Trust on first use, where the configuration says so: on named interfaces, and nowhere else."""

from collections.abc import Callable, Iterable

from sciabc_tui.cluster.node import Node, Trust
from sciabc_tui.cluster.observations import ApproveHostKey, NodeCommand
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.ports import Hub


class FirstUse:
    """Approves the host keys of new nodes that are announced on trusted interfaces.

    A key that changed is never approved: that is for a person. Nor is a node that is only configured, for
    nobody knows on which interface it is.
    """

    def __init__(self, interfaces: Iterable[str], obey: Callable[[NodeCommand], None]) -> None:
        """Approve nothing yet.

        Args:
            interfaces: `cluster.trust_interfaces`, with `cluster.trust` being "first-use"; else none.
            obey: Does what an operator asks, as `StateHub.obey`.
        """
        self._interfaces = frozenset(interfaces) - {""}
        self._obey = obey

    async def run(self, hub: Hub) -> None:
        """Watch until cancelled."""
        seen = -1
        while True:
            state = await hub.changed(seen)
            seen = state.revision
            for node in state.nodes.values():
                if self._concerns(node):
                    self._approve(node)

    def _concerns(self, node: Node) -> bool:
        return (
            node.trust is Trust.UNKNOWN and node.host_key is not None and node.interface in self._interfaces
        )

    def _approve(self, node: Node) -> None:
        if node.host_key is None:
            return
        try:
            self._obey(
                ApproveHostKey(node.id, node.host_key.fingerprint, by=f"first use on {node.interface}")
            )
        except CommandRefused:
            return  # it changed between the look and the word: the next state shows how
