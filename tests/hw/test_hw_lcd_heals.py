"""Whatever happens to the display, the glass is right soon: against a controller that obeys its datasheet."""

import copy
import itertools
from collections.abc import Callable

import pytest

from hw.care import RESYNC_EVERY, REWRITE_EVERY
from hw.emulated import EmulatedLcd, Mishap
from hw.emulated_controller import Controller
from hw.errors import BusError, BusFault
from hw.hd44780 import SIZE_16X2, SIZE_20X4, PinMap, Register, Size, goto, wire
from hw.instep import PARKED, ask, let_go
from hw.lcd import Lcd
from tests.hw.test_hw_lcd import LARGE_PAGES, SMALL_PAGES

PINS = PinMap()
PAGES = {SIZE_16X2: SMALL_PAGES, SIZE_20X4: LARGE_PAGES}
SIZES = pytest.mark.parametrize("size", PAGES, ids=["16x2", "20x4"])
UNNOTICED = (Mishap.LOST_NIBBLE, Mishap.EXTRA_NIBBLE, Mishap.RESET)
MISHAPS = pytest.mark.parametrize("mishap", [mishap for mishap in Mishap if mishap is not Mishap.FLIPPED_BIT])


class Rig:
    """A display and its driver, in the display's own time."""

    def __init__(self, size: Size, *, rw_wired: bool = True) -> None:
        """Start nothing yet."""
        self.size = size
        self.glass = EmulatedLcd(size, rw_wired=rw_wired)
        self.lcd = Lcd(self.glass, 0x27, size, sleep=self.sleep, clock=self.clock)
        self.starts = 0
        self.violations = 0
        """As many as there were when the controller was started for the last time."""

    def clock(self) -> float:
        """Give the display's time."""
        return self.glass.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass; only a start waits that long."""
        if seconds >= 0.05:
            self.starts += 1
            self.violations = self.glass.violations
        self.glass.sleep(seconds)

    def show(self, page: tuple[str, ...], *, later: float = 1.0) -> None:
        """Show a page, some time after what was before."""
        self.glass.sleep(later)
        self.lcd.show(page)

    def tell(self, page: tuple[str, ...]) -> BusFault | None:
        """Show a page; give what the bus says to it."""
        try:
            self.show(page)
        except BusError as error:
            return error.kind
        return None

    def assert_well(self, page: tuple[str, ...], about: object) -> None:
        """The page is read, no time was violated since the repair began, and the next page comes right."""
        assert self.glass.glass() == page, about
        assert self.glass.backlight
        assert not self.glass.cursor
        assert self.glass.violations == self.violations, about
        after = PAGES[self.size][1]
        self.show(after)
        assert self.glass.glass() == after, about


def _full(size: Size) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Give two pages that have no cell in common."""
    return ("_" * size.columns,) * size.rows, PAGES[size][0]


def _showing(size: Size, page: tuple[str, ...], *, rw_wired: bool = True) -> Rig:
    rig = Rig(size, rw_wired=rw_wired)
    rig.show(page)
    return rig


def _bytes(showing: Rig, page: tuple[str, ...]) -> int:
    """Count what is written to get to the page."""
    rig = copy.deepcopy(showing)
    written = rig.glass.written
    rig.show(page)
    return rig.glass.written - written


@SIZES
@MISHAPS
def test_every_mishap_at_every_byte_of_a_frame_is_repaired_by_the_next_look(
    size: Size, mishap: Mishap
) -> None:
    """The next second at the latest the text is right; what the bus noticed is told."""
    before, after = _full(size)
    showing = _showing(size, before)
    noticed = {
        Mishap.REFUSED: BusFault.ABSENT,
        Mishap.POWER_DIP: BusFault.ABSENT,
        Mishap.STUCK: BusFault.STUCK,
    }
    for position in range(_bytes(showing, after)):
        rig = copy.deepcopy(showing)
        rig.glass.harm(mishap, position)
        assert rig.tell(after) is noticed.get(mishap)
        rig.show(after)
        rig.assert_well(after, position)


@SIZES
@pytest.mark.parametrize("bit", range(8))
def test_a_bit_flipped_in_any_byte_of_a_frame_is_repaired_within_a_minute(size: Size, bit: int) -> None:
    """A wrong character, address or mode, a byte that was an instruction: the full write cures each."""
    before, after = _full(size)
    showing = _showing(size, before)
    for position in range(_bytes(showing, after)):
        rig = copy.deepcopy(showing)
        rig.glass.harm(Mishap.FLIPPED_BIT, position, bit=bit)
        rig.show(after)
        rig.show(after)
        rig.show(after, later=REWRITE_EVERY - 1.0)
        rig.violations = rig.glass.violations  # RS or data that flipped together with E
        rig.assert_well(after, position)


@MISHAPS
def test_every_mishap_at_every_byte_of_a_start_is_repaired(mishap: Mishap) -> None:
    """The same for the sequence that brings the controller up, with all the glyphs.

    Only a chip that starts anew between "4 bits" and "two lines" may be left with one line for a minute.
    """
    page = SMALL_PAGES[4]
    later = REWRITE_EVERY if mishap is Mishap.RESET else 1.0
    for position in range(_bytes(Rig(SIZE_16X2), page)):
        rig = Rig(SIZE_16X2)
        rig.glass.harm(mishap, position)
        rig.tell(page)
        rig.show(page, later=later)
        rig.violations = rig.glass.violations  # a chip that starts anew in mid-start is not waited for
        rig.assert_well(page, position)


@MISHAPS
def test_without_rw_every_mishap_is_repaired_within_a_minute(mishap: Mishap) -> None:
    """Such a board can't be asked: it is brought into step with every full write."""
    before, after = _full(SIZE_16X2)
    showing = _showing(SIZE_16X2, before, rw_wired=False)
    for position in range(_bytes(showing, after)):
        rig = copy.deepcopy(showing)
        rig.glass.harm(mishap, position)
        rig.tell(after)
        rig.show(after)
        rig.show(after, later=REWRITE_EVERY - 1.0)
        rig.assert_well(after, position)


@SIZES
@pytest.mark.parametrize("mishap", UNNOTICED)
@pytest.mark.parametrize("beats", [3, 4])
def test_a_mishap_in_a_beat_of_the_heart_is_repaired_with_the_next_page(
    size: Size, mishap: Mishap, beats: int
) -> None:
    """A beat is looked at in every other second, by four bits: mostly enough. The next page tells surely."""
    page = PAGES[size][1]
    heart = tuple((page[0][:-1] + beat, *page[1:]) for beat in "♥ ")
    repaired = 0
    for position in range(14):
        rig = Rig(size)
        for beat in range(beats):
            rig.show(heart[beat % 2])
        rig.glass.harm(mishap, position)
        for beat in range(beats, beats + 6):
            rig.show(heart[beat % 2])
        repaired += rig.glass.glass() == heart[(beats + 5) % 2]
        rig.show(PAGES[size][0])
        rig.assert_well(PAGES[size][0], position)
    assert repaired >= 10


def _spike(glass: EmulatedLcd) -> None:
    glass._clock(glass._port)


def _reset(glass: EmulatedLcd) -> None:
    glass._chip = Controller(glass._now)


def _other_program(glass: EmulatedLcd) -> None:
    glass.write(0x27, b"\x00")


@SIZES
@pytest.mark.parametrize("happens", [_spike, _reset, EmulatedLcd.plug, _other_program])
def test_what_happens_between_two_looks_is_repaired_by_the_next(
    size: Size, happens: Callable[[EmulatedLcd], None]
) -> None:
    """A spike on E, a brown-out of the chip or of all, another program: the unchanged page stands again."""
    page = PAGES[size][0]
    rig = Rig(size)
    rig.show(page)
    rig.show(page)
    happens(rig.glass)
    rig.show(page)
    assert rig.starts == 2
    rig.assert_well(page, happens)


def test_no_wrong_instruction_outlives_the_minute() -> None:
    """Each of the 256, executed by accident and leaving the chip in step, is undone by the full write."""
    page = SMALL_PAGES[4]
    for value in range(256):
        rig = Rig(SIZE_16X2)
        rig.show(page)
        rig.glass.write(0x27, let_go(PINS, backlight=True))
        rig.glass.write(0x27, wire([(Register.COMMAND, value)], PINS, backlight=True))
        rig.glass.sleep(0.005)
        rig.glass.write(0x27, wire(goto(PARKED), PINS, backlight=True) + ask(PINS, backlight=True))
        rig.show(page)
        rig.show(page, later=REWRITE_EVERY)
        rig.assert_well(page, f"{value:02x}")


def test_a_glyph_that_lost_its_dots_is_drawn_again() -> None:
    """The chip's pattern memory is no safer than its characters."""
    rig = Rig(SIZE_16X2)
    rig.show(SMALL_PAGES[4])
    rig.glass._chip._patterns[:] = bytes(64)
    rig.show(SMALL_PAGES[4])
    assert rig.glass.glass() != SMALL_PAGES[4]
    rig.show(SMALL_PAGES[4], later=REWRITE_EVERY)
    rig.assert_well(SMALL_PAGES[4], "glyphs")


class Eye:
    """A bus that looks at the glass after every single byte."""

    def __init__(self, glass: EmulatedLcd) -> None:
        """Look at nothing yet."""
        self._glass = glass
        self.seen: list[tuple[float, tuple[str, ...]]] = []

    def write(self, address: int, data: bytes) -> None:
        """Send each byte by itself."""
        for number in range(len(data)):
            self._glass.write(address, data[number : number + 1])
            self.seen.append((self._glass.seconds, self._glass.glass()))

    def read(self, address: int) -> int:
        """Read."""
        return self._glass.read(address)

    def close(self) -> None:
        """Do nothing."""


@SIZES
@pytest.mark.parametrize("rw_wired", [True, False])
def test_no_cell_is_ever_blank_or_wrong(size: Size, rw_wired: bool) -> None:
    """At every byte of 22 minutes each cell shows the old page or the new one.

    Only a resync leaves the second line dark, and for less than 2 ms: a thirtieth of what an eye notices. The
    sequence goes through 8-bit mode, whose instructions can't say "two lines" with only four wires.
    """
    glass = EmulatedLcd(size, rw_wired=rw_wired)
    eye = Eye(glass)
    lcd = Lcd(eye, 0x27, size, sleep=glass.sleep, clock=lambda: glass.seconds)
    lcd.show(PAGES[size][0])
    dark = 0
    for before, after in itertools.islice(itertools.pairwise(itertools.cycle(PAGES[size])), 88):
        eye.seen.clear()
        glass.sleep(15.0)
        lcd.show(after)
        missing: list[float] = []
        for at, shown in eye.seen:
            for row, line in enumerate(shown):
                if row % 2 and not line.strip() and (before[row].strip() and after[row].strip()):
                    missing.append(at)
                    continue
                assert all(cell in both for cell, *both in zip(line, before[row], after[row], strict=True))
        if missing:
            dark += 1
            assert max(missing) - min(missing) < 0.002
        assert glass.glass() == after
    assert dark == 22 * 60 // (RESYNC_EVERY if rw_wired else REWRITE_EVERY)
    assert glass.violations == 0


def test_a_chip_that_answers_nonsense_is_driven_all_the_same() -> None:
    """Three starts, then it is taken for one that can't be asked; a minute later it is tried again."""
    rig = Rig(SIZE_16X2)
    answered = rig.glass.read

    def nonsense(address: int) -> int:
        return answered(address) & 0x5F

    rig.glass.read = nonsense
    rig.show(SMALL_PAGES[0])
    assert rig.starts == 3
    rig.show(SMALL_PAGES[1])
    assert rig.glass.glass() == SMALL_PAGES[1]
    assert rig.starts == 3
    rig.glass.read = answered
    rig.show(SMALL_PAGES[1], later=REWRITE_EVERY)
    assert rig.starts == 4
    rig.assert_well(SMALL_PAGES[1], "later")
