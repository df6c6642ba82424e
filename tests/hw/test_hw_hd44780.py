"""The encoding by itself: bytes of the wire, character codes, differences."""

import itertools

import pytest

from hw.hd44780 import (
    SIZE_16X2,
    SIZE_20X4,
    PinMap,
    Register,
    Run,
    Size,
    counter_after,
    difference,
    encode,
    wire,
    writes,
)

PINS = PinMap()


def _cost(size: Size, before: tuple[str, ...] | None, after: tuple[str, ...]) -> int:
    shown = None if before is None else encode(before, size)
    return len(wire(writes(difference(size, shown, encode(after, size))), PINS, backlight=True))


@pytest.mark.parametrize(("size", "budget"), [(SIZE_16X2, 160), (SIZE_20X4, 370)])
def test_a_full_frame_keeps_to_the_budget_of_the_wire(size: Size, budget: int) -> None:
    """Every character of the glass goes over within the bytes that we allow ourselves."""
    assert _cost(size, None, ("x" * size.columns,) * size.rows) <= budget


def test_three_digits_cost_at_most_24_bytes() -> None:
    """A changed number does not make the frame go again."""
    assert _cost(SIZE_16X2, ("load 123 of 320 ", " " * 16), ("load 456 of 320 ", " " * 16)) <= 24


def test_an_unchanged_frame_costs_nothing() -> None:
    """No byte goes over the wire for a frame that is shown already."""
    assert _cost(SIZE_20X4, ("x" * 20,) * 4, ("x" * 20,) * 4) == 0


def test_a_lone_unchanged_cell_is_bridged_and_two_are_not() -> None:
    """A run goes on over a gap only where that is cheaper than a new address."""
    shown = encode(("abcdefghijklmnop", " " * 16), SIZE_16X2)
    near = difference(SIZE_16X2, shown, encode(("AbCdefghijklmnop", " " * 16), SIZE_16X2))
    far = difference(SIZE_16X2, shown, encode(("AbcDefghijklmnop", " " * 16), SIZE_16X2))
    assert near == (Run(0x00, b"AbC"),)
    assert far == (Run(0x00, b"A"), Run(0x03, b"D"))


def test_the_rows_of_20x4_lie_where_the_datasheet_puts_them() -> None:
    """Rows begin at 00, 40, 14 and 54, so that one run writes them as 0, 2, 1, 3."""
    assert [SIZE_20X4.address(row, 0) for row in range(4)] == [0x00, 0x40, 0x14, 0x54]
    frame = tuple(bytes([row]) * 20 for row in range(4))
    assert difference(SIZE_20X4, None, frame) == (Run(0x00, frame[0] + frame[2] + frame[1] + frame[3]),)


def test_rs_and_rw_never_change_in_the_byte_that_raises_e() -> None:
    """The setup time of the select lines is kept by a byte of its own."""
    data = wire(
        [(Register.COMMAND, 0x80), (Register.DATA, 0x41), (Register.COMMAND, 0xC0)], PINS, backlight=True
    )
    for before, after in itertools.pairwise(data):
        if after & ~before & 1 << PINS.e:
            assert not (before ^ after) & (1 << PINS.rs | 1 << PINS.rw)


def test_an_unusual_pin_map_moves_every_bit() -> None:
    """The wiring is data: nothing in the encoding assumes the usual backpack."""
    pins = PinMap(rs=6, rw=5, e=4, backlight=7, d4=3, d5=2, d6=1, d7=0)
    assert pins.port(Register.DATA, 0b0001, backlight=False) == 0b0100_1000
    assert pins.port(Register.COMMAND, 0b1000, backlight=True) == 0b1000_0001
    assert pins.port(Register.COMMAND, 0b0110, backlight=False) == 0b0000_0110


def test_a_light_that_a_low_pin_switches_on() -> None:
    """Some backpacks have a transistor that conducts when its base is low."""
    pins = PinMap(lit_low=True)
    assert pins.port(Register.COMMAND, 0, backlight=True) == 0
    assert pins.port(Register.COMMAND, 0, backlight=False) == 1 << pins.backlight


@pytest.mark.parametrize("nibble", range(16))
def test_the_data_lines_are_read_as_they_are_written(nibble: int) -> None:
    """Whatever the wiring and the other pins."""
    for pins in (PINS, PinMap(rs=6, rw=5, e=4, backlight=7, d4=3, d5=0, d6=2, d7=1)):
        assert pins.nibble(pins.port(Register.DATA, nibble, backlight=True)) == nibble
        assert pins.nibble(pins.port(Register.COMMAND, nibble, backlight=False)) == nibble


@pytest.mark.parametrize(
    ("run", "counter"),
    [
        (Run(0x00, b"A"), 0x01),
        (Run(0x0F, b"A"), 0x10),
        (Run(0x27, b"A"), 0x40),
        (Run(0x26, b"ABC"), 0x41),
        (Run(0x67, b"A"), 0x00),
        (Run(0x00, b"A" * 80), 0x00),
    ],
)
def test_the_address_counter_goes_from_line_to_line(run: Run, counter: int) -> None:
    """With two lines 27 is followed by 40, and 67 by 00; only the last run counts."""
    assert counter_after([Run(0x13, b"xyz"), run]) == counter


@pytest.mark.parametrize("character", ["\\", "~", "→", "é", "\x00", "\x1b", "\n", "\x7f", "√", "漢"])
def test_what_the_roms_do_not_agree_on_becomes_a_question_mark(character: str) -> None:
    """Only the range that both ROMs share and our own glyphs reach the glass; control characters never."""
    assert encode((character * 16, " " * 16), SIZE_16X2)[0] == b"?" * 16


def test_the_parts_of_a_bar_never_shrink_as_it_grows() -> None:
    """Eighths of a bar fall on fifths in order."""
    (codes, _) = encode(("▏▎▍▌▋▊▉█".ljust(16), " " * 16), SIZE_16X2)
    assert list(codes[:8]) == sorted(codes[:8])


@pytest.mark.parametrize(
    "lines",
    [(), ("x" * 16,), ("x" * 16,) * 3, ("x" * 15, "x" * 16), ("x" * 17, "x" * 16), ("x" * 20,) * 4],
)
def test_a_frame_of_another_size_is_refused(lines: tuple[str, ...]) -> None:
    """A frame for another glass is a mistake of the caller and says what was expected."""
    with pytest.raises(ValueError, match="2 lines of 16 characters"):
        encode(lines, SIZE_16X2)
