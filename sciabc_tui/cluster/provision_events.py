"""What was decided about getting boards in: provisioning, and a host key that was renewed on the way."""

from dataclasses import dataclass, replace

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import HostKey, Node, Readiness, Trust


@dataclass(frozen=True, slots=True)
class ProvisioningBegan:
    """A board is worked on. `node` is empty where the board is no known node yet."""

    node: NodeId

    def on(self, node: Node, /) -> Node:
        """It computes when that is over; one that is ready already goes on computing."""
        if node.readiness is Readiness.READY:
            return node
        return replace(node, readiness=Readiness.PROVISIONING, readiness_reason="being provisioned")


@dataclass(frozen=True, slots=True)
class ProvisioningEnded:
    """All was done on a board."""

    node: NodeId

    def on(self, node: Node, /) -> Node:
        """Its next reading shows that it computes."""
        if node.readiness is Readiness.READY:
            return node
        return replace(node, readiness=Readiness.UNPROVISIONED, readiness_reason="")


@dataclass(frozen=True, slots=True)
class BoardProvisioned:
    """A board computes; `changes` tells how many things were not as they should be."""

    node: NodeId
    name: str
    by: str
    changes: int

    def on(self, node: Node, /) -> Node:
        """Change nothing: its readings say it."""
        return node


@dataclass(frozen=True, slots=True)
class ProvisioningFailed:
    """A step could not be done on a board, or somebody stopped it."""

    node: NodeId
    name: str
    step: str
    reason: str

    def on(self, node: Node, /) -> Node:
        """It does not compute until that is mended; one that did before goes on."""
        if node.readiness is Readiness.READY:
            return node
        why = f"provisioning failed at {self.step}: {self.reason}"
        return replace(node, readiness=Readiness.FAILED, readiness_reason=why)


@dataclass(frozen=True, slots=True)
class BoardUnprovisioned:
    """All that was done on a board was undone."""

    node: NodeId
    name: str
    by: str
    changes: int

    def on(self, node: Node, /) -> Node:
        """Change nothing: the node is forgotten beside."""
        return node


@dataclass(frozen=True, slots=True)
class HostKeyReplaced:
    """A node has a new host key, which a person approved, or which came over a session with the old one."""

    node: NodeId
    key: HostKey
    by: str

    def on(self, node: Node, /) -> Node:
        """Trust the new one."""
        return replace(node, trust=Trust.TRUSTED, host_key=self.key, offered_key=None, offered_at=None)
