"""What the screens ask of the application; each is carried out at once, before the next key."""

from dataclasses import dataclass
from typing import TypeAlias

from sciabc_tui.api.messages import PreflightWish, SubmitJob
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.tui.actions import Verb


@dataclass(frozen=True, slots=True)
class Do:
    """An action that needs no more than its name is wanted."""

    verb: Verb


@dataclass(frozen=True, slots=True)
class OpenNode:
    """A node is to be shown in full."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job is to be shown with its log."""

    job: JobId


@dataclass(frozen=True, slots=True)
class DrainNode:
    """No new jobs are wanted on a node."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class ResumeNode:
    """New jobs are wanted on a node again."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class CancelJob:
    """A job is to be cancelled."""

    job: JobId


@dataclass(frozen=True, slots=True)
class HoldJob:
    """A job that waits is not to start."""

    job: JobId


@dataclass(frozen=True, slots=True)
class ReleaseJob:
    """A held job is to start again."""

    job: JobId


@dataclass(frozen=True, slots=True)
class RequeueJob:
    """A job that ended is to run once more."""

    job: JobId


@dataclass(frozen=True, slots=True)
class ApproveKey:
    """A host key was compared and is to be trusted."""

    node: NodeId
    fingerprint: str


@dataclass(frozen=True, slots=True)
class ForgetNode:
    """A node and its host key are to be forgotten."""

    node: NodeId


@dataclass(frozen=True, slots=True)
class ReadEvents:
    """What happened after the event of this number is wanted; 0 for all."""

    since: int


@dataclass(frozen=True, slots=True)
class Submit:
    """A job is to be put into the queue."""

    request: SubmitJob


@dataclass(frozen=True, slots=True)
class OpenPreflight:
    """The grid of nodes and checks is wanted, for what `title` names."""

    title: str
    wish: PreflightWish


@dataclass(frozen=True, slots=True)
class AskNodes:
    """Nodes are to be asked whether they are fit; the answer bears the number."""

    wish: PreflightWish
    number: int


@dataclass(frozen=True, slots=True)
class StopAsking:
    """What nodes answer is wanted no longer."""


@dataclass(frozen=True, slots=True)
class ReadLog:
    """More of a job's log is wanted; a negative offset counts from the end."""

    job: JobId
    offset: int


Risky: TypeAlias = DrainNode | CancelJob | RequeueJob | ForgetNode
"""What takes something away: the user is asked first."""

Harmless: TypeAlias = ResumeNode | HoldJob | ReleaseJob | ApproveKey | Submit
"""What is asked of the service at once."""

Checks: TypeAlias = OpenPreflight | AskNodes | StopAsking
"""What has to do with preflights."""

Request: TypeAlias = Do | OpenNode | OpenJob | ReadLog | ReadEvents | Checks | Risky | Harmless
