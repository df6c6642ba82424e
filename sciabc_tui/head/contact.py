"""The contact with one node: its host key while nobody approved it, its stream of readings afterwards."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from random import SystemRandom
from typing import TypeVar

from sciabc_tui.cluster.node import CONTACT_PERIOD, HostKey, Instant, Node, Trust
from sciabc_tui.cluster.observations import HostKeyRead, LoginRefused, Probed
from sciabc_tui.head.collector import Collector, Ended
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import HostKeyMismatch, LoginDenied, Unreachable
from sciabc_tui.head.keys import read_host_key, wake
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.ssh import Credentials, Login, Stream, no_readings, open_stream

DIAL_WITHIN = 3.0
"""Seconds for a TCP connection; the kernel itself gives up on a silent neighbour after about three."""

LOGIN_WITHIN = 20.0
"""Seconds for handshake, login and start of the program together; no node may hold a thread longer."""

SHORTEST_REST, LONGEST_REST = 1.0, 30.0
"""Seconds between two attempts on a node that can't be reached; grows with the time since it was lost."""

ADDRESSES_TRIED = 4

_Made = TypeVar("_Made")


class Room:
    """Threads for handshakes, and never more handshakes at once than threads."""

    def __init__(self, pool: Executor, size: int) -> None:
        self._pool = pool
        self._free = asyncio.Semaphore(size)

    async def do(self, connection: socket.socket, work: Callable[[socket.socket], _Made]) -> _Made:
        """Do blocking work on a connection; a deadline or a cancellation ends the connection and so the work.

        Raises:
            Unreachable: The deadline passed.
        """
        try:
            await self._free.acquire()
        except BaseException:
            connection.close()
            raise
        try:
            return await self._run(connection, work)
        except TimeoutError as error:
            raise Unreachable(f"no login within {LOGIN_WITHIN:.0f} s", answered=True) from error
        finally:
            self._free.release()

    async def _run(self, connection: socket.socket, work: Callable[[socket.socket], _Made]) -> _Made:
        running = asyncio.get_running_loop().run_in_executor(self._pool, work, connection)
        try:
            async with asyncio.timeout(LOGIN_WITHIN):
                return await asyncio.shield(running)
        finally:
            if not running.done():
                wake(connection)
                # the thread sees the end of its connection at once; nothing of it may outlive us
                await asyncio.wait([running], timeout=1.0)
                if running.done():
                    running.exception()  # seen


@dataclass(frozen=True, slots=True)
class Means:
    """What every contact works with.

    Attributes:
        strangers: Room for key exchanges with nodes that nobody approved: tarpits must not delay the others.
        members: Room for logins to trusted nodes.
        threads: Where streams are ended.
        user: Whom to log in as where the node does not say.
    """

    hub: Hub
    clock: Clock
    collector: Collector
    strangers: Room
    members: Room
    threads: Executor
    credentials: Credentials
    user: str


class Contact:
    """Keeps in contact with one node until cancelled."""

    def __init__(self, node: Node, means: Means) -> None:
        self._node = node
        self._way = _way(node)
        self._means = means
        self._news = asyncio.Event()
        self._lost_at: Instant | None = None
        self._random = SystemRandom()

    def tell(self, node: Node) -> None:
        """Take in what is known of the node now; what changes how it is reached is acted on at once."""
        self._node = node
        before, self._way = self._way, _way(node)
        if before != self._way:
            self._lost_at = None
            self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            self._news.clear()
            rest = await self._attempt()
            # a moment in any case: a storm of announcements must not become a storm of handshakes
            await asyncio.sleep(0.1)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._news.wait()

    async def _attempt(self) -> float | None:
        """Try the node's addresses in turn; give the seconds to rest, None for until there is news."""
        node = self._node
        failures: list[Unreachable] = []
        for address in _addresses(node):
            try:
                connection = await dial(address, node.port, within=DIAL_WITHIN)
                return await self._greet(node, address, connection)
            except Unreachable as failure:
                failures.append(failure)
        if not failures:
            return None
        answered = any(failure.answered for failure in failures)
        self._means.hub.observe([Probed(node.id, answered=answered, how=str(failures[0]))])
        rest = self._rest_of_lost()
        return rest if node.trust is Trust.TRUSTED else max(rest, CONTACT_PERIOD)

    def _rest_of_lost(self) -> float:
        now = self._means.clock.monotonic()
        self._lost_at = now if self._lost_at is None else self._lost_at
        rest = min(LONGEST_REST, max(SHORTEST_REST, (now - self._lost_at) / 8))
        return rest * self._random.uniform(0.9, 1.1)

    async def _greet(self, node: Node, address: str, connection: socket.socket) -> float:
        if node.trust is not Trust.TRUSTED or node.host_key is None:
            key = await self._means.strangers.do(connection, read_host_key)
            self._lost_at = None
            self._means.hub.observe([HostKeyRead(node.id, address, key)])
            return CONTACT_PERIOD
        login = Login(address, node.port, node.user or self._means.user, node.host_key)
        return await self._log_in(node, login, connection)

    async def _log_in(self, node: Node, login: Login, connection: socket.socket) -> float:
        work = partial(open_stream, login=login, credentials=self._means.credentials)
        try:
            stream = await self._means.members.do(connection, work)
        except HostKeyMismatch as mismatch:
            self._prove(node, login.address, mismatch.offered)
            return CONTACT_PERIOD
        except LoginDenied as denied:
            self._prove(node, login.address, login.host_key)
            self._means.hub.observe([LoginRefused(node.id, str(denied))])
            return CONTACT_PERIOD
        self._prove(node, login.address, login.host_key)
        ended = await self._follow(node, stream)
        if ended is not None and not ended.started:
            self._means.hub.observe([LoginRefused(node.id, str(no_readings(login, ended.reason)))])
            return CONTACT_PERIOD
        return SHORTEST_REST if ended is not None else 0.0

    def _prove(self, node: Node, address: str, key: HostKey) -> None:
        self._lost_at = None
        self._means.hub.observe([HostKeyRead(node.id, address, key)])

    async def _follow(self, node: Node, stream: Stream) -> Ended | None:
        """Let the stream run; give how it ended, or None when it is of no more use."""
        loop = asyncio.get_running_loop()
        ending: asyncio.Future[Ended] = loop.create_future()

        def note(how: Ended) -> None:
            ending.set_result(how)
            self._news.set()

        self._means.collector.add(node.id, stream, lambda how: loop.call_soon_threadsafe(note, how))
        try:
            present = False  # a node that was dead is so until its first reading
            while not ending.done() and _same_login(node, self._node) and (self._node.present or not present):
                present = self._node.present
                await self._news.wait()
                self._news.clear()
            return ending.result() if ending.done() else None
        finally:
            self._means.collector.remove(stream)
            await loop.run_in_executor(self._means.threads, stream.end)


def _addresses(node: Node) -> tuple[str, ...]:
    known = dict.fromkeys((node.address, *node.addresses))
    return tuple(address for address in known if address)[:ADDRESSES_TRIED]


def _way(node: Node) -> tuple[object, ...]:
    """Give what decides how a node is reached; a withdrawn goodbye is an announcement anew."""
    return (
        node.trust,
        node.host_key if node.trust is Trust.TRUSTED else None,
        frozenset(_addresses(node)),
        node.port,
        node.user,
        node.present,
        node.goodbye_at is None,
    )


def _same_login(then: Node, now: Node) -> bool:
    return (now.trust, now.host_key, now.user) == (then.trust, then.host_key, then.user)
