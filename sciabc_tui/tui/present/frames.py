"""Pictures as cells of a terminal: two pixels a cell where there are colours, else shades."""

from dataclasses import dataclass
from typing import TypeAlias

from sciabc_tui.api.pictures import LEVELS, Picture
from sciabc_tui.tui.present.glyphs import ASCII, Glyphs

_SHADES = " ░▒▓█"
_ASCII = " .:-=+*#%@"
_NOTHING = " "

_ANCHORS = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))
"""From the low end to the high one; their brightness grows evenly, so that the colour-blind see the same."""

COLOURS = tuple(
    tuple(
        round(one + (other - one) * (place % 1))
        for one, other in zip(_ANCHORS[int(place)], _ANCHORS[min(int(place) + 1, 4)], strict=True)
    )
    for place in (level * 4 / (LEVELS - 1) for level in range(LEVELS))
)
"""Of each level: red, green and blue, 0 to 255."""

Pixel: TypeAlias = int | None
"""A number of `COLOURS`; None where there is no number."""


@dataclass(frozen=True, slots=True)
class Pixels:
    """Ready to be drawn: rows of texts of one cell each, or of pairs of pixels one above the other."""

    pairs: tuple[tuple[tuple[Pixel, Pixel], ...], ...] = ()
    shades: tuple[str, ...] = ()

    @property
    def height(self) -> int:
        """How many lines it takes."""
        return len(self.pairs) or len(self.shades)


def drawn(picture: Picture, columns: int, lines: int, glyphs: Glyphs, *, colours: bool) -> Pixels:
    """Fit a picture into so many cells, and draw it there; its shape is kept.

    Args:
        picture: What to draw.
        columns: Of the terminal: there is no more room; 1 or more.
        lines: As well.
        glyphs: What the terminal can show.
        colours: Whether it has colours enough.
    """
    half = colours and glyphs is not ASCII
    wide, high = _size(len(picture.rows[0]), len(picture.rows), columns, 2 * lines)
    if half:
        rows = _sampled(picture.rows, wide, high + high % 2)
        pairs = zip(rows[::2], rows[1::2], strict=True)
        return Pixels(pairs=tuple(tuple(zip(upper, lower, strict=True)) for upper, lower in pairs))
    ramp = _ASCII if glyphs is ASCII else _SHADES
    rows = _sampled(picture.rows, wide, max(1, high // 2))
    return Pixels(shades=tuple("".join(_shade(level, ramp) for level in row) for row in rows))


def _shade(level: int | None, ramp: str) -> str:
    return _NOTHING if level is None else ramp[level * len(ramp) // LEVELS]


def _size(columns: int, rows: int, wide: int, high: int) -> tuple[int, int]:
    """Give the columns and rows of pixels that fit, in the shape of the picture."""
    scale = min(wide / columns, high / rows)
    return max(1, min(wide, int(columns * scale))), max(1, min(high, int(rows * scale)))


def _sampled(
    rows: tuple[tuple[int | None, ...], ...], wide: int, high: int
) -> tuple[tuple[int | None, ...], ...]:
    across = [(2 * x + 1) * len(rows[0]) // (2 * wide) for x in range(wide)]
    down = [(2 * y + 1) * len(rows) // (2 * high) for y in range(high)]
    return tuple(tuple(rows[y][x] for x in across) for y in down)
