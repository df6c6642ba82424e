"""Looks for copied cards behind the addresses of a node that streams already.

Copies of one card that were announced before either of them streamed are one row: they hold one host key.
What is left of the other is an address under which the row was announced, and at which nobody streams.
"""

import asyncio
from dataclasses import dataclass

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Trust
from sciabc_tui.cluster.observations import TwinSeen
from sciabc_tui.head.means import Means
from sciabc_tui.head.twins import TWIN_PERIOD, Verdict, look_at

ROUND = 1.0
"""Seconds between two rounds; one asks only what is due."""

HOLDS = {Verdict.SAME: 3600.0, Verdict.OTHER: TWIN_PERIOD, Verdict.UNCLEAR: TWIN_PERIOD}
"""Seconds for which an answer holds; to get one costs the node a login."""

MISSED_FOR = 2.5 * TWIN_PERIOD
"""Seconds for which a twin that was found is not met again until it is gone."""

ADDRESSES_LOOKED_AT = 4


@dataclass(frozen=True, slots=True)
class _Place:
    """Another address of a node in this run of its kernel."""

    node: NodeId
    address: str
    boot_id: str


@dataclass(frozen=True, slots=True)
class _Twin:
    address: str
    seen_at: Instant


class TwinWatch:
    """Tells of boards that share the host key and the row of a streaming node."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._due: dict[_Place, Instant] = {}
        self._told: dict[NodeId, _Twin] = {}

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._round()
            await asyncio.sleep(ROUND)

    async def _round(self) -> None:
        nodes = self._means.hub.state.nodes
        places = {place for node in nodes.values() for place in self._places(node)}
        self._due = {place: at for place, at in self._due.items() if place in places}
        for place in places:
            if self._due.get(place, 0.0) <= self._means.clock.monotonic():
                verdict = await self._look(place)
                holds = TWIN_PERIOD if self._is_told(place) else HOLDS[verdict]
                self._due[place] = self._means.clock.monotonic() + holds
        self._let_go()

    def _places(self, node: Node) -> tuple[_Place, ...]:
        """Give the places to look at; a twin that was told of is, also when it is announced no more."""
        if node.facts is None or node.trust is not Trust.TRUSTED or not node.streaming:
            return ()
        told = self._told.get(node.id)
        if told is None and node.addresses == (node.contact,):
            return ()  # as nearly all have
        known = dict.fromkeys((*((told.address,) if told else ()), *node.addresses))
        others = [address for address in known if address not in {"", node.contact}]
        boot_id = node.facts.boot_id
        return tuple(_Place(node.id, address, boot_id) for address in others[:ADDRESSES_LOOKED_AT])

    async def _look(self, place: _Place) -> Verdict:
        """Look at one place and tell what it means; the roster may have changed since it was listed."""
        node = self._means.hub.state.nodes.get(place.node)
        if node is None or place not in self._places(node) or self._is_told_elsewhere(node, place):
            return Verdict.OTHER
        verdict = await look_at(self._means, node, place.address, node.port)
        if verdict is Verdict.OTHER:
            self._told[node.id] = _Twin(place.address, self._means.clock.monotonic())
            self._means.hub.observe([TwinSeen(node.id, place.address)])
        elif verdict is Verdict.SAME and self._is_told(place):
            del self._told[node.id]
            self._means.hub.observe([TwinSeen(node.id, "")])
        return verdict

    def _is_told(self, place: _Place) -> bool:
        told = self._told.get(place.node)
        return told is not None and told.address == place.address

    def _is_told_elsewhere(self, node: Node, place: _Place) -> bool:
        """One twin is enough for the row: a second one, or one with a row of its own, is told after it."""
        told = self._told.get(node.id)
        if told is None:
            return node.twin != ""
        return told.address not in {place.address, node.contact}

    def _let_go(self) -> None:
        now = self._means.clock.monotonic()
        for node, twin in tuple(self._told.items()):
            if now - twin.seen_at > MISSED_FOR:
                del self._told[node]
                self._means.hub.observe([TwinSeen(node, "")])
