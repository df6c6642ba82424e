"""The lamp's last words: what is lit, or not, when nobody drives it any more.

    stopped, halted       dark
    crashed               dim magenta, steady: nobody drives it
    shutdown, restarting  amber that fades to dark

A stick keeps its last colour for as long as it has power. So this needs no settings and no service; it is for
a command that systemd starts after the service ended or while the machine stops.
"""

import threading
import time
from collections.abc import Callable
from typing import assert_never

from hw.errors import HwError
from sciabc_tui.cluster.state import LampState
from sciabc_tui.panel.farewell import Ending
from sciabc_tui.panel.lamps import DARK, FADES_FOR, MAGENTA, Colour, colour_at, dimmed
from sciabc_tui.panel.ports import Stick

WITHIN = 4.0
"""Seconds that a stick which hangs may hold up who says goodbye; the fade takes two of them."""

_STEP = 0.05
"""Seconds between two steps of the fade."""

CRASHED: Colour = dimmed(MAGENTA, 1.0, night=True)


def last_colours(ending: Ending) -> tuple[Colour, ...]:
    """Give what the lamp shows, a step each; the last one stays."""
    match ending:
        case Ending.STOPPED | Ending.HALTED:
            return (DARK,)
        case Ending.CRASHED:
            return (CRASHED,)
        case Ending.SHUTDOWN | Ending.RESTARTING:
            times = [number * _STEP for number in range(round(FADES_FOR / _STEP) + 1)]
            return tuple(colour_at(LampState.STOPPING, t, night=False) for t in times)
        case _:
            assert_never(ending)


def leave_lamp(ending: Ending, opens: Callable[[], Stick], *, within: float = WITHIN) -> str:
    """Show the last words on a stick, all LEDs alike, and give it back; blocks.

    Args:
        ending: How it ended.
        opens: Opens the stick; may raise `hw.errors.HwError`.
        within: Seconds after which a stick that hangs is given up.

    Returns:
        What hindered, in one line; empty when it shows.
    """
    outcome: list[str] = []
    # A daemon: a transfer that hangs must not keep the command from ending.
    work = threading.Thread(
        target=_show, args=(last_colours(ending), opens, outcome), name="last-lamp", daemon=True
    )
    work.start()
    work.join(within)
    return outcome[0] if outcome else "BlinkStick was left as it is. Next: unplug it and plug it in again"


def _show(colours: tuple[Colour, ...], opens: Callable[[], Stick], outcome: list[str]) -> None:
    """Put into `outcome` what hindered, empty when it shows; with nothing in it, it goes on or broke."""
    step = threading.Event()
    try:
        stick = opens()
    except HwError as error:
        outcome.append(str(error))
        return
    try:
        began = time.monotonic()
        for number, colour in enumerate(colours, 1):
            late = time.monotonic() - began - (number - 1) * _STEP
            if late < _STEP or number in {1, len(colours)}:  # a slow stick or machine fades in fewer steps
                step.wait(-late)
                stick.show((colour,) * stick.count)
        outcome.append("")
    except HwError as error:
        outcome.append(str(error))
    finally:
        stick.close()
