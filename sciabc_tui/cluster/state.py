"""The state of the cluster; `sciabc_tui.cluster.changes` says how an event changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.node import Node

LOG_LENGTH = 200
"""How many log entries the state carries."""

JOBS_LENGTH = 200
"""How many jobs the state carries; the store keeps all."""


class Severity(StrEnum):
    """How much a log entry matters."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of what happened and why. `wall` is in seconds since the epoch."""

    seq: int
    wall: float
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class Replay:
    """That all of it is a recording, and how that is played.

    Attributes:
        speed: Seconds of the recording in one of ours.
        ended: Whether there is no more of it.
        problem: Why it ended before its end.
    """

    speed: float = 1.0
    ended: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """The head service as it describes itself. `started` is in seconds since the epoch."""

    host_name: str = ""
    user: str = ""
    version: str = ""
    started: float = 0.0
    simulated: bool = False
    launcher: str = ""
    """The MPI launcher, as in `Open MPI 5.0.11`."""
    launcher_problem: str = ""
    """Why no job can be launched, and the next step."""
    replay: Replay | None = None
    """None: it is live."""

    @property
    def pace(self) -> float:
        """Seconds that pass on its clock in one of ours: one, but in a recording."""
        if self.replay is None:
            return 1.0
        return 0.0 if self.replay.ended else self.replay.speed


@dataclass(frozen=True, slots=True)
class Uplink:
    """The way out of the briefcase."""

    address: str = ""
    """The external IP; empty when there is none."""
    interface: str = ""
    problem: str = ""
    """Why there is none, in two words: `no cable`, `no DHCP`, `no route`."""
    since: Instant = 0.0
    before: str = ""
    """The external IP before this one, since the service began; empty if there was none."""
    gateway: str = ""
    """The router that the default route leads to; empty where there is none or it is not named."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where the head looks for nodes."""

    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    problem: str = ""


class LampState(StrEnum):
    """What the lamp says; its rhythm alone tells it."""

    CRITICAL = "critical"
    STALE = "stale"
    NO_UPLINK = "no external IP"
    DEGRADED = "degraded"
    STARTING = "starting"
    RUNNING = "job runs"
    IDLE = "idle"
    STOPPING = "shutting down"


@dataclass(frozen=True, slots=True)
class PanelView:
    """What the front panel shows: the text on the glass, its light, and what the lamp does."""

    lines: tuple[str, ...]
    lamp: LampState
    lcd_problem: str = ""
    stick_problem: str = ""
    backlight: bool = True
    rhythm: str = ""
    """What the lamp looks like, in words: `amber, 1 flash of 0.2 s every 2 s`."""
    leds: tuple[str, ...] = ()
    """What each LED behind the lamp's says of its nodes: none, ready, busy, aside, suspect or down."""


@dataclass(frozen=True, slots=True)
class Packing:
    """The cluster is being ended in order, or was: `sciabc-tui pack`."""

    nodes: tuple[str, ...]
    """Names of the compute nodes that are to go."""
    off: tuple[str, ...] = ()
    """Those of them that were seen gone."""
    ended: bool = False
    """All was done that could be; what is not among `off` did not go."""
    by: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """All that is known. Immutable: whoever holds one holds it for good."""

    revision: int = 0
    at: Instant = 0.0
    """When it was published, on the head's monotonic clock."""
    wall: float = 0.0
    """When it was published, in seconds since the epoch."""
    head: Head = field(default_factory=Head)
    uplink: Uplink | None = None
    listening: Listening = field(default_factory=Listening)
    nodes: Mapping[NodeId, Node] = field(default_factory=dict[NodeId, Node])
    owners: Mapping[str, NodeId] = field(default_factory=dict[str, NodeId])
    """Which node an announcement's handle stands for."""
    jobs: Mapping[JobId, Job] = field(default_factory=dict[JobId, Job])
    log: tuple[LogEntry, ...] = ()
    panel: PanelView | None = None
    packing: Packing | None = None
    """From `pack` until `unpack`; a service that starts anew knows nothing of it."""
