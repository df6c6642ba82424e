"""The followers drive devices that are absent, come, fail and hang; simulated time, emulated devices."""

import asyncio
import logging
import threading
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise

import pytest

from hw.emulated import EmulatedLcd
from hw.emulated_stick import EmulatedStick
from hw.errors import BusError, BusFault, StickError, StickFault
from hw.hd44780 import SIZE_16X2
from hw.lcd import Lcd
from sciabc_tui.cluster.changes import PanelShown
from sciabc_tui.cluster.state import LampState, PanelView, State
from sciabc_tui.panel.followers import PanelDevices, PanelFollower
from tests.panel.scenes import NOW, cluster
from tests.simtime import SimTime


class Wall:
    """Keeps a state whose readings are always new, and what was published."""

    def __init__(self, clock: SimTime, state: State) -> None:
        self._clock = clock
        self._state = state
        self.shown: list[PanelView] = []

    @property
    def state(self) -> State:
        """The newest state."""
        now = self._clock.monotonic()
        nodes = {
            id_: replace(node, reading=replace(node.reading, at=now)) if node.reading else node
            for id_, node in self._state.nodes.items()
        }
        return replace(self._state, nodes=nodes, panel=self.shown[-1] if self.shown else None)

    def publish(self, events: Sequence[PanelShown]) -> None:
        """Keep what is shown."""
        self.shown.extend(event.panel for event in events)


@dataclass
class Shelf:
    """Devices that may be there or not, as somebody plugs them in."""

    glass: EmulatedLcd = field(default_factory=lambda: EmulatedLcd(SIZE_16X2))
    stick: EmulatedStick = field(default_factory=EmulatedStick)
    stick_there: bool = True
    opened: list[str] = field(default_factory=list[str])

    def open_lcd(self) -> Lcd:
        """Open the display; one that is not there is only noticed by its first frame."""
        self.opened.append("lcd")
        return Lcd(self.glass, 0x27, SIZE_16X2, sleep=self.glass.sleep)

    def open_stick(self) -> EmulatedStick:
        """Open the stick."""
        self.opened.append("stick")
        if not self.stick_there:
            raise StickError(StickFault.ABSENT, "no stick: plug one in")
        return self.stick


@asynccontextmanager
async def following(clock: SimTime, devices: PanelDevices, state: State) -> AsyncGenerator[Wall]:
    """Run a follower, and cancel it at the end."""
    wall = Wall(clock, state)
    follower = PanelFollower(devices, size=SIZE_16X2, clock=clock, sleep=clock.sleep, local=time.gmtime)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(follower.run(wall))
        yield wall
        running.cancel()


async def test_the_glass_shows_what_is_presented() -> None:
    """The display reads as the mirror does, the same second, and takes no forbidden step."""
    clock, shelf = SimTime(), Shelf()
    async with following(clock, PanelDevices(lcd=shelf.open_lcd), cluster()) as wall:
        await clock.advance(2.0, sleepers=2)
        assert shelf.glass.glass() == ("203.0.113.254  ♥", "8/8up 63°C 14:07")
        assert wall.shown[-1].lines == shelf.glass.glass()
        assert wall.shown[-1].lamp is LampState.IDLE
        assert shelf.glass.backlight
        assert shelf.glass.violations == 0


async def test_a_mirror_needs_no_device() -> None:
    """Without a display and a stick the panel is published all the same, once a second at most."""
    clock = SimTime()
    async with following(clock, PanelDevices(), cluster()) as wall:
        await clock.advance(5.0, sleepers=1)
        assert 1 <= len(wall.shown) <= 5
        assert (wall.shown[-1].lcd_problem, wall.shown[-1].stick_problem) == ("", "")


async def test_nothing_is_published_when_nothing_changed() -> None:
    """With data so old that its age is shown in minutes and no heart beats, the mirror is left in peace."""
    clock = SimTime(NOW + 3600)
    still = State(head=cluster().head)
    async with following(clock, PanelDevices(), still) as wall:
        await clock.advance(30.0, sleepers=1)
        texts = [view.lines for view in wall.shown]
        assert all(a != b for a, b in pairwise(texts))
        assert len(texts) <= 11  # two pages, three seconds each


async def test_a_display_that_comes_later_is_found(caplog: pytest.LogCaptureFixture) -> None:
    """An absent display is no error: said once in the log and in the view, found when it is plugged in."""
    caplog.set_level(logging.INFO, "sciabc_tui.panel")
    clock, shelf = SimTime(), Shelf()
    shelf.glass.unplug()
    async with following(clock, PanelDevices(lcd=shelf.open_lcd), cluster()) as wall:
        await clock.advance(40.0, sleepers=2)
        assert "plug the display in" in wall.shown[-1].lcd_problem
        assert len(shelf.opened) == 4  # after 0, 5, 15 and 35 s: the pause doubles
        shelf.glass.plug()
        await clock.advance(40.0, sleepers=2)
        assert wall.shown[-1].lcd_problem == ""
        assert shelf.glass.glass() == wall.shown[-1].lines
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert said[-1] == "LCD works"


async def test_a_display_that_fails_in_the_middle_comes_back() -> None:
    """A refused byte in a frame ends in a new start and the right text in the same second, not in garbage."""
    clock, shelf = SimTime(), Shelf()
    async with following(clock, PanelDevices(lcd=shelf.open_lcd), cluster()) as wall:
        await clock.advance(3.0, sleepers=2)
        shelf.glass.refuse(3)
        await clock.advance(1.0, sleepers=2)
        assert len(shelf.opened) == 2
        assert shelf.glass.glass() == wall.shown[-1].lines
        await clock.advance(1.0, sleepers=2)
        assert wall.shown[-1].lcd_problem == ""


async def test_last_words_stay_on_the_glass() -> None:
    """Cancelled, the follower leaves no old "all OK" behind but words to be read, and closes the bus."""
    clock, shelf = SimTime(), Shelf()
    async with following(clock, PanelDevices(lcd=shelf.open_lcd), cluster()):
        await clock.advance(2.0, sleepers=2)
    assert shelf.glass.glass() == ("MONITOR STOPPED ", "14:07 on request")
    assert shelf.glass.backlight
    assert shelf.glass.closed


async def test_a_stuck_bus_delays_only_itself() -> None:
    """While a transfer hangs the mirror and the lamp go on, and the end waits for it 2 s at most."""
    clock, shelf, release = SimTime(), Shelf(), threading.Event()

    def stuck() -> Lcd:
        release.wait(30)
        raise BusError(BusFault.STUCK, "the bus is stuck: switch the display off and on")

    devices = PanelDevices(lcd=stuck, stick=shelf.open_stick)
    try:
        async with following(clock, devices, cluster()) as wall:
            await clock.advance(0.9, sleepers=3)
            await clock.advance(5.9, sleepers=2)
            assert len(wall.shown) >= 5
            assert len(shelf.stick.colours) > 50
            began = time.monotonic()
        assert time.monotonic() - began < 15.0  # two, and a slow machine
    finally:
        release.set()


async def test_threads_end_with_the_follower() -> None:
    """Ten runs leave no thread behind."""
    for _ in range(10):
        clock, shelf = SimTime(), Shelf()
        async with following(clock, PanelDevices(lcd=shelf.open_lcd, stick=shelf.open_stick), cluster()):
            await clock.advance(1.0, sleepers=3)
    ours = [thread for thread in threading.enumerate() if thread.name.startswith("panel-")]
    for thread in ours:
        await asyncio.to_thread(thread.join, 10.0)
    assert not [thread for thread in ours if thread.is_alive()]
