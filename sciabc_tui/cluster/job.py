"""A job as the whole program sees it. How it is launched is the business of the `jobs` package."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from sciabc_tui.cluster.node import NodeId

JobId = NewType("JobId", int)


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
    def ended(self) -> bool:
        """Is this the job's last state?"""
        return self not in {JobState.PENDING, JobState.RUNNING}


@dataclass(frozen=True, slots=True)
class Allocation:
    """The slots of one node that a job holds."""

    node: NodeId
    name: str
    slots: int


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

    @property
    def slots(self) -> int:
        """How many slots it holds now."""
        return sum(part.slots for part in self.allocation) if self.state is JobState.RUNNING else 0
