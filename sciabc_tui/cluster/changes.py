"""What happens to the state of the cluster, and how it changes it.

`apply` is the only way from one state to the next; `sciabc_tui.head.hub` is the only one who keeps it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from sciabc_tui.cluster.events import NodeEvent
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.job_events import (
    JobDirected,
    JobEnded,
    JobEvent,
    JobGrew,
    JobProgressed,
    JobRequeued,
    JobShrunk,
    JobStarted,
    JobSubmitted,
    JobWaited,
)
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.state import (
    JOBS_LENGTH,
    LOG_LENGTH,
    Head,
    Listening,
    LogEntry,
    Packing,
    PanelView,
    Severity,
    State,
    Uplink,
)

HANDLES_KEPT = 16
"""Under how many names a node is known to announcements."""


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
class GatewayChanged:
    """The way out leads over another router, to which nobody connects: no line in the log."""

    gateway: str


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
class PackingChanged:
    """The cluster is being packed, or no longer."""

    packing: Packing | None


@dataclass(frozen=True, slots=True)
class PartFailed:
    """A part of the head service stopped working; the text says what goes on without it."""

    text: str


RosterEvent: TypeAlias = NodeAppeared | HandleBound | NodeMerged | NodeRemoved | HeadDelayed
ServiceEvent: TypeAlias = (
    HeadDescribed
    | UplinkChanged
    | GatewayChanged
    | ListeningChanged
    | PanelShown
    | JobsLoaded
    | SightingRefused
    | PartFailed
)
Event: TypeAlias = NodeEvent | RosterEvent | JobEvent | ServiceEvent | PackingChanged


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
                | JobProgressed()
                | JobEnded()
            ):
                job = _with_last_words(event, self._state.jobs.get(event.job.id))
                self._state = replace(self._state, jobs=_newest({**self._state.jobs, job.id: job}))
            case (
                HeadDescribed()
                | UplinkChanged()
                | GatewayChanged()
                | ListeningChanged()
                | PanelShown()
                | JobsLoaded()
                | SightingRefused()
                | PartFailed()
            ):
                self._apply_service(event)
            case PackingChanged(packing):
                self._state = replace(self._state, packing=packing)
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
            case GatewayChanged(gateway):
                uplink = replace(self._state.uplink or Uplink(), gateway=gateway)
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


def _with_last_words(event: JobEvent, before: Job | None) -> Job:
    """Give the job of an event; of one that ended what it told last is kept."""
    if before is None or not isinstance(event, JobEnded):
        return event.job
    return replace(event.job, progress=before.progress, metrics=before.metrics)


def _newest(jobs: Mapping[JobId, Job]) -> Mapping[JobId, Job]:
    """Keep what has not ended, and of the rest the newest."""
    if len(jobs) <= JOBS_LENGTH:
        return jobs
    ended = sorted(job.id for job in jobs.values() if job.state.ended)
    surplus = set(ended[: len(jobs) - JOBS_LENGTH])
    return {id_: job for id_, job in jobs.items() if id_ not in surplus}
