"""Listening for announcements on one interface.

One zeroconf an interface, bound to it, so that it is known where each packet came in. Announcements are
believed for joining and for goodbyes, never for staying alive. What the measurements asked for:

- zeroconf's own browser asks at 0, 1, 5 and 14 s and then not for an hour, takes the end of a record's life
  for a goodbye, and remembers every name for that hour: so we ask and listen ourselves, every 10 s, with
  what is known in the question, so that only those answer that we miss
- whoever is not known leaves zeroconf's cache: what was held back, could not be resolved or died is new
  again as soon as it answers the next question
- a record listener runs inside the reading of a packet: it only notes names, the work is done in a task
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from itertools import chain, islice, repeat
from typing import TypeVar

from typing_extensions import override
from zeroconf import (
    DNSAddress,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - likewise
    Error,
    RecordUpdate,
    RecordUpdateListener,
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceInfo

from sciabc_tui.head.gate import Gate
from sciabc_tui.head.ingress import Ground, Verdict, handle, printable, refusal
from sciabc_tui.head.intake import Intake
from sciabc_tui.head.mdns import (
    SERVICE_TYPE,
    announcement,
    evict,
    guard,
    instance,
    instances,
    listen_on,
    question,
    tune,
)
from sciabc_tui.head.uplink import Place

FIRST_QUESTIONS = (0.0, 1.0, 2.0)
"""Seconds to wait before each of the first questions: one of them may be lost."""

ASK_PERIOD = 10.0
"""Seconds between two questions afterwards."""

ASK_SOON = 2.0
"""Seconds until the next question when somebody was held back, or could not be resolved."""

RETRY = 5.0
"""Seconds until an interface is listened on again after it failed."""

_RESOLVE_MS = 3000
_PENDING_LIMIT = 8192
_CHUNK = 64
_IN_FLIGHT = 32


class Ear:
    """Listens on one place. `hears` as soon as it does; `problem` says why it can't."""

    def __init__(self, place: Place, intake: Intake, gate: Gate, on_change: Callable[[], None]) -> None:
        self.hears = False
        self.problem = ""
        self._on_turn = on_change
        self._place = place
        self._intake = intake
        self._gate = gate
        self._cabled = True
        self._zeroconf: Zeroconf | None = None
        self._pending: dict[str, str] = {}
        self._departed: dict[str, None] = {}
        self._spoken_of: dict[str, None] = {}
        self._asking: set[str] = set()
        self._missed = False
        self._wake = asyncio.Event()
        self._hurry = asyncio.Event()

    def stand_on(self, soil: Ground, *, cabled: bool) -> None:
        """Take the head's addresses and its cable into account, also for what was judged before."""
        plugged, self._cabled = cabled and not self._cabled, cabled
        moved = soil != self._intake.ground
        if plugged or moved:
            self._hurry.set()
        if not moved:
            return
        self._intake.ground = soil
        self._gate.stand_on(soil)
        for name in instances(self._zeroconf) if self._zeroconf else ():
            self._pending.setdefault(name, "")
        self._wake.set()

    def forget(self, ages: Mapping[str, float]) -> None:
        """Let the next announcement of instances be news, and ask for it.

        Args:
            ages: By handle, for how many seconds it was over: what came in since is news already, and stays.
        """
        if self._zeroconf is None:
            return
        named = [(name, handle(instance(name))) for name in instances(self._zeroconf)]
        gone = {name: ages[known] for name, known in named if known in ages}
        evict(self._zeroconf, gone)
        self._missed = self._missed or bool(gone)
        for name in gone.keys() & set(instances(self._zeroconf)):
            _keep(self._spoken_of, name, None)  # it was announced since then
            self._wake.set()

    async def run(self) -> None:
        """Listen until cancelled; when the socket fails, try again."""
        while True:
            try:
                await self._listen()
            except* (OSError, Error) as group:
                causes = ", ".join(str(error) for error in group.exceptions)
                problem = f"{self._place.interface}: no mDNS ({causes}), tried again every {RETRY:.0f} s"
                self._turn(hears=False, problem=problem)
            await asyncio.sleep(RETRY)

    def _turn(self, *, hears: bool, problem: str = "") -> None:
        if (hears, problem) != (self.hears, self.problem):
            self.hears, self.problem = hears, problem
            self._on_turn()

    async def _listen(self) -> None:
        endpoint = listen_on(self._place)
        self._zeroconf = endpoint.zeroconf
        self._asking.clear()
        try:
            await endpoint.zeroconf.async_wait_for_start()
            tune(endpoint.zeroconf, self._place.interface)
            guard(endpoint.zeroconf, self._gate)
            endpoint.zeroconf.async_add_listener(_Listener(self._on_record), None)
            # What came until now nobody has noted, nor weighed at the gate: kept, it would be named as known
            # in every question, and that node would never answer.
            evict(endpoint.zeroconf, dict.fromkeys(instances(endpoint.zeroconf), 0.0))
            self._turn(hears=True)
            await self._work(endpoint.zeroconf)
        finally:
            self._zeroconf = None
            await endpoint.async_close()

    def _on_record(self, zeroconf: Zeroconf, now: float, update: RecordUpdate) -> None:
        """Note what a record speaks of. A record that expires is no goodbye: that has a TTL of 0."""
        record, new = update.new, update.old is None
        if record.ttl and record.is_expired(now):
            return
        if isinstance(record, DNSPointer) and record.key == SERVICE_TYPE:
            self._on_pointer(record.alias, goodbye=not record.ttl, new=new)
        elif record.ttl and new and isinstance(record, DNSAddress):
            for service in zeroconf.cache.async_entries_with_server(record.name):
                self._on_pointer(service.name, goodbye=False, new=True)
        elif record.ttl and new and record.key.endswith("." + SERVICE_TYPE):
            self._on_pointer(record.name, goodbye=False, new=True)

    def _on_pointer(self, name: str, *, goodbye: bool, new: bool) -> None:
        if goodbye:
            self._pending.pop(name, None)
            self._asking.discard(name)
            _keep(self._departed, name, None)
        elif new:
            _keep(self._pending, name, self._gate.sender)
        else:
            _keep(self._spoken_of, name, None)
        self._wake.set()

    async def _work(self, zeroconf: Zeroconf) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._ask(zeroconf), name=f"mdns questions {self._place.interface}")
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._departed or self._pending or self._spoken_of:
                    departed, self._departed = self._departed, {}
                    spoken_of, self._spoken_of = self._spoken_of, {}
                    self._intake.farewell(instance(name) for name in departed)
                    self._intake.spoken_of(instance(name) for name in spoken_of)
                    names = dict(islice(self._pending.items(), _CHUNK))
                    for name in names:
                        del self._pending[name]
                    self._look_at(names, zeroconf, tasks)
                    await asyncio.sleep(0)  # a flood must not hold up the rest of the service

    def _look_at(self, names: Mapping[str, str], zeroconf: Zeroconf, tasks: asyncio.TaskGroup) -> None:
        verdicts: list[tuple[str, Verdict]] = []
        held: list[str] = []
        self._intake.look_around()
        for name, sender in names.items():
            try:
                info = AsyncServiceInfo(SERVICE_TYPE, name)
            except Error as error:
                verdicts.append((instance(name), refusal(instance(name), printable(str(error), 80))))
                continue
            said = announcement(name, info) if info.load_from_cache(zeroconf) else None
            at_home = said is not None and sender in said.addresses
            if not self._intake.lets_in(instance(name), sender, at_home=at_home):
                held.append(name)
            elif said is not None:
                verdicts.append((instance(name), self._intake.judge(said, sender)))
            elif len(self._asking) >= _IN_FLIGHT:
                held.append(name)
            elif name not in self._asking:
                self._asking.add(name)
                tasks.create_task(self._resolve(name, sender, info, zeroconf), name="mdns resolve")
        self._tell(verdicts, zeroconf)
        self._hold_back(held, zeroconf)

    async def _resolve(self, name: str, sender: str, info: AsyncServiceInfo, zeroconf: Zeroconf) -> None:
        found = await info.async_request(zeroconf, _RESOLVE_MS)
        if name not in self._asking:
            return  # it said goodbye meanwhile
        self._asking.discard(name)
        if found:
            self._tell([(instance(name), self._intake.judge(announcement(name, info), sender))], zeroconf)
        else:
            self._hold_back([name], zeroconf)

    def _tell(self, verdicts: Iterable[tuple[str, Verdict]], zeroconf: Zeroconf) -> None:
        refused = set(self._intake.tell(verdicts))
        evict(zeroconf, {name: 0.0 for name in instances(zeroconf) if instance(name) in refused})

    def _hold_back(self, names: Collection[str], zeroconf: Zeroconf) -> None:
        """Let go of those whose time has not come: who is really there answers the next question."""
        if names:
            self._intake.let_go(instance(name) for name in names)
            evict(zeroconf, dict.fromkeys(names, 0.0))
            self._missed = True

    async def _ask(self, zeroconf: Zeroconf) -> None:
        for seconds in chain(FIRST_QUESTIONS, repeat(ASK_PERIOD)):
            await self._pause(seconds)
            zeroconf.async_send(question(zeroconf))
            self._intake.sum_up(self._gate)

    async def _pause(self, seconds: float) -> None:
        """Wait, but only `ASK_SOON` while somebody is missed or not read, and not at all when in a hurry."""
        self._hurry.clear()
        while seconds > 0:
            step = min(seconds, ASK_SOON)
            with suppress(TimeoutError):
                async with asyncio.timeout(step):
                    await self._hurry.wait()
            soon = self._missed or self._gate.crowded or self._hurry.is_set()
            seconds = 0.0 if soon else seconds - step
            self._missed = False


class _Listener(RecordUpdateListener):
    """Gives on every record of every packet that is read."""

    def __init__(self, on_record: Callable[[Zeroconf, float, RecordUpdate], None]) -> None:
        super().__init__()
        self._on_record = on_record

    @override
    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        for update in records:
            self._on_record(zc, now, update)


_Value = TypeVar("_Value")


def _keep(where: dict[str, _Value], name: str, value: _Value) -> None:
    if name in where or len(where) < _PENDING_LIMIT:
        where[name] = value
