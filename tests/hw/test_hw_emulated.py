"""The emulated devices tell when they are treated badly: otherwise the other tests would prove nothing."""

import pytest

from hw.emulated import EmulatedLcd, EmulatedStick
from hw.errors import BusError
from hw.hd44780 import SIZE_16X2, PinMap, Register, refill, start
from hw.lcd import Lcd

PINS = PinMap()
PAGE = ("203.0.113.254  ♥", "7/8up 63°C 14:07")


def test_a_start_without_its_waits_is_a_violation() -> None:
    """A driver that does not let 40 ms pass after power-up is caught."""
    glass = EmulatedLcd(SIZE_16X2)
    Lcd(glass, 0x27, SIZE_16X2, sleep=lambda _seconds: None).show(PAGE)
    assert glass.violations > 0


def test_each_wait_of_the_start_is_needed() -> None:
    """Leaving out any one wait is caught."""
    steps = start(PINS, 0xFF, backlight=True)
    for skipped in range(len(steps)):
        glass = EmulatedLcd(SIZE_16X2)
        for number, step in enumerate(steps):
            glass.write(0x27, step.data)
            glass.sleep(0.0 if number == skipped else step.wait)
        glass.write(0x27, refill((), PINS, backlight=True))
        assert glass.violations > 0, f"wait {skipped} could be left out"


def test_rs_together_with_a_rising_e_is_a_violation() -> None:
    """The select lines need their setup time."""
    glass = EmulatedLcd(SIZE_16X2)
    glass.sleep(0.1)
    low = PINS.port(Register.COMMAND, 0, backlight=True)
    glass.write(0x27, bytes([0xFB, low]))
    assert glass.violations == 0
    glass.write(0x27, bytes([PINS.port(Register.DATA, 0, backlight=True) | 1 << PINS.e]))
    assert glass.violations == 1


def test_data_together_with_a_falling_e_is_a_violation() -> None:
    """The data lines need their hold time."""
    glass = EmulatedLcd(SIZE_16X2)
    glass.sleep(0.1)
    low = PINS.port(Register.COMMAND, 0, backlight=True)
    glass.write(0x27, bytes([0xFB, low, low | 0x34, low]))
    assert glass.violations == 1


def test_patterns_that_were_not_loaded_are_not_read_as_glyphs() -> None:
    """The glass is told from the chip's memory, not from what the driver meant."""
    glass = EmulatedLcd(SIZE_16X2)
    lcd = Lcd(glass, 0x27, SIZE_16X2, sleep=glass.sleep)
    lcd.show(PAGE)
    low, data = (PINS.port(register, 0, backlight=True) for register in Register)
    spoil = [
        low,
        low | 0x44,
        low | 0x40,
        low | 0x04,
        low,
        data,
        data | 0x14,
        data | 0x10,
        data | 0x14,
        data | 0x10,
    ]
    glass.write(0x27, bytes(spoil))
    assert glass.violations == 0
    assert glass.glass() == ("203.0.113.254  \N{REPLACEMENT CHARACTER}", PAGE[1])


def test_a_lost_nibble_shows() -> None:
    """A dropped nibble garbles the frame: the fault that the driver must cure is real."""
    glass = EmulatedLcd(SIZE_16X2)
    lcd = Lcd(glass, 0x27, SIZE_16X2, sleep=glass.sleep)
    lcd.show((" " * 16, " " * 16))
    glass.drop_nibble(5)
    lcd.show(PAGE)
    assert glass.glass() != PAGE


def test_nothing_answers_at_another_address() -> None:
    """The bus refuses what is not there, for reading and for writing."""
    glass = EmulatedLcd(SIZE_16X2, address=0x3F)
    with pytest.raises(BusError, match="0x27"):
        glass.read(0x27)
    with pytest.raises(BusError, match="0x27"):
        glass.write(0x27, b"\x00")


def test_time_is_the_wires() -> None:
    """A full frame takes the display's 12.7 ms at 100 kHz and no real time."""
    glass = EmulatedLcd(SIZE_16X2)
    lcd = Lcd(glass, 0x27, SIZE_16X2, sleep=glass.sleep)
    lcd.show((" " * 16, " " * 16))
    before = glass.seconds
    lcd.show(("x" * 16, "x" * 16))
    assert glass.seconds - before == pytest.approx(0.01287, abs=0.0001)


def test_the_stick_remembers_its_colours() -> None:
    """Colours are kept in order and closing does not darken it."""
    stick = EmulatedStick()
    stick.set(255, 40, 0)
    stick.off()
    stick.set(1, 2, 3)
    stick.close()
    assert list(stick.colours) == [(0, 0, 0), (255, 40, 0), (0, 0, 0), (1, 2, 3)]
    assert stick.closed
    with pytest.raises(ValueError, match="0-255"):
        stick.set(256, 0, 0)
