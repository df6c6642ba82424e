"""What was decided about a node.

Each event names what happened in the past tense and knows what it changes on the node: `on(node)` gives
the node afterwards. `sciabc_tui.cluster.changes.apply` puts it into the state.
"""

from dataclasses import dataclass, replace
from typing import Protocol

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts, Liveness, Node, Readiness, Reading, with_reading
from sciabc_tui.cluster.observations import Sighted

FLAPS_KEPT = 8
"""How many returns a node remembers."""


class NodeEvent(Protocol):
    """What happened to one node that is known already."""

    @property
    def node(self) -> NodeId:
        """The node it happened to."""
        ...

    def on(self, node: Node, /) -> Node:
        """Give the node afterwards."""
        ...


@dataclass(frozen=True, slots=True)
class NodeAnnounced:
    """It was announced again, perhaps with another address."""

    node: NodeId
    sighted: Sighted

    def on(self, node: Node, /) -> Node:
        """Take over what the announcement says; a proven address stays first while the stream is open."""
        said = self.sighted
        return replace(
            node,
            addresses=said.addresses,
            contact=node.contact if node.streaming or node.contact in said.addresses else "",
            port=said.port,
            interface=said.interface or node.interface,
            user=said.user or node.user,
            advertised_slots=said.slots if said.slots is not None else node.advertised_slots,
            goodbye_at=None,
        )


@dataclass(frozen=True, slots=True)
class AnnouncementHeard:
    """A node that is not alive was spoken of: it may be booting, and is worth a try at once."""

    node: NodeId
    at: Instant

    def on(self, node: Node, /) -> Node:
        """Note when."""
        return replace(node, announced_at=self.at)


@dataclass(frozen=True, slots=True)
class NodeHeard:
    """A sign of life of a node that was alive already."""

    node: NodeId
    at: Instant
    how: str

    def on(self, node: Node, /) -> Node:
        """Note when and how."""
        return replace(node, heard_at=self.at, heard_how=self.how)


@dataclass(frozen=True, slots=True)
class NodeReturned:
    """A node that was suspect, dead or gone gave a sign of life."""

    node: NodeId
    at: Instant
    how: str

    def on(self, node: Node, /) -> Node:
        """It is alive again; when a head that starts hears it first, the board did not return.

        What was said before it stays said: a board that shuts down sends readings after its goodbye.
        """
        lately = (*node.returns, self.at)[-FLAPS_KEPT:] if node.heard_how else node.returns
        return replace(
            node,
            liveness=Liveness.ALIVE,
            since=self.at,
            heard_at=self.at,
            heard_how=self.how,
            answered_at=None,
            probe="",
            returns=lately,
        )


@dataclass(frozen=True, slots=True)
class NodeDamped:
    """It came back from silence too often."""

    node: NodeId
    times: int

    def on(self, node: Node, /) -> Node:
        """No jobs until it was quiet for a while."""
        return replace(node, damped=True)


@dataclass(frozen=True, slots=True)
class NodeSettled:
    """A damped node was there without a gap for long enough."""

    node: NodeId

    def on(self, node: Node, /) -> Node:
        """Jobs again."""
        return replace(node, damped=False, returns=())


@dataclass(frozen=True, slots=True)
class NodeRebooted:
    """Its kernel started anew."""

    node: NodeId
    at: Instant

    def on(self, node: Node, /) -> Node:
        """Begin a new trend: the old one is of another run, and so is its goodbye."""
        return replace(node, trend=(), goodbye_at=None)


@dataclass(frozen=True, slots=True)
class NodeSuspected:
    """It is silent for too long."""

    node: NodeId
    at: Instant
    why: str

    def on(self, node: Node, /) -> Node:
        """Doubt it; probes will tell."""
        return replace(node, liveness=Liveness.SUSPECT, since=self.at, probe=self.why, answered_at=None)


@dataclass(frozen=True, slots=True)
class NodeLost:
    """It stayed silent and answers no probe."""

    node: NodeId
    at: Instant
    why: str

    def on(self, node: Node, /) -> Node:
        """It is dead until it gives a sign of life."""
        return replace(node, liveness=Liveness.DEAD, since=self.at, probe=self.why, streaming=False)


@dataclass(frozen=True, slots=True)
class NodeLeft:
    """It said goodbye and is gone."""

    node: NodeId
    at: Instant

    def on(self, node: Node, /) -> Node:
        """It left."""
        return replace(node, liveness=Liveness.LEFT, since=self.at, goodbye_at=self.at, streaming=False)


@dataclass(frozen=True, slots=True)
class GoodbyeNoted:
    """Somebody said goodbye in its name while its stream is alive, which the head does not believe yet."""

    node: NodeId
    at: Instant

    def on(self, node: Node, /) -> Node:
        """Remember it: if the stream ends soon, the node left."""
        return replace(node, goodbye_at=self.at)


@dataclass(frozen=True, slots=True)
class StreamBegan:
    """Its stream of readings is open."""

    node: NodeId
    period: float

    def on(self, node: Node, /) -> Node:
        """Expect readings."""
        return replace(node, streaming=True, beat=self.period)


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """Its stream of readings is closed."""

    node: NodeId

    def on(self, node: Node, /) -> Node:
        """Expect none."""
        return replace(node, streaming=False)


@dataclass(frozen=True, slots=True)
class NodeReadied:
    """It was approved, let the head in and sends readings: it can compute."""

    node: NodeId

    def on(self, node: Node, /) -> Node:
        """It is ready."""
        return replace(node, readiness=Readiness.READY, readiness_reason="")


@dataclass(frozen=True, slots=True)
class ReadingAccepted:
    """Its load is known."""

    node: NodeId
    reading: Reading

    def on(self, node: Node, /) -> Node:
        """Show it, and add it to the trend."""
        return with_reading(node, self.reading)


@dataclass(frozen=True, slots=True)
class FactsLearned:
    """What holds while it runs is known."""

    node: NodeId
    facts: Facts

    def on(self, node: Node, /) -> Node:
        """Keep the facts."""
        return replace(node, facts=self.facts)


@dataclass(frozen=True, slots=True)
class ProbeAnswered:
    """Its kernel answers although the stream is silent: stalled, not gone."""

    node: NodeId
    at: Instant
    how: str

    def on(self, node: Node, /) -> Node:
        """Keep it suspect, and say so."""
        return replace(node, answered_at=self.at, probe=self.how)


@dataclass(frozen=True, slots=True)
class ProbeFailed:
    """It answers no probe."""

    node: NodeId
    how: str

    def on(self, node: Node, /) -> Node:
        """Note what was found."""
        return replace(node, probe=self.how)
