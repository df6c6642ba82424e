"""The HD44780 behind a PCF8574 as pure encoding: text in, bytes for the port expander out.

Times are the datasheet's (Hitachi HD44780U, p. 24 and 46), stretched by 1.42 for its slowest oscillator
(190 kHz instead of 270). The expander is rated for 100 kHz: there a byte takes 90 us, longer than the
58 us of a character, so a whole frame goes into one transfer with no waits. Only the start needs some.

RS and R/W may not change in the byte that raises E: a byte that only changes RS goes before. Between two
transfers the port rests with E, R/W and RS low, or in the middle of a read (`hw.instep`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

from hw.glyphs import GLYPHS, code

Frame = tuple[bytes, ...]
"""Character codes, a row each."""

_SET_ADDRESS = 0x80
_SET_GLYPHS = 0x40
_TWO_LINES = 0x28
_INCREMENT = 0x06
_HOME = 0x02
_DISPLAY_ON = 0x0C  # no cursor and no blink: the controller would go on with them after we died
_LINE_CELLS = 40


class Register(IntEnum):
    """What the RS line selects."""

    COMMAND = 0
    DATA = 1


@dataclass(frozen=True, slots=True)
class PinMap:
    """Which bit of the port expander is wired to which pin of the controller; the usual backpack by default.

    Attributes:
        rs: register select, like all of them 0-7 for P0-P7.
        rw: read/write; some boards leave it open and ground the controller's pin.
        e: enable.
        backlight: the transistor of the light.
        d4: the lowest data line in use.
        d5: the next.
        d6: the next.
        d7: the highest; carries the busy flag.
        lit_low: a low backlight pin lights (a PNP transistor, as on the mjkdz board).
    """

    rs: int = 0
    rw: int = 1
    e: int = 2
    backlight: int = 3
    d4: int = 4
    d5: int = 5
    d6: int = 6
    d7: int = 7
    lit_low: bool = False

    def port(self, register: Register, nibble: int, *, backlight: bool) -> int:
        """Return the port's byte with E low and R/W low (write)."""
        light = (backlight is not self.lit_low) << self.backlight
        return register << self.rs | light | self.lines(nibble)

    def lines(self, nibble: int) -> int:
        """Return the data lines that are high for this half of a byte."""
        low = (nibble & 1) << self.d4 | (nibble >> 1 & 1) << self.d5
        return low | (nibble >> 2 & 1) << self.d6 | (nibble >> 3 & 1) << self.d7

    def nibble(self, port: int) -> int:
        """Return what stands on the data lines."""
        low = port >> self.d4 & 1 | (port >> self.d5 & 1) << 1
        return low | (port >> self.d6 & 1) << 2 | (port >> self.d7 & 1) << 3


@dataclass(frozen=True, slots=True)
class Size:
    """The glass: columns x rows. 20x4 is the largest that one controller drives."""

    columns: int
    rows: int

    def address(self, row: int, column: int) -> int:
        """Return the display memory's address of a cell: rows 2 and 3 go on where 0 and 1 end."""
        return 0x40 * (row % 2) + self.columns * (row // 2) + column


SIZE_16X2 = Size(16, 2)
SIZE_20X4 = Size(20, 4)
SIZES = {"16x2": SIZE_16X2, "20x4": SIZE_20X4}
"""Each size by its usual name."""


@dataclass(frozen=True, slots=True)
class Step:
    """One transfer of the start, and how long to wait after it, in seconds."""

    data: bytes
    wait: float


@dataclass(frozen=True, slots=True)
class Run:
    """Characters that go to adjacent addresses."""

    address: int
    codes: bytes


Operations = Sequence[tuple[Register, int]]
"""Bytes for the controller, each with where it goes."""


def encode(lines: Sequence[str], size: Size) -> Frame:
    """Turn text into character codes; what the glass can't show becomes `?`.

    Raises:
        ValueError: the lines do not have exactly the size of the glass.
    """
    if len(lines) != size.rows or any(len(line) != size.columns for line in lines):
        have = "x".join(str(len(line)) for line in lines)
        raise ValueError(f"a frame has {size.rows} lines of {size.columns} characters, not {have or 'none'}")
    return tuple(bytes(code(character) for character in line) for line in lines)


def start(pins: PinMap, port: int, *, backlight: bool) -> tuple[Step, ...]:
    """Bring the controller from whatever state into 4-bit mode, in step and unshifted.

    It serves the cold start (8-bit mode, display off), the warm one and half a byte left behind by a broken
    transfer: three 3s end in 8-bit mode from each of them ("initializing by instruction", p. 46).
    The display memory survives and the display is not switched off: no blank frame.

    Args:
        pins: the wiring.
        port: what the expander's pins are now; E falls with the others as they stand.
        backlight: on or off.
    """
    fall = bytes([port & ~(1 << pins.e)])
    low = rest(pins, backlight=backlight)
    three = low + _nibbles(Register.COMMAND, (3,), pins, backlight=backlight)
    four_bits = low + _nibbles(Register.COMMAND, (2,), pins, backlight=backlight)
    modes = settle(pins, backlight=backlight)
    return (
        Step(fall + low, 0.060),  # 40 ms from power-up
        Step(three, 0.006),  # 4.1 ms; also enough for a clear that half a byte may have made
        # 100 us after the second 3: the byte with E low before the next makes it 180 us
        Step(three + three + four_bits + modes.data, modes.wait),
    )


def settle(pins: PinMap, *, backlight: bool) -> Step:
    """Set anew what a wrong instruction may have changed: two lines, counting up, nothing shifted.

    None of it shows on a display where all of that is so.
    """
    commands = [(Register.COMMAND, value) for value in (_TWO_LINES, _INCREMENT, _HOME)]
    return Step(wire(commands, pins, backlight=backlight), 0.003)  # home takes 1.52 ms


def difference(size: Size, shown: Frame | None, wanted: Frame) -> tuple[Run, ...]:
    """Find the fewest bytes that turn the shown frame into the wanted one; None as shown means everything.

    A new address costs 6 bytes of the wire and a character 4: one unchanged cell between two changes is
    written again, two are not. The controller counts on from the end of line 0 to line 1 by itself.
    """
    cells = sorted(
        (size.address(row, column), row, column) for row in range(size.rows) for column in range(size.columns)
    )
    runs: list[Run] = []
    bridge: bytes | None = None  # what a last run would have to write again to go on here; None: it can't
    follows = -1  # the address that comes by itself
    for address, row, column in cells:
        character = wanted[row][column : column + 1]
        if address != follows:
            bridge = None
        follows = _next_address(address)
        if shown is not None and shown[row][column : column + 1] == character:
            bridge = character if bridge == b"" else None
        elif bridge is None:
            runs.append(Run(address, character))
            bridge = b""
        else:
            runs[-1] = Run(runs[-1].address, runs[-1].codes + bridge + character)
            bridge = b""
    return tuple(runs)


def writes(runs: Iterable[Run]) -> Operations:
    """Say what brings these characters to their places."""
    operations: list[tuple[Register, int]] = []
    for run in runs:
        operations += goto(run.address)
        operations += [(Register.DATA, character) for character in run.codes]
    return operations


def goto(address: int) -> Operations:
    """Say what sets the address counter."""
    return [(Register.COMMAND, _SET_ADDRESS | address)]


def everything(frame: Frame, size: Size) -> Operations:
    """Say what brings all that can be seen: glyphs, characters, display on."""
    return [
        (Register.COMMAND, _SET_GLYPHS),
        *((Register.DATA, dots) for glyph in GLYPHS for dots in glyph.rows),
        *writes(difference(size, None, frame)),
        (Register.COMMAND, _DISPLAY_ON),
    ]


def counter_after(runs: Sequence[Run]) -> int:
    """Return where the address counter stands when the last run was written."""
    address = runs[-1].address
    for _ in runs[-1].codes:
        address = _next_address(address)
    return address


def rest(pins: PinMap, *, backlight: bool) -> bytes:
    """Encode all control lines low."""
    return bytes([pins.port(Register.COMMAND, 0, backlight=backlight)])


def wire(operations: Operations, pins: PinMap, *, backlight: bool) -> bytes:
    """Encode writes to the controller in 4-bit mode: 4 bytes each, and one whenever RS changes.

    It begins at rest and ends with E low.
    """
    out = bytearray()
    selected = Register.COMMAND
    for register, value in operations:
        if register is not selected:
            out.append(pins.port(register, 0, backlight=backlight))
            selected = register
        out += _nibbles(register, (value >> 4, value & 0x0F), pins, backlight=backlight)
    return bytes(out)


def _nibbles(register: Register, nibbles: Iterable[int], pins: PinMap, *, backlight: bool) -> bytes:
    """Clock nibbles in: the controller takes each on E's falling edge, with the data still standing."""
    out = bytearray()
    for nibble in nibbles:
        port = pins.port(register, nibble, backlight=backlight)
        out += bytes((port | 1 << pins.e, port))
    return bytes(out)


def _next_address(address: int) -> int:
    """Count as the controller does with two lines: 00-27, 40-67, and from the end to the begin."""
    return {_LINE_CELLS - 1: 0x40, 0x40 + _LINE_CELLS - 1: 0x00}.get(address, address + 1)
