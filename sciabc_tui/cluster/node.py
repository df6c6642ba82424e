"""A node and the separate axes of its state.

The words are those of the field: liveness from memberlist, drained from Slurm, slot and hostfile from
Open MPI. A state is never shown without why: `sciabc_tui.cluster.wording.evidence` reads it off the node.
"""

from dataclasses import dataclass, field, fields
from enum import StrEnum
from operator import attrgetter
from typing import Any

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId

READING_PERIOD = 1.0
"""Seconds between two readings on the stream of a ready node, in a cluster of at most 64."""

CONTACT_PERIOD = 5.0
"""Seconds between two contacts with a node that sends no readings (not approved, not ready)."""

SUSPECT_AFTER = 3
"""Periods of silence after which a node is suspect."""

DEAD_AFTER = 5
"""Periods of silence after which a node that answers no probe is dead."""

GOODBYE_HOLDS = 30.0
"""Seconds for which a goodbye explains that a node went silent."""

TREND_LENGTH = 30
"""How many CPU readings a node keeps for its sparkline."""


def reading_period(nodes: int) -> float:
    """Give the seconds between two readings that a head which is itself a Pi can take from so many nodes."""
    if nodes <= 64:
        return READING_PERIOD
    return 2.0 if nodes <= 1000 else 4.0


class Origin(StrEnum):
    """How the head came to know a node."""

    LOCAL = "local"
    MDNS = "mdns"
    STATIC = "static"
    REMEMBERED = "remembered"


class Liveness(StrEnum):
    """Is it there? `left` said goodbye, `dead` vanished."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"


class Trust(StrEnum):
    """What is known of the SSH host key."""

    UNKNOWN = "unknown"
    TRUSTED = "trusted"
    CHANGED = "changed"


class Readiness(StrEnum):
    """Can it compute?"""

    UNPROVISIONED = "unprovisioned"
    PROVISIONING = "provisioning"
    READY = "ready"
    FAILED = "failed"
    """Provisioning failed; the reason says at what."""


class RowWord(StrEnum):
    """The one derived word that a row shows."""

    READY = "ready"
    BUSY = "busy"
    NEW = "new"
    SUSPECT = "suspect"
    DOWN = "down"
    LEFT = "left"
    DRAINED = "drained"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class HostKey:
    """An SSH host key: its algorithm, the public blob in base64, and `SHA256:...` as OpenSSH prints it."""

    kind: str
    blob: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at a node's load. What was not measured is None."""

    at: Instant
    cpu_percent: float | None = None
    """0 to 100, over all cores, since the reading before."""
    load1: float | None = None
    memory_used: int | None = None
    """Bytes, without what the kernel could free at once."""
    memory_total: int | None = None
    temperature: float | None = None
    """Degrees Celsius."""
    uptime: float | None = None
    """Seconds since the node's kernel started."""
    cores: tuple[int, ...] = ()
    """CPU of each core in whole per cent."""
    throttle: int | None = None
    """The Raspberry Pi firmware's flags, as `vcgencmd get_throttled` prints them: bit 0 under-voltage now, 1
    frequency capped, 2 throttled, 3 soft temperature limit; the same from bit 16 on since boot."""
    disk_used: int | None = None
    disk_total: int | None = None
    """Bytes of the root file system, without those kept for root."""
    received: float | None = None
    sent: float | None = None
    """Bytes a second over all interfaces but loopback."""

    @property
    def memory_percent(self) -> float | None:
        """0 to 100, or None when it was not measured."""
        if self.memory_used is None or not self.memory_total:
            return None
        return 100.0 * self.memory_used / self.memory_total


@dataclass(frozen=True, slots=True)
class Facts:
    """What holds for as long as a node runs; empty where it was not found."""

    cores: int = 0
    machine: str = ""
    """As `uname -m` prints it."""
    kernel: str = ""
    model: str = ""
    host_name: str = ""
    boot_id: str = ""
    """Another one after each boot (random(4), /proc/sys/kernel/random/boot_id)."""
    serial: str = ""
    """The board's own number, which no copied card takes along."""
    os: str = ""
    mpi: str = ""
    """Flavour and version, as in `Open MPI 4.1.4`."""
    python: str = ""
    mpi4py: str = ""


@dataclass(frozen=True, slots=True)
class Drain:
    """An operator's flag: no new jobs here."""

    reason: str
    by: str
    since: Instant


@dataclass(frozen=True, slots=True)
class Node:
    """One board, the head itself included."""

    id: NodeId
    name: str
    origin: Origin
    addresses: tuple[str, ...] = ()
    """As announced, newest first; only the cluster's own networks."""
    contact: str = ""
    """The address where the head last proved the host key; it outranks what is announced."""
    port: int = 22
    user: str = ""
    """Whom to log in as; empty: the head's configuration decides."""
    advertised_slots: int | None = None

    liveness: Liveness = Liveness.ALIVE
    since: Instant = 0.0
    """When the liveness became what it is."""
    heard_at: Instant = 0.0
    """The last sign of life that the head saw by itself."""
    heard_how: str = "announced"
    answered_at: Instant | None = None
    """When the kernel last answered a probe while the stream was silent."""
    probe: str = ""
    """What the last probe found, in words."""
    goodbye_at: Instant | None = None

    trust: Trust = Trust.UNKNOWN
    host_key: HostKey | None = None
    """The approved key, or while trust is unknown the one it offers."""
    offered_key: HostKey | None = None
    """Of a node whose key changed: the key it offers now."""
    offered_at: Instant | None = None
    """When that was first seen."""

    readiness: Readiness = Readiness.UNPROVISIONED
    readiness_reason: str = ""
    streaming: bool = False
    """Is a stream of readings open?"""

    drained: Drain | None = None
    reading: Reading | None = None
    facts: Facts | None = None
    trend: tuple[int, ...] = field(default=())
    """The last CPU readings in whole per cent, oldest first."""

    interface: str = ""
    """Where it was announced; empty when it is only configured."""
    announced_at: Instant | None = None
    """The last announcement that was heard; wakes whoever waits to try again."""
    beat: float = READING_PERIOD
    """Seconds between two readings, as the stream was asked for."""
    returns: tuple[Instant, ...] = ()
    """When it came back from silence lately."""
    damped: bool = False
    """It came and went too often: no new jobs until it was quiet for a while."""
    namesake: str = ""
    """Another node that is there and has the same host name."""
    twin: str = ""
    """Where another board with the same host key was seen."""
    twin_seen_at: Instant | None = None

    @property
    def schedulable(self) -> bool:
        """May a job be placed here?"""
        return (
            self.liveness is Liveness.ALIVE
            and self.trust is Trust.TRUSTED
            and self.readiness is Readiness.READY
            and self.drained is None
            and not self.damped
            and not self.twin
        )

    @property
    def address(self) -> str:
        """Where to reach it now; empty when nobody said."""
        return self.contact or (self.addresses[0] if self.addresses else "")

    @property
    def present(self) -> bool:
        """Is it still there, as far as is known?"""
        return self.liveness in {Liveness.ALIVE, Liveness.SUSPECT}

    def said_goodbye(self, now: Instant) -> bool:
        """Tell whether it did so lately, and neither restarted nor was announced since."""
        return self.goodbye_at is not None and now - self.goodbye_at <= GOODBYE_HOLDS

    @property
    def slots(self) -> int:
        """How many ranks fit here: what the node announces, else its cores; 0 when nothing is known."""
        if self.advertised_slots is not None:
            return self.advertised_slots
        return self.facts.cores if self.facts else 0

    @property
    def period(self) -> float:
        """Seconds between two signs of life that are due."""
        return self.beat if self.readiness is Readiness.READY else CONTACT_PERIOD


_NAMES = tuple(field.name for field in fields(Node))
_VALUES = attrgetter(*_NAMES)
_HOT = tuple(_NAMES.index(name) for name in ("reading", "trend", "heard_at", "heard_how"))


def with_reading(node: Node, reading: Reading) -> Node:
    """Give the node after a reading; `dataclasses.replace`, at a third of its cost, for the one hot path."""
    cpu = reading.cpu_percent
    trend = node.trend if cpu is None else (*node.trend, round(cpu))[-TREND_LENGTH:]
    values: list[Any] = list(_VALUES(node))
    for index, value in zip(_HOT, (reading, trend, reading.at, "reading"), strict=True):
        values[index] = value
    return Node(*values)


def row_word(node: Node, *, busy: bool) -> RowWord:
    """Derive the one word for a row; what hinders most comes first."""
    if node.trust is Trust.CHANGED:
        return RowWord.REFUSED
    match node.liveness:
        case Liveness.DEAD:
            return RowWord.DOWN
        case Liveness.LEFT:
            return RowWord.LEFT
        case Liveness.SUSPECT:
            return RowWord.SUSPECT
        case Liveness.ALIVE:
            return _word_of_alive(node, busy=busy)


def _word_of_alive(node: Node, *, busy: bool) -> RowWord:
    if node.trust is Trust.UNKNOWN:
        return RowWord.NEW
    if node.readiness is Readiness.PROVISIONING:
        return RowWord.NEW
    if node.readiness is not Readiness.READY:
        return RowWord.REFUSED if node.readiness_reason else RowWord.NEW
    if node.twin:
        return RowWord.REFUSED
    if node.drained is not None:
        return RowWord.DRAINED
    if node.damped:
        return RowWord.SUSPECT
    return RowWord.BUSY if busy else RowWord.READY
