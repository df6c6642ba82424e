"""What silence means: who is suspect, who is dead, and who has settled again."""

from sciabc_tui.cluster import events as ev
from sciabc_tui.cluster.changes import NodeRemoved
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.node import DEAD_AFTER, SUSPECT_AFTER, Liveness, Node, Origin, Readiness, Trust
from sciabc_tui.cluster.roster import Events, Roster

ANSWER_HOLDS = 2.5
"""Seconds for which the answer to a probe keeps a silent node from being declared dead."""

UNAPPROVED_KEPT = 60.0
"""Seconds for which a node is still shown that went away before anybody approved it."""

SETTLED_AFTER = 30.0
"""Seconds of life without a gap after which a damped node takes jobs again."""


LOOKS_TAKE = 0.4
"""Seconds that the head itself needs to see a silence: streams and deadlines are looked at every 0.25 s each.
Taken off, so that a board whose cable is pulled is told in `SUSPECT_AFTER` periods from then."""


def on_tick(roster: Roster, now: Instant) -> Events:
    """Decide who was silent for too long by now."""
    return tuple(
        event
        for node in roster.nodes.values()
        if node.origin is not Origin.LOCAL
        for event in (_overdue(node, now) if node.present else _faded(node, now))
    )


def _faded(node: Node, now: Instant) -> Events:
    """Let go of what nobody approved and nobody hears any more: it holds a place that others want."""
    if node.trust is not Trust.UNKNOWN or node.origin is Origin.STATIC:
        return ()  # somebody wants to know of it
    return (NodeRemoved(node.id, node.name, ""),) if now - node.since > UNAPPROVED_KEPT else ()


def _overdue(node: Node, now: Instant) -> Events:
    silent = now - node.heard_at
    if node.liveness is Liveness.ALIVE:
        if silent <= SUSPECT_AFTER * node.period - LOOKS_TAKE:
            settled = node.damped and now - node.since >= SETTLED_AFTER
            return (ev.NodeSettled(node.id),) if settled else ()
        return (ev.NodeSuspected(node.id, now, f"missed {SUSPECT_AFTER} {_due(node)}"),)
    answers = node.answered_at is not None and now - node.answered_at <= ANSWER_HOLDS
    if silent <= DEAD_AFTER * node.period - LOOKS_TAKE or answers:
        return ()
    said = node.said_goodbye(now)
    return (ev.NodeLeft(node.id, now) if said else ev.NodeLost(node.id, now, node.probe),)


def _due(node: Node) -> str:
    return "readings" if node.readiness is Readiness.READY else "contacts"
