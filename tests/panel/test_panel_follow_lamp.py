"""The lamp's follower drives sticks that are absent, come, change, fail and hang; simulated time."""

import asyncio
import logging
import random
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
from typing_extensions import override

from hw.emulated_stick import EmulatedStick
from hw.errors import StickError, StickFault
from hw.hd44780 import SIZE_16X2
from hw.stick import Colour
from hw.stick import Stick as RealStick
from sciabc_tui.cluster.changes import PanelShown
from sciabc_tui.cluster.state import PanelView, State, Uplink
from sciabc_tui.panel.follow_lamp import LAMP_PERIOD, LampFollower
from sciabc_tui.panel.followers import PanelDevices, PanelFollower
from sciabc_tui.panel.ports import Stick
from sciabc_tui.panel.presenter import Presenter
from sciabc_tui.panel.scene import NO_NIGHT, Night
from tests.hw import usb_sticks
from tests.hw.usb_sticks import Usb
from tests.panel.scenes import NOW, board, cluster, dead, running, with_job, with_node
from tests.simtime import SimTime


class Newest:
    """Keeps a state whose readings are always new; counts who asks for it."""

    def __init__(self, clock: SimTime, state: State) -> None:
        self.kept = state
        self.asked = 0
        self.shown: list[PanelView] = []
        self._clock = clock

    @property
    def state(self) -> State:
        """The newest state."""
        self.asked += 1
        now = self._clock.monotonic()
        nodes = {
            id_: replace(node, reading=replace(node.reading, at=now)) if node.reading else node
            for id_, node in self.kept.nodes.items()
        }
        return replace(self.kept, nodes=nodes)

    def publish(self, events: Sequence[PanelShown]) -> None:
        """Keep what the mirrors are told."""
        self.shown.extend(event.panel for event in events)


class Timed(EmulatedStick):
    """Remembers when it was told what."""

    def __init__(self, clock: SimTime, count: int = 1) -> None:
        super().__init__(count)
        self.told: list[tuple[float, tuple[Colour, ...]]] = []
        self._clock = clock

    @override
    def show(self, colours: Sequence[Colour]) -> None:
        """Show and remember."""
        super().show(colours)
        self.told.append((self._clock.monotonic(), self.frames[-1]))


@asynccontextmanager
async def following(
    clock: SimTime, opens: Callable[[], Stick], state: State, *, night: Night | None = None
) -> AsyncGenerator[tuple[LampFollower, Newest]]:
    """Run a follower, and cancel it at the end."""
    hub = Newest(clock, state)
    presenter = Presenter(SIZE_16X2, local=time.gmtime, night=night or NO_NIGHT)
    follower = LampFollower(opens, clock=clock, sleep=clock.sleep, presenter=presenter)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run(hub))
        yield follower, hub
        task.cancel()


@pytest.fixture
def usb(monkeypatch: pytest.MonkeyPatch) -> Usb:
    """Put our libusb under the real pyusb."""
    usb = Usb()
    monkeypatch.setattr("usb.backend.libusb1.get_backend", lambda: usb)
    return usb


def open_real() -> RealStick:
    """Open the first stick, through the real packages."""
    return RealStick.open_first(sleep=lambda _: None)


async def test_the_lamp_breathes_and_is_told_only_changes() -> None:
    """An idle cluster breathes in sky blue: a cycle of 5 s goes up to the daily quarter and down to dark."""
    clock, stick = SimTime(), EmulatedStick()
    async with following(clock, lambda: stick, cluster()):
        await clock.advance(5.0, sleepers=1)
        assert max(colour[2] for colour in stick.colours) == 64
        assert min(colour[2] for colour in stick.colours) == 0
        assert len(stick.colours) <= 102
    assert stick.colours[-1] == (0, 0, 0)
    assert stick.closed


async def test_a_dark_lamp_is_told_so_once_a_second() -> None:
    """One flash in two seconds costs four transfers, not forty; a state is judged once a second."""
    clock, stick = SimTime(), EmulatedStick()
    state = with_node(cluster(), dead(board(3), since=NOW))
    async with following(clock, lambda: stick, state) as (_, hub):
        await clock.advance(1.0, sleepers=1)
        stick.frames.clear()
        hub.asked = 0
        await clock.advance(20.0, sleepers=1)
        assert 20 <= len(stick.frames) <= 41
        assert hub.asked <= 21


async def test_an_orderly_stop_is_dark_on_every_led() -> None:
    """Nobody drives it any more, so it says nothing."""
    clock, stick = SimTime(), EmulatedStick(8)
    async with following(clock, lambda: stick, cluster()):
        await clock.advance(3.0, sleepers=1)
        assert stick.frames[-1] != ((0, 0, 0),) * 8
    assert stick.frames[-1] == ((0, 0, 0),) * 8
    assert stick.closed


async def test_several_leds_show_the_nodes_beside_the_lamp() -> None:
    """Within a second a lost board is the one LED that flashes, off the lamp's beat; a job is brighter."""
    clock = SimTime()
    stick = Timed(clock, 8)
    async with following(clock, lambda: stick, cluster()) as (_, hub):
        await clock.advance(2.0, sleepers=1)
        assert [max(colour) for colour in stick.frames[-1][1:]] == [10] * 7
        hub.kept = with_job(with_node(hub.kept, dead(board(3), since=NOW)), running(nodes=3))
        lost = clock.monotonic()
        await clock.advance(6.0, sleepers=1)
    lit = [(at, row) for at, row in stick.told if at > lost + 1.0]
    assert all(max(row[1]) == max(row[2]) == 32 and max(row[4]) == 10 for _, row in lit[:-1])
    lamp = {int(at - 0.001) for at, row in lit if max(row[0])}
    third = {int(at - 0.001) for at, row in lit if max(row[3])}
    assert lamp
    assert third
    assert not lamp & third


async def test_at_night_it_is_dim() -> None:
    """The hours of the settings hold for the lamp, too: 14:07 is one of them here."""
    clock, stick = SimTime(), EmulatedStick(8)
    async with following(clock, lambda: stick, cluster(), night=Night(14, 15)):
        await clock.advance(5.0, sleepers=1)
    assert max(max(colour) for frame in stick.frames for colour in frame) == 8


async def test_a_stick_that_comes_later_is_lit_within_a_second() -> None:
    """A missing stick is looked for once a second, and named until it is there."""
    clock, stick, tries = SimTime(), EmulatedStick(), list[float]()
    there = False

    def opens() -> EmulatedStick:
        tries.append(clock.monotonic())
        if not there:
            raise StickError(StickFault.ABSENT, "no stick: plug one in")
        return stick

    async with following(clock, opens, cluster()) as (follower, _):
        await clock.advance(30.0, sleepers=1)
        assert follower.problem == "no stick: plug one in"
        assert 28 <= len(tries) <= 31
        there = True
        await clock.advance(1.2, sleepers=1)
        assert follower.problem == ""
        assert len(stick.frames) > 1


async def test_a_missing_library_is_looked_for_with_growing_pauses() -> None:
    """Looking for libusb starts programs: not each second, but after 5, 10 and more seconds."""
    clock, tries = SimTime(), list[float]()

    def opens() -> EmulatedStick:
        tries.append(clock.monotonic() - NOW)
        raise StickError(StickFault.NO_LIBUSB, "no way to USB")

    async with following(clock, opens, cluster()):
        await clock.advance(100.0, sleepers=1)
    pauses = [round(after - before) for before, after in pairwise(tries)]
    assert pauses[:3] == [5, 10, 20]
    assert pauses == sorted(pauses)


@pytest.mark.parametrize("back", [usb_sticks.blinkstick, usb_sticks.strip, usb_sticks.flex, usb_sticks.nano])
async def test_a_replugged_stick_is_lit_again_within_two_seconds(
    usb: Usb,
    back: Callable[[], usb_sticks.Board],
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Through the real packages: pulled out it is told once, and whatever is plugged in then is used."""
    caplog.set_level(logging.INFO, "sciabc_tui.panel")
    clock = SimTime()
    state = with_node(cluster(), dead(board(3), since=NOW))
    usb.plug(usb_sticks.square())
    async with following(clock, open_real, state) as (follower, _):
        await clock.advance(3.0, sleepers=1)
        assert any(usb.board.lit)
        usb.unplug()
        await clock.advance(4.0, sleepers=1)
        assert "plug one in" in follower.problem
        usb.plug(back())
        sent = len(usb.board.reports)
        await clock.advance(2.0, sleepers=1)
        assert follower.problem == ""
        assert len(usb.board.reports) > sent
        assert usb.handles == 1
    assert usb.handles == 0
    said = [record.message for record in caplog.records]
    assert [text.partition(":")[0] for text in said] == [
        "BlinkStick works",
        "BlinkStick",
        "BlinkStick",
        "BlinkStick works",
    ]
    assert capfd.readouterr() == ("", "")


async def test_a_stick_that_was_replugged_unseen_does_not_stay_dark(usb: Usb) -> None:
    """Out and in again between two looks: within two seconds it shows the nodes as before."""
    clock = SimTime()
    usb.plug(usb_sticks.strip())
    async with following(clock, open_real, with_node(cluster(), dead(board(3), since=NOW))):
        await clock.advance(2.5, sleepers=1)
        before = usb.board.lit[1]
        usb.unplug()
        usb.plug()
        assert usb.board.lit[1] == (0, 0, 0)
        await clock.advance(2.0, sleepers=1)
        assert usb.board.lit[1] == before != (0, 0, 0)


async def test_a_hanging_stick_holds_up_nobody(usb: Usb) -> None:
    """While a transfer hangs the mirrors are told each second; the end waits for it two seconds at most."""
    clock, hangs = SimTime(), threading.Event()
    usb.hangs = hangs
    hub = Newest(clock, cluster())
    devices = PanelDevices(stick=open_real)
    panel = PanelFollower(devices, size=SIZE_16X2, clock=clock, sleep=clock.sleep, local=time.gmtime)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(panel.run(hub))
            await clock.advance(0.5, sleepers=1)
            assert await asyncio.to_thread(usb.hanging.wait, 25.0)
            await clock.advance(10.0, sleepers=1)
            assert len(hub.shown) >= 5
            assert usb.transfers == 1
            began = time.monotonic()
            task.cancel()
        assert time.monotonic() - began < 15.0  # two, and a slow machine
    finally:
        hangs.set()
    for thread in threading.enumerate():
        if thread.name.startswith("panel-BlinkStick"):
            await asyncio.to_thread(thread.join, 10.0)


async def test_a_stick_that_hung_is_used_again(usb: Usb) -> None:
    """Once it answers, it is lit; until then it is named, and every attempt gives its handle back."""
    clock = SimTime()
    usb.hangs = threading.Event()
    usb.hangs.set()
    async with following(clock, open_real, cluster()) as (follower, _):
        await clock.advance(5.0, sleepers=1)
        assert "timed out" in follower.problem
        assert usb.handles == 0
        usb.hangs = None
        await clock.advance(1.2, sleepers=1)
        assert follower.problem == ""


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_happens_it_flashes_no_more_than_twice_a_second(seed: int) -> None:
    """States that change at random moments: seen at the stick, no second has more than two flashes."""
    chance, clock = random.Random(seed), SimTime()
    stick = Timed(clock, 8)
    states = [
        cluster(),
        with_node(cluster(), dead(board(3), since=NOW)),
        replace(cluster(), uplink=Uplink(problem="no cable")),
        with_job(cluster(), running()),
        cluster(nodes=1),
        replace(cluster(), nodes={n.id: dead(n, since=NOW) for n in map(board, range(1, 8))}),
    ]
    async with following(clock, lambda: stick, states[0]) as (_, hub):
        for _ in range(40):
            hub.kept = chance.choice(states)
            await clock.advance(chance.choice([0.3, 0.7, 1.0, 1.3, 2.9]), sleepers=1)
    rises = [
        after
        for (_, a), (after, b) in pairwise(stick.told)
        if any(max(y) - max(x) >= 8 for x, y in zip(a, b, strict=True))  # a breath rises by 5
    ]
    slack = LAMP_PERIOD / 2
    assert len(rises) > 10
    assert all(sum(start <= at < start + 1.0 - slack for at in rises) <= 2 for start in rises)
