"""Contact with all nodes: one conversation for each, and probes for those that fell silent."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.state import State
from sciabc_tui.head.collector import Collector, Post
from sciabc_tui.head.contact import Contact, asked_period
from sciabc_tui.head.means import Means
from sciabc_tui.head.neighbours import Neighbours
from sciabc_tui.head.pace import Pace
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.probes import Probes
from sciabc_tui.head.rooms import Room
from sciabc_tui.head.sessions import Sessions
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.twin_watch import TwinWatch
from sciabc_tui.head.users import Users

STRANGERS_AT_ONCE, MEMBERS_AT_ONCE = 4, 12
"""Handshakes in flight. One costs 4 ms of CPU; 750 nodes that return at once must not take the whole head."""

HANDSHAKES_A_SECOND = 20.0
DIALS_A_SECOND = 100.0

RENEWALS_A_SECOND = 5.0
"""Streams that are opened anew when the period changes; each costs a handshake."""

PERIOD_SETTLES = 10.0
"""Seconds for which the size of the cluster must ask for another period before streams are renewed."""


class Contacts:
    """Keeps a conversation with every node but the head itself."""

    def __init__(
        self,
        *,
        credentials: Credentials,
        clock: Clock,
        post: Post,
        users: Users,
        sessions: Sessions | None = None,
    ) -> None:
        """Take what logins need.

        Args:
            credentials: The keys to log in with.
            clock: Readings are stamped with it as they arrive.
            post: Takes observations from the thread that reads the streams.
            users: Whom to log in as on which node.
            sessions: Told which streams are open.
        """
        self._users = users
        self._sessions = sessions or Sessions()
        self._credentials = credentials
        self._clock = clock
        self._post = post

    async def run(self, hub: Hub) -> None:
        """Work until cancelled; then every connection and thread is ended."""
        strangers = ThreadPoolExecutor(STRANGERS_AT_ONCE, thread_name_prefix="sciabc-strangers")
        members = ThreadPoolExecutor(MEMBERS_AT_ONCE, thread_name_prefix="sciabc-members")
        collector = Collector(self._clock, self._post)
        neighbours = Neighbours()
        handshakes, dials = Pace(HANDSHAKES_A_SECOND), Pace(DIALS_A_SECOND)
        means = Means(
            hub=hub,
            clock=self._clock,
            collector=collector,
            dials=dials,
            strangers=Room(strangers, STRANGERS_AT_ONCE, handshakes, urgent=False),
            members=Room(members, MEMBERS_AT_ONCE, handshakes, urgent=True),
            threads=members,
            credentials=self._credentials,
            users=self._users,
            sessions=self._sessions,
        )
        collector.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(Probes(hub, neighbours, dials).run(), name="probes")
                group.create_task(TwinWatch(means).run(), name="twins")
                conversations = _Conversations(means, group)
                group.create_task(conversations.keep_beat(), name="the beat")
                await conversations.run()
        finally:
            neighbours.close()
            await asyncio.get_running_loop().run_in_executor(members, collector.stop)
            for pool in (strangers, members):
                pool.shutdown(wait=False, cancel_futures=True)


class _Conversations:
    """One contact a node, begun and ended with the node."""

    def __init__(self, means: Means, group: asyncio.TaskGroup) -> None:
        self._means = means
        self._group = group
        self._running: dict[NodeId, tuple[Contact, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        seen = -1
        while True:
            state = await self._means.hub.changed(seen)
            seen = state.revision
            self._follow(state)

    async def keep_beat(self) -> None:
        """Bring streams to the period that the size of the cluster asks for, a few at a time."""
        asked = asked_period(self._means.hub.state)
        while True:
            await asyncio.sleep(PERIOD_SETTLES)
            before, asked = asked, asked_period(self._means.hub.state)
            if before != asked:
                continue
            for node, (contact, _) in tuple(self._running.items()):
                if contact.period not in {None, asked} and not self._means.sessions.is_held(node):
                    contact.renew()
                    await asyncio.sleep(1.0 / RENEWALS_A_SECOND)

    def _follow(self, state: State) -> None:
        for gone in self._running.keys() - state.nodes.keys():
            self._running.pop(gone)[1].cancel()
        for node in state.nodes.values():
            if (known := self._running.get(node.id)) is not None:
                known[0].tell(node)
            elif node.origin is not Origin.LOCAL:
                contact = Contact(node, self._means)
                self._running[node.id] = (
                    contact,
                    self._group.create_task(contact.run(), name=f"contact {node.id}"),
                )
