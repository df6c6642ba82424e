"""The two followers: the LCD and the lamp go after the newest state, each at its own pace.

    state -> present() -> LCD          once a second, in a thread of its own
    state -> lamp()    -> colour_at()  20 times a second while there is a stick, in a thread of its own
    state -> both      -> PanelShown   for the mirrors, when it changed

A stuck bus or a hanging stick delays only itself.
"""

import asyncio
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

from hw.hd44780 import Size
from sciabc_tui.cluster.node import Instant
from sciabc_tui.cluster.state import LampState, PanelShown, PanelView
from sciabc_tui.panel.device import Keeper
from sciabc_tui.panel.lamps import Colour, colour_at
from sciabc_tui.panel.ports import Clock, Hub, Lcd, LocalTime, Sleep, Stick
from sciabc_tui.panel.present import Frame, lamp, last_words, present
from sciabc_tui.panel.scene import is_night

LAMP_PERIOD = 0.05
"""Seconds between two looks at the lamp's rhythm."""

_TOLD_AGAIN_AFTER = 1.0
"""Seconds after which a stick is told its colour again: that is how an unplugged one is noticed."""


@dataclass(frozen=True, slots=True)
class PanelDevices:
    """How to open the devices; None for one that is not wanted."""

    lcd: Callable[[], Lcd] | None = None
    stick: Callable[[], Stick] | None = None


class PanelFollower:
    """Drives the front panel until it is cancelled, and leaves last words on the glass."""

    def __init__(
        self,
        devices: PanelDevices,
        *,
        size: Size,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        local: LocalTime = time.localtime,
    ) -> None:
        """Open nothing yet.

        Args:
            devices: How to open the LCD and the stick.
            size: Of the glass; the mirrors show it also when there is none.
            clock: The head's clock.
            sleep: Lets time pass.
            local: The time zone.
        """
        self._size = size
        self._clock = clock
        self._sleep = sleep
        self._local = local
        self._devices = devices

    async def run(self, hub: Hub) -> None:
        """Follow the newest state until cancelled."""
        devices = self._devices
        lcd = Keeper("LCD", devices.lcd, self._clock) if devices.lcd else None
        stick = Keeper("BlinkStick", devices.stick, self._clock) if devices.stick else None
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mirror(hub, lcd, stick), name="panel-mirror")
            if lcd:
                group.create_task(self._follow_lcd(hub, lcd), name="panel-lcd")
            if stick:
                group.create_task(self._follow_stick(hub, stick), name="panel-lamp")

    async def _mirror(self, hub: Hub, lcd: Keeper[Lcd] | None, stick: Keeper[Stick] | None) -> None:
        while True:
            now = await self._next_second()
            view = PanelView(
                lines=self._frame(hub, now).lines,
                lamp=self._lamp(hub, now),
                lcd_problem=lcd.problem if lcd else "",
                stick_problem=stick.problem if stick else "",
            )
            if view != hub.state.panel:
                hub.publish((PanelShown(view),))

    async def _follow_lcd(self, hub: Hub, keeper: Keeper[Lcd]) -> None:
        try:
            while True:
                now = await self._next_second()
                await keeper.use(_showing(self._frame(hub, now)))
        finally:
            words = last_words(hub.state, self._clock.wall(), size=self._size, local=self._local)
            await keeper.leave(_showing(words))

    async def _follow_stick(self, hub: Hub, keeper: Keeper[Stick]) -> None:
        rhythm = _Rhythm()
        try:
            while True:
                now = self._clock.monotonic()
                if rhythm.due(now):
                    night = is_night(self._clock.wall(), self._local)
                    rhythm.follow(self._lamp(hub, now), now, night=night)
                colour = rhythm.colour(now)
                if colour is not None:
                    await keeper.use(_colouring(colour))
                await self._sleep(max(LAMP_PERIOD, keeper.rests))
        finally:
            await keeper.leave(_dark)

    async def _next_second(self) -> Instant:
        """Sleep until the head's clock shows whole seconds; give them, so that all tasks name the same."""
        now = self._clock.monotonic()
        second = math.floor(now) + 1.0
        await self._sleep(second - now)
        return second

    def _frame(self, hub: Hub, now: Instant) -> Frame:
        return present(hub.state, now, self._clock.wall(), size=self._size, local=self._local)

    def _lamp(self, hub: Hub, now: Instant) -> LampState:
        return lamp(hub.state, now, self._clock.wall())


class _Rhythm:
    """The lamp in time: which state since when, and what the stick was told last."""

    def __init__(self) -> None:
        self._state = LampState.STARTING
        self._night = False
        self._began = -math.inf
        self._judged_in = -math.inf
        self._told: Colour | None = None
        self._told_at = -math.inf

    def due(self, now: Instant) -> bool:
        """Is it time to judge the state again? Once a second: it looks at every node."""
        return math.floor(now) != self._judged_in

    def follow(self, state: LampState, now: Instant, *, night: bool) -> None:
        """Take the state; another one begins its rhythm now."""
        if state is not self._state or math.isinf(self._began):
            self._began = now
        self._state, self._night, self._judged_in = state, night, math.floor(now)

    def colour(self, now: Instant) -> Colour | None:
        """Give the colour to tell the stick now; None when it shows that already."""
        colour = colour_at(self._state, now - self._began, night=self._night)
        if colour == self._told and now - self._told_at < _TOLD_AGAIN_AFTER:
            return None
        self._told, self._told_at = colour, now
        return colour


def _showing(frame: Frame) -> Callable[[Lcd], None]:
    return lambda lcd: lcd.show(frame.lines, backlight=frame.backlight)


def _colouring(colour: Colour) -> Callable[[Stick], None]:
    return lambda stick: stick.set(*colour)


def _dark(stick: Stick) -> None:
    stick.off()
