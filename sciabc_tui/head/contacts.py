"""Contact with all nodes: one conversation for each, and probes for those that fell silent."""

import asyncio
import contextlib
import getpass
from concurrent.futures import ThreadPoolExecutor

from sciabc_tui.cluster.node import Liveness, Node, NodeId, Origin
from sciabc_tui.cluster.observations import Probed
from sciabc_tui.cluster.state import State
from sciabc_tui.head.collector import Collector, Post
from sciabc_tui.head.contact import Contact, Means, Room
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import Unreachable
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.ssh import Credentials

STRANGERS_AT_ONCE, MEMBERS_AT_ONCE = 4, 12
"""Handshakes in flight. One costs 4 ms of CPU; 750 nodes that return at once must not take the whole head."""

PROBE_PERIOD = 1.0
"""Seconds between two probes of a suspect node, and for which one is waited for."""

PROBES_AT_ONCE = 128


class Contacts:
    """Keeps a conversation with every node but the head itself."""

    def __init__(self, *, user: str, credentials: Credentials, clock: Clock, post: Post) -> None:
        """Take what logins need.

        Args:
            user: Whom to log in as where the node does not say. Empty: the head's own user.
            credentials: The keys to log in with.
            clock: Readings are stamped with it as they arrive.
            post: Takes observations from the thread that reads the streams.
        """
        self._user = user or getpass.getuser()
        self._credentials = credentials
        self._clock = clock
        self._post = post

    async def run(self, hub: Hub) -> None:
        """Work until cancelled; then every connection and thread is ended."""
        strangers = ThreadPoolExecutor(STRANGERS_AT_ONCE, thread_name_prefix="sciabc-strangers")
        members = ThreadPoolExecutor(MEMBERS_AT_ONCE, thread_name_prefix="sciabc-members")
        collector = Collector(self._clock, self._post)
        means = Means(
            hub=hub,
            clock=self._clock,
            collector=collector,
            strangers=Room(strangers, STRANGERS_AT_ONCE),
            members=Room(members, MEMBERS_AT_ONCE),
            threads=members,
            credentials=self._credentials,
            user=self._user,
        )
        collector.start()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_Probes(hub).run(), name="probes")
                await _Conversations(means, group).run()
        finally:
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

    def _follow(self, state: State) -> None:
        nodes = {node.id: node for node in state.nodes.values() if node.origin is not Origin.LOCAL}
        for gone in self._running.keys() - nodes.keys():
            self._running.pop(gone)[1].cancel()
        for node in nodes.values():
            if node.id in self._running:
                self._running[node.id][0].tell(node)
            else:
                contact = Contact(node, self._means)
                self._running[node.id] = (
                    contact,
                    self._group.create_task(contact.run(), name=f"contact {node.id}"),
                )


class _Probes:
    """Asks silent nodes for a sign of life. On the loop, so that no thread pool can delay it."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._room = asyncio.Semaphore(PROBES_AT_ONCE)

    async def run(self) -> None:
        while True:
            state = self._hub.state
            suspects = [node for node in state.nodes.values() if _to_probe(node)]
            if not suspects:
                await self._hub.changed(state.revision)
                continue
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(PROBE_PERIOD))
                for node in suspects:
                    group.create_task(self._probe(node))

    async def _probe(self, node: Node) -> None:
        async with self._room:
            try:
                connection = await dial(node.address, node.port, within=PROBE_PERIOD)
            except Unreachable as failure:
                answered, how = failure.answered, str(failure)
            else:
                with contextlib.closing(connection):
                    answered, how = True, "ssh port answers"
        self._hub.observe([Probed(node.id, answered=answered, how=how)])


def _to_probe(node: Node) -> bool:
    return node.liveness is Liveness.SUSPECT and node.origin is not Origin.LOCAL and bool(node.address)
