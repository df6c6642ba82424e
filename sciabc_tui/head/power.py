"""The work `power`: boards restart, halt, or have their power switched, each seen to do so."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from functools import partial
from typing import assert_never

from sciabc_tui.api.powering import PowerWish
from sciabc_tui.api.works import Begun, Ended, Over, Part
from sciabc_tui.cluster import membership
from sciabc_tui.cluster.node import Node, Trust
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.observations import DrainNode, ResumeNode
from sciabc_tui.cluster.powering import jobs_lost, tell_jobs
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.power_board import Boards
from sciabc_tui.head.power_drivers import SwitchFailed
from sciabc_tui.head.power_starts import GOES_WITHIN, Starts
from sciabc_tui.head.remote_nodes import chosen
from sciabc_tui.head.work_telling import Tell, told

AT_ONCE = 16
"""Boards that are halted or switched at the same time."""

_WORDS = {
    "reboot": "reboot",
    "off": "power off",
    "on": "power on",
    "cycle": "power cycle",
    "cut": "power cut",
}


class Draining:
    """Keeps new jobs from nodes while something is done with them, and gives back what it took.

    Attributes:
        by: For whom.
    """

    def __init__(self, hub: Hub, clock: Clock, starts: Starts, reason: str, by: str) -> None:
        self._hub = hub
        self._clock = clock
        self._starts = starts
        self._reason = reason
        self.by = by
        self._mine: set[str] = set()

    async def begin(self, nodes: Sequence[Node]) -> None:
        """Drain those that nobody has drained yet; with the head among them no job starts anywhere.

        When this returns, the state shows every job that was started before, and no other starts there.
        """
        async with self._starts.deciding:
            for node in nodes:
                now = self._hub.state.nodes.get(node.id)
                if now is not None and now.drained is None:
                    self._obey(DrainNode(node.id, self._reason, self.by))
                    self._mine.add(node.id)
            if HEAD in {node.id for node in nodes}:
                self._starts.stop(self, f"waits for the head, which may end: {self._reason} by {self.by}")

    def over(self, *, head_goes: bool = False) -> None:
        """Let jobs start again; if the head said that it goes, only should it be there still in a while."""
        self._starts.allow(self, after=GOES_WITHIN if head_goes else 0.0)

    def end(self, *nodes: Node) -> None:
        """Resume those of these that this has drained, and nobody else since."""
        for node in nodes:
            now = self._hub.state.nodes.get(node.id)
            drain = now.drained if now is not None and node.id in self._mine else None
            if drain is not None and (drain.reason, drain.by) == (self._reason, self.by):
                self._obey(ResumeNode(node.id, self.by))
            self._mine.discard(node.id)

    def _obey(self, command: DrainNode | ResumeNode) -> None:
        self._hub.publish(membership.obey(self._hub.state, command, self._clock.monotonic()))


class Power:
    """Does what a `PowerWish` says."""

    def __init__(self, hub: Hub, clock: Clock, boards: Boards, starts: Starts) -> None:
        self._hub = hub
        self._clock = clock
        self._boards = boards
        self._starts = starts

    async def work(self, wish: PowerWish, by: str) -> AsyncGenerator[Part, None]:
        """Do it, and tell of it.

        Raises:
            NotFound: There is no such node.
            CommandRefused: Jobs run there, two nodes have that name, or it can't be done with the head.
        """
        nodes = chosen(self._hub.state, wish.nodes)
        if HEAD in {node.id for node in nodes} and wish.action in {"on", "cycle", "cut"}:
            raise CommandRefused(f"The head can't {_WORDS[wish.action]} itself. Next: leave it out")
        draining = Draining(self._hub, self._clock, self._starts, _WORDS[wish.action], by)
        try:
            if wish.action != "on":
                await draining.begin(nodes)  # before it is looked what runs there: nothing starts any more
                _refuse_for_jobs(self._hub.state, nodes, wish)
            async with aclosing(told(partial(self._all, wish, nodes, draining))) as parts:
                async for part in parts:
                    yield part
        finally:
            draining.end(*nodes)
            draining.over()

    async def _all(self, wish: PowerWish, nodes: tuple[Node, ...], draining: Draining, tell: Tell) -> None:
        tell(Begun(tuple(node.name for node in nodes)))
        turns = asyncio.Semaphore(AT_ONCE)
        failed: list[str] = []

        async def one(node: Node) -> None:
            async with turns:
                ended = await self._one(wish, node, tell)
            draining.end(node)
            tell(ended)
            if not ended.ok:
                failed.append(node.name)

        async with asyncio.TaskGroup() as group:
            for node in nodes:
                if node.id != HEAD:
                    group.create_task(one(node))
        head = next((node for node in nodes if node.id == HEAD), None)
        if head is not None:
            ended = await halted_head(self._boards, head, wish.action, wish.password, failed, tell)
            draining.over(head_goes=ended.ok)
            tell(ended)
        tell(Over())

    async def _one(self, wish: PowerWish, node: Node, tell: Tell) -> Ended:
        try:
            text = await self._do(wish, node, tell)
        except SwitchFailed as error:
            return Ended(node.name, ok=False, text=str(error), fix=error.fix)
        return Ended(node.name, ok=True, text=text, changes=int(text != "is on already"))

    async def _do(self, wish: PowerWish, node: Node, tell: Tell) -> str:
        match wish.action:
            case "reboot":
                _must_be_ours(node)
                return await self._boards.restart(node, wish.password, tell)
            case "off":
                _must_be_ours(node)
                return await self._boards.halt(node, wish.password, tell)
            case "on":
                return await self._boards.switch_on(node, tell)
            case "cut":
                return await self._boards.cut(node, tell)
            case "cycle":
                return await self._boards.cycle(node, tell)
            case _:
                assert_never(wish.action)


async def halted_head(
    boards: Boards, head: Node, action: str, password: str, failed: Sequence[str], tell: Tell
) -> Ended:
    """Let the head halt or restart itself, as the last one; not while a board that should go stands."""
    if failed:
        text = f"stays on: {fold(failed)} did not go"
        return Ended(head.name, ok=False, text=text, fix=f"Next: look at {fold(failed)}, then again")
    try:
        await boards.ask(head, "reboot" if action == "reboot" else "poweroff", password, tell)
    except SwitchFailed as error:
        word = "reboot" if action == "reboot" else "poweroff"
        fix = f"{error.fix}; or by hand: sudo {word}"
        return Ended(head.name, ok=False, text=f"stays on: {error}", fix=fix)
    return Ended(head.name, ok=True, text="restarts now" if action == "reboot" else "halts now", changes=1)


def _must_be_ours(node: Node) -> None:
    if node.trust is not Trust.TRUSTED:
        raise SwitchFailed("nobody approved its host key", f"Next: sciabc-tui nodes approve {node.name}")


def _refuse_for_jobs(state: State, nodes: Sequence[Node], wish: PowerWish) -> None:
    lost = jobs_lost(state, {node.id for node in nodes})
    if lost and not wish.force:
        told_jobs = "; ".join(tell_jobs(lost))
        raise CommandRefused(f"{told_jobs}. Next: sciabc-tui cancel {lost[0][0].id}, or again with --force")
