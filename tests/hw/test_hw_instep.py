"""The standing read by itself: bytes of the wire and what is read back."""

import itertools

import pytest

from hw.emulated import EmulatedLcd
from hw.hd44780 import SIZE_16X2, SIZE_20X4, PinMap, Size, goto, rest, wire
from hw.instep import PARKED, UNREAD, answer, ask, asking, let_go, lower_half
from hw.lcd import Lcd

PINS = (PinMap(), PinMap(rs=6, rw=5, e=4, backlight=7, d4=0, d5=1, d6=2, d7=3, lit_low=True))


@pytest.mark.parametrize("backlight", [True, False])
@pytest.mark.parametrize("pins", PINS)
def test_selects_never_change_with_e(pins: PinMap, backlight: bool) -> None:
    """From rest through the read and back: RS and R/W stand when E rises, and all but E when it falls."""
    low = rest(pins, backlight=backlight)
    data = low + ask(pins, backlight=backlight) + let_go(pins, backlight=backlight)
    for before, after in itertools.pairwise(data):
        if (before ^ after) >> pins.e & 1:
            assert before ^ after == 1 << pins.e
    assert data[-1:] == low
    assert asking(pins, backlight=backlight) == data[4:5]


@pytest.mark.parametrize("size", [SIZE_16X2, SIZE_20X4], ids=["16x2", "20x4"])
def test_out_of_step_never_looks_like_in_step(size: Size) -> None:
    """Wherever the counter stands: its upper half is no answer of a parked one, nor of an open R/W."""
    pins = PinMap()
    for address in (*range(0x28), *range(0x40, 0x68)):
        glass = EmulatedLcd(size)
        Lcd(glass, 0x27, size, sleep=glass.sleep).show((" " * size.columns,) * size.rows)
        glass.write(0x27, let_go(pins, backlight=True) + wire(goto(address), pins, backlight=True))
        glass.write(0x27, ask(pins, backlight=True))
        assert answer(pins, glass.read(0x27)) == lower_half(address)
        pulse = ask(pins, backlight=True)[2:]
        glass.write(0x27, pulse)
        half = answer(pins, glass.read(0x27))
        assert half == address >> 4
        assert half not in {lower_half(PARKED), UNREAD}


def test_a_port_that_is_not_as_it_was_left_gives_no_answer() -> None:
    """E low is another program's doing, RS high with E a loss of power."""
    pins = PinMap()
    (left,) = asking(pins, backlight=True)
    assert answer(pins, left) == UNREAD
    assert answer(pins, left & ~(1 << pins.e)) is None
    assert answer(pins, left | 1 << pins.rs) is None
    assert answer(pins, 0xFF) is None


def test_the_light_is_no_part_of_the_answer() -> None:
    """Its pin may read as anything."""
    pins = PinMap()
    on, off = (asking(pins, backlight=lit)[0] for lit in (True, False))
    assert on != off
    assert answer(pins, on) == answer(pins, off)
