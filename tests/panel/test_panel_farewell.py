"""The last words, as texts."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.emulated import EmulatedLcd
from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from hw.lcd import Lcd
from sciabc_tui.panel.farewell import LONGEST_WHY, Ending, Farewell, last_words
from tests.simtime import WALL

TEXTS = {
    Farewell(Ending.STOPPED): (
        ("MONITOR STOPPED", "14:07 on request"),
        ("MONITOR STOPPED", "14:07 on request", "", "cluster unknown"),
    ),
    Farewell(Ending.CRASHED, "signal 11"): (
        ("MONITOR CRASHED", "14:07 signal 11"),
        ("MONITOR CRASHED", "14:07 signal 11", "cluster unknown", "journalctl -u sciabc"),
    ),
    Farewell(Ending.SHUTDOWN): (
        ("SHUTTING DOWN..", "do not unplug"),
        ("SHUTTING DOWN..", "do not unplug", "", "since 14:07"),
    ),
    Farewell(Ending.HALTED): (("SAFE TO UNPLUG", "halted 14:07"), ("SAFE TO UNPLUG", "halted 14:07", "", "")),
    Farewell(Ending.RESTARTING): (
        ("RESTARTING..", "do not unplug"),
        ("RESTARTING..", "do not unplug", "", "since 14:07"),
    ),
}


@pytest.mark.parametrize("farewell", TEXTS, ids=str)
@pytest.mark.parametrize("size", [SIZE_16X2, SIZE_20X4], ids=["16x2", "20x4"])
def test_each_ending_has_its_own_text(farewell: Farewell, size: Size) -> None:
    """Exactly these words stand on the glass of each size, and none of them is cut."""
    expected = TEXTS[farewell][size.rows == 4]
    lines = last_words(farewell, WALL, size=size, local=time.gmtime)
    assert lines == tuple(text.ljust(size.columns) for text in expected)
    glass = EmulatedLcd(size)
    Lcd(glass, 0x27, size, sleep=glass.sleep).show(lines)
    assert glass.glass() == lines


def test_every_ending_is_shown_here() -> None:
    """An ending that is added gets a text that somebody has looked at."""
    assert {farewell.ending for farewell in TEXTS} == set(Ending)


def test_a_crash_without_a_reason_says_so() -> None:
    """Nothing is invented."""
    lines = last_words(Farewell(Ending.CRASHED), WALL, size=SIZE_16X2, local=time.gmtime)
    assert lines[1] == "14:07 unknown   "


@given(
    ending=st.sampled_from(Ending),
    why=st.text(max_size=60),
    size=st.sampled_from((SIZE_16X2, SIZE_20X4)),
    wall=st.floats(0.0, 4e9),
)
def test_the_lines_fit_whatever_the_reason_is(ending: Ending, why: str, size: Size, wall: float) -> None:
    """Exactly the size of the glass, and nothing that steers a terminal or that the glass can't show."""
    lines = last_words(Farewell(ending, why), wall, size=size, local=time.gmtime)
    assert [len(line) for line in lines] == [size.columns] * size.rows
    assert all(line.isprintable() for line in lines)


def test_the_longest_reason_stands_whole_beside_the_time() -> None:
    """`LONGEST_WHY` is what 16 columns have left."""
    why = "x" * LONGEST_WHY
    assert last_words(Farewell(Ending.CRASHED, why), WALL, size=SIZE_16X2, local=time.gmtime)[1].endswith(why)
