"""A work that is under way: one thread hears what is told, another takes it, and either can end it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from textual.message import Message

from sciabc_tui.api.works import Part, Said, Wish
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.ports import ClusterClient

MOST = 1024 * 1024
"""Bytes that may wait to be shown; a work that tells more is waited for, and so are the nodes."""

_PART = 256
"""Bytes that a part counts for beside what a program wrote."""


@dataclass
class WorkTold(Message):
    """The work of this number goes on: `take` gives all that was told since it was called last."""

    number: int
    take: Callable[[], tuple[Part, ...]] = field(repr=False)


@dataclass
class WorkEnded(Message):
    """The work of this number is over, or why it could not be done; empty too if it was cancelled."""

    number: int
    problem: str = ""


class _StoppedError(Exception):
    """Nobody wants to hear more."""


class Running:
    """A work that is under way: one thread tells, another takes.

    Args:
        number: In its messages.
        client: Does this work and no other.
        post: Takes a message, from any thread.
    """

    def __init__(self, number: int, client: ClusterClient, post: Callable[[Message], object]) -> None:
        self._number = number
        self._client = client
        self._post = post
        self._parts: list[Part] = []
        self._size = 0
        self._changed = threading.Condition()
        self._stopped = False

    def run(self, wish: Wish) -> WorkEnded:
        """Do it; blocks as long as it takes."""
        try:
            self._client.work(wish, self._tell)
        except _StoppedError:
            return WorkEnded(self._number)
        except SciabcError as error:
            return WorkEnded(self._number, "" if self._stopped else str(error))
        return WorkEnded(self._number)

    def _tell(self, part: Part) -> None:
        size = _PART + (len(part.data) if isinstance(part, Said) else 0)
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._size < MOST)
            if self._stopped:
                raise _StoppedError
            first = not self._parts
            self._parts.append(part)
            self._size += size
        if first:
            self._post(WorkTold(self._number, self.take))

    def take(self) -> tuple[Part, ...]:
        """Give what was told since the last time."""
        with self._changed:
            taken, self._parts, self._size = tuple(self._parts), [], 0
            self._changed.notify_all()
        return taken

    def stop(self) -> None:
        """Cancel it; does not block."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        self._client.stop_works()
