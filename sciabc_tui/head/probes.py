"""Probes of nodes that fell silent: is the kernel there, is anybody?"""

import asyncio
import contextlib
from typing import Protocol

from sciabc_tui.cluster.node import Liveness, Node, Origin
from sciabc_tui.cluster.observations import Probed
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import Unreachable
from sciabc_tui.head.neighbours import Neighbour
from sciabc_tui.head.pace import Pace
from sciabc_tui.head.ports import Hub

PROBE_PERIOD = 1.0
"""Seconds between two probes of a suspect node, and for which one is waited for."""

PROBES_AT_ONCE = 128

ASKED_AT_ONCE = 16
"""Suspects up to which neighbours are asked for too, 1 ms each; when more fall silent, it is the switch."""


class NeighbourTable(Protocol):
    """What the kernel knows of neighbours. `sciabc_tui.head.neighbours.Neighbours` is the one."""

    async def ask(self, address: str) -> None:
        """Make the kernel ask the neighbour, where we may."""
        ...

    async def look(self, address: str) -> Neighbour:
        """Give what the kernel knows of it."""
        ...


class Probes:
    """Asks silent nodes for a sign of life. On the loop, so that no thread pool can delay it."""

    def __init__(self, hub: Hub, neighbours: NeighbourTable, pace: Pace) -> None:
        self._hub = hub
        self._neighbours = neighbours
        self._pace = pace
        self._room = asyncio.Semaphore(PROBES_AT_ONCE)

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            state = self._hub.state
            suspects = [node for node in state.nodes.values() if _to_probe(node)]
            if not suspects:
                await self._hub.changed(state.revision)
                continue
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(PROBE_PERIOD))
                for node in suspects:
                    group.create_task(self._probe(node, deeply=len(suspects) <= ASKED_AT_ONCE))

    async def _probe(self, node: Node, *, deeply: bool) -> None:
        async with self._room:
            if deeply:
                await self._neighbours.ask(node.address)
            else:
                await self._pace.turn(urgent=True)
            try:
                connection = await dial(node.address, node.port, within=PROBE_PERIOD)
            except Unreachable as failure:
                seen = await self._neighbours.look(node.address) if deeply else Neighbour()
                found = _both(node, failure, seen)
            else:
                with contextlib.closing(connection):
                    found = Probed(node.id, answered=True, how="ssh port answers")
        self._hub.observe([found])


def _both(node: Node, failure: Unreachable, seen: Neighbour) -> Probed:
    """Put together what TCP and the kernel found; either's answer shows that the board is there."""
    how = f"{failure}, {seen.how}" if seen.how else str(failure)
    return Probed(node.id, answered=failure.answered or seen.answers is True, how=how)


def _to_probe(node: Node) -> bool:
    return node.liveness is Liveness.SUSPECT and node.origin is not Origin.LOCAL and bool(node.address)
