"""Why a node is what it is, and how a job stands: one line each.

Plain text for every front end; none of it is markup, and names in it were validated at the edge.
"""

from sciabc_tui.cluster.durations import Instant, span
from sciabc_tui.cluster.job import Job
from sciabc_tui.cluster.node import Liveness, Node, Origin, Readiness, Trust

TWIN_MENDED_BY = "on one of the two: sudo rm /etc/ssh/ssh_host_*; sudo ssh-keygen -A, then reboot it"
"""What to do about a cloned card."""


def evidence(node: Node, now: Instant) -> str:
    """Say why the node's row shows what it shows."""
    if node.trust is Trust.CHANGED:
        old = node.host_key.fingerprint if node.host_key else "--"
        new = node.offered_key.fingerprint if node.offered_key else "--"
        return f"host key changed (was {old}, is {new}); if you re-flashed it: forget"
    if node.liveness is not Liveness.ALIVE:
        return _evidence_of_absence(node, now)
    if node.trust is Trust.UNKNOWN:
        return f"key {node.host_key.fingerprint}" if node.host_key else _contact_evidence(node, now)
    if node.readiness is not Readiness.READY:
        return node.readiness_reason or _contact_evidence(node, now)
    return _hindrance(node) or _sign_of_life(node, now)


def _hindrance(node: Node) -> str:
    """Say why a ready node takes no jobs; what hinders most comes first, as on its row."""
    if node.twin:
        return f"same host key also at {node.twin}; {TWIN_MENDED_BY}"
    if node.drained is not None:
        reason = f'"{node.drained.reason}" ' if node.drained.reason else ""
        return f"{reason}by {node.drained.by}"
    return f"came and went {len(node.returns)} times; jobs again when it stays" if node.damped else ""


def _sign_of_life(node: Node, now: Instant) -> str:
    if node.origin is Origin.LOCAL:
        return "local"
    heard = f"{node.heard_how} {span(now - node.heard_at)}"
    return f"{heard}; calls itself as {node.namesake} does" if node.namesake else heard


def _contact_evidence(node: Node, now: Instant) -> str:
    seen = f"{node.heard_how} {span(now - node.heard_at)} ago"
    return f"{seen}, {node.probe}" if node.probe else f"{seen}, connecting"


def _evidence_of_absence(node: Node, now: Instant) -> str:
    if node.liveness is Liveness.LEFT:
        return f"said goodbye {span(now - node.since)} ago"
    silent = f"silent {span(now - node.heard_at)}" if node.heard_how else ""
    if node.liveness is Liveness.SUSPECT and node.answered_at is not None:
        silent = f"stalled: {silent}"
    return ", ".join(part for part in (silent, node.probe) if part) or "no sign of life yet"


def outcome(job: Job) -> str:
    """Say how a job stands: its state, and why."""
    exit_ = f", exit {job.exit_code}" if job.exit_code else ""
    reason = f": {job.reason}" if job.reason else ""
    return f"{job.state.value}{exit_}{reason}"
