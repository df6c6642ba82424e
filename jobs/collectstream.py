"""What a node sends, byte by byte: no longer, no slower and no more than it may."""

import os
import re
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, cast

from jobs.errors import CollectError, NodeSilent
from jobs.visit import KNOCK_SECONDS, Visit

_CHUNK = 256 * 1024
_MARK_BYTES = 100  # no mark is longer


@dataclass(frozen=True, slots=True)
class Limits:
    """What one node may cost.

    Attributes:
        size: How many bytes it may send.
        members: How many files it may send.
        free: How many bytes must stay free on the disks of the head.
        silence: How long it may be silent once it has answered, in seconds.
        patience: How long it may take beside the time for what it sends, in seconds.
        pace: How many bytes a second it must send at least, on average; a Pi on a bad cable sends more.
    """

    size: int = 64 * 2**30
    members: int = 100_000
    free: int = 200 * 2**20
    silence: float = 10.0
    patience: float = 30.0
    pace: float = 64.0 * 1024


class NodeStream:
    """Reads what a visited node prints; every wait has its end."""

    def __init__(self, visit: Visit, limits: Limits, within: float, *, hurry: bool) -> None:
        """Read nothing yet.

        Args:
            visit: The node; its process's standard output is a pipe.
            limits: What it may cost.
            within: Seconds in which its first word must be here.
            hurry: Whether one whose kernel does not answer at once is given up.
        """
        self._visit = visit
        self._limits = limits
        self._descriptor = cast("IO[bytes]", visit.process.stdout).fileno()  # a visit has a pipe there
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)
        self._buffer = bytearray()
        self._total = 0
        self._ended = False
        self._began = time.monotonic()
        self._until: float | None = self._began + within
        self._knock_until = self._began + KNOCK_SECONDS if hurry else None

    def first_word(self, mark: re.Pattern[bytes]) -> None:
        """Pass over what a login prints, up to this mark; it must come within the time for the first word.

        Raises:
            NodeSilent: It does not come.
        """
        self._pass(mark)
        self._knock_until = self._until = None

    def word(self, mark: re.Pattern[bytes]) -> re.Match[bytes]:
        """Pass over everything up to this mark, and give that.

        Raises:
            CollectError: It does not come.
        """
        return self._pass(mark)

    def exactly(self, count: int) -> bytes:
        """Read so many bytes; few: they are held in memory.

        Raises:
            CollectError: The node sends no more, too slowly or too much.
        """
        while len(self._buffer) < count:
            self._more()
        return self._taken(count)

    def parts(self, count: int) -> Iterator[bytes]:
        """Read so many bytes, as they come.

        Raises:
            CollectError: As above.
        """
        while count:
            if not self._buffer:
                self._more()
            data = self._taken(count)
            count -= len(data)
            yield data

    def at_end(self) -> bool:
        """Wait for more; tell whether there is none."""
        if not self._buffer and not self._ended:
            self._fill()
        return self._ended and not self._buffer

    def _taken(self, most: int) -> bytes:
        data = bytes(self._buffer[:most])
        del self._buffer[:most]
        return data

    def _pass(self, mark: re.Pattern[bytes]) -> re.Match[bytes]:
        while (found := mark.search(bytes(self._buffer))) is None:
            del self._buffer[:-_MARK_BYTES]
            self._more()
        del self._buffer[: found.end()]
        return found

    def _more(self) -> None:
        if not self._ended:
            self._fill()
        if self._ended:
            raise NodeSilent("it does not answer" if self._until else "the connection to it broke")

    def _fill(self) -> None:
        if self._knock_until is not None and not self._ready(self._knock_until):
            self._knock_until = None
            if self._visit.knocks():
                raise NodeSilent("it does not answer")
        if not self._ready(self._until or self._deadline()):
            raise NodeSilent("it does not answer" if self._until else "it fell silent, or is too slow")
        data = os.read(self._descriptor, _CHUNK)
        self._ended = not data
        self._buffer += data
        self._total += len(data)
        if self._total > self._limits.size:
            raise CollectError(f"it sends more than {self._limits.size // 2**20} MiB")

    def _ready(self, until: float) -> bool:
        return bool(self._poll.poll(max(0.0, until - time.monotonic()) * 1000))

    def _deadline(self) -> float:
        slowest = self._began + self._limits.patience + self._total / self._limits.pace
        return min(time.monotonic() + self._limits.silence, slowest)
