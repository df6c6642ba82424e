"""What contacts with a node mean: its host key, its stream of readings, probes while that is silent."""

from sciabc_tui.cluster import events as ev
from sciabc_tui.cluster import trust_events as tr
from sciabc_tui.cluster.changes import Event, NodeMerged
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.node import Facts, HostKey, Liveness, Node, Readiness, Trust
from sciabc_tui.cluster.observations import (
    Contact,
    FactsRead,
    HostKeyRead,
    LoginRefused,
    Probed,
    ReadingTaken,
    Session,
    StreamClosed,
    StreamOpened,
    TwinSeen,
)
from sciabc_tui.cluster.roster import Events, Roster

FLAPS = 3
"""How often a ready node may come back within `FLAP_WINDOW` before it is damped."""

FLAP_WINDOW = 120.0
"""Seconds."""


def on_contact(roster: Roster, node: Node, contact: Contact, now: Instant) -> Events:
    """Decide what a contact with a node means."""
    match contact:
        case HostKeyRead(_, address, key):
            return _on_host_key(roster, node, address, key, now)
        case TwinSeen(_, address):
            return _on_twin(node, address, now)
        case Probed(_, answered, how):
            return _on_probe(node, answered=answered, how=how, now=now)
        case _:
            # anything else came over a login; what still arrives after the trust ended is dropped
            return _on_session(roster, node, contact, now) if node.trust is Trust.TRUSTED else ()


def _on_session(roster: Roster, node: Node, contact: Session, now: Instant) -> Events:
    match contact:
        case StreamOpened(_, period):
            return (ev.StreamBegan(node.id, period), *_alive(node, now, "logged in"))
        case FactsRead(_, facts):
            return _on_facts(roster, node, facts, now)
        case ReadingTaken(_, reading):
            # one that is being provisioned, or where that failed, sends readings before it can compute
            waits = node.readiness is Readiness.UNPROVISIONED
            readied = (ev.NodeReadied(node.id),) if waits else ()
            returned = () if node.liveness is Liveness.ALIVE else _alive(node, now, "reading")
            return (*readied, *returned, ev.ReadingAccepted(node.id, reading))
        case StreamClosed(_, reason):
            return _on_stream_closed(node, reason, now)
        case LoginRefused(_, reason):
            return _on_login_refused(node, reason, now)


def _alive(node: Node, now: Instant, how: str) -> Events:
    if node.liveness is Liveness.ALIVE:
        return (ev.NodeHeard(node.id, now, how),)
    returned = ev.NodeReturned(node.id, now, how)
    # a board that comes and goes would take jobs down with it each time
    again = node.readiness is Readiness.READY and not node.damped
    lately = [at for at in node.returns if now - at <= FLAP_WINDOW]
    if again and len(lately) + 1 >= FLAPS:
        return (returned, ev.NodeDamped(node.id, len(lately) + 1))
    return (returned,)


def _on_facts(roster: Roster, node: Node, facts: Facts, now: Instant) -> Events:
    if facts == node.facts:
        return ()
    learned: list[Event] = [ev.FactsLearned(node.id, facts)]
    before = node.facts.boot_id if node.facts else ""
    if before and facts.boot_id and facts.boot_id != before:
        learned.append(ev.NodeRebooted(node.id, now))
    namesake = _namesake(roster, node, facts.host_name)
    if namesake != node.namesake:
        learned.append(tr.NamesakeFound(node.id, namesake))
    return tuple(learned)


def _namesake(roster: Roster, node: Node, host_name: str) -> str:
    """Give a node that is there and has this host name: cloned cards do."""
    found = (
        other.name
        for other in roster.nodes.values()
        if other.id != node.id and other.present and other.facts and other.facts.host_name == host_name
    )
    return next(found, "") if host_name else ""


def _on_twin(node: Node, address: str, now: Instant) -> Events:
    if address == node.twin:
        return (tr.TwinNoted(node.id, address, now),) if address else ()
    return (tr.TwinNoted(node.id, address, now), tr.TwinDiscovered(node.id, address))


def _on_login_refused(node: Node, reason: str, now: Instant) -> Events:
    told = reason == node.readiness_reason or node.readiness in {Readiness.PROVISIONING, Readiness.FAILED}
    refused = () if told else (tr.NodeRefusedLogin(node.id, reason),)
    return (*refused, *_alive(node, now, "login refused"))


def _on_stream_closed(node: Node, reason: str, now: Instant) -> Events:
    if not node.streaming:
        return ()
    ended = ev.StreamEnded(node.id)
    if node.said_goodbye(now):
        return (ended, ev.NodeLeft(node.id, now))
    if node.liveness is Liveness.ALIVE:
        return (ended, ev.NodeSuspected(node.id, now, f"stream closed: {reason}"))
    return (ended,)


def _on_probe(node: Node, *, answered: bool, how: str, now: Instant) -> Events:
    if node.liveness is Liveness.LEFT:
        return ()  # its kernel still answers while it shuts down; whoever is back shows a host key
    if answered and node.readiness is not Readiness.READY:
        return _alive(node, now, how)  # no stream is due: an answer is all there is to hear
    if node.liveness is not Liveness.SUSPECT:
        return ()
    return (ev.ProbeAnswered(node.id, now, how),) if answered else (ev.ProbeFailed(node.id, how),)


def _on_host_key(roster: Roster, node: Node, address: str, key: HostKey, now: Instant) -> Events:
    if node.host_key == key:
        confirmed = (tr.HostKeyConfirmed(node.id),) if node.trust is Trust.CHANGED else ()
        proven = () if node.contact == address else (tr.AddressProven(node.id, address),)
        return (*confirmed, *proven, *_on_key_sign(node, now))
    holder = next((other for other in roster.nodes.values() if other.host_key == key), None)
    if holder is not None:
        return _on_known_key(node, holder, address, now)
    if node.trust is Trust.UNKNOWN:
        return (tr.HostKeyOffered(node.id, key, address), *_alive(node, now, "host key read"))
    if node.streaming or node.offered_key == key:
        return ()  # somebody else at an address that was announced; the node itself is on the stream
    return (tr.HostKeyChanged(node.id, key, now),)


def _on_key_sign(node: Node, now: Instant) -> Events:
    """A host key is a sign of life, but only readings bring a ready node back."""
    if node.readiness is Readiness.READY and node.liveness is not Liveness.ALIVE:
        return (ev.ProbeAnswered(node.id, now, "ssh answers"),) if node.liveness is Liveness.SUSPECT else ()
    return _alive(node, now, "host key read")


def _on_known_key(node: Node, holder: Node, address: str, now: Instant) -> Events:
    """The key belongs to another node: a provisional row dissolves into it, an address moves to it."""
    proven: Events = () if holder.streaming else (tr.AddressProven(holder.id, address),)
    if holder.trust is Trust.UNKNOWN:
        proven = (*proven, *_alive(holder, now, "host key read"))
    if node.host_key is None:
        return (NodeMerged(node.id, holder.id), *proven)
    return (tr.AddressLost(node.id, address), *proven)
