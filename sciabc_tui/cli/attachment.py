"""What a command gets of the head service."""

from collections.abc import Callable
from dataclasses import dataclass

from sciabc_tui.api.client import Client


@dataclass(frozen=True, slots=True)
class Attachment:
    """A head service to be: a client for it, and how to make sure that one runs.

    Attributes:
        client: Knows where the service answers, if it does.
        begin: Start a service if none answers, and wait until it stands; may block for seconds. Raises
            `ServiceUnavailable`.
    """

    client: Client
    begin: Callable[[], object]
