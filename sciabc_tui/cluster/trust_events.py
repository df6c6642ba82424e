"""What was decided about who a node is and whether it may compute: keys, doubles, an operator's word."""

from dataclasses import dataclass, replace

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Drain, HostKey, Node, Readiness, Trust


@dataclass(frozen=True, slots=True)
class AddressLost:
    """Another node proved to live at this address now."""

    node: NodeId
    address: str

    def on(self, node: Node, /) -> Node:
        """Take the address away."""
        left = tuple(a for a in node.addresses if a != self.address)
        return replace(node, addresses=left, contact="" if node.contact == self.address else node.contact)


@dataclass(frozen=True, slots=True)
class AddressProven:
    """The node proved at this address that it holds its host key."""

    node: NodeId
    address: str

    def on(self, node: Node, /) -> Node:
        """Reach it there from now on."""
        others = tuple(a for a in node.addresses if a != self.address)
        return replace(node, contact=self.address, addresses=(self.address, *others))


@dataclass(frozen=True, slots=True)
class HostKeyOffered:
    """A node that nobody approved showed its host key."""

    node: NodeId
    key: HostKey
    address: str

    def on(self, node: Node, /) -> Node:
        """Keep the key for the person who approves."""
        return replace(node, host_key=self.key, contact=self.address)


@dataclass(frozen=True, slots=True)
class HostKeyChanged:
    """A trusted node's address shows a key that nobody approved."""

    node: NodeId
    key: HostKey
    at: Instant

    def on(self, node: Node, /) -> Node:
        """Stop everything to it; keep both keys for the explanation."""
        return replace(node, trust=Trust.CHANGED, offered_key=self.key, offered_at=self.at)


@dataclass(frozen=True, slots=True)
class HostKeyConfirmed:
    """A node whose key had changed shows the approved one again."""

    node: NodeId

    def on(self, node: Node, /) -> Node:
        """Trust it as before."""
        return replace(node, trust=Trust.TRUSTED, offered_key=None, offered_at=None)


@dataclass(frozen=True, slots=True)
class NodeApproved:
    """A person approved the host key."""

    node: NodeId
    by: str

    def on(self, node: Node, /) -> Node:
        """Trust it."""
        return replace(node, trust=Trust.TRUSTED, readiness_reason="")


@dataclass(frozen=True, slots=True)
class NodeForgotten:
    """A person took the trust back; a node that is present starts anew as unknown."""

    node: NodeId
    by: str

    def on(self, node: Node, /) -> Node:
        """Make it unknown; its key is read anew."""
        return replace(
            node,
            trust=Trust.UNKNOWN,
            host_key=None,
            offered_key=None,
            offered_at=None,
            readiness=Readiness.UNPROVISIONED,
            readiness_reason="",
            streaming=False,
            drained=None,
        )


@dataclass(frozen=True, slots=True)
class NamesakeFound:
    """Another node that is there has its host name; nothing in `other` when that is over."""

    node: NodeId
    other: str

    def on(self, node: Node, /) -> Node:
        """Note which."""
        return replace(node, namesake=self.other)


@dataclass(frozen=True, slots=True)
class TwinNoted:
    """Another board with its host key is (still) at this address, or is gone when there is none."""

    node: NodeId
    address: str
    at: Instant

    def on(self, node: Node, /) -> Node:
        """Note where and when."""
        return replace(node, twin=self.address, twin_seen_at=self.at if self.address else None)


@dataclass(frozen=True, slots=True)
class TwinDiscovered:
    """It became known that its card was cloned, or that the clone is gone; only for the log."""

    node: NodeId
    address: str

    def on(self, node: Node, /) -> Node:
        """Change nothing."""
        return node


@dataclass(frozen=True, slots=True)
class NodeRefusedLogin:
    """It did not let the head in."""

    node: NodeId
    reason: str

    def on(self, node: Node, /) -> Node:
        """It needs provisioning; the reason names the next step."""
        return replace(node, readiness=Readiness.UNPROVISIONED, readiness_reason=self.reason, streaming=False)


@dataclass(frozen=True, slots=True)
class NodeDrained:
    """An operator wants no new jobs here."""

    node: NodeId
    drain: Drain

    def on(self, node: Node, /) -> Node:
        """Set the flag."""
        return replace(node, drained=self.drain)


@dataclass(frozen=True, slots=True)
class NodeResumed:
    """An operator wants jobs here again."""

    node: NodeId
    by: str

    def on(self, node: Node, /) -> Node:
        """Clear the flag."""
        return replace(node, drained=None)
