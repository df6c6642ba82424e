"""What is left on the lamp when nobody drives it any more."""

import threading
import time
from collections.abc import Sequence

import pytest
from typing_extensions import override

from hw.emulated_stick import EmulatedStick
from hw.errors import StickError, StickFault
from sciabc_tui.panel.farewell import Ending
from sciabc_tui.panel.lamps import FADES_FOR, NIGHT, Colour
from sciabc_tui.panel.last_lamp import _STEP, CRASHED, last_colours, leave_lamp


@pytest.mark.parametrize("ending", [Ending.STOPPED, Ending.HALTED])
def test_stopped_on_purpose_is_dark(ending: Ending) -> None:
    """At once, and on every LED."""
    stick = EmulatedStick(8)
    stick.set(64, 64, 64)
    assert leave_lamp(ending, lambda: stick) == ""
    assert stick.frames[-1] == ((0, 0, 0),) * 8
    assert stick.closed


def test_crashed_is_dim_magenta_and_stays() -> None:
    """One steady colour that no living service shows."""
    stick = EmulatedStick(2)
    assert leave_lamp(Ending.CRASHED, lambda: stick) == ""
    assert list(stick.frames)[1:] == [(CRASHED, CRASHED)]
    assert CRASHED == (8, 0, 5)
    assert max(CRASHED) <= 255 * NIGHT + 1


def test_shutting_down_fades_to_dark_within_two_seconds() -> None:
    """Amber, never brighter than before, dark at its end; the command ends with it."""
    stick, began = EmulatedStick(), time.monotonic()
    assert leave_lamp(Ending.SHUTDOWN, lambda: stick, within=60.0) == ""
    assert 1.9 < time.monotonic() - began < 30.0  # two, and a slow machine
    shown = stick.colours[1:]
    every = last_colours(Ending.SHUTDOWN)
    assert (len(every) - 1) * _STEP == pytest.approx(FADES_FOR) == 2.0
    assert set(shown) <= set(every)
    assert len(shown) > 3
    assert shown[0] == (64, 28, 0)
    assert shown == sorted(shown, reverse=True)
    assert shown[-1] == (0, 0, 0)


@pytest.mark.parametrize("ending", Ending)
def test_the_last_colour_stays(ending: Ending) -> None:
    """Every ending leaves something on purpose: dark, or what only a crash leaves."""
    assert last_colours(ending)[-1] == (CRASHED if ending is Ending.CRASHED else (0, 0, 0))


def test_a_missing_stick_is_told_in_one_line() -> None:
    """A head with no lamp says goodbye on the glass all the same."""

    def opens() -> EmulatedStick:
        raise StickError(StickFault.ABSENT, "no BlinkStick found. Next: plug one in")

    assert leave_lamp(Ending.CRASHED, opens) == "no BlinkStick found. Next: plug one in"


class _Slow(EmulatedStick):
    """Takes four steps of the fade for a frame."""

    @override
    def show(self, colours: Sequence[Colour]) -> None:
        threading.Event().wait(4 * _STEP)
        super().show(colours)


def test_a_slow_stick_fades_in_fewer_steps() -> None:
    """It is dark when the command gives up, at the latest."""
    stick = _Slow()
    assert leave_lamp(Ending.SHUTDOWN, lambda: stick) == ""
    assert stick.colours[-1] == (0, 0, 0)
    assert 3 < len(stick.colours) < 14


class _Failing(EmulatedStick):
    """Takes so many frames and is then pulled out."""

    def __init__(self, frames: int) -> None:
        super().__init__()
        self._left = frames

    @override
    def show(self, colours: object) -> None:
        """Take one, or fail."""
        if not self._left:
            raise StickError(StickFault.GONE, "BlinkStick does not answer")
        self._left -= 1


def test_pulled_out_while_it_fades_is_told_and_the_stick_given_back() -> None:
    """The rest of the fade is nobody's loss."""
    stick = _Failing(3)
    assert leave_lamp(Ending.SHUTDOWN, lambda: stick) == "BlinkStick does not answer"
    assert stick.closed


def test_a_hanging_stick_holds_nobody_up() -> None:
    """After the given time the command goes on; the thread ends with the process."""
    release = threading.Event()

    def opens() -> EmulatedStick:
        release.wait(30)
        return EmulatedStick()

    began = time.monotonic()
    try:
        assert "left as it is" in leave_lamp(Ending.CRASHED, opens, within=0.2)
        assert time.monotonic() - began < 15.0  # a fifth, and a slow machine
    finally:
        release.set()
    for thread in threading.enumerate():
        if thread.name == "last-lamp":
            assert thread.daemon
            thread.join(10.0)
