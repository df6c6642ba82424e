"""The LCD goes after the newest state: once a second, in a thread of its own."""

import asyncio
import math
import time
from collections.abc import Callable

from hw.errors import BusError, BusFault, HwError
from hw.hd44780 import Size
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.panel.device import Keeper
from sciabc_tui.panel.farewell import Ending, Farewell, last_words
from sciabc_tui.panel.ports import Clock, Hub, Lcd, LocalTime, Sleep
from sciabc_tui.panel.present import Frame
from sciabc_tui.panel.presenter import Presenter


class LcdFollower:
    """Drives the LCD until it is cancelled, and leaves last words on the glass."""

    def __init__(
        self,
        opens: Callable[[], Lcd],
        *,
        size: Size,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        presenter: Presenter,
        local: LocalTime = time.localtime,
    ) -> None:
        """Open nothing yet.

        Args:
            opens: Opens the LCD; blocks, and may raise `hw.errors.HwError`.
            size: Of the glass.
            clock: The head's clock.
            sleep: Lets time pass.
            presenter: Gives the frame of a second, the same to all who show it.
            local: The time zone.
        """
        self._keeper = Keeper("LCD", opens, clock, passes=passes)
        self._size = size
        self._clock = clock
        self._sleep = sleep
        self._local = local
        self._presenter = presenter

    @property
    def problem(self) -> str:
        """What hinders, and what to do about it; empty when it works."""
        return self._keeper.problem

    async def run(self, hub: Hub) -> None:
        """Follow the newest state until cancelled."""
        try:
            while True:
                now = await next_second(self._clock, self._sleep)
                frame = self._presenter.frame(hub.state, now, self._clock.wall())
                await self._keeper.use(_showing(frame))
        finally:
            stopped, wall = Farewell(Ending.STOPPED), self._clock.wall()
            words = last_words(stopped, wall, size=self._size, local=self._local)
            await self._keeper.leave(lambda lcd: lcd.show(words, backlight=True))


async def next_second(clock: Clock, sleep: Sleep) -> Instant:
    """Sleep until the head's clock shows whole seconds; give them, so that all tasks name the same."""
    now = clock.monotonic()
    second = math.floor(now) + 1.0
    await sleep(second - now)
    return second


def passes(error: HwError) -> bool:
    """Tell whether a second try may help: where a byte was refused it may, where the bus is stuck not."""
    return isinstance(error, BusError) and error.kind in {BusFault.ABSENT, BusFault.OTHER}


def _showing(frame: Frame) -> Callable[[Lcd], None]:
    return lambda lcd: lcd.show(frame.lines, backlight=frame.backlight)
