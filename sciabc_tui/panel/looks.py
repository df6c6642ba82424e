"""What the lamp looks like, in words: for who watches a mirror of it, where no light breathes."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import assert_never

from sciabc_tui.cluster.state import LampState
from sciabc_tui.panel.lamps import (
    AMBER,
    LOOKS,
    MAGENTA,
    SKY_BLUE,
    VERMILION,
    WHITE,
    Breath,
    Colour,
    Fade,
    Flashes,
    Rhythm,
)

_HUES: Mapping[Colour, str] = MappingProxyType(
    {AMBER: "amber", MAGENTA: "magenta", SKY_BLUE: "sky blue", VERMILION: "vermilion", WHITE: "white"}
)


def describe(state: LampState) -> str:
    """Write the colour and the rhythm of a state.

    >>> describe(LampState.DEGRADED)
    'amber, 1 flash of 0.2 s every 2 s'
    """
    look = LOOKS[state]
    return f"{_HUES[look.colour]}, {_rhythm(look.rhythm)}"


def _rhythm(rhythm: Rhythm) -> str:
    match rhythm:
        case Flashes(count, on, period):
            flashes = "1 flash" if count == 1 else f"{count} flashes"
            return f"{flashes} of {on:g} s every {period:g} s"
        case Breath(period):
            return f"breathes every {period:g} s"
        case Fade(seconds):
            return f"fades to dark within {seconds:g} s"
        case _:
            assert_never(rhythm)
