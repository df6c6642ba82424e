"""What the threads that talk to the service bring to the application and its screens.

A message is no value: it is compared by what it is. Without those methods a class is made in half the time.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from sciabc_tui.api.messages import (
        JobDetail,
        JobPreview,
        PreflightBegun,
        PreflightReport,
        PreflightRow,
    )
    from sciabc_tui.cluster.job import Job
    from sciabc_tui.cluster.series import Series
    from sciabc_tui.cluster.state import LogEntry, State


@dataclass(eq=False, repr=False)
class StateReceived(Message):
    """The service sent its newest state; `at` is when, on this machine's monotonic clock."""

    state: "State"
    at: float


@dataclass(eq=False, repr=False)
class ServiceLost(Message):
    """Nobody answers any longer."""

    why: str


@dataclass(eq=False, repr=False)
class DetailReceived(Message):
    """A job in full."""

    detail: "JobDetail"


@dataclass(eq=False, repr=False)
class EventsReceived(Message):
    """More of what happened, the oldest first."""

    entries: "tuple[LogEntry, ...]"


@dataclass(eq=False, repr=False)
class HistoryReceived(Message):
    """How a node's load was."""

    series: "Series"


@dataclass(eq=False, repr=False)
class PreflightTold(Message):
    """The preflight of this number goes on: which nodes are asked, or what one of them said."""

    number: int
    part: "PreflightBegun | PreflightRow"


@dataclass(eq=False, repr=False)
class PreflightEnded(Message):
    """The preflight of this number is over: its report, or why there is none."""

    number: int
    report: "PreflightReport | None" = None
    problem: str = ""


@dataclass(eq=False, repr=False)
class PreviewEnded(Message):
    """What the service says of the job in a form, or why it says nothing; `refused`: it would not take it."""

    number: int
    preview: "JobPreview | None" = None
    problem: str = ""
    refused: bool = False


@dataclass(eq=False, repr=False)
class PathsListed(Message):
    """Paths that begin with a text, for a field of a form."""

    field: str
    text: str
    found: tuple[str, ...]


@dataclass(eq=False, repr=False)
class FormFilled(Message):
    """A job in full, to be run again with changes."""

    detail: "JobDetail"


@dataclass(eq=False, repr=False)
class FormKept(Message):
    """What stood in a form is remembered."""


@dataclass(eq=False, repr=False)
class Accepted(Message):
    """The service did what was asked."""

    text: str


@dataclass(eq=False, repr=False)
class Refused(Message):
    """The service did not do what was asked; one line that names the next step."""

    text: str


@dataclass(eq=False, repr=False)
class JobAccepted(Message):
    """A job is in the queue."""

    job: "Job"
