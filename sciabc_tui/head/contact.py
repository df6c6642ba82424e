"""The contact with one node: its host key while nobody approved it, its stream of readings afterwards."""

import asyncio
import contextlib
import socket
from dataclasses import dataclass
from functools import partial
from random import SystemRandom

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import (
    CONTACT_PERIOD,
    READING_PERIOD,
    HostKey,
    Liveness,
    Node,
    Origin,
    Trust,
    reading_period,
)
from sciabc_tui.cluster.observations import HostKeyRead, LoginRefused, Probed, StreamClosed, TwinSeen
from sciabc_tui.cluster.state import State
from sciabc_tui.head.collector import Ended
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import HostKeyMismatch, LoginDenied, Unreachable
from sciabc_tui.head.keys import read_host_key
from sciabc_tui.head.means import Means
from sciabc_tui.head.ssh import Login, Stream, no_readings, open_stream
from sciabc_tui.head.twins import GONE_AFTER, TWIN_PERIOD, Verdict, holder_of, look_at
from sciabc_tui.head.users import login_user

DIAL_WITHIN = 1.5
"""Seconds for a TCP connection: the kernel asks a second time after one."""

DIAL_FIRST_WITHIN = 0.5
"""Seconds for an address while others are left: a board that moved is not waited for where it was."""

SHORTEST_REST, LONGEST_REST = 0.5, 30.0
"""Seconds between two attempts on a node that can't be reached."""

OFTEN_FOR = 600.0
"""Seconds after its loss in which a silent node is dialled every two seconds: it is being plugged back."""

TOLD_HOLDS = 600.0
"""Seconds for which a node is not asked again in the same boot what MPI and Python it has."""

READ_ANEW = 30.0
"""Seconds after which the host key of a node that waits for approval is read again; between, TCP will do."""

ADDRESSES_TRIED = 4


def asked_period(state: State) -> float:
    """Give the seconds between two readings that the number of approved nodes asks for.

    Those that nobody approved send none: a flood of announcements slows nobody down.
    """
    return reading_period(
        sum(node.trust is Trust.TRUSTED and node.origin is not Origin.LOCAL for node in state.nodes.values())
    )


@dataclass(frozen=True, slots=True)
class _Double:
    """This node is another board with the host key of `of`."""

    of: NodeId
    seen_at: Instant


class Contact:
    """Keeps in contact with one node until cancelled."""

    def __init__(self, node: Node, means: Means) -> None:
        self._node = node
        self._way = _way(node)
        self._means = means
        self._news = asyncio.Event()
        self._called = True
        self._lost_at: Instant | None = None
        self._read_at: Instant | None = None
        self._asked_at: Instant | None = None
        self._double: _Double | None = None
        self._period: float | None = None
        self._renewing = False
        self._random = SystemRandom()

    @property
    def period(self) -> float | None:
        """Seconds between two readings of the open stream; None when there is none."""
        return self._period

    @property
    def _moved(self) -> bool:
        """A board that is silent and was announced anew has rebooted or moved: its stream is half open."""
        return self._called and self._node.liveness is Liveness.SUSPECT

    def tell(self, node: Node) -> None:
        """Take in what is known of the node now; what changes how it is reached is acted on at once."""
        if node is self._node:
            return
        self._node = node
        before, self._way = self._way, _way(node)
        if before != self._way:
            self._lost_at = None
            self._called = True
        if before != self._way or self._moved:
            self._news.set()

    def renew(self) -> None:
        """Open the stream anew, with the period that the size of the cluster asks for now."""
        self._renewing = True
        self._news.set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._news.clear()
                rest = await self._attempt()
                # a moment in any case: a storm of announcements must not become a storm of handshakes
                await asyncio.sleep(0.1)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await self._news.wait()
        finally:
            self._part()

    async def _attempt(self) -> float | None:
        """Try the node's addresses in turn; give the seconds to rest, None for until there is news."""
        node = self._node
        failures: list[Unreachable] = []
        others: list[HostKeyRead] = []
        called, self._called = self._called, False
        addresses = _addresses(node)
        for address in addresses:
            within = DIAL_WITHIN if address == addresses[-1] else DIAL_FIRST_WITHIN
            try:
                await self._means.dials.turn(urgent=called)
                connection = await dial(address, node.port, within=within)
                return await self._greet(node, address, connection)
            except Unreachable as failure:
                failures.append(failure)
            except HostKeyMismatch as mismatch:
                # somebody else at an address that was the node's: it may answer at the next one
                others.append(HostKeyRead(node.id, address, mismatch.offered))
        if others:
            return await self._meet_other(node, others[0])
        if not failures:
            return None
        answered = any(failure.answered for failure in failures)
        self._means.hub.observe([Probed(node.id, answered=answered, how=str(failures[0]))])
        self._part(patience=GONE_AFTER)
        rest = self._rest_of_lost(answered=answered)
        return rest if node.trust is Trust.TRUSTED else max(rest, CONTACT_PERIOD)

    def _rest_of_lost(self, *, answered: bool) -> float:
        """Give the rest after an attempt that failed; silence is cheap to try again, a bad handshake not."""
        now = self._means.clock.monotonic()
        self._lost_at = now if self._lost_at is None else self._lost_at
        lost = now - self._lost_at
        grown = lost / 8 if answered else (lost - OFTEN_FOR) / 60
        return min(LONGEST_REST, max(SHORTEST_REST, grown)) * self._random.uniform(0.9, 1.1)

    async def _greet(self, node: Node, address: str, connection: socket.socket) -> float:
        if node.trust is Trust.TRUSTED and node.host_key is not None:
            login = Login(address, node.port, login_user(node, self._means.users), node.host_key)
            return await self._log_in(node, login, connection)
        if self._knows_key(node, address):
            connection.close()
            self._lost_at = None
            self._means.hub.observe([Probed(node.id, answered=True, how="ssh port answers")])
            return self._contact_period()
        key = await self._means.strangers.do(connection, read_host_key)
        if node.trust is Trust.CHANGED and key != node.host_key:
            raise HostKeyMismatch(key)
        self._lost_at = None
        holder = holder_of(self._means.hub, node, key, address) if node.host_key is None else None
        if holder is not None:
            return await self._meet_double(node, holder, address, key)
        self._part()
        self._read_at = self._means.clock.monotonic()
        self._means.hub.observe([HostKeyRead(node.id, address, key)])
        return self._contact_period()

    def _knows_key(self, node: Node, address: str) -> bool:
        if node.trust is not Trust.UNKNOWN or node.host_key is None or node.contact != address:
            return False
        return self._read_at is not None and self._means.clock.monotonic() - self._read_at < READ_ANEW

    def _contact_period(self) -> float:
        return CONTACT_PERIOD * self._random.uniform(0.9, 1.0)

    async def _meet_double(self, node: Node, holder: Node, address: str, key: HostKey) -> float:
        """Tell a copied card from a second address of the board that already streams."""
        hub = self._means.hub
        how = f"ssh answers with the host key of {holder.name}"
        hub.observe([Probed(node.id, answered=True, how=how)])
        match await look_at(self._means, holder, address, node.port):
            case Verdict.SAME:
                self._part()
                hub.observe([HostKeyRead(node.id, address, key)])
                return CONTACT_PERIOD
            case Verdict.OTHER:
                if self._double is not None and self._double.of != holder.id:
                    self._part()
                self._double = _Double(holder.id, self._means.clock.monotonic())
                hub.observe([TwinSeen(holder.id, address)])
                return TWIN_PERIOD
            case Verdict.UNCLEAR:
                return 1.0

    def _part(self, *, patience: float = 0.0) -> None:
        """Say that the twin is gone, if this node was one and was not seen for so many seconds."""
        double = self._double
        if double is not None and self._means.clock.monotonic() - double.seen_at >= patience:
            self._double = None
            self._means.hub.observe([TwinSeen(double.of, "")])

    async def _meet_other(self, node: Node, met: HostKeyRead) -> float:
        """Tell of another key than the approved one at an address of the node; none shows that one."""
        self._lost_at = None
        holder = holder_of(self._means.hub, node, met.key, met.address)
        if holder is not None:
            return await self._meet_double(node, holder, met.address, met.key)
        self._part()
        self._means.hub.observe([met])
        return CONTACT_PERIOD

    async def _log_in(self, node: Node, login: Login, connection: socket.socket) -> float:
        period = asked_period(self._means.hub.state)
        credentials = self._means.credentials_for(node)
        boot_id = self._told_boot()
        work = partial(open_stream, login=login, credentials=credentials, period=period, boot_id=boot_id)
        try:
            stream = await self._means.members.do(connection, work)
        except LoginDenied as denied:
            self._prove(node, login.address, login.host_key)
            self._means.hub.observe([LoginRefused(node.id, str(denied))])
            return CONTACT_PERIOD
        self._prove(node, login.address, login.host_key)
        if not boot_id:
            self._asked_at = self._means.clock.monotonic()
        ended = await self._follow(node, stream, period)
        if ended is not None and not ended.started:
            self._means.hub.observe([LoginRefused(node.id, str(no_readings(login, ended.reason)))])
            return CONTACT_PERIOD
        return SHORTEST_REST if ended is not None else 0.0

    def _told_boot(self) -> str:
        """Give the boot of which the node told its MPI and Python lately: to find out costs it most."""
        facts, asked_at = self._node.facts, self._asked_at
        if facts is None or not facts.python or asked_at is None:
            return ""
        return facts.boot_id if self._means.clock.monotonic() - asked_at < TOLD_HOLDS else ""

    def _prove(self, node: Node, address: str, key: HostKey) -> None:
        self._lost_at = None
        self._means.hub.observe([HostKeyRead(node.id, address, key)])

    async def _follow(self, node: Node, stream: Stream, period: float = READING_PERIOD) -> Ended | None:
        """Let the stream run; give how it ended, or None when it is of no more use."""
        loop = asyncio.get_running_loop()
        ending: asyncio.Future[Ended] = loop.create_future()

        def note(how: Ended) -> None:
            ending.set_result(how)
            self._news.set()

        self._means.collector.add(
            node.id,
            stream,
            lambda how: loop.call_soon_threadsafe(note, how),
            period=period,
            known=self._node.facts,
        )
        self._means.sessions.opened(self._node.id, stream)
        self._period, self._renewing, self._called = period, False, False
        try:
            present = False  # a node that was dead is so until its first reading
            while not ending.done() and self._of_use(node, present=present):
                present = self._node.present
                await self._news.wait()
                self._news.clear()
            if not ending.done() and self._moved:
                self._means.hub.observe([StreamClosed(node.id, "announced anew")])
            return ending.result() if ending.done() else None
        finally:
            self._period = None
            self._means.sessions.closed(self._node.id, stream)
            self._means.collector.remove(stream)
            await loop.run_in_executor(self._means.threads, stream.end)

    def _of_use(self, then: Node, *, present: bool) -> bool:
        same = _same_login(then, self._node) and not self._renewing
        return same and not self._moved and (self._node.present or not present)


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
        node.announced_at,
    )


def _same_login(then: Node, now: Node) -> bool:
    return (now.trust, now.host_key, now.user) == (then.trust, then.host_key, then.user)
