"""The emulated devices tell when they are treated badly: otherwise the other tests would prove nothing."""

import pytest

from hw.emulated import EmulatedLcd, Mishap
from hw.errors import BusError, BusFault
from hw.hd44780 import (
    SIZE_16X2,
    SIZE_20X4,
    PinMap,
    Register,
    difference,
    encode,
    everything,
    goto,
    start,
    wire,
    writes,
)
from hw.instep import ask, let_go
from hw.lcd import Lcd

PINS = PinMap()
PAGE = ("203.0.113.254  ♥", "7/8up 63°C 14:07")


def _started() -> EmulatedLcd:
    """Give an empty display at rest."""
    glass = EmulatedLcd(SIZE_16X2)
    Lcd(glass, 0x27, SIZE_16X2, sleep=glass.sleep).show((" " * 16,) * 2)
    glass.write(0x27, let_go(PINS, backlight=True))
    return glass


def _write(glass: EmulatedLcd, page: tuple[str, ...]) -> None:
    runs = difference(SIZE_16X2, None, encode(page, SIZE_16X2))
    glass.write(0x27, wire(writes(runs), PINS, backlight=True))
    glass.write(0x27, bytes([PINS.port(Register.COMMAND, 0, backlight=True)]))


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
        glass.write(0x27, wire(everything(encode(PAGE, SIZE_16X2), SIZE_16X2), PINS, backlight=True))
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
        *let_go(PINS, backlight=True),
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
    glass = _started()
    glass.drop_nibble(5)
    _write(glass, PAGE)
    assert glass.glass() != PAGE


@pytest.mark.parametrize("mishap", [Mishap.EXTRA_NIBBLE, Mishap.FLIPPED_BIT, Mishap.RESET])
def test_what_happens_to_a_byte_unnoticed_shows_on_the_glass(mishap: Mishap) -> None:
    """A spike on E, another level of a pin and a chip that starts anew are no errors of the bus."""
    glass = _started()
    glass.harm(mishap, 7, bit=6)
    _write(glass, PAGE)
    assert glass.glass() != PAGE
    glass = _started()
    _write(glass, PAGE)
    assert glass.glass() == PAGE
    assert glass.violations == 0


@pytest.mark.parametrize(
    ("mishap", "kind", "takes"),
    [
        (Mishap.REFUSED, BusFault.ABSENT, 0.0),
        (Mishap.POWER_DIP, BusFault.ABSENT, 0.0),
        (Mishap.STUCK, BusFault.STUCK, 1.0),
    ],
)
def test_what_the_bus_notices_is_an_error_once(mishap: Mishap, kind: BusFault, takes: float) -> None:
    """So many bytes arrive, the next one fails; a stuck bus takes its second. The next is heard."""
    glass = _started()
    before, began = glass.written, glass.seconds
    glass.harm(mishap, 7)
    with pytest.raises(BusError) as caught:
        _write(glass, PAGE)
    assert caught.value.kind is kind
    assert "Next: " in str(caught.value)
    assert glass.written == before + 7
    assert glass.seconds - began == pytest.approx(takes + 8 * 90e-6)
    assert glass.read(0x27) >> PINS.e & 1 == (mishap is Mishap.POWER_DIP)


def test_the_address_counter_is_read_by_halves() -> None:
    """While E and R/W are high the chip drives the data lines: the upper half first, then the lower."""
    glass = _started()
    glass.write(0x27, wire(goto(0x4A), PINS, backlight=True))
    reading = ask(PINS, backlight=True)
    glass.write(0x27, reading[:2])
    assert PINS.nibble(glass.read(0x27)) == 0x4
    glass.write(0x27, reading[2:])
    assert PINS.nibble(glass.read(0x27)) == 0xA
    glass.write(0x27, let_go(PINS, backlight=True))
    assert glass.violations == 0
    _write(glass, PAGE)
    assert glass.glass() == PAGE


def test_the_busy_flag_is_the_highest_bit_of_the_upper_half() -> None:
    """After "home" the chip is busy for 2.2 ms: it says so, and asking is no violation."""
    glass = _started()
    glass.write(0x27, wire([(Register.COMMAND, 0x02)], PINS, backlight=True))
    glass.write(0x27, ask(PINS, backlight=True)[:2])
    assert PINS.nibble(glass.read(0x27)) == 0x8
    glass.sleep(0.003)
    assert PINS.nibble(glass.read(0x27)) == 0x0
    assert glass.violations == 0


def test_reading_the_memory_counts_on() -> None:
    """With RS high a read gives a character and moves the counter."""
    glass = _started()
    _write(glass, ("AB".ljust(16), " " * 16))
    glass.write(0x27, wire(goto(0), PINS, backlight=True))
    read = PINS.port(Register.DATA, 0xF, backlight=True) | 1 << PINS.rw
    halves: list[int] = []
    for _ in range(4):
        glass.write(0x27, bytes([read, read | 1 << PINS.e]))
        halves.append(PINS.nibble(glass.read(0x27)))
        glass.write(0x27, bytes([read]))
    assert halves == [0x4, 0x1, 0x4, 0x2]
    assert glass.violations == 0


def test_a_board_without_rw_gives_back_what_was_written() -> None:
    """Its data lines show our own ones, and the two pulses were an instruction to the chip."""
    glass = EmulatedLcd(SIZE_16X2, rw_wired=False)
    Lcd(glass, 0x27, SIZE_16X2, sleep=glass.sleep).show(PAGE)
    glass.write(0x27, ask(PINS, backlight=True))
    assert PINS.nibble(glass.read(0x27)) == 0xF
    glass.write(0x27, let_go(PINS, backlight=True))
    glass.write(0x27, wire([(Register.DATA, 0x41)], PINS, backlight=True))
    assert glass.glass() == PAGE  # it went to address 7F, which nobody sees


def test_the_pin_of_the_light_can_not_be_read() -> None:
    """The transistor's base holds it low, lit or not: whoever compares ports must leave it out."""
    glass = _started()
    assert glass.backlight
    assert not glass.read(0x27) >> PINS.backlight & 1


def test_all_bytes_of_the_wire_are_counted() -> None:
    """Addresses and bytes that are read count, too."""
    glass = EmulatedLcd(SIZE_20X4)
    glass.write(0x27, b"\x08\x08")
    glass.read(0x27)
    assert (glass.on_wire, glass.written) == (5, 2)


def test_nothing_answers_at_another_address() -> None:
    """The bus refuses what is not there, for reading and for writing."""
    glass = EmulatedLcd(SIZE_16X2, address=0x3F)
    with pytest.raises(BusError, match="0x27"):
        glass.read(0x27)
    with pytest.raises(BusError, match="0x27"):
        glass.write(0x27, b"\x00")


def test_time_is_the_wires() -> None:
    """A full frame of 155 bytes takes the display's 14 ms at 100 kHz and no real time."""
    glass = EmulatedLcd(SIZE_16X2)
    lcd = Lcd(glass, 0x27, SIZE_16X2, sleep=glass.sleep)
    lcd.show((" " * 16, " " * 16))
    before = glass.seconds
    lcd.show(("x" * 16, "x" * 16))
    assert glass.seconds - before == pytest.approx(155 * 90e-6)
