"""What the threads that talk to the service bring to the application and its screens."""

from dataclasses import dataclass

from textual.message import Message

from sciabc_tui.api.messages import LogChunk, PreflightReport
from sciabc_tui.cluster.job import Job
from sciabc_tui.cluster.state import LogEntry, State


@dataclass
class StateReceived(Message):
    """The service sent its newest state; `at` is when, on this machine's monotonic clock."""

    state: State
    at: float


@dataclass
class ServiceLost(Message):
    """Nobody answers any longer."""

    why: str


@dataclass
class LogReceived(Message):
    """More of a job's log."""

    chunk: LogChunk


@dataclass
class EventsReceived(Message):
    """More of what happened, the oldest first."""

    entries: tuple[LogEntry, ...]


@dataclass
class PreflightEnded(Message):
    """The preflight of this number is over: its report, or why there is none."""

    number: int
    report: PreflightReport | None = None
    problem: str = ""


@dataclass
class Accepted(Message):
    """The service did what was asked."""

    text: str


@dataclass
class Refused(Message):
    """The service did not do what was asked; one line that names the next step."""

    text: str


@dataclass
class JobAccepted(Message):
    """A job is in the queue."""

    job: Job
