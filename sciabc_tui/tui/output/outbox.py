"""Writes to the terminal in a thread of its own, so that a terminal that does not read stops nobody."""

import os
import select
import threading
from collections import deque
from collections.abc import Callable

_LAST_WORDS = 2.0
"""Seconds that a terminal has at the end to take what was written."""

_ROOM = 65536
"""Bytes that may wait; what more comes while the terminal does not read (bells, titles) is dropped."""


class Outbox:
    """Keeps the order of what is written; never blocks its user.

    Args:
        descriptor: The terminal.
        written: Told, in the thread and under the lock, whenever nothing more waits; must not block.
    """

    def __init__(self, descriptor: int, written: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._written = written
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._ending = False
        self.idle = True
        """Whether the terminal's side took all that was written."""
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="terminal-output", daemon=True)
        self._thread.start()

    def write(self, data: bytes, *, must: bool = False) -> None:
        """Have it written; `must` it not, it is dropped when too much waits already."""
        with self._changed:
            if self._ending or (self._size > _ROOM and not must):
                return
            self._waiting.append(data)
            self._size += len(data)
            self.idle = False
            self._changed.notify()

    def close(self, within: float = _LAST_WORDS) -> None:
        """Write what waits, and end; a terminal that takes nothing is left alone after this time."""
        with self._changed:
            self._ending = True
            self._changed.notify()
        self._thread.join(within)

    def _run(self) -> None:
        try:
            while (data := self._next()) is not None:
                while data:
                    try:
                        data = data[os.write(self._descriptor, data) :]
                    except BlockingIOError:  # another program made it so for all that share the terminal
                        select.select([], [self._descriptor], [])
        except OSError:
            return  # the terminal is gone; the thread that reads keys sees it, too

    def _next(self) -> bytes | None:
        with self._changed:
            while not self._waiting:
                if self._ending:
                    return None
                self.idle = True
                self._written()
                self._changed.wait()
            data = self._waiting.popleft()
            self._size -= len(data)
            return data
