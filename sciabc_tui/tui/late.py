"""The client of the head service, made when it is first asked for: the first frame does not wait for it."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sciabc_tui.tui.ports import ClusterClient


class LateClient:
    """One client for all who ask, in whatever thread.

    Args:
        make: Makes it; may take as long as an import does.
    """

    def __init__(self, make: "Callable[[], ClusterClient]") -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: ClusterClient | None = None

    def __call__(self) -> "ClusterClient":
        """Give the client."""
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    @property
    def made(self) -> "ClusterClient | None":
        """The client, if anybody asked for it yet."""
        return self._made
