"""Who is in the cluster: observations and commands in, events out. Pure; time comes in as an argument.

    events = step(state, observation, now)       one observation
    state, events = advance(state, batch, now)   a batch, in linear time
    events = obey(state, command, now)           an operator's command, or CommandRefused

A node has two keys: the *handle* by which announcements speak of it, and the host key that it proves to
hold. Only the second is its identity: names and addresses of cloned cards swap after a power cut.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Protocol

from sciabc_tui.cluster import events as ev
from sciabc_tui.cluster.node import (
    DEAD_AFTER,
    SUSPECT_AFTER,
    Drain,
    Facts,
    HostKey,
    Instant,
    Liveness,
    Node,
    NodeId,
    Origin,
    Readiness,
    Trust,
)
from sciabc_tui.cluster.observations import (
    ApproveHostKey,
    Contact,
    DrainNode,
    FactsRead,
    ForgetNode,
    Goodbye,
    HeadSighted,
    Heard,
    HostKeyRead,
    LoginRefused,
    NodeCommand,
    Observation,
    Probed,
    ReadingTaken,
    Remembered,
    ResumeNode,
    Session,
    Sighted,
    Sighting,
    StreamClosed,
    StreamOpened,
    Ticked,
    TwinSeen,
)
from sciabc_tui.cluster.state import (
    Draft,
    Event,
    HandleBound,
    HeadDelayed,
    NodeAppeared,
    NodeMerged,
    NodeRemoved,
    SightingRefused,
    State,
)
from sciabc_tui.errors import CommandRefused

UNAPPROVED_LIMIT = 1024
"""How many nodes that nobody approved are kept: a flood of announcements must not fill the memory."""

GOODBYE_HOLDS = 30.0
"""Seconds for which a goodbye explains the end of a stream."""

ANSWER_HOLDS = 2.5
"""Seconds for which the answer to a probe keeps a silent node from being declared dead."""

FLAPS = 3
"""How often a ready node may come back within `FLAP_WINDOW` before it is damped."""

FLAP_WINDOW = 120.0
"""Seconds."""

SETTLED_AFTER = 30.0
"""Seconds of life without a gap after which a damped node takes jobs again."""

LATENESS_MATTERS = 0.5
"""Seconds of the head's own lateness below which no deadline is moved."""

HEAD = NodeId("head")
HEAD_HANDLE = "local:head"
REMEMBERED_HANDLE = "remembered:"

Events = tuple[Event, ...]


class Roster(Protocol):
    """What a decision looks at; `State` and `Draft` both are one."""

    @property
    def nodes(self) -> Mapping[NodeId, Node]:
        """All nodes by id."""
        ...

    @property
    def owners(self) -> Mapping[str, NodeId]:
        """Which node a handle stands for."""
        ...


def node_id(handle: str) -> NodeId:
    """Make the id of a node from the handle by which it was first seen."""
    return NodeId("n-" + hashlib.blake2b(handle.encode(), digest_size=5).hexdigest())


def advance(state: State, observations: Iterable[Observation], now: Instant) -> tuple[State, Events]:
    """Take a batch of observations in their order; give the state afterwards and what was decided."""
    draft = Draft(state)
    decided: list[Event] = []
    for observation in observations:
        for event in step(draft, observation, now):
            draft.apply(event)
            decided.append(event)
    return (draft.done() if decided else state), tuple(decided)


def step(roster: Roster, observation: Observation, now: Instant) -> Events:
    """Decide what one observation means."""
    match observation:
        case Sighted() | Heard() | Goodbye() | HeadSighted() | Remembered():
            return _on_sighting(roster, observation, now)
        case Ticked(late):
            delayed = (HeadDelayed(late),) if late > LATENESS_MATTERS else ()
            return (*delayed, *_on_tick(roster, now - (late if delayed else 0.0)))
        case _:
            node = roster.nodes.get(observation.node)
            return () if node is None else _on_contact(roster, node, observation, now)


def obey(roster: Roster, command: NodeCommand, now: Instant) -> Events:
    """Decide what an operator's command changes.

    Raises:
        CommandRefused: The state of the node does not allow it.
    """
    node = roster.nodes.get(command.node)
    if node is None:
        raise CommandRefused("That node is gone. Next: sciabc-tui nodes")
    match command:
        case ApproveHostKey(_, fingerprint, by):
            return _approve(node, fingerprint, by)
        case ForgetNode(_, by):
            if node.origin is Origin.LOCAL:
                raise CommandRefused("The head node can't be forgotten. Next: sciabc-tui nodes drain head")
            announced = any(
                owner == node.id and not handle.startswith(REMEMBERED_HANDLE)
                for handle, owner in roster.owners.items()
            )
            return (ev.NodeForgotten(node.id, by),) if announced else (NodeRemoved(node.id, node.name, by),)
        case DrainNode(_, reason, by):
            return (ev.NodeDrained(node.id, Drain(reason, by, now)),)
        case ResumeNode(_, by):
            return (ev.NodeResumed(node.id, by),) if node.drained else ()


def _approve(node: Node, fingerprint: str, by: str) -> Events:
    if node.trust is Trust.TRUSTED and node.host_key and node.host_key.fingerprint == fingerprint:
        return ()
    if node.trust is Trust.CHANGED:
        raise CommandRefused(
            f"{node.name}: the host key changed. If you re-flashed it: sciabc-tui nodes forget {node.name}"
        )
    if node.host_key is None:
        raise CommandRefused(
            f"{node.name}: its host key was not read yet. Next: wait until its row shows SHA256:..."
        )
    if node.host_key.fingerprint != fingerprint:
        raise CommandRefused(
            f"{node.name} shows {node.host_key.fingerprint}, not {fingerprint}. Next: compare again"
        )
    return (ev.NodeApproved(node.id, by),)


# ------------------------------------------------------------------ sightings


def _on_sighting(roster: Roster, sighting: Sighting, now: Instant) -> Events:
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
    silent = now - node.heard_at
    if node.streaming and silent <= SUSPECT_AFTER * node.period:
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


# ------------------------------------------------------------------ contacts


def _on_contact(roster: Roster, node: Node, contact: Contact, now: Instant) -> Events:
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
            readied = () if node.readiness is Readiness.READY else (ev.NodeReadied(node.id),)
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
        learned.append(ev.NamesakeFound(node.id, namesake))
    return tuple(learned)


def _namesake(roster: Roster, node: Node, host_name: str) -> str:
    """Give a node that is there and has this host name: cloned cards do."""
    others = (
        other for other in roster.nodes.values() if other.id != node.id and other.present and other.facts
    )
    return next((other.name for other in others if host_name and other.facts.host_name == host_name), "")


def _on_twin(node: Node, address: str, now: Instant) -> Events:
    if address == node.twin:
        return (ev.TwinNoted(node.id, address, now),) if address else ()
    return (ev.TwinNoted(node.id, address, now), ev.TwinDiscovered(node.id, address))


def _on_login_refused(node: Node, reason: str, now: Instant) -> Events:
    refused = () if reason == node.readiness_reason else (ev.NodeRefusedLogin(node.id, reason),)
    return (*refused, *_alive(node, now, "login refused"))


def _on_stream_closed(node: Node, reason: str, now: Instant) -> Events:
    if not node.streaming:
        return ()
    ended = ev.StreamEnded(node.id)
    if node.goodbye_at is not None and now - node.goodbye_at <= GOODBYE_HOLDS:
        return (ended, ev.NodeLeft(node.id, now))
    if node.liveness is Liveness.ALIVE:
        return (ended, ev.NodeSuspected(node.id, now, f"stream closed: {reason}"))
    return (ended,)


def _on_probe(node: Node, *, answered: bool, how: str, now: Instant) -> Events:
    if answered and node.readiness is not Readiness.READY:
        return _alive(node, now, how)  # no stream is due: an answer is all there is to hear
    if node.liveness is not Liveness.SUSPECT:
        return ()
    return (ev.ProbeAnswered(node.id, now, how),) if answered else (ev.ProbeFailed(node.id, how),)


def _on_host_key(roster: Roster, node: Node, address: str, key: HostKey, now: Instant) -> Events:
    if node.host_key == key:
        confirmed = (ev.HostKeyConfirmed(node.id),) if node.trust is Trust.CHANGED else ()
        proven = () if node.contact == address else (ev.AddressProven(node.id, address),)
        return (*confirmed, *proven, *_on_key_sign(node, now))
    holder = next((other for other in roster.nodes.values() if other.host_key == key), None)
    if holder is not None:
        return _on_known_key(node, holder, address, now)
    if node.trust is Trust.UNKNOWN:
        return (ev.HostKeyOffered(node.id, key, address), *_alive(node, now, "host key read"))
    if node.streaming or node.offered_key == key:
        return ()  # somebody else at an address that was announced; the node itself is on the stream
    return (ev.HostKeyChanged(node.id, key),)


def _on_key_sign(node: Node, now: Instant) -> Events:
    """A host key is a sign of life, but only readings bring a ready node back."""
    if node.readiness is Readiness.READY and node.liveness is not Liveness.ALIVE:
        return (ev.ProbeAnswered(node.id, now, "ssh answers"),) if node.liveness is Liveness.SUSPECT else ()
    return _alive(node, now, "host key read")


def _on_known_key(node: Node, holder: Node, address: str, now: Instant) -> Events:
    """The key belongs to another node: a provisional row dissolves into it, an address moves to it."""
    proven: Events = () if holder.streaming else (ev.AddressProven(holder.id, address),)
    if holder.trust is Trust.UNKNOWN:
        proven = (*proven, *_alive(holder, now, "host key read"))
    if node.host_key is None:
        return (NodeMerged(node.id, holder.id), *proven)
    return (ev.AddressLost(node.id, address), *proven)


# ------------------------------------------------------------------ time


def _on_tick(roster: Roster, now: Instant) -> Events:
    return tuple(
        event
        for node in roster.nodes.values()
        if node.present and node.origin is not Origin.LOCAL
        for event in _overdue(node, now)
    )


def _overdue(node: Node, now: Instant) -> Events:
    silent = now - node.heard_at
    if node.liveness is Liveness.ALIVE:
        if silent <= SUSPECT_AFTER * node.period:
            settled = node.damped and now - node.since > SETTLED_AFTER
            return (ev.NodeSettled(node.id),) if settled else ()
        return (ev.NodeSuspected(node.id, now, f"missed {SUSPECT_AFTER} {_due(node)}"),)
    answers = node.answered_at is not None and now - node.answered_at <= ANSWER_HOLDS
    if silent <= DEAD_AFTER * node.period or answers:
        return ()
    return (ev.NodeLost(node.id, now, node.probe),)


def _due(node: Node) -> str:
    return "readings" if node.readiness is Readiness.READY else "contacts"
