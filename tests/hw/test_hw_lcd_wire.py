"""What goes over the wire: within the budgets, and beside the usual driver."""

import pytest

from hw.emulated import EmulatedLcd
from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from hw.lcd import Lcd
from tests.bench.lcd_wire import BUDGETS, Row, measure


@pytest.fixture(scope="module")
def rows() -> dict[tuple[Size, str], Row]:
    """Measure once: the usual driver really waits."""
    return {(row.size, row.what): row for row in measure()}


@pytest.mark.parametrize("size", BUDGETS, ids=["16x2", "20x4"])
@pytest.mark.parametrize("what", BUDGETS[SIZE_16X2])
def test_every_second_keeps_to_its_budget(rows: dict[tuple[Size, str], Row], size: Size, what: str) -> None:
    """With address bytes and the look, in every one of eight seconds, and with no violation of the times."""
    assert 0 < rows[size, what].least <= rows[size, what].most <= BUDGETS[size][what]


@pytest.mark.parametrize("size", BUDGETS, ids=["16x2", "20x4"])
def test_a_full_frame_costs_the_usual_driver_three_and_a_half_times_as_much(
    rows: dict[tuple[Size, str], Row], size: Size
) -> None:
    """RPLCD itself, over a bus that counts, without any look."""
    assert rows[size, "full frame"].times >= 3.5


@pytest.mark.parametrize("rw_wired", [True, False])
@pytest.mark.parametrize(("size", "full"), [(SIZE_16X2, 160), (SIZE_20X4, 370)])
def test_any_sequence_of_pages_keeps_to_the_budgets(size: Size, full: int, rw_wired: bool) -> None:
    """Long and short changes in turn, light on and off, and seconds with none: whatever was before."""
    glass = EmulatedLcd(size, rw_wired=rw_wired)
    lcd = Lcd(glass, 0x27, size, sleep=glass.sleep, clock=lambda: glass.seconds)
    blank = " " * size.columns
    page = ("load 000 of 320".ljust(size.columns), *(blank,) * (size.rows - 1))
    digits = ("load 111 of 320".ljust(size.columns), *page[1:])
    heart = (page[0][:-1] + "♥", *page[1:])
    other = ("#" * size.columns,) * size.rows
    lcd.show(page)
    budgets = {page: full, other: full}
    for first in (page, other):
        for middle, budget in ((digits, 24), (heart, 16), (page, 16)):
            for repeat in range(1, 4):
                lcd.show(first, backlight=repeat != 2)
                before = glass.on_wire
                lcd.show(page)
                assert glass.on_wire - before <= budgets[first]
                for _ in range(repeat):
                    lcd.show(page)
                before = glass.on_wire
                lcd.show(middle)
                assert glass.on_wire - before <= budget
                before = glass.on_wire
                lcd.show(middle)
                assert glass.on_wire - before <= 16
                assert glass.glass() == middle
    assert glass.violations == 0
