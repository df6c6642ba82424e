"""The display driver against a controller that obeys its datasheet."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.emulated import EmulatedLcd
from hw.errors import BusError, BusFault
from hw.hd44780 import SIZE_16X2, SIZE_20X4, PinMap, Register, Size, wire
from hw.instep import let_go
from hw.lcd import Lcd

SMALL_PAGES = (
    ("sciabc starting♥", "waiting for net "),
    ("203.0.113.254  ♥", "7/8up 63°C 14:07"),
    ("headnode-01    ♥", "lan 10.0.0.1    "),
    ("Load 12.4 /32  ♥", "Mem 41%  Hot 63°"),
    ("nbody 8x4      ♥", "██████▌     54% "),
    ("No job running ♥", "last ok   13:52 "),
    ("SHUTTING DOWN.. ", "do not unplug   "),
    ("!node03 DOWN   ♥", "2m14s       1of2"),
    ("!IP CHANGED    ♥", "203.0.113.254   "),
    ("!NO INTERNET   ♥", "down 12m   14:07"),
    ("!DATA 95s OLD  ♥", "cluster unknown "),
    ("MONITOR STOPPED ", "14:07 by admin  "),
    ("MONITOR CRASHED ", "14:07 signal 11 "),
    ("SAFE TO UNPLUG  ", "halted 14:09    "),
)
LARGE_PAGES = (
    ("203.0.113.254      ♥", "headnode-01    14:07", "7/8 up  !node03 down", "L12.4  63°C  job 54%"),
    ("Nodes 7/8 up       ♥", "!03 down 2m14s      ", " 05 71°C load 4.0   ", "others ok  avg 52°C "),
    ("nbody 8x4 np=32    ♥", "████████████▌    54%", "run 0:12:41 eta 0:11", "next: wave2d        "),
    ("ext 203.0.113.254  ♥", "lan 10.0.0.1/24     ", "gw ok  4ms  dns ok  ", "up 12d 04:31        "),
    ("!ALERT 1 of 2      ♥", "node03 DOWN 2m14s   ", "last load 4.0  63°C ", "203.0.113.254  14:07"),
)
SHOWABLE = "".join(chr(value) for value in range(0x20, 0x7E) if chr(value) != "\\") + "♥♡°▏▍▌▊█"
A, B = LARGE_PAGES[0], LARGE_PAGES[2]


def _driven(size: Size) -> tuple[EmulatedLcd, Lcd]:
    glass = EmulatedLcd(size)
    return glass, Lcd(glass, 0x27, size, sleep=glass.sleep, clock=lambda: glass.seconds)


def _frames(size: Size) -> st.SearchStrategy[tuple[str, ...]]:
    """Frames of few characters, so that neighbours often have cells in common."""
    line = st.text(alphabet=st.sampled_from("ab" + SHOWABLE), min_size=size.columns, max_size=size.columns)
    few = st.text(alphabet="ab", min_size=size.columns, max_size=size.columns)
    return st.tuples(*[line | few] * size.rows)


@pytest.mark.parametrize(
    ("size", "pages"), [(SIZE_16X2, SMALL_PAGES), (SIZE_20X4, LARGE_PAGES)], ids=["16x2", "20x4"]
)
def test_every_page_is_read_exactly_after_every_other(size: Size, pages: tuple[tuple[str, ...], ...]) -> None:
    """Whichever page stood there before, the glass shows the page asked for, in time and with no cursor."""
    glass, lcd = _driven(size)
    for before, after in itertools.permutations(pages, 2):
        lcd.show(before)
        assert glass.glass() == before
        lcd.show(after)
        assert glass.glass() == after
    assert glass.violations == 0
    assert not glass.cursor


@given(frames=st.lists(_frames(SIZE_20X4), min_size=2, max_size=5))
@settings(deadline=None, max_examples=60)
def test_the_difference_ends_where_a_full_write_would(frames: list[tuple[str, ...]]) -> None:
    """However frames follow each other, sending the difference equals writing everything."""
    glass, lcd = _driven(SIZE_20X4)
    for frame in frames:
        lcd.show(frame)
        assert glass.glass() == frame
    assert glass.violations == 0


@given(garbage=st.binary(max_size=60))
@settings(deadline=None, max_examples=150)
def test_whatever_was_on_the_wires_before_the_start_ends_right(garbage: bytes) -> None:
    """8-bit state, half a byte, a shifted or cleared display, a raised E: the start cures each."""
    glass, lcd = _driven(SIZE_16X2)
    glass.sleep(0.1)
    glass.write(0x27, garbage)
    broken = glass.violations
    lcd.show(SMALL_PAGES[1])
    assert glass.glass() == SMALL_PAGES[1]
    assert glass.violations == broken
    assert not glass.cursor


@pytest.mark.parametrize("register", [0, 1])
@pytest.mark.parametrize("nibble", range(16))
def test_half_a_byte_left_behind_is_cured_by_a_new_start(nibble: int, register: int) -> None:
    """A warm controller that waits for its second nibble, whatever the first was, gets in step again."""
    glass, lcd = _driven(SIZE_16X2)
    lcd.show(SMALL_PAGES[0])
    port = nibble << 4 | 0x08 | register
    glass.write(0x27, let_go(PinMap(), backlight=True) + bytes([port, port | 4, port]))
    again = Lcd(glass, 0x27, SIZE_16X2, sleep=glass.sleep)
    again.show(SMALL_PAGES[4])
    assert glass.glass() == SMALL_PAGES[4]
    assert glass.violations == 0


def test_no_instruction_executed_by_accident_survives_a_new_start() -> None:
    """Counting down, scrolling, one line, a cursor, a shifted or dark display: each of the 256 is undone."""
    for value in range(256):
        glass, lcd = _driven(SIZE_16X2)
        lcd.show(SMALL_PAGES[0])
        glass.write(0x27, let_go(PinMap(), backlight=True))
        glass.write(0x27, wire([(Register.COMMAND, value)], PinMap(), backlight=True))
        lcd.show(SMALL_PAGES[1])
        assert glass.glass() == SMALL_PAGES[1], f"{value:02x}"
        assert glass.violations == 0
        assert not glass.cursor


def test_a_warm_start_never_shows_an_empty_glass() -> None:
    """A restarted service leaves the old text on the glass until the new one is there."""
    glass, lcd = _driven(SIZE_16X2)
    lcd.show(SMALL_PAGES[0])
    seen: list[tuple[str, ...]] = []

    def look(seconds: float) -> None:
        glass.sleep(seconds)
        seen.append(glass.glass())

    Lcd(glass, 0x27, SIZE_16X2, sleep=look).show(SMALL_PAGES[1])
    assert seen
    assert set(seen) == {SMALL_PAGES[0]}


def test_a_refusal_at_every_byte_of_a_start_heals_on_the_next_show() -> None:
    """A broken transfer of the start raises, and the next show ends right, wherever the break was."""
    for position in itertools.count():
        glass, lcd = _driven(SIZE_20X4)
        glass.refuse(position)
        try:
            lcd.show(A)
        except BusError:
            lcd.show(B)
            assert glass.glass() == B
            assert glass.violations == 0
        else:
            assert position == glass.written
            break


def test_a_refusal_at_every_byte_of_a_difference_heals_on_the_next_show() -> None:
    """The same for a transfer that only brings what changed."""
    for position in itertools.count():
        glass, lcd = _driven(SIZE_20X4)
        lcd.show(A)
        before = glass.written
        glass.refuse(position)
        try:
            lcd.show(B)
        except BusError:
            lcd.show(B)
            assert glass.glass() == B
            assert glass.violations == 0
        else:
            assert position == glass.written - before
            break


def test_a_display_that_lost_its_power_is_started_again() -> None:
    """Unplugged it raises; back, even unnoticed, it shows the frame: glyphs, text and display on."""
    glass, lcd = _driven(SIZE_16X2)
    lcd.show(SMALL_PAGES[4])
    glass.unplug()
    with pytest.raises(BusError) as caught:
        lcd.show(SMALL_PAGES[4])
    assert caught.value.kind is BusFault.ABSENT
    glass.plug()
    lcd.show(SMALL_PAGES[4])
    assert glass.glass() == SMALL_PAGES[4]
    glass.unplug()
    glass.plug()
    lcd.show(SMALL_PAGES[4])
    assert glass.glass() == SMALL_PAGES[4]
    assert glass.violations == 0


def test_the_light_goes_off_and_on_with_the_text_standing() -> None:
    """The backlight changes with a byte of its own when the text does not."""
    glass, lcd = _driven(SIZE_16X2)
    lcd.show(SMALL_PAGES[1])
    assert glass.backlight
    before = glass.written
    lcd.show(SMALL_PAGES[1], backlight=False)
    assert not glass.backlight
    assert glass.written == before + 1
    lcd.show(SMALL_PAGES[2], backlight=False)
    assert not glass.backlight
    lcd.show(SMALL_PAGES[2])
    assert glass.backlight
    assert glass.glass() == SMALL_PAGES[2]
    assert glass.violations == 0


def test_a_frame_of_another_size_touches_nothing() -> None:
    """A mistake of the caller does not reach the display, and the next frame is still a difference."""
    glass, lcd = _driven(SIZE_16X2)
    lcd.show(SMALL_PAGES[1])
    before = glass.written
    with pytest.raises(ValueError, match="16 characters"):
        lcd.show(LARGE_PAGES[0])
    lcd.show(SMALL_PAGES[1])
    assert glass.written == before


def test_another_wiring_shows_the_same() -> None:
    """The pin map reaches every byte of the start, the frame and the look at the port."""
    pins = PinMap(rs=6, rw=5, e=4, backlight=7, d4=0, d5=1, d6=2, d7=3)
    glass = EmulatedLcd(SIZE_16X2, address=0x3F, pins=pins)
    lcd = Lcd(glass, 0x3F, SIZE_16X2, pins=pins, sleep=glass.sleep)
    for page in SMALL_PAGES:
        lcd.show(page)
        assert glass.glass() == page
    assert glass.backlight
    assert glass.violations == 0


def test_closing_leaves_the_last_words() -> None:
    """The bus is given back and the glass keeps its text."""
    glass, lcd = _driven(SIZE_16X2)
    lcd.show(SMALL_PAGES[11])
    lcd.close()
    assert glass.closed
    assert glass.glass() == SMALL_PAGES[11]
