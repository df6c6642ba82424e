"""Provisioning: which boards, which steps, many at once, and how the head takes them in afterwards."""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from functools import partial

from sciabc_tui.api.provisioning import ProvisionWish
from sciabc_tui.api.works import Begun, Over, Part
from sciabc_tui.cluster.changes import Event
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import HostKey
from sciabc_tui.cluster.provision_events import (
    BoardProvisioned,
    BoardUnprovisioned,
    ProvisioningBegan,
    ProvisioningEnded,
    ProvisioningFailed,
)
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.ports import Clock
from sciabc_tui.head.provisioning.headkey import head_key, make_head_key
from sciabc_tui.head.provisioning.intake import Added, Hub, Intake, known_as
from sciabc_tui.head.provisioning.places import Place, find
from sciabc_tui.head.provisioning.plan import Kit, Plan, valid
from sciabc_tui.head.provisioning.visit import Visit
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.users import Users
from sciabc_tui.head.work_telling import Tell, told

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Boards that are worked on at the same time."""

READY = "ready"
"""What the last step is called: the head's own."""


class Provisioner:
    """Does `ProvisionWish`.

    Args:
        hub: The state.
        clock: Tells the head's time, to compare the boards' with.
        users: Whom to log in as where nobody says.
        credentials: The head's keys.
        added: Keeps the nodes that can't announce themselves.
        kit: How MPI gets to a board, and packages.
    """

    def __init__(
        self, hub: Hub, clock: Clock, users: Users, credentials: Credentials, added: Added, kit: Kit
    ) -> None:
        self._hub = hub
        self._clock = clock
        self._users = users
        self._credentials = credentials
        self._kit = kit
        self._intake = Intake(hub, added)
        self._busy: set[tuple[str, int]] = set()

    async def provision(self, wish: ProvisionWish, by: str) -> AsyncGenerator[Part, None]:
        """Provision boards, or undo it, and tell how far they are; closed, it ends what runs on them.

        Raises:
            NotFound: Nobody knows where a board is.
            CommandRefused: It can't be done as it stands; nothing was begun.
        """
        valid(wish)
        threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="provision")
        taken: set[tuple[str, int]] = set()
        try:
            places = await find(
                (board.target for board in wish.boards), self._hub.state, self._users, threads
            )
            self._take(places, taken)
            loop = asyncio.get_running_loop()
            public = await loop.run_in_executor(threads, head_key, self._credentials)
            made = not public and not wish.dry_run and not wish.undo
            if made:
                public = await loop.run_in_executor(threads, make_head_key, self._credentials.folder)
            plan = Plan(
                wish, self._kit, public, partial(self._renewed, loop, by), partial(self._undoing, loop, by)
            )
            names = _names(places)
            yield Begun(names, (*plan.titles(), *(() if wish.undo or wish.dry_run else (READY,))))
            work = partial(self._work, plan, places, names, by, threads, _over(public, made=made))
            async with aclosing(told(work)) as parts:
                async for part in parts:
                    yield part
        finally:
            self._busy -= taken
            threads.shutdown(wait=False, cancel_futures=True)

    def _take(self, places: Sequence[Place], taken: set[tuple[str, int]]) -> None:
        """Let nobody else work on these boards meanwhile."""
        wanted = {(place.address, place.port): place for place in places}
        for where, place in wanted.items():
            if where in self._busy:
                raise CommandRefused(
                    f"{place.target} is being worked on already. Next: wait until that is over"
                )
        taken.update(wanted)
        self._busy |= taken

    async def _work(
        self,
        plan: Plan,
        places: Sequence[Place],
        names: Sequence[str],
        by: str,
        threads: ThreadPoolExecutor,
        over: Over,
        tell: Tell,
    ) -> None:
        loop = asyncio.get_running_loop()

        def from_thread(part: Part) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(tell, part)

        visits = [
            Visit(name, place, board, plan.wish, self._credentials, self._clock.wall, from_thread)
            for name, place, board in zip(names, places, plan.wish.boards, strict=True)
        ]
        barrier = asyncio.Barrier(len(visits))
        try:
            async with asyncio.TaskGroup() as group:
                for visit in visits:
                    group.create_task(self._visit(visit, plan, barrier, by, threads))
        finally:
            for visit in visits:
                visit.end()
        tell(over)

    async def _visit(
        self, visit: Visit, plan: Plan, barrier: asyncio.Barrier, by: str, threads: ThreadPoolExecutor
    ) -> None:
        loop = asyncio.get_running_loop()
        wish = plan.wish

        async def blocking(work: Callable[[], None]) -> None:
            await loop.run_in_executor(threads, work)

        lasting = not wish.dry_run and not wish.undo
        if lasting:
            self._publish_of(visit, ProvisioningBegan)
        finished = False
        try:
            await blocking(visit.enter)
            await blocking(lambda: visit.take(lambda: plan.first(visit)))
            if wish.between:
                await barrier.wait()  # who failed comes here too: the others wait for all
            await blocking(lambda: visit.take(lambda: plan.second(visit)))
            await self._conclude(visit, wish, by)
            finished = True
        finally:
            if not finished and lasting:
                self._hub.publish([self._failed(visit, "stopped")])
        visit.end()

    async def _conclude(self, visit: Visit, wish: ProvisionWish, by: str) -> None:
        """Let the head know what came of it, and tell."""
        if visit.failure is not None:
            if not wish.dry_run:
                self._hub.publish([self._failed(visit, visit.failure.text)])
            visit.over("")
        elif wish.dry_run:
            visit.over(f"{_changes(visit.changes)} to make")
        elif wish.undo:
            node = self._node(visit)
            self._intake.let_go(visit.place, visit.key, by)
            self._hub.publish([BoardUnprovisioned(node, visit.title, by, visit.changes)])
            visit.over(f"as it was before: {_changes(visit.changes)} undone")
        elif visit.key is not None:
            await self._take_in(visit, visit.key, wish, by)

    async def _take_in(self, visit: Visit, key: HostKey, wish: ProvisionWish, by: str) -> None:
        visit.say(READY, "running", "waits for its first reading")
        self._hub.publish([ProvisioningEnded(self._node(visit))])
        user = wish.user or visit.place.user
        taken = await self._intake.take_in(visit.place, key, mute=visit.mute, user=user, by=by)
        if taken.lacks:
            why, _, fix = taken.lacks.partition(". Next: ")
            text = f"all is done, but it is not ready: {why}"
            visit.fail(READY, text, f"Next: {fix or 'sciabc-tui nodes'}")
            visit.over("")
        else:
            as_name = "" if taken.name == visit.name else f" as {taken.name}"
            name = taken.name or visit.title
            self._hub.publish([BoardProvisioned(self._node(visit), name, by, visit.changes)])
            visit.say(READY, "unchanged")
            visit.over(f"ready{as_name}: {_changes(visit.changes)}")

    def _renewed(self, loop: asyncio.AbstractEventLoop, by: str, visit: Visit, key: HostKey) -> None:
        """Expect a board's new host key; called from its thread."""
        old, place = visit.key, visit.place
        visit.renewed(key)
        loop.call_soon_threadsafe(self._intake.replace_key, place, old, key, by)

    def _undoing(self, loop: asyncio.AbstractEventLoop, by: str, visit: Visit) -> None:
        """Log in to a board no more, from now on; called from its thread, before anything is undone."""
        loop.call_soon_threadsafe(self._intake.untrust, visit.place, visit.key, by)

    def _publish_of(self, visit: Visit, kind: Callable[[NodeId], Event]) -> None:
        node = self._intake.known(visit.place, visit.key)
        if node is not None:
            self._hub.publish([kind(node.id)])

    def _failed(self, visit: Visit, reason: str) -> ProvisioningFailed:
        step = visit.failure.step if visit.failure else visit.step
        return ProvisioningFailed(self._node(visit), visit.title, step, reason)

    def _node(self, visit: Visit) -> NodeId:
        return known_as(self._intake.known(visit.place, visit.key))


def _names(places: Sequence[Place]) -> tuple[str, ...]:
    """Call each by its host, where no other has the same."""
    hosts = Counter(place.host for place in places)
    return tuple(place.host if hosts[place.host] == 1 else place.target for place in places)


def _changes(count: int) -> str:
    return f"{count} change" + ("" if count == 1 else "s")


def _over(public: str, *, made: bool) -> Over:
    if made:
        return Over("The head had no SSH key and has one now: ~/.ssh/id_ed25519")
    return Over() if public else Over("The head has no SSH key yet: ~/.ssh/id_ed25519 would be made")
