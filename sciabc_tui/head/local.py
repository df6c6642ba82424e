"""The head as a node of its own cluster; the one file that speaks psutil.

A look takes 0.2 ms, but psutil reads every sensor of the board, and one that hangs on a slow wire answers
after a second: so looks are taken in a thread of their own.
"""

import asyncio
import os
import platform
import socket
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import psutil

from sciabc_tui.cluster.membership import HEAD
from sciabc_tui.cluster.node import READING_PERIOD, Facts, Instant, Reading
from sciabc_tui.cluster.observations import FactsRead, HeadSighted, ReadingTaken, StreamOpened
from sciabc_tui.head.ingress import host_label
from sciabc_tui.head.network import Network, NetworkWatch
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.uplink import cluster_interfaces

FIRST_LOOK = 2.0
"""Seconds to wait for the kernel's word on the network; the head is a node also without."""

_SENSORS = ("cpu_thermal", "coretemp", "k10temp", "soc_thermal")
_MODELS = (Path("/proc/device-tree/model"), Path("/sys/devices/virtual/dmi/id/product_name"))
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOOPBACK = "127.0.0.1"


class LocalNode:
    """Sights the head, and reads its load once a second.

    Args:
        clock: Says when a reading was taken.
        watch: Tells the head's addresses.
        configured: `cluster.interfaces`.
        slots: `cluster.head_slots`; -1 means one a core that this process may use, 0 that it takes no rank.
    """

    def __init__(self, clock: Clock, watch: NetworkWatch, configured: Iterable[str], slots: int) -> None:
        self._clock = clock
        self._watch = watch
        self._configured = tuple(configured)
        self._slots = usable_cores() if slots < 0 else slots

    async def run(self, hub: Hub) -> None:
        """Report until cancelled."""
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="psutil")
        loop = asyncio.get_running_loop()
        try:
            facts = await loop.run_in_executor(thread, read_facts)
            network = await self._first_look()
            hub.observe([self._sight(network), FactsRead(HEAD, facts), StreamOpened(HEAD)])
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._follow(network, hub), name="head addresses")
                first = await loop.run_in_executor(thread, read_load, self._clock.monotonic())
                # CPU is measured between two looks: the first has nothing to compare with
                hub.observe([ReadingTaken(HEAD, replace(first, cpu_percent=None))])
                while True:
                    await asyncio.sleep(READING_PERIOD)
                    now = self._clock.monotonic()
                    reading = await loop.run_in_executor(thread, read_load, now)
                    hub.observe([ReadingTaken(HEAD, reading)])
        finally:
            thread.shutdown(wait=False, cancel_futures=True)

    async def _first_look(self) -> Network:
        try:
            async with asyncio.timeout(FIRST_LOOK):
                return await self._watch.changed(None)
        except TimeoutError:
            return Network()

    async def _follow(self, seen: Network, hub: Hub) -> None:
        while True:
            before, seen = seen, await self._watch.changed(seen)
            if self._sight(before) != self._sight(seen):
                hub.observe([self._sight(seen)])

    def _sight(self, network: Network) -> HeadSighted:
        name = host_label(socket.gethostname().partition(".")[0]) or "head"
        return HeadSighted(name, head_addresses(network, self._configured), self._slots)


def head_addresses(network: Network, configured: Sequence[str]) -> tuple[str, ...]:
    """Give the head's IPv4 addresses in the cluster; where there is no network, the one it has for itself."""
    names = cluster_interfaces(network, configured)
    found = [a.ip for name in names for a in network.of(name) if a.parsed.version == 4]
    return tuple(found) or (_LOOPBACK,)


def usable_cores() -> int:
    """Count the cores that this process may use."""
    return len(os.sched_getaffinity(0))


def read_load(now: Instant) -> Reading:
    """Look at the load. CPU is since the look before, of the same thread. Blocks."""
    memory = psutil.virtual_memory()
    return Reading(
        at=now,
        cpu_percent=psutil.cpu_percent(),
        load1=psutil.getloadavg()[0],
        memory_used=memory.total - memory.available,
        memory_total=memory.total,
        temperature=_temperature(),
        uptime=time.clock_gettime(time.CLOCK_BOOTTIME),
    )


def _temperature() -> float | None:
    sensors = psutil.sensors_temperatures()
    found = next((sensors[name] for name in _SENSORS if sensors.get(name)), None)
    return float(found[0].current) if found else None


def read_facts() -> Facts:
    """Read what holds until the next boot. Blocks."""
    system = platform.uname()
    return Facts(
        cores=usable_cores(),
        machine=system.machine,
        kernel=system.release,
        model=next((text for path in _MODELS if (text := _line(path))), ""),
        host_name=socket.gethostname(),
        boot_id=_line(_BOOT_ID),
    )


def _line(path: Path) -> str:
    """Give the printable part of a one-line file; empty when there is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "".join(char for char in text if char.isascii() and char.isprintable()).strip()[:64]
