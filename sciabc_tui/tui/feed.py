"""Follows the head service from a thread of its own: states as they come, and again after it was gone."""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.messages import ServiceLost, StateReceived

if TYPE_CHECKING:
    from sciabc_tui.tui.late import LateClient

log = logging.getLogger(__name__)

FIRST_RETRY = 1.0
"""Seconds to the first new try; it doubles up to `LAST_RETRY`."""

LAST_RETRY = 5.0


class Feed:
    """Brings states by `post` (thread-safe) until it is stopped.

    Args:
        client: The head service.
        post: Takes the messages.
        clock: Says when a state came.
        begin: Starts a service if none answers; called until it did so once, for a service that went away
            later is its owner's to start.
    """

    def __init__(
        self,
        client: "LateClient",
        post: Callable[[Message], object],
        clock: Callable[[], float],
        begin: Callable[[], object],
    ) -> None:
        self._client = client
        self._post = post
        self._clock = clock
        self._begin: Callable[[], object] | None = begin
        self._stopped = threading.Event()

    def run(self) -> None:
        """Follow; ends only when it is stopped."""
        retry = FIRST_RETRY
        while not self._stopped.is_set():
            came, why = self._follow()
            if self._stopped.is_set():
                return
            self._post(ServiceLost(why))
            retry = FIRST_RETRY if came else min(LAST_RETRY, 2 * retry)
            self._stopped.wait(retry)

    def _follow(self) -> tuple[bool, str]:
        """Bring states while there are some; tell whether any came, and why no more do."""
        came = False
        try:
            if self._begin:
                self._begin()
                self._begin = None
            for state in self._client().watch():
                if self._stopped.is_set():
                    break
                came = True
                self._post(StateReceived(state, self._clock()))
        except SciabcError as error:
            return came, str(error)
        except Exception:
            log.exception("watching the head service failed")
            return came, "what the head service says can't be understood; see the log"
        return came, "the head service went away"

    def stop(self) -> None:
        """End `run` from another thread."""
        self._stopped.set()
        if self._client.made is not None:
            self._client.made.close_watch()
