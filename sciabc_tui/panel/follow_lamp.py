"""The lamp goes after the newest state: 20 looks a second while there is a stick, in a thread of its own."""

import asyncio
import math
from collections.abc import Callable

from hw.errors import HwError, StickError, StickFault
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.state import LampState, State
from sciabc_tui.panel.device import Keeper, doubling
from sciabc_tui.panel.lamps import Colour
from sciabc_tui.panel.leds import NodeLight, leds, lights_seen, node_lights
from sciabc_tui.panel.ports import Clock, Hub, Sleep, Stick
from sciabc_tui.panel.present import Frame
from sciabc_tui.panel.presenter import Presenter

LAMP_PERIOD = 0.05
"""Seconds between two looks at the lamp's rhythm."""

_TOLD_AGAIN_AFTER = 1.0
"""Seconds after which a stick is told its colours again: that is how an unplugged one is noticed."""

_LOOKS_EVERY = 1.0
"""Seconds between two looks for a stick that is not there, or fails."""


class LampFollower:
    """Drives the lamp until it is cancelled, and leaves it dark."""

    def __init__(
        self,
        opens: Callable[[], Stick],
        *,
        clock: Clock,
        sleep: Sleep = asyncio.sleep,
        presenter: Presenter,
    ) -> None:
        """Open nothing yet.

        Args:
            opens: Opens the stick; blocks, and may raise `hw.errors.HwError`.
            clock: The head's clock.
            sleep: Lets time pass.
            presenter: Gives the frame of a second, the same to all who show it.
        """
        self._keeper = Keeper("BlinkStick", opens, clock, pauses=_pause)
        self._clock = clock
        self._sleep = sleep
        self._presenter = presenter
        self._count = 1  # of LEDs, until a stick says otherwise
        self._lights: tuple[NodeLight, ...] = ()

    @property
    def lights(self) -> tuple[NodeLight, ...]:
        """What the LEDs behind the first one say; nothing while all are the lamp, or there is no stick."""
        return () if self.problem else self._lights

    @property
    def problem(self) -> str:
        """What hinders, and what to do about it; empty when it works."""
        return self._keeper.problem

    async def run(self, hub: Hub) -> None:
        """Follow the newest state until cancelled."""
        picture = _Picture()
        try:
            while True:
                now, count = self._clock.monotonic(), self._count
                if picture.due(now, count):
                    state = hub.state
                    frame = self._presenter.frame(state, now, self._clock.wall())
                    picture.take(frame, state, now, count=count)
                    self._lights = lights_seen(frame.lamp, picture.nodes)
                colours = picture.colours(now)
                if colours is not None:
                    await self._keeper.use(self._showing(colours))
                await self._sleep(max(LAMP_PERIOD, self._keeper.rests))
        finally:
            await self._keeper.leave(_dark)

    def _showing(self, colours: tuple[Colour, ...]) -> Callable[[Stick], None]:
        """Show the colours; a stick that was just opened may have another number of LEDs than the last."""

        def show(stick: Stick) -> None:
            self._count = stick.count
            stick.show(colours[: stick.count])

        return show


class _Picture:
    """The lamp in time: which state since when, what the nodes are, and what the stick was told last."""

    def __init__(self) -> None:
        self._state = LampState.STARTING
        self._nodes: tuple[NodeLight, ...] = ()
        self._count = 0
        self._night = False
        self._began = -math.inf
        self._judged_in = -math.inf
        self._told: tuple[Colour, ...] | None = None
        self._told_at = -math.inf

    @property
    def nodes(self) -> tuple[NodeLight, ...]:
        """What each LED behind the first one says of the nodes."""
        return self._nodes

    def due(self, now: Instant, count: int) -> bool:
        """Is it time to judge the state again? Once a second: it looks at every node."""
        return math.floor(now) != self._judged_in or count != self._count

    def take(self, frame: Frame, state: State, now: Instant, *, count: int) -> None:
        """Take this second's frame. Another state's rhythm begins with it: flashes keep their distance."""
        second = math.floor(now)
        if frame.lamp is not self._state or math.isinf(self._began):
            self._began = float(second)
        self._state, self._nodes = frame.lamp, node_lights(state, count)
        self._count, self._night, self._judged_in = count, frame.night, second

    def colours(self, now: Instant) -> tuple[Colour, ...] | None:
        """Give the colours to tell the stick now; None when it shows them already."""
        shown = leds(self._state, self._nodes, now - self._began, count=self._count, night=self._night)
        if shown == self._told and now - self._told_at < _TOLD_AGAIN_AFTER:
            return None
        self._told, self._told_at = shown, now
        return shown


def _pause(error: HwError, last: float) -> float:
    """Look for a stick once a second, which costs little; not for a library, which costs much."""
    if isinstance(error, StickError) and error.kind is not StickFault.NO_LIBUSB:
        return _LOOKS_EVERY
    return doubling(error, last)


def _dark(stick: Stick) -> None:
    stick.off()
