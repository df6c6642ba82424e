"""The state of the cluster, and how an event changes it.

`apply` is the only way from one state to the next; `sciabc_tui.head.hub` is the only one who keeps it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from sciabc_tui.cluster.events import NodeEvent
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.job_events import (
    JobDirected,
    JobEnded,
    JobEvent,
    JobGrew,
    JobRequeued,
    JobShrunk,
    JobStarted,
    JobSubmitted,
    JobWaited,
)
from sciabc_tui.cluster.node import Instant, Node

LOG_LENGTH = 200
"""How many log entries the state carries."""

JOBS_LENGTH = 200
"""How many jobs the state carries; the store keeps all."""


HANDLES_KEPT = 16
"""Under how many names a node is known to announcements."""


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


@dataclass(frozen=True, slots=True)
class Uplink:
    """The way out of the briefcase."""

    address: str = ""
    """The external IP; empty when there is none."""
    interface: str = ""
    problem: str = ""
    """Why there is none, in two words: `no cable`, `no DHCP`, `no route`."""
    since: Instant = 0.0


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
    """What the front panel shows: the text on the glass and the state of the lamp."""

    lines: tuple[str, ...]
    lamp: LampState
    lcd_problem: str = ""
    stick_problem: str = ""


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


@dataclass(frozen=True, slots=True)
class NodeAppeared:
    """A node that was not known."""

    new: Node
    handle: str


@dataclass(frozen=True, slots=True)
class HandleBound:
    """An announcement's handle stands for this node."""

    handle: str
    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeMerged:
    """What looked like a new node proved to be a known one; `alias` dissolves into `node`."""

    alias: NodeId
    node: NodeId


@dataclass(frozen=True, slots=True)
class NodeRemoved:
    """A node that is not present is let go: forgotten by somebody, or by nobody if it was never approved."""

    node: NodeId
    name: str
    by: str


@dataclass(frozen=True, slots=True)
class HeadDelayed:
    """The head itself came too late to look: nobody is blamed for that silence."""

    late: float


@dataclass(frozen=True, slots=True)
class HeadDescribed:
    """The head service said what it is."""

    head: Head


@dataclass(frozen=True, slots=True)
class UplinkChanged:
    """The external IP, or the reason why there is none, is another."""

    uplink: Uplink


@dataclass(frozen=True, slots=True)
class ListeningChanged:
    """The head looks for nodes on other interfaces."""

    listening: Listening


@dataclass(frozen=True, slots=True)
class SightingRefused:
    """Something on the network was not let in."""

    text: str


@dataclass(frozen=True, slots=True)
class JobsLoaded:
    """The jobs of earlier runs of the service."""

    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class PanelShown:
    """The front panel shows something else."""

    panel: PanelView


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A part of the head service stopped working; the text says what goes on without it."""

    text: str


RosterEvent: TypeAlias = NodeAppeared | HandleBound | NodeMerged | NodeRemoved | HeadDelayed
ServiceEvent: TypeAlias = (
    HeadDescribed | UplinkChanged | ListeningChanged | PanelShown | JobsLoaded | SightingRefused | PartFailed
)
Event: TypeAlias = NodeEvent | RosterEvent | JobEvent | ServiceEvent


class Draft:
    """A state under change. It copies the mappings once, so that a batch of a thousand readings is linear."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.nodes = dict(state.nodes)
        self.owners = dict(state.owners)

    def apply(self, event: Event) -> None:
        """Change the draft as the event says. An event about a node that is gone changes nothing."""
        match event:
            case NodeAppeared() | HandleBound() | NodeMerged() | NodeRemoved() | HeadDelayed():
                self._apply_roster(event)
            case (
                JobSubmitted()
                | JobWaited()
                | JobStarted()
                | JobShrunk()
                | JobRequeued()
                | JobGrew()
                | JobDirected()
                | JobEnded()
            ):
                self._state = replace(
                    self._state, jobs=_newest({**self._state.jobs, event.job.id: event.job})
                )
            case (
                HeadDescribed()
                | UplinkChanged()
                | ListeningChanged()
                | PanelShown()
                | JobsLoaded()
                | SightingRefused()
                | PartFailed()
            ):
                self._apply_service(event)
            case _:
                node = self.nodes.get(event.node)
                if node is not None:
                    self.nodes[event.node] = event.on(node)

    def _apply_roster(self, event: RosterEvent) -> None:
        match event:
            case NodeAppeared(new, handle):
                self.nodes[new.id] = new
                self.owners[handle] = new.id
            case HandleBound(handle, node):
                self.owners[handle] = node
            case NodeMerged(alias, node):
                self.nodes.pop(alias, None)
                moved = [handle for handle, owner in self.owners.items() if owner == alias]
                self.owners.update(dict.fromkeys(moved, node))
                self._forget_oldest_handles(node)
            case NodeRemoved(node):
                self.nodes.pop(node, None)
                self.owners = {h: owner for h, owner in self.owners.items() if owner != node}
            case HeadDelayed(late):
                for node in self.nodes.values():
                    self.nodes[node.id] = replace(node, heard_at=node.heard_at + late)

    def _forget_oldest_handles(self, node: NodeId) -> None:
        """Keep a few: whoever announces one board under ever new names must not fill the memory."""
        handles = [handle for handle, owner in self.owners.items() if owner == node]
        for handle in handles[:-HANDLES_KEPT]:
            del self.owners[handle]

    def _apply_service(self, event: ServiceEvent) -> None:
        match event:
            case HeadDescribed(head):
                self._state = replace(self._state, head=head)
            case UplinkChanged(uplink):
                self._state = replace(self._state, uplink=uplink)
            case ListeningChanged(listening):
                self._state = replace(self._state, listening=listening)
            case PanelShown(panel):
                self._state = replace(self._state, panel=panel)
            case JobsLoaded(jobs):
                loaded = {job.id: job for job in jobs}
                self._state = replace(self._state, jobs=_newest({**loaded, **self._state.jobs}))
            case SightingRefused() | PartFailed():
                pass  # only worth a line in the log

    def done(self) -> State:
        """Give the state afterwards."""
        return replace(self._state, nodes=self.nodes, owners=self.owners)


def apply(state: State, event: Event) -> State:
    """Give the state after one event."""
    draft = Draft(state)
    draft.apply(event)
    return draft.done()


def logged(
    log: tuple[LogEntry, ...], entries: Iterable[tuple[Severity, str]], wall: float
) -> tuple[LogEntry, ...]:
    """Append lines to the log, and drop the oldest."""
    seq = log[-1].seq if log else 0
    new = tuple(
        LogEntry(seq + number, wall, severity, text)
        for number, (severity, text) in enumerate(entries, start=1)
    )
    return (*log, *new)[-LOG_LENGTH:] if new else log


def _newest(jobs: Mapping[JobId, Job]) -> Mapping[JobId, Job]:
    """Keep what has not ended, and of the rest the newest."""
    if len(jobs) <= JOBS_LENGTH:
        return jobs
    ended = sorted(job.id for job in jobs.values() if job.state.ended)
    surplus = set(ended[: len(jobs) - JOBS_LENGTH])
    return {id_: job for id_, job in jobs.items() if id_ not in surplus}
