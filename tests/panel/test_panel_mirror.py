"""What the followers tell the mirrors: all that somebody before the box would see."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from hw.errors import BusError, BusFault, StickError, StickFault
from hw.hd44780 import SIZE_16X2
from sciabc_tui.cluster.changes import PanelShown
from sciabc_tui.cluster.state import LampState, PanelView, State
from sciabc_tui.panel.followers import PanelDevices, PanelFollower
from sciabc_tui.panel.ports import Lcd, Stick
from sciabc_tui.panel.present import present
from sciabc_tui.panel.scene import NO_NIGHT, Night
from tests.panel.scenes import board, cluster, dead, heard, with_node
from tests.simtime import SimTime


class Wall:
    """Has a state whose readings are of now, and keeps what was shown with its time."""

    def __init__(self, clock: SimTime, state: State) -> None:
        self._clock = clock
        self._state = state
        self.shown: list[tuple[float, PanelView]] = []

    @property
    def state(self) -> State:
        """The newest state."""
        known = heard(self._state, self._clock.monotonic())
        return replace(known, panel=self.shown[-1][1] if self.shown else None)

    def publish(self, events: Sequence[PanelShown]) -> None:
        """Keep what is shown."""
        self.shown.extend((self._clock.monotonic(), event.panel) for event in events)


async def mirrored(
    state: State,
    *,
    seconds: float = 12.0,
    night: Night = NO_NIGHT,
    devices: PanelDevices | None = None,
) -> Wall:
    """Follow a state for some seconds, on a 16x2."""
    clock = SimTime()
    wall, chosen = Wall(clock, state), devices or PanelDevices()
    follower = PanelFollower(
        chosen, size=SIZE_16X2, clock=clock, sleep=clock.sleep, local=time.gmtime, night=night
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run(wall))
        await clock.advance(seconds, sleepers=1 + bool(chosen.lcd) + bool(chosen.stick))
        task.cancel()
    return wall


async def test_each_second_is_shown_as_it_is_presented() -> None:
    """The view of a second is the frame of that second: pages, heart, light and lamp."""
    state = with_node(cluster(), dead(board(3), since=900.0))
    wall = await mirrored(state)
    assert len(wall.shown) == 12
    for now, view in wall.shown:
        at = now - 1000.0 + SimTime().wall()
        seen = heard(state, now)
        frame = present(seen, now, at, size=SIZE_16X2, local=time.gmtime, night=NO_NIGHT)
        assert (view.lines, view.backlight, view.lamp) == (frame.lines, frame.backlight, frame.lamp)
        assert view.rhythm == "amber, 1 flash of 0.2 s every 2 s"


@pytest.mark.parametrize(("night", "lit"), [(Night(14, 15), False), (NO_NIGHT, True)])
async def test_the_light_is_mirrored_too(night: Night, lit: bool) -> None:
    """At the hours of the night the mirrors say that the glass is dark; an alarm lights it."""
    calm = await mirrored(cluster(), night=night)
    assert {view.backlight for _, view in calm.shown} == {lit}
    alarm = await mirrored(with_node(cluster(), dead(board(3), since=900.0)), night=night)
    assert {view.backlight for _, view in alarm.shown} == {True}


async def test_what_hinders_the_devices_is_mirrored() -> None:
    """A display and a stick that can't be opened are told in the next second."""

    def no_lcd() -> Lcd:
        raise BusError(BusFault.NO_BUS, "no bus. Next: switch I2C on")

    def no_stick() -> Stick:
        raise StickError(StickFault.ABSENT, "no stick. Next: plug one in")

    wall = await mirrored(cluster(), devices=PanelDevices(no_lcd, no_stick))
    view = wall.shown[-1][1]
    assert view.lcd_problem == "no bus. Next: switch I2C on"
    assert view.stick_problem == "no stick. Next: plug one in"
    assert view.lamp is LampState.IDLE
