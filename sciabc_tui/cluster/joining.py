"""How nodes join: what announcements, goodbyes, the configuration and the trust store mean.

Announcements are believed for joining and for goodbyes, never for staying alive, and a goodbye only when the
stream of readings has ended or fallen silent.
"""

from sciabc_tui.cluster import events as ev
from sciabc_tui.cluster.changes import HandleBound, NodeAppeared, SightingRefused
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Drain, Liveness, Node, Origin, Trust
from sciabc_tui.cluster.observations import Goodbye, HeadSighted, Heard, Remembered, Sighted, Sighting
from sciabc_tui.cluster.roster import HEAD, HEAD_HANDLE, REMEMBERED_HANDLE, Events, Roster, node_id

UNAPPROVED_LIMIT = 1024
"""How many nodes that nobody approved are kept: a flood of announcements must not fill the memory."""


def on_sighting(roster: Roster, sighting: Sighting, now: Instant) -> Events:
    """Decide what an announcement, or what is known without one, means."""
    match sighting:
        case Sighted():
            return _on_sighted(roster, sighting, now)
        case Heard(handle):
            node = roster.nodes.get(roster.owners.get(handle, NodeId("")))
            return (
                ()
                if node is None or node.liveness is Liveness.ALIVE
                else (ev.AnnouncementHeard(node.id, now),)
            )
        case Goodbye(handle):
            node = roster.nodes.get(roster.owners.get(handle, NodeId("")))
            return () if node is None else _on_goodbye(node, now)
        case HeadSighted():
            return _on_head(roster, sighting, now)
        case Remembered():
            return _on_remembered(roster, sighting, now)


def _on_sighted(roster: Roster, sighted: Sighted, now: Instant) -> Events:
    known = roster.nodes.get(roster.owners.get(sighted.handle, NodeId("")))
    if known is not None:
        return (ev.NodeAnnounced(known.id, sighted),) if _tells_more(known, sighted) else ()
    new = node_id(sighted.handle)
    if new in roster.nodes:
        return (HandleBound(sighted.handle, new), ev.NodeAnnounced(new, sighted))
    if sum(node.trust is Trust.UNKNOWN for node in roster.nodes.values()) >= UNAPPROVED_LIMIT:
        return (
            SightingRefused(
                f"{sighted.label} not taken in: {UNAPPROVED_LIMIT} nodes wait for approval already"
            ),
        )
    node = Node(
        id=new,
        name=_free_name(roster, sighted.label),
        origin=sighted.origin,
        addresses=sighted.addresses,
        port=sighted.port,
        user=sighted.user,
        advertised_slots=sighted.slots,
        interface=sighted.interface,
        since=now,
        heard_at=now,
        heard_how="configured" if sighted.origin is Origin.STATIC else "announced",
    )
    return (NodeAppeared(node, sighted.handle),)


def _tells_more(node: Node, sighted: Sighted) -> bool:
    if node.goodbye_at is not None or node.port != sighted.port:
        return True
    if sighted.user not in {"", node.user} or sighted.slots not in {None, node.advertised_slots}:
        return True
    # a proven address stays in front, wherever the announcement lists it
    return frozenset(node.addresses) != frozenset(sighted.addresses)


def _on_goodbye(node: Node, now: Instant) -> Events:
    if node.liveness in {Liveness.LEFT, Liveness.DEAD}:
        return ()
    if node.streaming:  # however late its readings are: a head that is held up hears of them after this
        return (ev.GoodbyeNoted(node.id, now),)
    return (ev.NodeLeft(node.id, now),)


def _on_head(roster: Roster, head: HeadSighted, now: Instant) -> Events:
    said = Sighted(HEAD_HANDLE, Origin.LOCAL, head.name, head.addresses, slots=head.slots)
    if HEAD in roster.nodes:
        return (ev.NodeAnnounced(HEAD, said),) if _tells_more(roster.nodes[HEAD], said) else ()
    node = Node(
        id=HEAD,
        name=_free_name(roster, head.name),
        origin=Origin.LOCAL,
        addresses=head.addresses,
        advertised_slots=head.slots,
        trust=Trust.TRUSTED,
        since=now,
        heard_at=now,
        heard_how="local",
    )
    return (NodeAppeared(node, HEAD_HANDLE),)


def _on_remembered(roster: Roster, old: Remembered, now: Instant) -> Events:
    if old.node in roster.nodes:
        return ()
    node = Node(
        id=old.node,
        name=_free_name(roster, old.name),
        origin=Origin.REMEMBERED,
        addresses=old.addresses,
        port=old.port,
        user=old.user,
        liveness=Liveness.SUSPECT,
        since=now,
        heard_at=now,
        heard_how="",
        probe="not seen since the head service started",
        trust=Trust.TRUSTED,
        host_key=old.host_key,
        drained=Drain(old.drain_reason, old.drained_by, now) if old.drained_by else None,
    )
    return (NodeAppeared(node, f"{REMEMBERED_HANDLE}{old.node}"),)


def _free_name(roster: Roster, label: str) -> str:
    taken = {node.name for node in roster.nodes.values()}
    if label not in taken:
        return label
    number = 2
    while f"{label}-{number}" in taken:
        number += 1
    return f"{label}-{number}"
