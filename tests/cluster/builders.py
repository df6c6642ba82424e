"""Small values for tests of the domain."""

from collections.abc import Iterable

from sciabc_tui.cluster import membership, roster
from sciabc_tui.cluster.changes import apply
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts, HostKey, Origin, Reading
from sciabc_tui.cluster.observations import (
    ApproveHostKey,
    FactsRead,
    HostKeyRead,
    NodeCommand,
    Observation,
    ReadingTaken,
    Sighted,
    StreamOpened,
)
from sciabc_tui.cluster.state import State


def key(name: str) -> HostKey:
    """Make a host key that is told apart by its name."""
    return HostKey("ssh-ed25519", f"blob-{name}", f"SHA256:{name}")


def sighted(name: str, address: str = "10.77.0.11") -> Sighted:
    """Make the announcement of a node."""
    return Sighted(f"mdns:{name}", Origin.MDNS, name, (address,))


def id_of(name: str) -> NodeId:
    """Give the id of the node that `sighted(name)` makes."""
    return roster.node_id(f"mdns:{name}")


def reading(node: NodeId, at: float, cpu: float = 10.0) -> ReadingTaken:
    """Make a reading."""
    return ReadingTaken(node, Reading(at, cpu_percent=cpu, memory_used=1, memory_total=4))


def run(state: State, observations: Iterable[Observation], now: float) -> State:
    """Let time be `now` and take in observations."""
    return membership.advance(state, observations, now)[0]


def ordered(state: State, command: NodeCommand, now: float) -> State:
    """Let time be `now` and obey a command."""
    for event in membership.obey(state, command, now):
        state = apply(state, event)
    return state


def ready(state: State, name: str, now: float, *, address: str = "10.77.0.11", slots: int = 4) -> State:
    """Bring a node in: announced, approved, logged in, read."""
    node = id_of(name)
    state = run(state, [sighted(name, address), HostKeyRead(node, address, key(name))], now)
    state = ordered(state, ApproveHostKey(node, key(name).fingerprint, "ada"), now)
    facts = Facts(cores=slots, host_name=name)
    return run(state, [StreamOpened(node), FactsRead(node, facts), reading(node, now)], now)
