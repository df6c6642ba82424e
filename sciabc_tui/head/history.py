"""How each node's load was in the last minute, ten minutes and hour, in memory of a fixed size.

    rings = History()
    rings.add(reading, period=1.0)
    rings.series(600, now)          ->  Series, sixty places of ten seconds

Three rings of sixty places a node. What was not measured is NaN in them and None outside.
"""

import asyncio
import math
from array import array
from collections.abc import Iterable

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Reading
from sciabc_tui.cluster.series import SPANS, Series
from sciabc_tui.head.ports import Clock, Hub

LENGTH = 60
"""Places of a ring."""

COVERS = 2.5
"""Periods for which a reading speaks: CPU and rates are measured since the reading before. After a longer
silence nothing is known of it."""

LOOK = 0.5
"""Seconds at least between two looks at the state: half the shortest period, so that no reading is missed."""


_NOTHING = math.nan
_MEASURES = 5


class _Ring:
    """Sixty places of so many seconds, for each of the five measures."""

    __slots__ = ("_counts", "_place", "_step", "_values")

    def __init__(self, step: int) -> None:
        self._step = step
        self._place = -1
        self._values = array("f", [_NOTHING]) * (_MEASURES * LENGTH)
        # readings in the newest place, of each measure: a mean needs them
        self._counts = bytearray(_MEASURES)

    def add(self, since: Instant, at: Instant, measured: tuple[float | None, ...]) -> None:
        """Take in what was measured from `since` to `at`; the places between the two get it too."""
        place = math.floor(at / self._step)
        if place > self._place:
            first = max(self._place, place - LENGTH)
            for skipped in range(first + 1, place + 1):
                known = skipped == place or (skipped + 1) * self._step > since
                self._begin(skipped, measured if known else (None,) * _MEASURES)
            self._place = place
        elif place == self._place:
            self._blend(place, measured)

    def _begin(self, place: int, measured: tuple[float | None, ...]) -> None:
        for measure, value in enumerate(measured):
            self._values[measure * LENGTH + place % LENGTH] = _NOTHING if value is None else value
            self._counts[measure] = value is not None

    def _blend(self, place: int, measured: tuple[float | None, ...]) -> None:
        for measure, value in enumerate(measured):
            if value is None:
                continue
            index, count = measure * LENGTH + place % LENGTH, self._counts[measure]
            mean = self._values[index] if count else 0.0
            self._values[index] = mean + (value - mean) / (count + 1)
            self._counts[measure] = min(255, count + 1)

    def series(self, now: Instant) -> Series:
        last = math.floor(now / self._step)
        places = range(last - LENGTH + 1, last + 1)
        rows = [tuple(self._value(measure, place) for place in places) for measure in range(_MEASURES)]
        cpu, memory, temperature, received, sent = rows
        return Series(
            span=self._step * LENGTH,
            step=self._step,
            until=(last + 1.0) * self._step,
            cpu=cpu,
            memory=memory,
            temperature=temperature,
            received=received,
            sent=sent,
        )

    def _value(self, measure: int, place: int) -> float | None:
        if not self._place - LENGTH < place <= self._place:
            return None
        value = self._values[measure * LENGTH + place % LENGTH]
        return None if math.isnan(value) else value


class History:
    """The load of one node. Pure; as large when it is new as after a year."""

    __slots__ = ("_at", "_rings")

    def __init__(self) -> None:
        self._rings = {span: _Ring(span // LENGTH) for span in SPANS}
        self._at: Instant | None = None

    def add(self, reading: Reading, period: float) -> None:
        """Take in a reading, unless it was taken in before; one is due each `period` seconds."""
        before, at = self._at, reading.at
        if before is not None and at <= before:
            return
        self._at = at
        since = before if before is not None and at - before <= COVERS * period else at
        measured = (
            reading.cpu_percent,
            reading.memory_percent,
            reading.temperature,
            reading.received,
            reading.sent,
        )
        for ring in self._rings.values():
            ring.add(since, at, measured)

    def series(self, span: int, now: Instant) -> Series:
        """Give what the ring of a span holds, up to now.

        Raises:
            KeyError: There is no such span; `SPANS` has them.
        """
        return self._rings[span].series(now)


class Historian:
    """Keeps a history of each node in the state, and of no other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._histories: dict[NodeId, History] = {}

    async def run(self, hub: Hub) -> None:
        """Follow the state until cancelled."""
        while True:
            state = hub.state
            self.take(state.nodes.values())
            await hub.changed(state.revision)
            await asyncio.sleep(LOOK)

    def take(self, nodes: Iterable[Node]) -> None:
        """Take in the readings that are new, and forget the nodes that are gone."""
        present = {node.id: node for node in nodes}
        for gone in self._histories.keys() - present.keys():
            del self._histories[gone]
        for node in present.values():
            if node.reading is None:
                continue
            if node.id not in self._histories:
                self._histories[node.id] = History()
            self._histories[node.id].add(node.reading, node.beat)

    def series(self, node: NodeId, span: int) -> Series:
        """Give a node's load over 60, 600 or 3600 seconds, up to now.

        Raises:
            KeyError: There is no such span.
        """
        return self._histories.get(node, History()).series(span, self._clock.monotonic())
