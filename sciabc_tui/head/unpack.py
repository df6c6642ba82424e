"""The work `unpack`: waits for the expected nodes, lets them take jobs again, and names the missing."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from sciabc_tui.api.powering import UnpackWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Step
from sciabc_tui.cluster import membership
from sciabc_tui.cluster.changes import PackingChanged
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.observations import ResumeNode
from sciabc_tui.cluster.powering import is_gone, is_packed, is_ready, last_seen, members
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.remote_nodes import chosen
from sciabc_tui.head.work_telling import Tell, told

TOLD_EVERY = 5.0
"""Seconds between two words on a node that is waited for."""


class Unpack:
    """Does what an `UnpackWish` says."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock

    async def work(self, wish: UnpackWish, by: str) -> AsyncGenerator[Part, None]:
        """Wait, and tell of it.

        Raises:
            NotFound: There is no such node.
            CommandRefused: No node is expected, two have one name, or the cluster is being packed.
        """
        state = self._hub.state
        if state.packing is not None and not state.packing.ended:
            raise CommandRefused("The cluster is being packed. Next: wait until that is over")
        nodes = chosen(state, wish.nodes) if wish.nodes else members(state)
        if not nodes and not any(is_packed(node) for node in state.nodes.values()):
            raise CommandRefused("No node was approved yet. Next: sciabc-tui nodes")
        async with aclosing(told(partial(self._all, nodes, wish.within, by))) as parts:
            async for part in parts:
                yield part

    async def _all(self, nodes: tuple[Node, ...], within: float, by: str, tell: Tell) -> None:
        tell(Begun(tuple(node.name for node in nodes)))
        self._hub.publish([PackingChanged(None)])
        for node in self._hub.state.nodes.values():
            if node.origin is Origin.LOCAL:
                self._resume(node, by)
        missing: list[str] = []

        async def one(node: Node) -> None:
            ended = await self._one(node, within, by, tell)
            if not ended.ok:
                missing.append(node.name)
            tell(ended)

        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(one(node))
        tell(_over(len(nodes), missing))

    async def _one(self, node: Node, within: float, by: str, tell: Tell) -> Ended:
        begun = self._clock.monotonic()
        try:
            async with asyncio.timeout(within):
                await self._ready(node, tell)
        except TimeoutError:
            return self._missing(node, by)
        resumed = self._resume(self._hub.state.nodes.get(node.id), by)
        after = self._clock.monotonic() - begun
        text = f"ready after {span(after)}" if after >= 1.0 else "ready"
        again = ", takes jobs again" if resumed else ""
        return Ended(node.name, ok=True, text=f"{text}{again}", changes=resumed)

    async def _ready(self, node: Node, tell: Tell) -> None:
        told_at = -TOLD_EVERY
        while True:
            state = self._hub.state
            now = state.nodes.get(node.id)
            if now is not None and is_ready(now):
                return
            if self._clock.monotonic() - told_at >= TOLD_EVERY:
                told_at = self._clock.monotonic()
                text = last_seen(now, state.at)
                tell(Step(node.name, "wait", "running", text))
            await self._hub.changed(state.revision)

    def _missing(self, node: Node, by: str) -> Ended:
        """Say what was last seen of it. It takes jobs when it comes; until then the alarms miss it."""
        now = self._hub.state.nodes.get(node.id)
        if now is None:
            return Ended(node.name, ok=False, text="was forgotten", fix="Next: sciabc-tui nodes")
        resumed = self._resume(now, by)
        text = f"is not there: {last_seen(now, self._hub.state.at)}"
        if not is_gone(now):
            text = f"is not ready: {last_seen(now, self._hub.state.at)}"
        fix = "Next: look at its power, its cable and its card" if is_gone(now) else "Next: sciabc-tui nodes"
        return Ended(node.name, ok=False, text=text, fix=fix, changes=resumed)

    def _resume(self, node: Node | None, by: str) -> int:
        """Let jobs go there again if it was packed; give how much that changed."""
        if node is None or not is_packed(node):
            return 0
        command = ResumeNode(node.id, by)
        self._hub.publish(membership.obey(self._hub.state, command, self._clock.monotonic()))
        return 1


def _over(count: int, missing: list[str]) -> Over:
    there = count - len(missing)
    if not count:
        return Over("The head takes jobs again; there are no other nodes.")
    if missing:
        return Over(f"{there} of {count} nodes are there; missing: {fold(missing)}")
    return Over(f"All {count} nodes are there." if count > 1 else "The node is there.")
