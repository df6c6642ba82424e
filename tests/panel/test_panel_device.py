"""Keeping a device open that fails: retries, pauses, what is closed and what the log is told."""

import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from hw.emulated import EmulatedLcd, Mishap
from hw.errors import BusError, BusFault, HwError
from hw.hd44780 import SIZE_16X2
from hw.lcd import Lcd
from sciabc_tui.panel.device import LONGEST_PAUSE, STEADY_AFTER, Changes, Keeper, Said
from sciabc_tui.panel.follow_lcd import passes
from tests.simtime import SimTime

PAGE = ("203.0.113.254  ♥", "7/8up 63°C 14:07")
OTHER = ("nbody 8x4      ♥", "██████▌     54% ")


class Bench:
    """A display, and how often its bus was opened and given back."""

    def __init__(self) -> None:
        """Plug it in."""
        self.glass = EmulatedLcd(SIZE_16X2)
        self.clock = SimTime()
        self.opened = 0
        self.closed = 0
        self.missing = False
        self._lcd = self._new()

    def open(self) -> "Bench":
        """Open the bus."""
        if self.missing:
            raise BusError(BusFault.NO_BUS, "no such bus. Next: switch it on")
        self.opened += 1
        self._lcd = self._new()
        return self

    def show(self, page: tuple[str, ...]) -> None:
        """Show a page."""
        self._lcd.show(page)

    def close(self) -> None:
        """Give the bus back."""
        self.closed += 1

    def _new(self) -> Lcd:
        return Lcd(self.glass, 0x27, SIZE_16X2, sleep=self.glass.sleep, clock=self.clock.monotonic)


@asynccontextmanager
async def keeping(bench: Bench) -> AsyncGenerator[Keeper[Bench]]:
    """Keep the display as the LCD's follower does."""
    keeper = Keeper("LCD", bench.open, bench.clock, passes=passes)
    try:
        yield keeper
    finally:
        await keeper.leave(lambda _: None)
    assert bench.opened == bench.closed


async def show(keeper: Keeper[Bench], page: tuple[str, ...]) -> None:
    """Show a page."""
    await keeper.use(lambda bench: bench.show(page))


@pytest.mark.parametrize("mishap", [Mishap.REFUSED, Mishap.POWER_DIP])
async def test_a_disturbance_is_over_at_once(mishap: Mishap, caplog: pytest.LogCaptureFixture) -> None:
    """One byte that is not acknowledged costs neither the second's page nor a line in the log."""
    caplog.set_level(logging.INFO, "sciabc_tui.panel")
    bench = Bench()
    async with keeping(bench) as keeper:
        await show(keeper, PAGE)
        for position in range(0, 140, 7):
            bench.glass.harm(mishap, position)
            await show(keeper, OTHER)
            assert bench.glass.glass() == OTHER
            assert (keeper.problem, keeper.rests) == ("", 0.0)
            await show(keeper, PAGE)
        assert bench.opened == bench.closed + 1
        assert bench.glass.violations == 0
    assert [record.message for record in caplog.records] == ["LCD works"]


async def test_what_does_not_pass_is_told_and_waited_for() -> None:
    """A display that is gone fails twice, is closed, and rests; then it is looked for again."""
    bench = Bench()
    async with keeping(bench) as keeper:
        await show(keeper, PAGE)
        bench.glass.unplug()
        await show(keeper, PAGE)
        assert "plug the display in" in keeper.problem
        assert (bench.opened, bench.closed) == (2, 2)
        assert keeper.rests == 5.0
        bench.glass.plug()
        await show(keeper, PAGE)
        assert bench.opened == 2
        await bench.clock.advance(5.0, sleepers=0)
        await show(keeper, PAGE)
        assert (keeper.problem, bench.glass.glass()) == ("", PAGE)


async def test_a_stuck_bus_is_not_tried_twice() -> None:
    """A second of waiting is enough: it rests, and the thread is free for the last words."""
    bench = Bench()
    async with keeping(bench) as keeper:
        await show(keeper, PAGE)
        bench.glass.harm(Mishap.STUCK, 20)
        await show(keeper, OTHER)
        assert "stuck" in keeper.problem
        assert bench.opened == 1
        await bench.clock.advance(5.0, sleepers=0)
        await show(keeper, OTHER)
        assert (keeper.problem, bench.glass.glass()) == ("", OTHER)


async def test_hours_of_failing_leave_nothing_open_and_one_line(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever fails, opening or showing: as many are closed as opened, and the log says it once."""
    caplog.set_level(logging.INFO, "sciabc_tui.panel")
    bench = Bench()
    bench.glass.unplug()
    async with keeping(bench) as keeper:
        for second in range(7200):
            bench.missing = second >= 3600
            await show(keeper, PAGE)
            await bench.clock.advance(1.0, sleepers=0)
        assert bench.opened == bench.closed == pytest.approx(3600 / LONGEST_PAUSE, abs=3)
    assert len(caplog.records) == 2


async def test_a_loose_plug_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """An hour of coming and going is a handful of lines; when it is steady again, that is said."""
    caplog.set_level(logging.INFO, "sciabc_tui.panel")
    bench = Bench()
    async with keeping(bench) as keeper:
        for second in range(3600):
            if second % 9 == 0:
                bench.glass.unplug()
            if second % 9 == 3:
                bench.glass.plug()
            await show(keeper, PAGE)
            await bench.clock.advance(1.0, sleepers=0)
        assert 2 < len(caplog.records) <= 5
        assert "comes and goes" in caplog.records[-1].message
        for _ in range(100):
            await show(keeper, PAGE)
            await bench.clock.advance(1.0, sleepers=0)
    assert len(caplog.records) <= 6
    assert caplog.records[-1].message == "LCD works"


async def test_an_error_of_the_last_words_is_no_crash(caplog: pytest.LogCaptureFixture) -> None:
    """Who leaves a display that is gone closes it all the same."""
    bench = Bench()
    keeper = Keeper("LCD", bench.open, bench.clock, passes=passes)
    await show(keeper, PAGE)
    bench.glass.unplug()
    await keeper.leave(lambda device: device.show(OTHER))
    assert (bench.opened, bench.closed) == (1, 1)
    assert "left as it is" in caplog.records[-1].message


def test_only_what_a_second_try_can_cure_is_tried_again() -> None:
    """A missing byte and an odd errno may be noise; the others stay as they are."""
    passing = {kind for kind in BusFault if passes(BusError(kind, ""))}
    assert passing == {BusFault.ABSENT, BusFault.OTHER}
    assert not passes(HwError("something else"))


def test_changes_are_said_as_they_come_but_not_too_many() -> None:
    """Four lines, a fifth that says so, then silence until it stands for a minute; then all over again."""
    changes = Changes()
    now = 0.0
    for _ in range(3):
        said = [changes.see(problem, now + number) for number, problem in enumerate(["", "gone"] * 10)]
        assert said == [Said.CHANGE] * 4 + [Said.UNSTEADY] + [Said.NOTHING] * 15
        assert changes.see("gone", now + 19 + STEADY_AFTER - 1) is Said.NOTHING
        assert changes.see("gone", now + 19 + STEADY_AFTER) is Said.CHANGE
        assert changes.see("gone", now + 19 + STEADY_AFTER + 1) is Said.NOTHING
        now += 1000.0


def test_rare_changes_are_all_said() -> None:
    """A display that is taken off and put back now and then is told each time."""
    changes = Changes()
    assert all(changes.see(str(number), number * STEADY_AFTER) is Said.CHANGE for number in range(50))
