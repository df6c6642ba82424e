"""An HD44780 that obeys its datasheet: what each nibble does, how long it is busy then, what it answers."""

from collections.abc import Callable

from hw.glyphs import GLYPHS

_SLOWEST = 270 / 190  # its oscillator may run at 190 kHz; the datasheet's times are for 270
_POWER_UP = 40_000 * _SLOWEST
_HOME = 1_520 * _SLOWEST
_COMMAND = 37 * _SLOWEST
_DATA = (37 + 4) * _SLOWEST
_FIRST_WAITS = (4_100 * _SLOWEST, 100 * _SLOWEST)  # after the first and second function set from power-up
_LINE = 40
_CELLS = 2 * _LINE
_DOTS = "\N{REPLACEMENT CHARACTER}"


class Controller:
    """The chip, in microseconds of a clock that its owner keeps."""

    def __init__(self, now: float) -> None:
        """Switch the power on: 8-bit mode, one line, display off, memory blank."""
        self.busy_until = now + _POWER_UP
        self.eight_bit = True
        self.display_on = False
        self.cursor = False
        """The chip's own cursor or blink is on."""
        self._two_lines = False
        self._pending: int | None = None
        self._function_sets = 0
        self._step = 1
        self._scrolls = False
        self._shift = 0
        self._cells = bytearray(b" " * _CELLS)
        self._patterns = bytearray(64)
        self._to_patterns = False
        self._at = 0  # the place in the cells or in the patterns
        self._execute: tuple[Callable[[int], None], ...] = (  # by the highest bit that is set
            self._nothing,
            self._clear,
            self._go_home,
            self._set_entry,
            self._set_display,
            self._move,
            self._set_function,
            self._set_pattern_address,
            self._set_address,
        )

    def clock(self, now: float, nibble: int, *, data: bool, read: bool) -> None:
        """Take what stands on the upper four data lines as E falls."""
        if self.eight_bit:
            # The lower lines float high or are grounded; low is the worse case, for it means one line.
            value = nibble << 4
        elif self._pending is None:
            self._pending = nibble
            return
        else:
            value, self._pending = self._pending << 4 | nibble, None
        if not read:
            self._take(now, value, data=data)
        elif data:
            self._advance()

    def output(self, now: float, *, data: bool) -> int:
        """Return what it drives on the upper four data lines while E and R/W are high."""
        if data:
            value = (self._patterns if self._to_patterns else self._cells)[self._at]
        else:
            value = (now < self.busy_until) << 7 | self._address()
        return value >> 4 if self.eight_bit or self._pending is None else value & 0x0F

    def cell(self, line: int, column: int) -> str:
        """Return the character that this place of a line shows; U+FFFD is dots of no meaning."""
        if not self.display_on or (line and not self._two_lines):
            return " "
        code = self._cells[line * _LINE + (column + self._shift) % _LINE]
        if code < 16:
            return self._pattern(code % 8)
        return chr(code) if 0x20 <= code <= 0x7D and code != 0x5C else _DOTS

    def _pattern(self, number: int) -> str:
        rows = bytes(self._patterns[number * 8 : number * 8 + 8])
        return next((glyph.character for glyph in GLYPHS if glyph.rows == rows), _DOTS)

    def _take(self, now: float, value: int, *, data: bool) -> None:
        if data:
            self.busy_until = now + _DATA
            self._store(value)
        else:
            self.busy_until = now + _COMMAND
            self._execute[value.bit_length()](value)
            if value in {1, 2, 3}:
                self.busy_until = now + _HOME
            elif value.bit_length() == 6 and self._function_sets <= len(_FIRST_WAITS):
                self.busy_until = now + _FIRST_WAITS[self._function_sets - 1]

    def _store(self, value: int) -> None:
        if self._to_patterns:
            self._patterns[self._at] = value & 0x1F
        else:
            self._cells[self._at] = value
            if self._scrolls:
                self._shift = (self._shift + self._step) % _LINE
        self._advance()

    def _advance(self) -> None:
        self._at = (self._at + self._step) % (64 if self._to_patterns else _CELLS)

    def _address(self) -> int:
        """Return what the address counter reads as."""
        second = self._two_lines and not self._to_patterns and self._at >= _LINE
        return self._at - _LINE + 0x40 if second else self._at

    def _nothing(self, value: int) -> None:
        """Do what the instruction of all zeros does."""

    def _clear(self, value: int) -> None:
        self._cells[:] = b" " * _CELLS
        self._step = 1
        self._go_home(value)

    def _go_home(self, _value: int) -> None:
        self._at, self._to_patterns, self._shift = 0, False, 0

    def _set_entry(self, value: int) -> None:
        self._step = 1 if value & 2 else -1
        self._scrolls = bool(value & 1)

    def _set_display(self, value: int) -> None:
        self.display_on = bool(value & 4)
        self.cursor = bool(value & 3)

    def _move(self, value: int) -> None:
        step = 1 if value & 4 else -1
        if value & 8:
            self._shift = (self._shift - step) % _LINE
        else:
            self._at = (self._at + step) % (64 if self._to_patterns else _CELLS)

    def _set_function(self, value: int) -> None:
        self._function_sets += 1
        self.eight_bit = bool(value & 0x10)
        self._two_lines = bool(value & 8)
        self._pending = None

    def _set_pattern_address(self, value: int) -> None:
        self._at, self._to_patterns = value & 0x3F, True

    def _set_address(self, value: int) -> None:
        """Two lines lie at 00-27 and 40-67, the one line at 00-4F; the holes between are not defined."""
        address = value & 0x7F
        place = address - 0x40 + _LINE if self._two_lines and address >= 0x40 else address
        self._at, self._to_patterns = place % _CELLS, False
