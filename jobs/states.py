"""The states of a job, in Slurm's words."""

from enum import StrEnum


class JobState(StrEnum):
    """Where a job stands; an attempt never is ``pending``."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    TIMEOUT = "timeout"
    NODE_FAIL = "node_fail"

    @property
    def final(self) -> bool:
        """Tell whether nothing more happens to it."""
        return self not in {JobState.PENDING, JobState.RUNNING}
