"""What a command gets of the head service."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from sciabc_tui.api.client import Client


class Attachment(Struct, frozen=True):
    """A head service to be: where it answers, and how to make sure that one runs.

    Attributes:
        socket: Where the service answers, if it does.
        begin: Start a service if none answers, and wait until it stands; may block for seconds. Raises
            `ServiceUnavailable`.
    """

    socket: Path
    begin: Callable[[], object]

    def client(self) -> "Client":
        """Make a client of the service."""
        from sciabc_tui.api.client import Client  # noqa: PLC0415 - the control panel is there before

        return Client(self.socket)
