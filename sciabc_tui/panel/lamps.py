"""The lamp: colours and rhythms, pure.

The rhythm alone tells the state, for whoever sees no colours, and nothing flashes more than twice a second
(WCAG 2.3.1 allows three).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias, assert_never

from sciabc_tui.cluster.state import LampState

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue; 0 to 255 each."""

DAY = 0.25
"""Brightness by day, of the stick's own."""

NIGHT = 0.03
"""Brightness by night."""

_FLASH_EVERY = 0.5
"""Seconds from one flash of a group to the next: two a second."""


@dataclass(frozen=True, slots=True)
class Flashes:
    """A group of `count` flashes, `on` seconds each, that starts every `period` seconds."""

    count: int
    on: float
    period: float


@dataclass(frozen=True, slots=True)
class Breath:
    """Up and down in a raised cosine, once every `period` seconds."""

    period: float


@dataclass(frozen=True, slots=True)
class Fade:
    """Once down to dark, in so many seconds."""

    seconds: float


Rhythm: TypeAlias = Flashes | Breath | Fade


@dataclass(frozen=True, slots=True)
class Lamp:
    """How a state looks."""

    colour: Colour
    rhythm: Rhythm


_VERMILION = (255, 40, 0)
_MAGENTA = (255, 0, 160)
_AMBER = (255, 110, 0)
_SKY_BLUE = (40, 140, 255)
_WHITE = (255, 255, 255)


LOOKS: Mapping[LampState, Lamp] = MappingProxyType(
    {
        LampState.CRITICAL: Lamp(_VERMILION, Flashes(1, 0.25, 0.5)),
        LampState.STALE: Lamp(_MAGENTA, Flashes(3, 0.15, 2.0)),
        LampState.NO_UPLINK: Lamp(_WHITE, Flashes(2, 0.15, 2.0)),
        LampState.DEGRADED: Lamp(_AMBER, Flashes(1, 0.2, 2.0)),
        LampState.STARTING: Lamp(_WHITE, Flashes(1, 0.5, 1.0)),
        LampState.RUNNING: Lamp(_SKY_BLUE, Breath(2.0)),
        LampState.IDLE: Lamp(_SKY_BLUE, Breath(5.0)),
        LampState.STOPPING: Lamp(_AMBER, Fade(2.0)),
    }
)
"""The colour and the rhythm of each state."""


def level(rhythm: Rhythm, t: float) -> float:
    """Give the brightness, 0 to 1, `t` seconds after the rhythm began."""
    match rhythm:
        case Flashes(count, on, period):
            number, into = divmod(t % period, _FLASH_EVERY if count > 1 else period)
            return 1.0 if number < count and into < on else 0.0
        case Breath(period):
            return (1.0 - math.cos(2.0 * math.pi * t / period)) / 2.0
        case Fade(seconds):
            return max(0.0, 1.0 - max(0.0, t) / seconds)
        case _:
            assert_never(rhythm)


def colour_at(state: LampState, t: float, *, night: bool) -> Colour:
    """Give the colour of the LED `t` seconds after the lamp took this state."""
    lamp = LOOKS[state]
    share = level(lamp.rhythm, t) * (NIGHT if night else DAY)
    red, green, blue = lamp.colour
    return round(red * share), round(green * share), round(blue * share)
