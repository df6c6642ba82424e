"""The work `pack`: the cluster ends in order, so that the briefcase can be unplugged."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial

from sciabc_tui.api.powering import PackWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Step
from sciabc_tui.cluster.changes import PackingChanged
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.job_commands import CancelJob, JobCommand
from sciabc_tui.cluster.node import Node, Trust
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.powering import PACKED, is_gone, members
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Packing, State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.power import AT_ONCE, Draining, halted_head
from sciabc_tui.head.power_board import Boards
from sciabc_tui.head.power_drivers import SwitchFailed
from sciabc_tui.head.power_starts import Starts
from sciabc_tui.head.work_telling import Tell, told

ENDS_WITHIN = 60.0
"""Seconds that a cancelled job may take to end."""

_STEPS = ("drain", "jobs", "power off")
_OFF_ALREADY = "is off already"

Direct = Callable[[JobCommand], Awaitable[None]]


class _NotPacked(Exception):
    """It ends here; the text says why.

    Attributes:
        fix: What to do next.
    """

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


class Pack:
    """Does what a `PackWish` says."""

    def __init__(
        self,
        hub: Hub,
        clock: Clock,
        boards: Boards,
        direct: Direct,
        starts: Starts,
        *,
        ends_within: float = ENDS_WITHIN,
    ) -> None:
        """Do nothing yet.

        Args:
            hub: The state.
            clock: The head's.
            boards: Halts boards.
            direct: Cancels jobs.
            starts: Whether jobs may start.
            ends_within: Seconds that a cancelled job may take.
        """
        self._hub = hub
        self._clock = clock
        self._boards = boards
        self._direct = direct
        self._starts = starts
        self._ends_within = ends_within
        self._under_way = False

    async def work(self, wish: PackWish, by: str) -> AsyncGenerator[Part, None]:
        """Pack, and tell of it; closed before all is off, nodes that are still there take jobs again.

        Raises:
            CommandRefused: It is being done, or the service has just begun.
        """
        if self._under_way:
            raise CommandRefused("The cluster is being packed. Next: wait until that is over")
        head = self._hub.state.nodes.get(HEAD)
        if head is None:
            raise CommandRefused("The head has not seen itself yet. Next: again in a moment")
        self._under_way = True
        nodes = members(self._hub.state)
        draining = Draining(self._hub, self._clock, self._starts, PACKED, by)
        try:
            async with aclosing(told(partial(self._all, wish, head, nodes, draining))) as parts:
                async for part in parts:
                    yield part
        finally:
            self._under_way = False
            draining.over()
            packing = self._hub.state.packing
            if packing is not None and not packing.ended:  # cancelled: what is there goes on as before
                there = [node for node in nodes if not is_gone(self._hub.state.nodes.get(node.id))]
                draining.end(head, *there)
                self._show(None)

    async def _all(
        self, wish: PackWish, head: Node, nodes: tuple[Node, ...], draining: Draining, tell: Tell
    ) -> None:
        by = draining.by
        odd = _not_ours(self._hub.state)
        names = (*(node.name for node in nodes), *odd)
        tell(Begun((*names, head.name), _STEPS))
        self._show(Packing(names, by=by))
        await draining.begin((*nodes, head))
        tell(Step(head.name, "drain", "done", "no new jobs anywhere"))
        try:
            await self._end_jobs(wish.wait, by, head, tell)
        except _NotPacked as error:
            tell(Ended(head.name, ok=False, text=str(error), fix=error.fix))
            tell(Over("Nothing was switched off.", error.fix))
            return  # not ended: all is given back
        failed = [*await self._switch_off(nodes, wish.password, tell), *odd]
        for name in odd:
            text, fix = "its host key changed: it was not halted", f"Next: sciabc-tui nodes forget {name}"
            tell(Ended(name, ok=False, text=text, fix=f"{fix}, or pull its plug"))
        self._update(lambda packing: replace(packing, ended=True))
        ended = await self._end_head(wish, head, failed, tell)
        draining.over(head_goes=ended.ok and not wish.keep_head)
        tell(ended)
        tell(_over(wish, len(nodes), failed))

    # -------------------------------------------------------------- jobs

    async def _end_jobs(self, wait: float, by: str, head: Node, tell: Tell) -> None:
        """Wait for running jobs, then stop those that are left."""
        if not _running(self._hub.state):
            tell(Step(head.name, "jobs", "unchanged", "none runs"))
            return
        until = self._clock.monotonic() + wait
        if await self._jobs_end(until, head, tell):
            tell(Step(head.name, "jobs", "done", "all ended by themselves"))
            return
        left = _running(self._hub.state)
        for job in left:
            await self._cancel(job, by)
        names = ", ".join(f"{job.id} {job.name}" for job in left)
        tell(Step(head.name, "jobs", "running", f"stopping {names}"))
        if not await self._jobs_end(self._clock.monotonic() + self._ends_within, head, tell, stopping=True):
            still = _running(self._hub.state)
            raise _NotPacked(
                f"job {still[0].id} {still[0].name} does not end" if still else "a job does not end",
                f"Next: sciabc-tui logs {still[0].id}, then sciabc-tui pack" if still else "Next: again",
            )
        tell(Step(head.name, "jobs", "done", f"stopped {names}"))

    async def _cancel(self, job: Job, by: str) -> None:
        try:
            await self._direct(CancelJob(job.id, f"{by}, to pack"))
        except (CommandRefused, NotFound):
            return  # it has ended meanwhile

    async def _jobs_end(self, until: float, head: Node, tell: Tell, *, stopping: bool = False) -> bool:
        """Wait until no job runs, until a time; tell which do."""
        shown = ""
        while running := _running(self._hub.state):
            left = until - self._clock.monotonic()
            if left <= 0:
                return False
            text = _waiting(running, left)
            if text != shown and not stopping:
                tell(Step(head.name, "jobs", "running", text))
                shown = text
            try:
                async with asyncio.timeout(min(1.0, left)):
                    await self._hub.changed(self._hub.state.revision)
            except TimeoutError:
                continue
        return True

    # -------------------------------------------------------------- boards

    async def _switch_off(self, nodes: Sequence[Node], password: str, tell: Tell) -> list[str]:
        """Halt the compute nodes side by side; give those that did not go."""
        turns = asyncio.Semaphore(AT_ONCE)
        failed: list[str] = []

        async def one(node: Node) -> None:
            async with turns:
                ended = await self._off(node, password, tell)
            if ended.ok:
                self._update(lambda packing: replace(packing, off=(*packing.off, node.name)))
            else:
                failed.append(node.name)
            tell(ended)

        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(one(node))
        return sorted(failed)

    async def _off(self, node: Node, password: str, tell: Tell) -> Ended:
        if is_gone(self._hub.state.nodes.get(node.id)):
            return Ended(node.name, ok=True, text=_OFF_ALREADY)
        try:
            text = await self._boards.halt(node, password, tell)
        except SwitchFailed as error:
            return Ended(node.name, ok=False, text=str(error), fix=error.fix)
        return Ended(node.name, ok=True, text=text, changes=1)

    async def _end_head(self, wish: PackWish, head: Node, failed: Sequence[str], tell: Tell) -> Ended:
        if wish.keep_head and not failed:
            return Ended(head.name, ok=True, text="stays on, as asked")
        return await halted_head(self._boards, head, "off", wish.password, failed, tell)

    # -------------------------------------------------------------- the state

    def _show(self, packing: Packing | None) -> None:
        self._hub.publish([PackingChanged(packing)])

    def _update(self, change: Callable[[Packing], Packing]) -> None:
        if (packing := self._hub.state.packing) is not None:
            self._show(change(packing))


def _running(state: State) -> tuple[Job, ...]:
    found = (job for job in state.jobs.values() if job.state is JobState.RUNNING)
    return tuple(sorted(found, key=lambda job: job.id))


def _waiting(running: Sequence[Job], left: float) -> str:
    names = ", ".join(map(_placed, running[:3]))
    more = f" and {len(running) - 3} more" if len(running) > 3 else ""
    # by the second at the end, else by the minute: each other text is a line somewhere
    rest = math.ceil(left) if left < 10 else 10 * math.ceil(left / 10)
    return f"waits for {names}{more}; stopped in {span(rest)}"


def _not_ours(state: State) -> tuple[str, ...]:
    """Name the nodes that are there, and that the head may not log in to: their host key changed."""
    return tuple(node.name for node in state.nodes.values() if node.trust is Trust.CHANGED and node.present)


def _placed(job: Job) -> str:
    where = f" on {fold(part.name for part in job.allocation)}" if job.allocation else ""
    return f"{job.id} {job.name}{where}"


def _over(wish: PackWish, count: int, failed: Sequence[str]) -> Over:
    if failed:
        what = f"{fold(failed)} did not go. Do not unplug"
        fix = "Next: look there, pull its plug if nothing helps, then sciabc-tui pack again, or unpack"
        return Over(what, fix)
    if wish.keep_head:
        what = "The nodes are off: safe to unplug." if count else "There was no node to halt."
        return Over(f"{what} The head stays on.", "Next: sciabc-tui unpack, when they have power")
    what = "The nodes are off. " if count else ""
    return Over(f"{what}Unplug the head when it is off: its LCD says SAFE TO UNPLUG.")
