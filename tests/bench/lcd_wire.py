"""What a display costs on the wire, beside the usual driver (RPLCD): bytes, and milliseconds at 100 kHz.

    python tests/bench/lcd_wire.py

Bytes are all that go over the wire, address bytes too; ours include the look whether the display is well. A
byte takes nine bits: 90 us. The usual driver is told what ours works out by itself: which characters changed.
It waits between its transfers, which is not counted, and it never looks.
"""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

from RPLCD.i2c import CharLCD

from hw.emulated import EmulatedLcd
from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from hw.lcd import Lcd

BYTE = 0.09
"""Milliseconds."""

_SMALL = {"three digits": 24, "one beat of the heart": 16, "nothing changed": 16}
BUDGETS = {SIZE_16X2: {"full frame": 160, **_SMALL}, SIZE_20X4: {"full frame": 370, **_SMALL}}
"""What we allow ourselves, in bytes."""


@dataclass(frozen=True, slots=True)
class Row:
    """What one thing costs, in bytes: at least and at most for ours."""

    size: Size
    what: str
    least: int
    most: int
    usual: int

    @property
    def times(self) -> float:
        """How many times as much the usual driver sends as ours at most."""
        return self.usual / self.most


class CountingBus:
    """Stands for `smbus.SMBus`: counts what `write_byte` puts on the wire, an address and a byte."""

    def __init__(self) -> None:
        """Begin at nought."""
        self.bytes = 0

    def write_byte(self, _address: int, _value: int) -> None:
        """Count."""
        self.bytes += 2


def measure() -> list[Row]:
    """Measure all."""
    return [row for size in BUDGETS for row in _measure(size)]


def _measure(size: Size) -> Iterator[Row]:
    for what in BUDGETS[size]:
        ours = list(_ours(size, what))
        yield Row(size, what, min(ours), max(ours), _usual(size, what))


def _pages(size: Size, what: str, count: int) -> list[tuple[str, ...]]:
    """Give a page, and pages that differ from the one before by what is asked for."""
    blank = " " * size.columns
    match what:
        case "full frame":
            return [(letter * size.columns,) * size.rows for letter in "abcdefghijklmnop"[:count]]
        case "three digits":
            lines = [f"load {111 * (number % 9):03} of 320" for number in range(count)]
        case "one beat of the heart":
            lines = ["203.0.113.254".ljust(size.columns - 1) + "♥ "[number % 2] for number in range(count)]
        case _:
            lines = ["203.0.113.254"] * count
    return [(line.ljust(size.columns), *(blank,) * (size.rows - 1)) for line in lines]


def _ours(size: Size, what: str) -> Iterator[int]:
    """Show eight pages, a second apart."""
    glass = EmulatedLcd(size)
    lcd = Lcd(glass, 0x27, size, sleep=glass.sleep, clock=lambda: glass.seconds)
    first, *others = _pages(size, what, 9)
    lcd.show(first)
    for page in others:
        glass.sleep(1.0)
        before = glass.on_wire
        lcd.show(page)
        yield glass.on_wire - before
    assert glass.violations == 0
    assert glass.glass() == others[-1]


def _usual(size: Size, what: str) -> int:
    """Write what changed, at its place."""
    places: dict[str, list[tuple[int, int, str]]] = {
        "full frame": [(row, 0, "x" * size.columns) for row in range(size.rows)],
        "three digits": [(0, 5, "123")],
        "one beat of the heart": [(0, size.columns - 1, "\x00")],
        "nothing changed": [],
    }
    with _usual_driver(size) as (lcd, bus):
        before = bus.bytes
        for row, column, text in places[what]:
            lcd.cursor_pos = (row, column)
            lcd.write_string(text)
        return bus.bytes - before


@contextmanager
def _usual_driver(size: Size) -> Generator[tuple[CharLCD, CountingBus]]:
    bus = CountingBus()
    with patch("RPLCD.i2c.SMBus", return_value=bus):
        yield CharLCD("PCF8574", 0x27, cols=size.columns, rows=size.rows, auto_linebreaks=False), bus


def main() -> None:
    """Print the table."""
    print(f"{'':28} {'ours':>16} {'allowed':>8} {'RPLCD':>16} {'times':>6}")
    for row in measure():
        name = f"{row.size.columns}x{row.size.rows} {row.what}"
        ours = f"{row.least}-{row.most}" if row.least != row.most else str(row.most)
        budget = BUDGETS[row.size][row.what]
        times = f"{row.times:.2f}" if row.usual else "-"
        usual = f"{row.usual:6} {row.usual * BYTE:6.1f} ms"
        print(f"{name:28} {ours:>6} {row.most * BYTE:6.1f} ms {budget:8} {usual} {times:>6}")


if __name__ == "__main__":
    main()
