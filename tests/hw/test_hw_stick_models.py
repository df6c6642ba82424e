"""Every model of the stick, through the real blinkstick and pyusb above emulated firmware."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.errors import StickError
from hw.stick import Stick
from tests.hw import usb_sticks
from tests.hw.usb_sticks import Board, Usb

MODELS: dict[str, tuple[Callable[[], Board], int]] = {
    "BlinkStick": (usb_sticks.blinkstick, 1),
    "Pro": (usb_sticks.pro, 1),
    "Square": (usb_sticks.square, 8),
    "Strip": (usb_sticks.strip, 8),
    "Nano": (usb_sticks.nano, 2),
    "Flex": (usb_sticks.flex, 32),
}
every_model = pytest.mark.parametrize(("board", "count"), MODELS.values(), ids=MODELS)
colours = st.tuples(*[st.integers(0, 255)] * 3)


@pytest.fixture
def usb(monkeypatch: pytest.MonkeyPatch) -> Usb:
    """Put our libusb under the real pyusb."""
    usb = Usb()
    monkeypatch.setattr("usb.backend.libusb1.get_backend", lambda: usb)
    return usb


def opened(usb: Usb, board: Board) -> Stick:
    """Plug a stick in and open it, with no wait."""
    usb.plug(board)
    return Stick.open_first(sleep=lambda _: None)


@every_model
def test_every_model_tells_its_leds(usb: Usb, board: Callable[[], Board], count: int) -> None:
    """The number of LEDs is that of the shop, and opening changes no colour."""
    stick = opened(usb, board())
    assert stick.count == count
    assert set(usb.board.lit) == {(0, 0, 0)}


@every_model
def test_all_leds_take_their_colours_in_one_transfer(
    usb: Usb, board: Callable[[], Board], count: int
) -> None:
    """Each LED shows what it was told, no part swapped with another, for one transfer a frame."""
    stick = opened(usb, board())
    before = usb.transfers
    row = [(led, 100 + led, 255 - led) for led in range(count)]
    stick.show(row)
    assert usb.board.lit[:count] == row
    assert usb.transfers == before + 1


@every_model
def test_one_colour_and_none_reach_every_led(usb: Usb, board: Callable[[], Board], count: int) -> None:
    """`set` lights the whole stick, `off` darkens it."""
    stick = opened(usb, board())
    stick.set(1, 2, 3)
    assert set(usb.board.lit[:count]) == {(1, 2, 3)}
    stick.off()
    assert set(usb.board.lit) == {(0, 0, 0)}


@given(st.lists(colours, max_size=8))
def test_whatever_is_told_is_lit(row: list[tuple[int, int, int]]) -> None:
    """Any colours, and dark where none was told, arrive at a square as they were meant."""
    with pytest.MonkeyPatch.context() as patch:
        usb = Usb(usb_sticks.square(mode=2))
        patch.setattr("usb.backend.libusb1.get_backend", lambda: usb)
        Stick.open_first().show(row)
    assert usb.board.lit == [*row, *[(0, 0, 0)] * (8 - len(row))]


def test_more_colours_than_leds_are_refused(usb: Usb) -> None:
    """A mistake of the caller does not reach the stick."""
    stick = opened(usb, usb_sticks.square())
    sent = len(usb.reports)
    with pytest.raises(ValueError, match="9 colours for 8 LEDs"):
        stick.show([(0, 0, 0)] * 9)
    with pytest.raises(ValueError, match="0-255"):
        stick.show([(0, 0, 0), (0, 256, 0)])
    assert len(usb.reports) == sent


def test_the_mode_is_written_once_in_the_life_of_a_stick(usb: Usb) -> None:
    """A stick that repeats its first LED is told better, and waited for; its EEPROM is then left alone."""
    waits: list[float] = []
    board = usb_sticks.square(mode=3)
    usb.plug(board)
    Stick.open_first(sleep=waits.append).close()
    assert (board.mode, board.mode_writes, waits) == (2, 1, [0.1])
    usb.unplug()
    usb.plug(board)
    Stick.open_first(sleep=waits.append).close()
    assert (board.mode_writes, len(waits)) == (1, 1)


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_how_a_pro_is_wired_is_its_owners_business(usb: Usb, mode: int) -> None:
    """The mode of a Pro is neither asked for nor changed."""
    stick = opened(usb, usb_sticks.pro(mode))
    stick.set(9, 8, 7)
    assert (usb.board.mode, usb.board.mode_writes) == (mode, 0)
    assert usb.board.lit == [(9, 8, 7)]


@pytest.mark.parametrize(
    ("told", "count"), [(1, 1), (5, 5), (12, 12), (32, 32), (0, 32), (33, 32), (255, 32)]
)
def test_a_flex_has_as_many_leds_as_its_owner_says(usb: Usb, told: int, count: int) -> None:
    """A sensible number is believed, another is not; the shortest report that holds them is used."""
    stick = opened(usb, usb_sticks.flex(told))
    assert stick.count == count
    stick.set(1, 2, 3)
    assert usb.board.lit[:count] == [(1, 2, 3)] * count
    assert len(usb.reports[-1][1]) <= (4 if count == 1 else 2 + 3 * max(8, 2 * count))


@pytest.mark.parametrize(
    ("version", "device"), [("3.0", 0x0299), ("4.0", 0x0200), ("9.9", 0x0101), ("x.y", 0x0203)]
)
def test_a_model_that_nobody_knows_is_a_lamp(usb: Usb, version: str, device: int) -> None:
    """What comes out next year lights at least one LED."""
    stick = opened(usb, Board(version, device))
    stick.set(1, 2, 3)
    assert (stick.count, usb.board.lit) == (1, [(1, 2, 3)])


@pytest.mark.parametrize("serial", ["", "B", "BS"])
def test_a_serial_number_too_short_to_tell_is_a_lamp(usb: Usb, serial: str) -> None:
    """A stick that lost its serial number still has one LED."""
    board = Board("", 0x0101, serial=serial.encode("utf-16-le"))
    stick = opened(usb, board)
    stick.set(1, 2, 3)
    assert board.lit == [(1, 2, 3)]


@given(st.binary(max_size=60))
def test_no_serial_number_makes_more_than_a_stick_error(serial: bytes) -> None:
    """What a device sends is either a lamp or told in one line; no handle stays open."""
    with pytest.MonkeyPatch.context() as patch:
        usb = Usb(Board("", 0x0200, 8, serial=serial))
        patch.setattr("usb.backend.libusb1.get_backend", lambda: usb)
        problem = ""
        try:
            stick = Stick.open_first(sleep=lambda _: None)
        except StickError as error:
            problem = str(error)
        else:
            stick.set(1, 2, 3)
            stick.close()
    assert "\n" not in problem
    assert usb.handles == 0
