"""The head as a node of its own cluster; the one file that speaks psutil.

A look takes 0.2 ms, but psutil reads every sensor of the board, and one that hangs on a slow wire answers
after a second: so looks are taken in a thread of their own.
"""

import asyncio
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.node import READING_PERIOD, Facts, Reading
from sciabc_tui.cluster.observations import FactsRead, HeadSighted, ReadingTaken, StreamOpened
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.head.ingress import host_label
from sciabc_tui.head.network import Network, NetworkWatch
from sciabc_tui.head.node_program import DISK_PERIOD, THROTTLE_PERIOD
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.readings import lasting_flags
from sciabc_tui.head.uplink import cluster_interfaces

FIRST_LOOK = 2.0
"""Seconds to wait for the kernel's word on the network; the head is a node also without."""

_SENSORS = ("cpu_thermal", "coretemp", "k10temp", "soc_thermal")
_MODELS = (Path("/proc/device-tree/model"), Path("/sys/devices/virtual/dmi/id/product_name"))
_SERIAL = Path("/proc/device-tree/serial-number")
_FIRMWARE = Path("/sys/devices/platform")
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
                load = LocalLoad()
                while True:
                    now = self._clock.monotonic()
                    reading = await loop.run_in_executor(thread, load.read, now)
                    hub.observe([ReadingTaken(HEAD, reading)])
                    await asyncio.sleep(READING_PERIOD)
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


class LocalLoad:
    """Looks at the load; keeps what is measured between two looks, and what is looked at seldom."""

    def __init__(self) -> None:
        self._flags = next(_FIRMWARE.glob("soc*/*firmware/get_throttled"), None)
        self._traffic: tuple[Instant, int, int] | None = None
        self._disk: tuple[int | None, int | None] = (None, None)
        self._throttle: int | None = None
        self._seen_flags = 0
        self._disk_due = self._throttle_due = float("-inf")

    def read(self, now: Instant) -> Reading:
        """Look, at a time on the head's clock. Blocks; always in the same thread: psutil compares by it."""
        # CPU and traffic are measured between two looks: the first has nothing to compare with
        fresh = self._traffic is None
        memory = psutil.virtual_memory()
        cpu, cores = psutil.cpu_percent(), psutil.cpu_percent(percpu=True)
        received, sent = self._rates(now)
        self._look_seldom(now)
        return Reading(
            at=now,
            cpu_percent=None if fresh else cpu,
            load1=psutil.getloadavg()[0],
            memory_used=memory.total - memory.available,
            memory_total=memory.total,
            temperature=_temperature(),
            uptime=time.clock_gettime(time.CLOCK_BOOTTIME),
            cores=() if fresh else tuple(round(share) for share in cores),
            throttle=self._throttle,
            disk_used=self._disk[0],
            disk_total=self._disk[1],
            received=received,
            sent=sent,
        )

    def _rates(self, now: Instant) -> tuple[float | None, float | None]:
        counters = psutil.net_io_counters(pernic=True, nowrap=False)
        real = [counter for name, counter in counters.items() if name != "lo"]
        received, sent = sum(one.bytes_recv for one in real), sum(one.bytes_sent for one in real)
        before, self._traffic = self._traffic, (now, received, sent)
        if before is None or now <= before[0] or received < before[1] or sent < before[2]:
            return None, None
        return (received - before[1]) / (now - before[0]), (sent - before[2]) / (now - before[0])

    def _look_seldom(self, now: Instant) -> None:
        if now >= self._disk_due:
            usage = psutil.disk_usage("/")
            # what is kept for root counts for nobody else: as df(1) reckons its per cent
            self._disk = usage.used, usage.used + usage.free
            self._disk_due = now + DISK_PERIOD
        if self._flags is not None:
            self._note_throttle(_line(self._flags))
        elif now >= self._throttle_due:
            self._note_throttle(_ask_firmware())
            # a board that does not know the command will not learn it
            self._throttle_due = float("inf") if self._throttle is None else now + THROTTLE_PERIOD

    def _note_throttle(self, text: str) -> None:
        try:
            self._throttle = self._seen_flags = lasting_flags(int(text, 16), self._seen_flags)
        except ValueError:
            self._throttle = None


def _ask_firmware() -> str:
    found = shutil.which("vcgencmd")
    if found is None:
        return ""
    try:
        asked = subprocess.run(
            [found, "get_throttled"], capture_output=True, text=True, errors="replace", timeout=2, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip().removeprefix("throttled=")


def _temperature() -> float | None:
    sensors = psutil.sensors_temperatures()
    found = next((sensors[name] for name in _SENSORS if sensors.get(name)), None)
    return float(found[0].current) if found else None


def read_facts() -> Facts:
    """Read what holds until the next boot. Blocks.

    The MPI is not among it: the head launches with the one of its settings, which `Head.launcher` names.
    """
    system = platform.uname()
    return Facts(
        cores=usable_cores(),
        machine=system.machine,
        kernel=system.release,
        model=next((text for path in _MODELS if (text := _line(path))), ""),
        host_name=socket.gethostname(),
        boot_id=_line(_BOOT_ID),
        serial=_line(_SERIAL),
        os=_os_name(),
        python=platform.python_version(),
        mpi4py=_mpi4py(),
    )


def _os_name() -> str:
    try:
        return _clean(platform.freedesktop_os_release().get("PRETTY_NAME", ""))
    except OSError:
        return ""


def _mpi4py() -> str:
    try:
        return version("mpi4py")
    except PackageNotFoundError:
        return ""


def _line(path: Path) -> str:
    """Give the printable part of a one-line file; empty when there is none."""
    try:
        return _clean(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""


def _clean(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isprintable()).strip()[:64]
