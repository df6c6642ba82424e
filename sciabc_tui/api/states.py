"""What of the state goes over the socket, as JSON: whole states and events, as the domain has them.

Apart from the other messages: a command that asks for neither starts a tenth of a second sooner without them.
"""

import msgspec
from msgspec import Struct

from sciabc_tui.cluster.state import LogEntry, State


class Events(Struct, frozen=True):
    """Events, oldest first."""

    events: tuple[LogEntry, ...]


_state_decoder = msgspec.json.Decoder(State)
_entry_decoder = msgspec.json.Decoder(LogEntry)


def encode_state(state: State) -> bytes:
    """Write a state as one line of JSON."""
    return msgspec.json.encode(state)


def decode_state(line: bytes) -> State:
    """Read a state.

    Raises:
        msgspec.DecodeError: The service speaks another version.
    """
    return _state_decoder.decode(line)


def decode_entry(line: bytes) -> LogEntry:
    """Read an event.

    Raises:
        msgspec.DecodeError: The service speaks another version.
    """
    return _entry_decoder.decode(line)


def decode_events(body: bytes) -> tuple[LogEntry, ...]:
    """Read events.

    Raises:
        msgspec.DecodeError: The service speaks another version.
    """
    return msgspec.json.decode(body, type=Events).events
