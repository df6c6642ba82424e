"""The cells of a screen: a mark and an ink each."""

from collections.abc import Callable, Iterable
from typing import TypeAlias

from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style

from sciabc_tui.tui.firewall import harmless
from sciabc_tui.tui.output.ink import PLAIN, Ink

InkOf: TypeAlias = Callable[[Style | None], Ink]

_MOST_ON_A_CELL = 3
"""Characters: a letter and what combines with it. More is no writing, and costs bytes."""


class Grid:
    """Cells by line and column; the right half of a wide character has an empty mark.

    Args:
        width: Columns.
        height: Lines.
        ink: What every cell looks like, to begin with.
    """

    def __init__(self, width: int, height: int, ink: Ink = PLAIN) -> None:
        self.width = width
        self.height = height
        self.marks = [[" "] * width for _ in range(height)]
        self.inks = [[ink] * width for _ in range(height)]

    def put(self, x: int, y: int, width: int, segments: Iterable[Segment], ink_of: InkOf) -> None:
        """Write `width` cells from column `x` on; what does not fit is left out, what is missing is blank."""
        end = min(x + width, self.width)
        if not (0 <= y < self.height and 0 <= x < end):
            return
        marks, inks = self.marks[y], self.inks[y]
        if not marks[x] and x:
            marks[x - 1] = " "  # the left half of a wide character whose right half goes
        ink = PLAIN
        for text, style, control in segments:
            if control:
                continue
            ink = ink_of(style)
            if text.isascii() and text.isprintable():
                upto = min(x + len(text), end)
                marks[x:upto] = text[: upto - x]
            else:
                upto = _write(marks, x, end, harmless(text))
            inks[x:upto] = [ink] * (upto - x)
            x = upto
        marks[x:end] = " " * (end - x)
        inks[x:end] = [ink] * (end - x)
        if end < self.width and not marks[end]:
            marks[end] = " "  # the right half of one whose left half went

    def copy_line(self, y: int, other: "Grid") -> None:
        """Take over a line of a grid of the same size."""
        self.marks[y] = other.marks[y].copy()
        self.inks[y] = other.inks[y].copy()


def _write(marks: list[str], x: int, end: int, text: str) -> int:
    """Write character by character; give where it ended."""
    start = x
    for character in text:
        width = get_character_cell_size(character)
        if not width:
            last = x - 1 if x > start and marks[x - 1] else x - 2
            if last >= start and len(marks[last]) < _MOST_ON_A_CELL:
                marks[last] += character
        elif x + width > end:
            break
        else:
            marks[x : x + width] = [character, ""][:width]
            x += width
    return x
