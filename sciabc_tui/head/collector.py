"""One thread that empties all streams of readings.

A thread for each costs ten times as much at 750 nodes, and reading on the loop could block it: paramiko
writes when it reads.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import READING_PERIOD, Facts, Reading
from sciabc_tui.cluster.observations import FactsRead, Observation, ReadingTaken, StreamClosed, StreamOpened
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.ports import Clock
from sciabc_tui.head.readings import Parser

Post: TypeAlias = Callable[[Sequence[Observation]], None]
"""Takes a batch of observations from any thread, as `StateHub.from_thread` does."""

LOOK, LOOK_AT_MANY = 0.25, 0.5
"""Seconds between two looks at the streams; many send every other second only."""

MANY = 64

START_WITHIN = 15.0
"""Seconds after the login in which the first reading must come; a slow ~/.bashrc runs before it."""


class Readable(Protocol):
    """What the collector needs of a stream."""

    def read(self) -> bytes:
        """Give what has arrived, at once; raise `ContactFailed` at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Ended:
    """How a stream ended; `started` is false when no reading ever came."""

    started: bool
    reason: str


OnEnd: TypeAlias = Callable[[Ended], object]


@dataclass(slots=True)
class _Watched:
    node: NodeId
    stream: Readable
    on_end: OnEnd
    since: Instant
    period: float
    parser: Parser


class Collector:
    """Reads the streams it is given until they end or are taken away."""

    def __init__(self, clock: Clock, post: Post) -> None:
        self._clock = clock
        self._post = post
        self._streams: dict[Readable, _Watched] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="sciabc-readings", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread and wait for it. Blocks, for one look at most."""
        self._stopped.set()
        self._thread.join()

    def add(
        self,
        node: NodeId,
        stream: Readable,
        on_end: OnEnd,
        *,
        period: float = READING_PERIOD,
        known: Facts | None = None,
    ) -> None:
        """Read this stream too.

        Args:
            node: Whose it is.
            stream: Read from the collector's thread only.
            on_end: Called once, in the collector's thread, if the stream ends by itself.
            period: Seconds between two readings.
            known: The node's facts from an earlier stream.
        """
        # single operations on a dict are atomic: no lock, on which the loop could wait
        self._streams[stream] = _Watched(
            node, stream, on_end, self._clock.monotonic(), period, Parser(known or Facts())
        )

    def remove(self, stream: Readable) -> None:
        """Read this stream no more."""
        self._streams.pop(stream, None)

    def _work(self) -> None:
        while not self._stopped.wait(LOOK if len(self._streams) <= MANY else LOOK_AT_MANY):
            self._look()

    def _look(self) -> None:
        ended: list[tuple[_Watched, Ended]] = []
        batch: list[Observation] = []
        for watched in list(self._streams.values()):
            try:
                self._read(watched, batch)
            except ContactFailed as failure:
                if self._streams.pop(watched.stream, None) is None:
                    continue  # taken away meanwhile
                ended.append((watched, Ended(watched.parser.started, str(failure))))
                if watched.parser.started:
                    batch.append(StreamClosed(watched.node, str(failure)))
        if batch:
            self._post(batch)
        for watched, how in ended:
            watched.on_end(how)

    def _read(self, watched: _Watched, batch: list[Observation]) -> None:
        data = watched.stream.read()
        now = self._clock.monotonic()
        parser = watched.parser
        if not data:
            if not parser.started and now - watched.since > START_WITHIN:
                raise ContactFailed(f"nothing came within {START_WITHIN:.0f} s")
            return
        began = parser.started
        found = parser.feed(data, now)
        if parser.started and not began:
            batch.append(StreamOpened(watched.node, watched.period))
        batch.extend(_observed(watched.node, item) for item in found)


def _observed(node: NodeId, item: Facts | Reading) -> Observation:
    return FactsRead(node, item) if isinstance(item, Facts) else ReadingTaken(node, item)
