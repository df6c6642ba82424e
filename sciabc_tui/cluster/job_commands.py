"""What an operator can ask to be done with a job."""

from dataclasses import dataclass
from typing import TypeAlias

from sciabc_tui.cluster.job import JobId


@dataclass(frozen=True, slots=True)
class CancelJob:
    """End a job, whether it waits or runs."""

    job: JobId
    by: str


@dataclass(frozen=True, slots=True)
class HoldJob:
    """Do not start a job that waits."""

    job: JobId
    by: str


@dataclass(frozen=True, slots=True)
class ReleaseJob:
    """Let a held job start again."""

    job: JobId
    by: str


@dataclass(frozen=True, slots=True)
class RequeueJob:
    """Run a job that ended once more, as its next attempt."""

    job: JobId
    by: str


@dataclass(frozen=True, slots=True)
class PrioritiseJob:
    """Give a job that waits another place in the queue."""

    job: JobId
    priority: int
    by: str


JobCommand: TypeAlias = CancelJob | HoldJob | ReleaseJob | RequeueJob | PrioritiseJob
