"""The front panel: the two followers, and what the mirrors show.

    state -> present() -> LCD          `follow_lcd`
    state -> present() -> leds()       `follow_lamp`
    state -> present() -> PanelShown   for the mirrors, when it changed

A stuck bus or a hanging stick delays only itself.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from hw.hd44780 import Size
from sciabc_tui.cluster.changes import PanelShown
from sciabc_tui.cluster.state import PanelView
from sciabc_tui.panel.follow_lamp import LampFollower
from sciabc_tui.panel.follow_lcd import LcdFollower, next_second
from sciabc_tui.panel.looks import describe
from sciabc_tui.panel.ports import Clock, Hub, Lcd, LocalTime, Sleep, Stick
from sciabc_tui.panel.presenter import Presenter
from sciabc_tui.panel.scene import NIGHT, Night


@dataclass(frozen=True, slots=True)
class PanelDevices:
    """How to open the devices; None for one that is not wanted."""

    lcd: Callable[[], Lcd] | None = None
    stick: Callable[[], Stick] | None = None


class PanelFollower:
    """Drives the front panel until it is cancelled."""

    def __init__(
        self,
        devices: PanelDevices,
        *,
        size: Size,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        local: LocalTime = time.localtime,
        night: Night = NIGHT,
    ) -> None:
        """Open nothing yet.

        Args:
            devices: How to open the LCD and the stick.
            size: Of the glass; the mirrors show it also when there is none.
            clock: The head's clock.
            sleep: Lets time pass.
            local: The time zone.
            night: When the panel is dimmed.
        """
        self._size = size
        self._clock = clock
        self._sleep = sleep
        self._local = local
        self._presenter = Presenter(size, local=local, night=night)
        self._devices = devices

    async def run(self, hub: Hub) -> None:
        """Follow the newest state until cancelled."""
        opens_lcd, opens_stick = self._devices.lcd, self._devices.stick
        clock, sleep, presenter, local = self._clock, self._sleep, self._presenter, self._local
        lcd = (
            LcdFollower(
                opens_lcd, size=self._size, clock=clock, sleep=sleep, presenter=presenter, local=local
            )
            if opens_lcd
            else None
        )
        stick = (
            LampFollower(opens_stick, clock=clock, sleep=sleep, presenter=presenter) if opens_stick else None
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mirror(hub, lcd, stick), name="panel-mirror")
            if lcd:
                group.create_task(lcd.run(hub), name="panel-lcd")
            if stick:
                group.create_task(stick.run(hub), name="panel-lamp")

    async def _mirror(self, hub: Hub, lcd: LcdFollower | None, stick: LampFollower | None) -> None:
        while True:
            now = await next_second(self._clock, self._sleep)
            frame = self._presenter.frame(hub.state, now, self._clock.wall())
            view = PanelView(
                lines=frame.lines,
                lamp=frame.lamp,
                lcd_problem=lcd.problem if lcd else "",
                stick_problem=stick.problem if stick else "",
                backlight=frame.backlight,
                rhythm=describe(frame.lamp),
                leds=tuple(light.value for light in stick.lights) if stick else (),
            )
            if view != hub.state.panel:
                hub.publish((PanelShown(view),))
