"""Events in words: one line each.

Plain text for every front end; none of it is markup, and names in it were validated at the edge.
"""

from collections.abc import Mapping

from sciabc_tui.cluster import events as ev
from sciabc_tui.cluster import provision_events as pe
from sciabc_tui.cluster import trust_events as tr
from sciabc_tui.cluster.changes import (
    Event,
    HeadDelayed,
    HeadDescribed,
    ListeningChanged,
    NodeAppeared,
    NodeMerged,
    NodeRemoved,
    PackingChanged,
    PartFailed,
    SightingRefused,
    UplinkChanged,
)
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.evidence import TWIN_MENDED_BY, outcome
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.job_commands import (
    CancelJob,
    HoldJob,
    JobCommand,
    PrioritiseJob,
    ReleaseJob,
    RequeueJob,
)
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
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.state import Packing, Severity

Line = tuple[Severity, str]

NAMESAKE_MENDED_BY = "on one of the two: sudo hostnamectl set-hostname NAME, then reboot it"
"""What to do about two boards of one name."""


def describe(event: Event, names: "Names") -> Line | None:
    """Give the log line of an event; None for what happens all the time."""
    match event:
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
            return _describe_job(event)
        case PackingChanged(packing):
            return _describe_packing(packing)
        case _:
            return _describe_head(event) or _describe_roster(event, names)


def _describe_head(event: Event) -> Line | None:
    match event:
        case HeadDescribed(head):
            return Severity.INFO, f"head service {head.version} started"
        case UplinkChanged(uplink):
            if uplink.address:
                return Severity.INFO, f"external IP {uplink.address} on {uplink.interface}"
            return Severity.WARN, f"no external IP: {uplink.problem}"
        case ListeningChanged(listening):
            where = ", ".join(listening.interfaces) or "no interface"
            problem = f": {listening.problem}" if listening.problem else ""
            return Severity.WARN if problem else Severity.INFO, f"listening for nodes on {where}{problem}"
        case HeadDelayed(late):
            return (
                Severity.WARN,
                f"the head itself stalled for {span(late)}: nobody is blamed for that silence",
            )
        case SightingRefused(text):
            return Severity.WARN, text
        case PartFailed(text):
            return Severity.ERROR, text
        case _:
            return None


def _describe_packing(packing: Packing | None) -> Line | None:
    if packing is None or (packing.off and not packing.ended):
        return None  # what is done with each node tells of itself
    if not packing.ended:
        return Severity.INFO, f"packing begun by {packing.by}"
    left = fold(name for name in packing.nodes if name not in packing.off)
    if left:
        return Severity.WARN, f"packing ended: {left} did not go"
    return Severity.INFO, "packed: the nodes are off"


class Names:
    """Node names by id, as they were before the event and, for new nodes, after it."""

    def __init__(self, *tables: Mapping[NodeId, Node]) -> None:
        self._tables = tables

    def __getitem__(self, node: NodeId) -> str:
        return next((table[node].name for table in self._tables if node in table), str(node))


def _describe_roster(event: Event, names: Names) -> Line | None:
    match event:
        case NodeAppeared(new):
            how = "configured" if new.origin is Origin.STATIC else new.heard_how or "remembered"
            return Severity.INFO, f"{new.name} {how} at {new.address or 'no address yet'}"
        case NodeMerged(alias, node):
            return Severity.INFO, f"{names[alias]} is {names[node]}: it holds the same host key"
        case NodeRemoved(_, name, by):
            return (Severity.INFO, f"{name} forgotten by {by}") if by else None
        case _:
            return _describe_liveness(event, names)


def _describe_liveness(event: Event, names: Names) -> Line | None:
    match event:
        case ev.NodeReturned(node, _, how):
            return Severity.INFO, f"{names[node]} is back: {how}"
        case ev.NodeSuspected(node, _, why):
            return Severity.WARN, f"{names[node]} suspect: {why}"
        case ev.NodeLost(node, _, why):
            return Severity.ERROR, f"{names[node]} down: silent, {why}"
        case ev.NodeLeft(node):
            return Severity.INFO, f"{names[node]} left: said goodbye"
        case ev.NodeDamped(node, times):
            return Severity.WARN, f"{names[node]} came and went {times} times: no jobs until it stays"
        case ev.NodeSettled(node):
            return Severity.INFO, f"{names[node]} stayed: takes jobs again"
        case ev.GoodbyeNoted(node):
            return Severity.INFO, f"{names[node]}: a goodbye was heard, but its stream is alive"
        case _:
            return _describe_trust(event, names)


def _describe_trust(event: Event, names: Names) -> Line | None:
    match event:
        case tr.HostKeyOffered(node, key):
            return (
                Severity.INFO,
                f"{names[node]} offers host key {key.fingerprint}: approve it if it is yours",
            )
        case tr.HostKeyChanged(node, key):
            return Severity.ERROR, (
                f"{names[node]}: host key changed, is {key.fingerprint}. "
                f"If you re-flashed it: sciabc-tui nodes forget {names[node]}"
            )
        case tr.HostKeyConfirmed(node):
            return Severity.INFO, f"{names[node]} shows its approved host key again"
        case tr.NodeApproved(node, by):
            return Severity.INFO, f"{names[node]} approved by {by}"
        case tr.NodeForgotten(node, by):
            return Severity.INFO, f"{names[node]} forgotten by {by}"
        case _:
            return _describe_identity(event, names)


def _describe_identity(event: Event, names: Names) -> Line | None:
    match event:
        case tr.TwinDiscovered(node, address) if address:
            return Severity.ERROR, f"{names[node]} is there twice, also at {address}: {TWIN_MENDED_BY}"
        case tr.TwinDiscovered(node):
            return Severity.INFO, f"{names[node]} is there only once again"
        case tr.NamesakeFound(node, other) if other:
            return Severity.WARN, f"{names[node]} calls itself as {other} does: {NAMESAKE_MENDED_BY}"
        case ev.NodeRebooted(node):
            return Severity.WARN, f"{names[node]} rebooted"
        case _:
            return _describe_service(event, names)


def _describe_service(event: Event, names: Names) -> Line | None:
    match event:
        case ev.NodeReadied(node):
            return Severity.INFO, f"{names[node]} ready"
        case tr.NodeRefusedLogin(node, reason):
            return Severity.WARN, f"{names[node]}: {reason}"
        case tr.NodeDrained(node, drain):
            why = f': "{drain.reason}"' if drain.reason else ""
            return Severity.INFO, f"{names[node]} drained by {drain.by}{why}"
        case tr.NodeResumed(node, by):
            return Severity.INFO, f"{names[node]} resumed by {by}"
        case _:
            return _describe_provisioning(event, names)


def _describe_provisioning(event: Event, names: Names) -> Line | None:
    match event:
        case pe.BoardProvisioned(_, name, by, changes):
            return Severity.INFO, f"{name} provisioned by {by}: {_changes(changes)}"
        case pe.BoardUnprovisioned(_, name, by, changes):
            return Severity.INFO, f"{name} unprovisioned by {by}: {_changes(changes)} undone"
        case pe.ProvisioningFailed(_, name, step, reason):
            return Severity.ERROR, f"provisioning of {name} failed at {step}: {reason}"
        case pe.HostKeyReplaced(node, key, by):
            return Severity.WARN, f"{names[node]} has a new host key {key.fingerprint}, trusted by {by}"
        case _:
            return None


def _changes(count: int) -> str:
    return f"{count} change" + ("" if count == 1 else "s")


def _describe_job(event: JobEvent) -> Line | None:
    job = event.job
    match event:
        case JobSubmitted(_, by):
            return Severity.INFO, f"job {job.id} {job.name} submitted by {by}"
        case JobStarted():
            nodes = fold(part.name for part in job.allocation) or "--"
            whose = " of Slurm" if job.elsewhere else ""
            return Severity.INFO, f"job {job.id} {job.name} started: {job.slots} ranks on {nodes}{whose}"
        case JobEnded():
            bad = job.state in {JobState.FAILED, JobState.NODE_FAIL, JobState.TIMEOUT}
            return Severity.ERROR if bad else Severity.INFO, f"job {job.id} {job.name} {outcome(job)}"
        case JobShrunk() | JobRequeued() | JobGrew():
            return _describe_other_nodes(event)
        case JobDirected(_, command):
            return Severity.INFO, f"job {job.id} {job.name} {_directed(command)}"
        case JobWaited() | JobProgressed():
            return None


def _describe_other_nodes(event: JobShrunk | JobRequeued | JobGrew) -> Line:
    who = f"job {event.job.id} {event.job.name}"
    match event:
        case JobShrunk(_, text):
            return Severity.WARN, f"{who} goes on: {text}"
        case JobRequeued(_, text):
            return Severity.WARN, f"{who} requeued: {text}"
        case JobGrew(_, text):
            return Severity.INFO, f"{who} is launched again: {text}"


def _directed(command: JobCommand) -> str:
    match command:
        case CancelJob():
            return f"cancelled by {command.by}"
        case HoldJob():
            return f"held by {command.by}"
        case ReleaseJob():
            return f"released by {command.by}"
        case RequeueJob():
            return f"requeued by {command.by}"
        case PrioritiseJob():
            return f"given priority {command.priority} by {command.by}"
