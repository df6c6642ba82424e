"""A job as the whole program sees it. How it is launched is the business of the `jobs` package."""

from dataclasses import dataclass
from enum import StrEnum

from sciabc_tui.cluster.ids import JobId, NodeId
from sciabc_tui.cluster.job_progress import JobMetric, JobProgress


class JobState(StrEnum):
    """Slurm's words."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    NODE_FAIL = "node_fail"

    @property
    def waits(self) -> bool:
        """Is such a job in the queue?"""
        return self is JobState.PENDING

    @property
    def ended(self) -> bool:
        """Is this the job's last state?"""
        return self not in {JobState.PENDING, JobState.RUNNING}


class OnNodeLoss(StrEnum):
    """What becomes of a job that loses a node."""

    FAIL = "fail"
    REQUEUE = "requeue"
    SURVIVE = "survive"
    """The program goes on by itself, with fewer ranks."""


@dataclass(frozen=True, slots=True)
class Allocation:
    """The slots of one node that a job holds."""

    node: NodeId
    name: str
    slots: int
    boot_id: str = ""
    """Which run of the node's kernel it was given by; after a reboot nothing of the job is left there."""
    ranks: tuple[int, ...] = ()
    """The ranks that are there."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Where a job wants its ranks.

    Attributes:
        ranks: How many; None asks for every slot.
        per_node: How many on each node; with it `ranks` None asks for every node.
        each: One on each node, whatever its slots.
        nodes: Names of the nodes that it may use; none means any.
        exclude: Names of the nodes that it must not use.
        elsewhere: Whether they are another cluster's: it holds no slots here.
    """

    ranks: int | None = None
    per_node: int | None = None
    each: bool = False
    nodes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One program run once on some slots. Times are seconds since the epoch."""

    id: JobId
    name: str
    program: str
    args: tuple[str, ...]
    ranks: int | None
    """None asks for every schedulable slot."""
    state: JobState
    submitted_at: float
    started_at: float | None = None
    ended_at: float | None = None
    exit_code: int | None = None
    attempt: int = 0
    allocation: tuple[Allocation, ...] = ()
    reason: str = ""
    """What a pending job waits for, or why it ended as it did; one line with the next step."""
    per_node: int | None = None
    each: bool = False
    nodes: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    priority: int = 0
    held_by: str = ""
    """Who wants it not to start; empty when nobody does."""
    time_limit: float | None = None
    """Seconds for one attempt."""
    on_node_loss: OnNodeLoss = OnNodeLoss.FAIL
    max_attempts: int = 1
    lost: tuple[str, ...] = ()
    """Names of the nodes that its running attempt lost and survived."""
    elsewhere: bool = False
    """Another cluster runs it, Slurm's: it holds no slots here, and no loss of a node here touches it."""
    handed_over: bool = False
    """It waits, or runs, in that other cluster's queue; here nothing is decided over it any more."""
    cwd: str = ""
    """Where it runs; empty in jobs of services of before."""
    launcher: str = ""
    """The flavour of MPI that it asks for; empty means what its nodes have."""
    progress: JobProgress | None = None
    """How far its newest attempt says that it is; None: it does not say."""
    metrics: tuple[JobMetric, ...] = ()
    """What its newest attempt says that it measures."""

    @property
    def wish(self) -> Wish:
        """Where it wants its ranks."""
        return Wish(self.ranks, self.per_node, self.each, self.nodes, self.exclude, self.elsewhere)

    @property
    def slots(self) -> int:
        """How many slots it holds now."""
        return sum(part.slots for part in self.allocation) if self.state is JobState.RUNNING else 0
