"""Nodes that announce themselves by mDNS; the one file that speaks zeroconf.

One zeroconf an interface, bound to it, so that it is known where each packet came in. Announcements are
believed for joining and for goodbyes, never for staying alive. What the measurements asked for:

- a browser asks at 0, 1, 5 and 14 s and then not for an hour: we ask every 10 s ourselves, with what is
  known in the question, so that only those answer that we miss
- handlers run inside the reading of a packet: they only note the name, the work is done in a task
- a 2 MB receive buffer and SO_BINDTODEVICE on zeroconf's sockets; without them it works less well
"""

import asyncio
import logging
import socket
from collections.abc import Callable, Iterable
from contextlib import suppress
from itertools import islice

from zeroconf import (
    DNSOutgoing,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSQuestion,  # pyright: ignore[reportPrivateImportUsage] - likewise
    Error,
    IPVersion,
    ServiceStateChange,
    Zeroconf,
    current_time_millis,
)
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from sciabc_tui.cluster.observations import Goodbye, Sighted
from sciabc_tui.cluster.state import Listening, ListeningChanged, SightingRefused
from sciabc_tui.head.ingress import Announcement, Ground, Verdict, ground, judge, printable, refusal
from sciabc_tui.head.network import Network, NetworkWatch
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.sightings import Sightings
from sciabc_tui.head.uplink import Place, cluster_interfaces, find_places

log = logging.getLogger(__name__)

SERVICE_TYPE = "_sciabc._tcp.local."

ASK_PERIOD = 10.0
"""Seconds between two questions of our own."""

RETRY = 5.0
"""Seconds until an interface is listened on again after it failed."""

_RESOLVE_MS = 3000
_PENDING_LIMIT = 8192
_CHUNK = 64
_IN_FLIGHT = 32
_RECEIVE_BUFFER = 2 * 1024 * 1024
_SO_RCVBUFFORCE = 33
_QUERY, _PTR, _IN = 0, 12, 1


class Discovery:
    """Finds the nodes that announce themselves, on the interfaces of the cluster as they come and go."""

    def __init__(self, clock: Clock, watch: NetworkWatch, configured: Iterable[str]) -> None:
        self._clock = clock
        self._watch = watch
        self._configured = tuple(configured)
        self._sightings = Sightings(clock.monotonic())
        self._hindered: list[str] = []
        self._ears: dict[Place, tuple[Ear, asyncio.Task[None]]] = {}

    async def run(self, hub: Hub) -> None:
        """Listen until cancelled."""
        self._ears.clear()
        seen: Network | None = None
        async with asyncio.TaskGroup() as tasks:
            while True:
                seen = await self._watch.changed(seen)
                self._follow(seen, hub, tasks)

    def _follow(self, network: Network, hub: Hub, tasks: asyncio.TaskGroup) -> None:
        names = cluster_interfaces(network, self._configured)
        places, self._hindered = find_places(network, names)
        for place in [place for place in self._ears if place not in places]:
            _, task = self._ears.pop(place)
            task.cancel()
            self._sightings.deafen(place.interface)
        for place in places:
            soil = ground(place.interface, network.of(place.interface), network.addresses)
            if place in self._ears:
                self._ears[place][0].stand_on(soil)
                continue
            ear = Ear(place, soil, self._sightings, self._clock, lambda: self._say(hub))
            self._ears[place] = (ear, tasks.create_task(ear.run(hub), name=f"mdns {place.interface}"))
        self._say(hub)

    def _say(self, hub: Hub) -> None:
        ears = [ear for ear, _ in self._ears.values()]
        if not all(ear.hears or ear.problem for ear in ears):
            return  # one is about to start, and will have it said
        problems = [*self._hindered, *(ear.problem for ear in ears if ear.problem)]
        hearing = [place for place, (ear, _) in self._ears.items() if ear.hears]
        interfaces = tuple(place.interface for place in hearing)
        addresses = tuple(place.address for place in hearing)
        listening = Listening(interfaces, addresses, "; ".join(problems))
        if listening != hub.state.listening:
            hub.publish([ListeningChanged(listening)])


class Ear:
    """Listens on one place. `hears` as soon as it does; `problem` says why it can't."""

    def __init__(
        self, place: Place, soil: Ground, sightings: Sightings, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self.hears = False
        self.problem = ""
        self._on_turn = on_change
        self._place = place
        self._ground = soil
        self._sightings = sightings
        self._clock = clock
        self._zeroconf: Zeroconf | None = None
        self._pending: dict[str, None] = {}
        self._departed: dict[str, None] = {}
        self._asking: set[str] = set()
        self._wake = asyncio.Event()

    def stand_on(self, soil: Ground) -> None:
        """Take the head's new addresses into account, also for what was judged before."""
        if soil == self._ground:
            return
        self._ground = soil
        if self._zeroconf is not None:
            self._note(self._pending, *_instances(self._zeroconf))

    async def run(self, hub: Hub) -> None:
        """Listen until cancelled; when the socket fails, try again."""
        while True:
            try:
                await self._listen(hub)
            except* (OSError, Error) as group:
                causes = ", ".join(str(error) for error in group.exceptions)
                problem = f"{self._place.interface}: no mDNS ({causes}), tried again every {RETRY:.0f} s"
                self._turn(hears=False, problem=problem)
            self._sightings.deafen(self._place.interface)
            await asyncio.sleep(RETRY)

    def _turn(self, *, hears: bool, problem: str = "") -> None:
        if (hears, problem) != (self.hears, self.problem):
            self.hears, self.problem = hears, problem
            self._on_turn()

    async def _listen(self, hub: Hub) -> None:
        endpoint = AsyncZeroconf(interfaces=[self._place.address], ip_version=IPVersion.V4Only)
        self._zeroconf = endpoint.zeroconf
        self._asking.clear()
        try:
            await endpoint.zeroconf.async_wait_for_start()
            tune(endpoint.zeroconf, self._place.interface)
            browser = AsyncServiceBrowser(endpoint.zeroconf, SERVICE_TYPE, handlers=[self._on_change])
            self._turn(hears=True)
            try:
                await self._work(endpoint.zeroconf, hub)
            finally:
                await browser.async_cancel()
        finally:
            self._zeroconf = None
            await endpoint.async_close()

    def _on_change(self, name: str, state_change: ServiceStateChange, **_: object) -> None:
        if state_change is ServiceStateChange.Removed:
            self._pending.pop(name, None)
            self._asking.discard(name)
            self._note(self._departed, name)
        else:
            self._note(self._pending, name)

    def _note(self, where: dict[str, None], *names: str) -> None:
        room = _PENDING_LIMIT - len(where)
        where.update(dict.fromkeys(names[:room]))
        self._wake.set()

    async def _work(self, zeroconf: Zeroconf, hub: Hub) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask(zeroconf, hub), name=f"mdns questions {self._place.interface}")
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._departed or self._pending:
                    self._bid_farewell(hub)
                    names = list(islice(self._pending, _CHUNK))
                    for name in names:
                        del self._pending[name]
                    self._look_at(names, zeroconf, hub, tasks)
                    await asyncio.sleep(0)  # a flood must not hold up the rest of the service

    def _bid_farewell(self, hub: Hub) -> None:
        departed, self._departed = self._departed, {}
        ended = [self._sightings.gone(self._place.interface, _instance(name)) for name in departed]
        told: list[Goodbye | Sighted] = [one for one in ended if one is not None]
        if told:
            hub.observe(told)

    def _look_at(self, names: Iterable[str], zeroconf: Zeroconf, hub: Hub, tasks: asyncio.TaskGroup) -> None:
        verdicts: list[tuple[str, Verdict]] = []
        for name in names:
            if not self._sightings.admits(_instance(name), self._clock.monotonic()):
                continue  # it stays in zeroconf's cache: its turn comes
            try:
                info = AsyncServiceInfo(SERVICE_TYPE, name)
            except Error as error:
                verdicts.append((_instance(name), refusal(_instance(name), printable(str(error), 80))))
                continue
            if info.load_from_cache(zeroconf):
                verdicts.append((_instance(name), judge(_announcement(name, info), self._ground)))
            elif name not in self._asking and len(self._asking) < _IN_FLIGHT:
                self._asking.add(name)
                tasks.create_task(self._resolve(name, info, zeroconf, hub), name="mdns resolve")
        self._tell(verdicts, hub)

    async def _resolve(self, name: str, info: AsyncServiceInfo, zeroconf: Zeroconf, hub: Hub) -> None:
        found = await info.async_request(zeroconf, _RESOLVE_MS)
        if name not in self._asking:
            return  # it said goodbye meanwhile
        self._asking.discard(name)
        if found:
            self._tell([(_instance(name), judge(_announcement(name, info), self._ground))], hub)

    def _tell(self, verdicts: Iterable[tuple[str, Verdict]], hub: Hub) -> None:
        now = self._clock.monotonic()
        sighted, refused = self._sightings.take(self._place.interface, verdicts, now)
        if sighted:
            hub.observe(sighted)
        if refused:
            hub.publish(refused)

    async def _ask(self, zeroconf: Zeroconf, hub: Hub) -> None:
        while True:
            await asyncio.sleep(ASK_PERIOD)
            zeroconf.async_send(question(zeroconf))
            names = _instances(zeroconf)
            self._note(self._pending, *(name for name in names if self._sightings.wonders(_instance(name))))
            if line := self._sightings.summary(self._clock.monotonic()):
                hub.publish([SightingRefused(line)])


def question(zeroconf: Zeroconf) -> DNSOutgoing:
    """Ask who offers the service, naming those that are known: they need not answer."""
    now = current_time_millis()
    out = DNSOutgoing(_QUERY)
    out.add_question(DNSQuestion(SERVICE_TYPE, _PTR, _IN))
    for pointer in _pointers(zeroconf):
        if not pointer.is_stale(now):
            out.add_answer_at_time(pointer, now)
    return out


def tune(zeroconf: Zeroconf, interface: str) -> int:
    """Bind zeroconf's sockets to the interface, with room for a burst.

    Returns:
        How many sockets were bound. None of it is a public promise of zeroconf: without it, discovery works,
        but hears other interfaces too (their addresses are refused), and may lose packets in a burst.
    """
    try:
        sockets = [reader.transport.get_extra_info("socket") for reader in zeroconf.engine.readers]
    except AttributeError as error:
        log.debug("zeroconf's sockets are out of reach: %s", error)
        return 0
    bound = 0
    for sock in sockets:
        with suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER)  # root only
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            bound += 1
        except OSError as error:
            log.debug("can't bind to %s: %s", interface, error)
    return bound


def _pointers(zeroconf: Zeroconf) -> list[DNSPointer]:
    records = zeroconf.cache.async_all_by_details(SERVICE_TYPE, _PTR, _IN)
    return [record for record in records if isinstance(record, DNSPointer)]


def _instances(zeroconf: Zeroconf) -> list[str]:
    return [pointer.alias for pointer in _pointers(zeroconf)]


def _instance(name: str) -> str:
    return name.removesuffix("." + SERVICE_TYPE)


def _announcement(name: str, info: AsyncServiceInfo) -> Announcement:
    addresses = tuple(info.parsed_addresses(IPVersion.All))
    return Announcement(_instance(name), info.server or "", dict(info.properties), addresses)
