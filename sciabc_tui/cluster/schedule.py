"""Where a job's ranks go: pure placement of slots."""

from collections.abc import Mapping
from dataclasses import dataclass

from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Node, NodeId, Origin
from sciabc_tui.cluster.state import State


@dataclass(frozen=True, slots=True)
class Placed:
    """The job can start now, on these slots."""

    allocation: tuple[Allocation, ...]


@dataclass(frozen=True, slots=True)
class Waits:
    """The job can't start now; what it waits for, in words."""

    reason: str


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
        if job.state is JobState.RUNNING:
            for part in job.allocation:
                used[part.node] = used.get(part.node, 0) + part.slots
    return used


def next_pending(state: State) -> Job | None:
    """Give the job whose turn it is: the oldest that waits."""
    pending: list[JobId] = [job.id for job in state.jobs.values() if job.state is JobState.PENDING]
    return state.jobs[min(pending)] if pending else None


def place(state: State, ranks: int | None) -> Placed | Waits:
    """Place ranks on free slots, the head node first, then in the order of names.

    `ranks` None means every schedulable slot, and waits until all of them are free.
    """
    used = used_slots(state)
    nodes = sorted(
        (node for node in state.nodes.values() if capacity(node)),
        key=lambda node: (node.origin is not Origin.LOCAL, node.name),
    )
    total = sum(capacity(node) for node in nodes)
    if total == 0:
        return Waits("waits for a schedulable node")
    wanted = total if ranks is None else ranks
    free = [(node, max(0, capacity(node) - used.get(node.id, 0))) for node in nodes]
    missing = wanted - sum(slots for _, slots in free)
    if missing > 0:
        return Waits(f"waits for {missing} slot{'s' if missing > 1 else ''}")
    return Placed(_fill(free, wanted))


def _fill(free: list[tuple[Node, int]], wanted: int) -> tuple[Allocation, ...]:
    parts: list[Allocation] = []
    for node, slots in free:
        taken = min(slots, wanted)
        if taken:
            parts.append(Allocation(node.id, node.name, taken))
            wanted -= taken
    return tuple(parts)
