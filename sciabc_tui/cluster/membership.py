"""Who is in the cluster: observations and commands in, events out. Pure; time comes in as an argument.

    events = step(state, observation, now)       one observation
    state, events = advance(state, batch, now)   a batch, in linear time
    events = obey(state, command, now)           an operator's command, or CommandRefused

A node has two keys: the *handle* by which announcements speak of it, and the host key that it proves to
hold. Only the second is its identity: names and addresses of cloned cards swap after a power cut.

The rules are in `joining` (announcements), `contacting` (SSH and probes) and `overdue` (silence).
"""

from collections.abc import Iterable

from sciabc_tui.cluster import trust_events as tr
from sciabc_tui.cluster.changes import Draft, Event, HeadDelayed, NodeRemoved
from sciabc_tui.cluster.contacting import on_contact
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.joining import on_sighting
from sciabc_tui.cluster.node import Drain, Liveness, Node, Origin, Trust
from sciabc_tui.cluster.observations import (
    ApproveHostKey,
    DrainNode,
    ForgetNode,
    Goodbye,
    HeadSighted,
    Heard,
    NodeCommand,
    Observation,
    Remembered,
    ResumeNode,
    Sighted,
    Ticked,
)
from sciabc_tui.cluster.overdue import on_tick
from sciabc_tui.cluster.roster import REMEMBERED_HANDLE, Events, Roster
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused

LATENESS_MATTERS = 0.5
"""Seconds of the head's own lateness below which no deadline is moved."""


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
            return on_sighting(roster, observation, now)
        case Ticked(late):
            delayed = (HeadDelayed(late),) if late > LATENESS_MATTERS else ()
            return (*delayed, *on_tick(roster, now - (late if delayed else 0.0)))
        case _:
            node = roster.nodes.get(observation.node)
            return () if node is None else on_contact(roster, node, observation, now)


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
            return (_forgotten(roster, node, by),)
        case DrainNode(_, reason, by):
            return (tr.NodeDrained(node.id, Drain(reason, by, now)),)
        case ResumeNode(_, by):
            return (tr.NodeResumed(node.id, by),) if node.drained else ()


def _forgotten(roster: Roster, node: Node, by: str) -> Event:
    """A node that said goodbye, or that nobody announces, is let go; another one starts anew as unknown."""
    announced = any(
        owner == node.id and not handle.startswith(REMEMBERED_HANDLE)
        for handle, owner in roster.owners.items()
    )
    if announced and node.liveness is not Liveness.LEFT:
        return tr.NodeForgotten(node.id, by)
    return NodeRemoved(node.id, node.name, by)


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
    return (tr.NodeApproved(node.id, by),)
