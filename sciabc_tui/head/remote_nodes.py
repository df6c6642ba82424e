"""Which nodes a work is done on, and which of them can't be reached now, with why."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobs.hostfile import Host
from sciabc_tui.api.works import Ended
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.cluster.schedule import Allocation
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.dispatcher import hosts
from sciabc_tui.head.ingress import printable
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.sessions import Sessions
from sciabc_tui.head.users import Users

SESSION_WITHIN = 1.0
"""Seconds for a session that is just opened anew; whoever has none then is told so."""


@dataclass(frozen=True, slots=True)
class Hindrance:
    """Why nothing can be done on a node now.

    Attributes:
        text: What speaks against it.
        fix: What to do about it.
    """

    text: str
    fix: str


def chosen(state: State, names: Iterable[str]) -> tuple[Node, ...]:
    """Give the nodes of these names or ids, each once; for every work, whose parts are told by name.

    Raises:
        NotFound: There is no node of that name.
        CommandRefused: There is none at all, or two have that name.
    """
    by_name: dict[str, list[Node]] = {}
    for node in state.nodes.values():
        by_name.setdefault(node.name, []).append(node)
    found: dict[NodeId, Node] = {}
    for name in names:
        nodes = [known] if (known := state.nodes.get(NodeId(name))) else by_name.get(name, [])
        if not nodes:
            raise NotFound(f"There is no node {printable(name)}. Next: sciabc-tui nodes")
        if len(nodes) > 1:
            ids = " or ".join(node.id for node in nodes)
            raise CommandRefused(f"There are {len(nodes)} nodes {printable(name)}. Next: say which, {ids}")
        found[nodes[0].id] = nodes[0]
    twice = [name for name, count in Counter(node.name for node in found.values()).items() if count > 1]
    if twice:
        raise CommandRefused(f"Two of these nodes are called {twice[0]}. Next: one after the other")
    if not found:
        raise CommandRefused("No node was named. Next: sciabc-tui nodes")
    return tuple(found.values())


def hindrance(node: Node, now: Instant) -> Hindrance | None:
    """Say why nothing can be done on a node; None if it can be tried.

    A drained node can be worked on, and one that can't compute yet: mending it is what that is for.
    """
    match node.trust:
        case Trust.UNKNOWN:
            return Hindrance("its host key is not approved", f"Next: sciabc-tui nodes approve {node.name}")
        case Trust.CHANGED:
            return Hindrance(evidence(node, now), f"Next: sciabc-tui nodes forget {node.name}")
        case Trust.TRUSTED:
            return None if node.present else gone(node, now)


def sorted_out(nodes: Iterable[Node], now: Instant) -> tuple[tuple[Node, ...], tuple[Ended, ...]]:
    """Give the nodes on which it can be tried, and the end of the others, with why."""
    able: list[Node] = []
    over: list[Ended] = []
    for node in nodes:
        if (why := hindrance(node, now)) is None:
            able.append(node)
        else:
            over.append(Ended(node.name, ok=False, text=why.text, fix=why.fix))
    return tuple(able), tuple(over)


def gone(node: Node, now: Instant) -> Hindrance:
    """Say that a node is not there."""
    return Hindrance(f"{node.liveness.value}: {evidence(node, now)}", "Next: plug it in, then again")


def is_head(node: Node) -> bool:
    """Tell whether a node is the head itself."""
    return node.origin is Origin.LOCAL


def host_of(state: State, node: Node, users: Users) -> Host:
    """Give what ssh needs to know of a node."""
    return hosts(state, (Allocation(node.id, node.name, 1),), users=users)[0]


def processor(node: Node) -> str:
    """Say what is known of a node's processor; empty where nothing is."""
    return f"{node.facts.machine} {node.facts.model}" if node.facts else ""


async def sessions_of(sessions: Sessions, nodes: Sequence[Node]) -> dict[NodeId, Transport]:
    """Give the open session of each of these nodes that has one, or gets one in a moment."""
    found: dict[NodeId, Transport] = {}

    async def wait_for(node: Node) -> None:
        found[node.id] = (await sessions.of(node.id)).session

    try:
        async with asyncio.timeout(SESSION_WITHIN), asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(wait_for(node))
    except TimeoutError:
        pass
    return found
