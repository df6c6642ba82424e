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

FADES_FOR = 2.0
"""Seconds in which the lamp of a machine that shuts down gets dark."""

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


DARK = (0, 0, 0)
VERMILION = (255, 40, 0)
MAGENTA = (255, 0, 160)
AMBER = (255, 110, 0)
SKY_BLUE = (40, 140, 255)
WHITE = (255, 255, 255)


LOOKS: Mapping[LampState, Lamp] = MappingProxyType(
    {
        LampState.CRITICAL: Lamp(VERMILION, Flashes(1, 0.25, 0.5)),
        LampState.STALE: Lamp(MAGENTA, Flashes(3, 0.15, 2.0)),
        LampState.NO_UPLINK: Lamp(WHITE, Flashes(2, 0.15, 2.0)),
        LampState.DEGRADED: Lamp(AMBER, Flashes(1, 0.2, 2.0)),
        LampState.STARTING: Lamp(WHITE, Flashes(1, 0.5, 1.0)),
        LampState.RUNNING: Lamp(SKY_BLUE, Breath(2.0)),
        LampState.IDLE: Lamp(SKY_BLUE, Breath(5.0)),
        LampState.STOPPING: Lamp(AMBER, Fade(FADES_FOR)),
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


def dimmed(colour: Colour, share: float, *, night: bool) -> Colour:
    """Give a colour at a share, 0 to 1, of what is bright at this time of day."""
    red, green, blue = colour
    share *= NIGHT if night else DAY
    return round(red * share), round(green * share), round(blue * share)


def colour_at(state: LampState, t: float, *, night: bool) -> Colour:
    """Give the colour of the LED `t` seconds after the lamp took this state."""
    lamp = LOOKS[state]
    return dimmed(lamp.colour, level(lamp.rhythm, t), night=night)
