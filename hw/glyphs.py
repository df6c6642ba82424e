"""Characters of the glass: which code shows them, and the patterns that we bring ourselves.

The controller comes with one of two character ROMs (A00, A02) and nobody can ask which. They agree on
0x20-0x7D except the backslash; everything else that we show is a pattern of our own.
"""

from dataclasses import dataclass

UNKNOWN = "?"


@dataclass(frozen=True, slots=True)
class Glyph:
    """A pattern: the character it stands for, and 8 rows of 5 dots, the leftmost dot as bit 4."""

    character: str
    rows: bytes


def _bar(columns: int) -> bytes:
    return bytes([0b11111 << (5 - columns) & 0b11111] * 8)


GLYPHS = (
    Glyph("♥", bytes((0b00000, 0b01010, 0b11111, 0b11111, 0b01110, 0b00100, 0b00000, 0b00000))),
    Glyph("♡", bytes((0b00000, 0b01010, 0b10101, 0b10001, 0b01010, 0b00100, 0b00000, 0b00000))),
    Glyph("°", bytes((0b01100, 0b10010, 0b10010, 0b01100, 0b00000, 0b00000, 0b00000, 0b00000))),
    Glyph("▏", _bar(1)),
    Glyph("▍", _bar(2)),
    Glyph("▌", _bar(3)),
    Glyph("▊", _bar(4)),
    Glyph("█", _bar(5)),
)
"""The eight patterns, in the order of their codes. A cell is five dots wide: a bar has five parts."""

_ALIASES = {"▎": "▏", "▋": "▌", "▉": "▊"}
"""Eighths of a bar that share a pattern with their neighbour."""

_ROM = {chr(value): value for value in range(0x20, 0x7E) if chr(value) != "\\"}
_OWN = {glyph.character: number for number, glyph in enumerate(GLYPHS)}
_CODES = _ROM | _OWN | {alias: _OWN[character] for alias, character in _ALIASES.items()}


def code(character: str) -> int:
    """Return the code that shows this character, or that of `?`."""
    return _CODES.get(character, _CODES[UNKNOWN])
