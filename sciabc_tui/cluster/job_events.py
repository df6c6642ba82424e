"""What was decided about jobs. Each carries the job as it is afterwards."""

from dataclasses import dataclass
from typing import TypeAlias

from sciabc_tui.cluster.job import Job
from sciabc_tui.cluster.job_commands import JobCommand


@dataclass(frozen=True, slots=True)
class JobSubmitted:
    """A job is in the queue."""

    job: Job
    by: str


@dataclass(frozen=True, slots=True)
class JobWaited:
    """A pending job waits for something else than before."""

    job: Job


@dataclass(frozen=True, slots=True)
class JobStarted:
    """A job runs."""

    job: Job


@dataclass(frozen=True, slots=True)
class JobShrunk:
    """A running job lost nodes and goes on without them; the text says which."""

    job: Job
    text: str


@dataclass(frozen=True, slots=True)
class JobRequeued:
    """A job that lost a node waits for its next attempt; the text says why."""

    job: Job
    text: str


@dataclass(frozen=True, slots=True)
class JobGrew:
    """A running job is launched again on nodes that joined; the text says which, and with how many ranks."""

    job: Job
    text: str


@dataclass(frozen=True, slots=True)
class JobDirected:
    """An operator held, released or requeued a job, or gave it another priority."""

    job: Job
    command: JobCommand


@dataclass(frozen=True, slots=True)
class JobProgressed:
    """A running job's program told how far it is, or what it measures."""

    job: Job


@dataclass(frozen=True, slots=True)
class JobEnded:
    """A job is over."""

    job: Job


JobEvent: TypeAlias = (
    JobSubmitted
    | JobWaited
    | JobStarted
    | JobShrunk
    | JobRequeued
    | JobGrew
    | JobDirected
    | JobProgressed
    | JobEnded
)
