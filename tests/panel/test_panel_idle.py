"""An idle head for an hour of simulated time: the panel lives, and nothing is written, opened or started."""

import asyncio
import threading
from collections import Counter
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from hw.hd44780 import SIZE_16X2
from sciabc_tui.cluster.changes import UplinkChanged
from sciabc_tui.cluster.node import READING_PERIOD, Facts, Reading
from sciabc_tui.cluster.observations import FactsRead, HeadSighted, ReadingTaken, StreamOpened
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Uplink
from sciabc_tui.head.eventlog import EventLog
from sciabc_tui.head.hub import StateHub
from sciabc_tui.panel.followers import PanelDevices, PanelFollower
from tests.panel.test_panel_followers import Shelf
from tests.simtime import SimTime

HOUR = 3600.0
SLEEPERS = 4  # the mirror, the display, the lamp, and the head's readings


def written() -> int:
    """Count the bytes that this process gave to write(2) and its kin: files and pipes, not sockets."""
    lines = Path("/proc/self/io").read_text(encoding="ascii").splitlines()
    return int(dict(line.split(": ") for line in lines)["wchar"])


def descriptors() -> Counter[str]:
    """Count what is open, by kind of file."""
    found: Counter[str] = Counter()
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[str(entry.readlink()).partition(":")[0]] += 1
        except FileNotFoundError:  # the one through which we look
            continue
    return found


async def read_load(hub: StateHub, clock: SimTime) -> None:
    """Take a reading of the head as often as it does."""
    while True:
        now = clock.monotonic()
        hub.observe([ReadingTaken(HEAD, Reading(now, 3.0, 0.05, 410, 1000, 48.0, now))])
        await clock.sleep(READING_PERIOD)


async def write_down(folder: Path, disk: Executor, hub: StateHub) -> EventLog:
    """Let a log write down what happened so far; give one that goes on from there."""
    first = EventLog(folder, disk)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(first.run(hub))
        await asyncio.sleep(0)
        task.cancel()  # at the end it writes what waits
    events = EventLog(folder, disk)
    assert events.load() == hub.state.log
    return events


@pytest.mark.timeout(300)
async def test_an_idle_hour_writes_nothing_and_holds_on_to_nothing(tmp_path: Path) -> None:
    """The glass is told every second and the lamp breathes; disk, descriptors and threads rest."""
    clock, shelf = SimTime(), Shelf()
    hub = StateHub(clock)
    devices = PanelDevices(lcd=shelf.open_lcd, stick=shelf.open_stick)
    follower = PanelFollower(devices, size=SIZE_16X2, clock=clock, sleep=clock.sleep)
    hub.observe([HeadSighted("head", ("10.0.0.1",), 4), FactsRead(HEAD, Facts(4)), StreamOpened(HEAD)])
    hub.publish([UplinkChanged(Uplink("203.0.113.254", "eth1", since=clock.monotonic()))])
    with ThreadPoolExecutor(1, thread_name_prefix="disk") as disk:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(follower.run(hub)), group.create_task(read_load(hub, clock))]
            await clock.advance(90.0, sleepers=SLEEPERS)  # through the start and a look of every kind
            events = await write_down(tmp_path, disk, hub)
            tasks.append(group.create_task(events.run(hub)))
            logged, revision, told = hub.state.log, hub.state.revision, shelf.glass.written
            before = written(), descriptors(), threading.active_count()
            await clock.advance(HOUR, sleepers=SLEEPERS)
            assert (written(), descriptors(), threading.active_count()) == before
            assert hub.state.log == logged
            assert hub.state.revision - revision >= HOUR  # a heartbeat a second
            assert shelf.glass.written - told >= HOUR
            assert shelf.glass.violations == 0
            assert sorted(shelf.opened) == ["lcd", "stick"]
            for task in tasks:
                task.cancel()
