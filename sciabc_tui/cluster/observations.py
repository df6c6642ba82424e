"""What was seen, and what was asked.

An observation is what an adapter saw: it claims nothing about what it means. A command is what an
operator asked. Both are turned into events by `sciabc_tui.cluster.membership`.
"""

from dataclasses import dataclass
from typing import TypeAlias

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import READING_PERIOD, Facts, HostKey, Origin, Reading


@dataclass(frozen=True, slots=True)
class Sighted:
    """An instance of the service type was resolved, or the configuration names a host.

    Attributes:
        handle: What the adapter will call this instance again: `mdns:INSTANCE` or `static:HOST`. It is
            not the node's identity: names and addresses of cloned cards swap.
        label: A valid host label to name the node by.
        addresses: Validated by the adapter, newest first.
        interface: Where it was heard; empty for the configuration.
    """

    handle: str
    origin: Origin
    label: str
    addresses: tuple[str, ...]
    port: int = 22
    user: str = ""
    slots: int | None = None
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Heard:
    """A packet spoke of the instance, with nothing new in it: perhaps it just booted."""

    handle: str


@dataclass(frozen=True, slots=True)
class Goodbye:
    """The instance said goodbye (RFC 6762, section 10.1), or the configuration no longer names it."""

    handle: str


@dataclass(frozen=True, slots=True)
class HeadSighted:
    """The head itself, which is a node too."""

    name: str
    addresses: tuple[str, ...]
    slots: int


@dataclass(frozen=True, slots=True)
class Remembered:
    """A node that was approved before the head service started."""

    node: NodeId
    name: str
    host_key: HostKey
    addresses: tuple[str, ...] = ()
    port: int = 22
    user: str = ""
    drain_reason: str = ""
    drained_by: str = ""


@dataclass(frozen=True, slots=True)
class HostKeyRead:
    """Somebody at the node's address proved to hold this host key. No login was tried."""

    node: NodeId
    address: str
    key: HostKey


@dataclass(frozen=True, slots=True)
class StreamOpened:
    """The stream of readings was started on the node, with so many seconds between two."""

    node: NodeId
    period: float = READING_PERIOD


@dataclass(frozen=True, slots=True)
class StreamClosed:
    """The stream of readings ended."""

    node: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class LoginRefused:
    """The node answered and its host key is right, but it can't be used; the reason names the next step."""

    node: NodeId
    reason: str


@dataclass(frozen=True, slots=True)
class ReadingTaken:
    """A node's load was read."""

    node: NodeId
    reading: Reading


@dataclass(frozen=True, slots=True)
class FactsRead:
    """A node's facts were read."""

    node: NodeId
    facts: Facts


@dataclass(frozen=True, slots=True)
class Probed:
    """A node was asked for a sign of life outside the stream."""

    node: NodeId
    answered: bool
    how: str
    """What was found, in words: `ssh port answers`, `no route to host`."""


@dataclass(frozen=True, slots=True)
class TwinSeen:
    """A board that is not this one (another boot id, or another serial) holds the node's host key.

    Nothing at `address` when the twin is gone.
    """

    node: NodeId
    address: str


@dataclass(frozen=True, slots=True)
class Ticked:
    """Time passed. `late` is by how many seconds the head itself came too late to look."""

    late: float = 0.0


@dataclass(frozen=True, slots=True)
class ApproveHostKey:
    """Trust the host key with this fingerprint."""

    node: NodeId
    fingerprint: str
    by: str


@dataclass(frozen=True, slots=True)
class ForgetNode:
    """Forget the node and its host key."""

    node: NodeId
    by: str


@dataclass(frozen=True, slots=True)
class DrainNode:
    """No new jobs on this node."""

    node: NodeId
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class ResumeNode:
    """New jobs on this node again."""

    node: NodeId
    by: str


Sighting: TypeAlias = Sighted | Heard | Goodbye | HeadSighted | Remembered
Session: TypeAlias = StreamOpened | StreamClosed | LoginRefused | ReadingTaken | FactsRead
Contact: TypeAlias = HostKeyRead | TwinSeen | Probed | Session
Observation: TypeAlias = Sighting | Contact | Ticked
NodeCommand: TypeAlias = ApproveHostKey | ForgetNode | DrainNode | ResumeNode
