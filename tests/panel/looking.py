"""What somebody before the glass and the lamp sees."""

import time

from hw.hd44780 import SIZE_16X2, Size
from sciabc_tui.cluster.state import LampState, State
from sciabc_tui.panel.present import present
from tests.panel.scenes import NOW, heard
from tests.simtime import WALL


def glass(state: State, now: float, size: Size) -> tuple[str, ...]:
    """Give the lines at a moment, in UTC."""
    return present(state, now, WALL, size=size, local=time.gmtime).lines


def says(state: State, now: float) -> LampState:
    """Give what the lamp says at a moment."""
    return present(state, now, WALL, size=SIZE_16X2, local=time.gmtime).lamp


def shown(state: State, size: Size, *, seconds: int = 60, first: float = NOW) -> set[tuple[str, ...]]:
    """Give all pages of a minute without their hearts, as of a state that stays fresh."""
    pages: set[tuple[str, ...]] = set()
    for second in range(seconds):
        lines = glass(heard(state, first + second), first + second, size)
        pages.add((lines[0][:-1], *lines[1:]))
    return pages


def unmarked(lines: tuple[str, ...]) -> list[str]:
    """Drop the heart, the mark of a simulation and the blanks."""
    return [line.rstrip(" ♥").removesuffix(" SIM").rstrip() for line in lines]
