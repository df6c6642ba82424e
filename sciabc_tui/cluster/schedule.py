"""Where jobs go: pure placement of slots, the whole queue at once.

Jobs that fit run side by side. The rest waits in order: no later job takes a slot that an earlier one waits
for, and a job that waits for boards that are not there keeps nobody from those that are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobState, Wish
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.state import State

_Free: TypeAlias = list[tuple[Node, int]]
"""Nodes in the order in which they are filled, each with its free slots."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The job can start now, on these slots."""

    allocation: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class Waits:
    """The job can't start now; what it waits for, in words.

    Attributes:
        reason: One line.
        present: Whether the boards that are there would do, were their slots free.
    """

    reason: str
    present: bool


@dataclass(frozen=True, slots=True)
class Turn:
    """What a waiting job gets now."""

    job: Job
    outcome: Placed | Waits


def capacity(node: Node) -> int:
    """How many slots a node gives to jobs: none unless it is schedulable."""
    return node.slots if node.schedulable else 0


def total_slots(state: State) -> int:
    """How many slots the cluster has for jobs."""
    return sum(capacity(node) for node in state.nodes.values())


def used_slots(state: State) -> Mapping[NodeId, int]:
    """How many slots of each node are held by running jobs."""
    used: dict[NodeId, int] = {}
    for job in state.jobs.values():
        if job.state is JobState.RUNNING and not job.elsewhere:
            for part in job.allocation:
                used[part.node] = used.get(part.node, 0) + part.slots
    return used


def queue(state: State) -> tuple[Job, ...]:
    """Give the jobs that wait here, in the order of their turns: priority, then age; the held ones last."""
    pending = (job for job in state.jobs.values() if job.state is JobState.PENDING and not job.handed_over)
    return tuple(sorted(pending, key=lambda job: (bool(job.held_by), -job.priority, job.id)))


def turns(state: State) -> tuple[Turn, ...]:
    """Say for every waiting job where it starts, or what it waits for."""
    free = _free(state)
    given: list[Turn] = []
    for job in queue(state):
        if job.held_by:
            given.append(Turn(job, Waits(f"held by {job.held_by}", present=False)))
            continue
        outcome = _place(state, free, job.wish)
        given.append(Turn(job, outcome))
        free = _left(free, outcome, job.wish)
    return tuple(given)


def place(state: State, wish: Wish) -> Placed | Waits:
    """Place a job as if it were alone in the queue, the head node first, then in the order of names."""
    return _place(state, _free(state), wish)


def _free(state: State) -> _Free:
    used = used_slots(state)
    nodes = sorted(
        (node for node in state.nodes.values() if capacity(node)),
        key=lambda node: (node.origin is not Origin.LOCAL, node.name),
    )
    return [(node, max(0, capacity(node) - used.get(node.id, 0))) for node in nodes]


def _left(free: _Free, outcome: Placed | Waits, wish: Wish) -> _Free:
    """Give what later jobs may take."""
    match outcome:
        case Placed(allocation):
            taken = {part.node: part.slots for part in allocation}
            return [(node, slots - taken.get(node.id, 0)) for node, slots in free]
        case Waits(present=True):
            return [(node, 0 if _may_use(wish, node) else slots) for node, slots in free]
        case Waits():
            return free


def _place(state: State, free: _Free, wish: Wish) -> Placed | Waits:
    if wish.elsewhere:
        return Placed(())  # it waits in that cluster's queue, and not in ours
    eligible = [(node, slots) for node, slots in free if _may_use(wish, node)]
    missing = _missing(wish, (node for node, _ in eligible))
    takes_all = wish.ranks is None
    if missing and (takes_all or not eligible):
        return Waits(f"waits for {_why_missing(state, missing)}", present=False)
    if not eligible:
        return Waits("waits for a schedulable node", present=False)
    if wish.each or wish.per_node is not None:
        return _on_each(eligible, 1 if wish.per_node is None else wish.per_node, wish.ranks)
    return _by_slot(eligible, wish.ranks)


def _may_use(wish: Wish, node: Node) -> bool:
    return (not wish.nodes or node.name in wish.nodes) and node.name not in wish.exclude


def _missing(wish: Wish, eligible: Iterable[Node]) -> tuple[str, ...]:
    """Give the named nodes that take no jobs now."""
    there = {node.name for node in eligible}
    return tuple(name for name in wish.nodes if name not in there)


def _why_missing(state: State, names: tuple[str, ...]) -> str:
    known = {node.name for node in state.nodes.values()}
    strange = fold(name for name in names if name not in known)
    rest = fold(name for name in names if name in known)
    words = (f"{strange}, which was never seen" if strange else "", f"{rest} to take jobs" if rest else "")
    return " and ".join(word for word in words if word)


def _by_slot(eligible: _Free, ranks: int | None) -> Placed | Waits:
    """Fill node after node."""
    total = sum(capacity(node) for node, _ in eligible)
    wanted = total if ranks is None else ranks
    if wanted > total:
        return Waits(f"waits for {_slots(wanted - total)} more: {total} are there", present=False)
    missing = wanted - sum(slots for _, slots in eligible)
    if missing > 0:
        return Waits(f"waits for {_slots(missing)}", present=True)
    return Placed(_fill(eligible, wanted))


def _on_each(eligible: _Free, count: int, ranks: int | None) -> Placed | Waits:
    """Put the same number of ranks on node after node; the last one gets what is left of them."""
    large = [(node, slots) for node, slots in eligible if capacity(node) >= count]
    if not large or (ranks is None and len(large) < len(eligible)):
        return Waits(f"waits for nodes with {_slots(count)}", present=False)
    wanted = len(large) * count if ranks is None else ranks
    if wanted > len(large) * count:
        nodes = -(-wanted // count) - len(large)
        return Waits(f"waits for {nodes} more node{'s' if nodes > 1 else ''}", present=False)
    ready = [(node, min(slots, count)) for node, slots in large if slots >= count]
    if len(ready) * count < wanted:
        return Waits(f"waits for {_slots(wanted - len(ready) * count)}", present=True)
    return Placed(_fill(ready, wanted))


def _fill(free: _Free, wanted: int) -> tuple[Allocation, ...]:
    parts: list[Allocation] = []
    rank = 0
    for node, slots in free:
        taken = min(slots, wanted - rank)
        if taken:
            boot = node.facts.boot_id if node.facts else ""
            ranks = tuple(range(rank, rank + taken))
            parts.append(Allocation(node.id, node.name, taken, boot, ranks))
            rank += taken
    return tuple(parts)


def _slots(count: int) -> str:
    return f"{count} slot{'s' if count > 1 else ''}"
