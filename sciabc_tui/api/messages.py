"""What goes over the socket, as JSON.

The state goes as the domain has it (`sciabc_tui.cluster.state.State`); here are only the requests and
small answers. A field that is not known is refused, so that a misspelt one is not silently ignored.
"""

from typing import Annotated, NewType

import msgspec
from msgspec import Meta, Struct

from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.state import LogEntry, State

VERSION = "v1"
"""The first part of every path; it changes when a client of before would break."""

Fingerprint = NewType("Fingerprint", str)

Text = Annotated[str, Meta(max_length=4096)]


class SubmitJob(Struct, frozen=True, forbid_unknown_fields=True):
    """Run a program. `ranks` None takes every schedulable slot; `cwd` empty is the program's folder."""

    program: Text
    args: tuple[Text, ...] = ()
    ranks: int | None = None
    name: Text = ""
    cwd: Text = ""
    env: dict[str, str] = {}


class Submitted(Struct, frozen=True):
    """The job is in the queue."""

    job: Job


class ApproveKey(Struct, frozen=True, forbid_unknown_fields=True):
    """Trust the host key with this fingerprint."""

    fingerprint: Annotated[str, Meta(max_length=128)]


class Drain(Struct, frozen=True, forbid_unknown_fields=True):
    """No new jobs on the node."""

    reason: Annotated[str, Meta(max_length=200)] = ""


class AddNode(Struct, frozen=True, forbid_unknown_fields=True):
    """Take in a node that can't announce itself: `[USER@]HOST[:PORT]`."""

    host: Annotated[str, Meta(max_length=300)]


class Events(Struct, frozen=True):
    """Events, oldest first."""

    events: tuple[LogEntry, ...]


class Jobs(Struct, frozen=True):
    """Jobs, newest first."""

    jobs: tuple[Job, ...]


class Refusal(Struct, frozen=True):
    """Why a request was not granted; one line that names the next step."""

    error: str
    kind: str = ""
    """Which error of `sciabc_tui.errors` it is."""


class LogChunk(Struct, frozen=True):
    """A piece of a job's log: whole lines, and where to read on."""

    data: bytes
    next_offset: int
    ended: bool
    """Has the job ended, so that nothing will come behind `next_offset`?"""


_state_decoder = msgspec.json.Decoder(State)


def encode_state(state: State) -> bytes:
    """Write a state as one line of JSON."""
    return msgspec.json.encode(state)


def decode_state(line: bytes) -> State:
    """Read a state.

    Raises:
        msgspec.DecodeError: The service speaks another version.
    """
    return _state_decoder.decode(line)


def job_path(job: JobId, rest: str = "") -> str:
    """Give the path of a job."""
    return f"/{VERSION}/jobs/{job}{rest}"
