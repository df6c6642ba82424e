"""What is decided when boards are restarted, switched or packed: pure.

Who is asked about: the jobs that run there. Who is waited for: `is_gone`, `is_back`, `is_ready`.
"""

from collections.abc import Collection, Iterable
from dataclasses import replace
from typing import TypeAlias

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobState
from sciabc_tui.cluster.losses import tell_ranks
from sciabc_tui.cluster.node import Liveness, Node, Origin, Readiness, Trust
from sciabc_tui.cluster.nodeset import fold, natural
from sciabc_tui.cluster.state import State

PACKED = "packed"
"""Why `pack` drained a node; `unpack` resumes the nodes that are drained for this reason, and no others."""

There: TypeAlias = tuple[Job, tuple[Allocation, ...]]
"""A running job, and the parts of it that are meant."""


def jobs_there(state: State, nodes: Collection[NodeId]) -> tuple[There, ...]:
    """Give the running jobs that have ranks on these nodes, the oldest first.

    Of a job that another cluster runs (Slurm) no nodes are known: it is never among them.
    """
    running = sorted((job for job in state.jobs.values() if _runs_here(job)), key=lambda job: job.id)
    parts = ((job, tuple(part for part in job.allocation if part.node in nodes)) for job in running)
    return tuple((job, there) for job, there in parts if there)


def jobs_lost(state: State, nodes: Collection[NodeId]) -> tuple[There, ...]:
    """Give the jobs that end when these nodes do: with the head all, since it launches them."""
    if any(node in nodes for node, known in state.nodes.items() if known.origin is Origin.LOCAL):
        running = (job for job in state.jobs.values() if job.state is JobState.RUNNING)
        return tuple((job, job.allocation) for job in sorted(running, key=lambda job: job.id))
    return jobs_there(state, nodes)


def tell_jobs(jobs: Iterable[There]) -> tuple[str, ...]:
    """Say what runs where, a line a job: `job 7 nbody runs on node[01-02] (ranks 0-7)`."""
    return tuple(_tell(job, parts) for job, parts in jobs)


def members(state: State) -> tuple[Node, ...]:
    """Give the compute nodes that a person approved, by name: they are packed, and expected when unpacked."""
    found = (
        node
        for node in state.nodes.values()
        if node.origin is not Origin.LOCAL and node.trust is Trust.TRUSTED
    )
    return tuple(sorted(found, key=lambda node: natural(node.name)))


def is_gone(node: Node | None) -> bool:
    """Has it left, or is it dead? Its kernel may still answer: that is looked at beside this."""
    return node is None or not node.present


def is_back(node: Node | None, boot: str) -> bool:
    """Does it send readings, and from another run of its kernel than `boot`? Empty: any run will do."""
    if node is None or not is_ready(node):
        return False
    return not boot or (node.facts is not None and node.facts.boot_id not in {"", boot})


def is_ready(node: Node) -> bool:
    """Could it compute, were it not drained?"""
    ready = node.trust is Trust.TRUSTED and node.readiness is Readiness.READY
    return ready and node.liveness is Liveness.ALIVE and node.streaming


def is_packed(node: Node) -> bool:
    """Was it drained by `pack`?"""
    return node.drained is not None and node.drained.reason == PACKED


def last_seen(node: Node | None, now: Instant) -> str:
    """Say what is known of a node's life; that it is drained, mostly by who asks, says nothing of that."""
    return evidence(replace(node, drained=None), now) if node else "it was forgotten"


def _runs_here(job: Job) -> bool:
    return job.state is JobState.RUNNING and not job.elsewhere


def _tell(job: Job, parts: tuple[Allocation, ...]) -> str:
    ranks = tuple(rank for part in parts for rank in part.ranks)
    held = f" ({tell_ranks(ranks)})" if ranks else ""
    where = f" on {fold(part.name for part in parts)}" if parts else ""
    return f"job {job.id} {job.name} runs{where}{held}"
