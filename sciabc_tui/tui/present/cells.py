"""Ready text: cells with a tone, lines and rows of them, and how text is made to fit.

A tone is a meaning, not a colour; the widgets' style sheet gives it one.

What the first frame is made of is a Struct: it waits until each class is made, and a dataclass takes forty
times as long.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TypeAlias, overload

from msgspec import Struct
from msgspec.structs import replace
from typing_extensions import override

REPLACEMENT = "?"
"""Stands for what must not reach a terminal; in every character set and one cell wide."""

_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?")
_HIDDEN_CATEGORIES = {"Cc", "Cf", "Cs", "Cn", "Zl", "Zp"}
# They print nothing or change their neighbour, and are of no hidden category: grapheme joiner, Hangul
# fillers, Mongolian and other variation selectors.
_HIDDEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


class Tone(StrEnum):
    """What a piece of text means."""

    PLAIN = "plain"
    OK = "ok"
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"
    DIM = "dim"
    ACCENT = "accent"
    HUE0 = "hue0"
    HUE1 = "hue1"
    HUE2 = "hue2"
    HUE3 = "hue3"
    HUE4 = "hue4"
    HUE5 = "hue5"


HUES = (Tone.HUE0, Tone.HUE1, Tone.HUE2, Tone.HUE3, Tone.HUE4, Tone.HUE5)
"""Tell neighbours apart, as the ranks of a log; they mean nothing else."""


class Cell(Struct, frozen=True):
    """A piece of a line."""

    text: str
    tone: Tone = Tone.PLAIN
    ink: str = ""
    """What a program wanted for its text, over the tone (`present.ansi` says in which words)."""


Line: TypeAlias = tuple[Cell, ...]


class Row(Struct, frozen=True):
    """A line of a table. The cursor holds on to `key` while rows come and go."""

    key: str
    cells: Line


class LazyRows(Sequence[Row]):
    """Rows that are made when somebody looks at them: of thousands a screen shows some twenty."""

    def __init__(self, keys: Sequence[str], make: Callable[[int], Row]) -> None:
        """Make none yet.

        Args:
            keys: Of the rows, in their order.
            make: Gives the row of a number.
        """
        self.keys = keys
        self._make = make
        self._made: dict[int, Row] = {}

    @override
    def __len__(self) -> int:
        return len(self.keys)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Row]: ...

    @override
    def __getitem__(self, index: int | slice) -> Row | Sequence[Row]:
        if isinstance(index, slice):
            return tuple(self[number] for number in range(*index.indices(len(self))))
        number = range(len(self))[index]
        row = self._made.get(number)
        if row is None:
            row = self._made[number] = self._make(number)
        return row


class Table(Struct, frozen=True):
    """A table, ready to be drawn: every cell is padded to its column."""

    title: str
    heading: str
    rows: Sequence[Row]
    note: str = ""
    """What stands at the end of the title's line."""
    empty: str = ""
    """What stands there when there is no row."""


class GridColumn(Struct, frozen=True):
    """A column of a grid."""

    key: str
    heading: str
    width: int


class GridRow(Struct, frozen=True):
    """A row of a grid, with as many cells as the grid has columns; nothing is padded yet."""

    key: str
    name: str
    cells: Line


class Grid(Struct, frozen=True):
    """Cells that a cursor can stand on, each in the row of a name."""

    title: str
    columns: tuple[GridColumn, ...]
    rows: tuple[GridRow, ...]
    heading: str = ""
    """What stands above the names."""
    name_width: int = 8
    note: str = ""
    """What stands at the end of the title's line."""
    empty: str = ""
    """What stands there when there is no row."""


def plain(text: str) -> str:
    """Make text from elsewhere harmless: one line, no control, bidi, zero-width or escape characters."""
    if text.isprintable() and not _HIDDEN.search(text):
        return text
    text = _ESCAPES.sub("", text.expandtabs(8))
    return "".join(REPLACEMENT if is_hidden(character) else character for character in text)


def is_hidden(character: str) -> bool:
    """Tell whether a character is no honest cell of a screen."""
    return unicodedata.category(character) in _HIDDEN_CATEGORIES or _HIDDEN.match(character) is not None


def cell_width(text: str) -> int:
    """Count the cells that a text takes on the screen."""
    if text.isascii():
        return len(text)
    return sum(_width_of(character) for character in text)


def _width_of(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def fit(text: str, width: int, *, right: bool = False, cut: str = "~") -> str:
    """Pad or cut a text to exactly `width` cells; `cut` (one cell) marks what was cut off."""
    if width <= 0:
        return ""
    missing = width - cell_width(text)
    if missing < 0:
        text = crop(text, width - 1) + cut
        missing = width - cell_width(text)
    return " " * missing + text if right else text + " " * missing


def crop(text: str, width: int) -> str:
    """Cut a text to at most `width` cells."""
    if text.isascii():
        return text[:width]
    taken = 0
    for index, character in enumerate(text):
        taken += _width_of(character)
        if taken > width:
            return text[:index]
    return text


def line_width(line: Iterable[Cell]) -> int:
    """Count the cells of a line."""
    return sum(cell_width(cell.text) for cell in line)


def dimmed_line(line: Line) -> Line:
    """Give the line as something that may no longer hold."""
    return tuple(replace(cell, tone=Tone.DIM) for cell in line)


def dimmed(table: Table) -> Table:
    """Give the table as something that may no longer hold."""
    rows = tuple(replace(row, cells=dimmed_line(row.cells)) for row in table.rows)
    return replace(table, rows=rows)


def titled(title: str, width: int, rule: str) -> Line:
    """Give the line that begins a section."""
    rest = max(0, width - cell_width(title) - 3)
    return (Cell(f"{rule} ", Tone.DIM), Cell(f"{title} ", Tone.DIM), Cell(rule * rest, Tone.DIM))


def wrapped(text: str, width: int) -> tuple[str, ...]:
    """Break a text into lines of at most `width` cells, at spaces where there are some."""
    lines: list[str] = []
    line = ""
    for word in text.split():
        joined = f"{line} {word}" if line else word
        if cell_width(joined) <= width:
            line = joined
            continue
        if line:
            lines.append(line)
        while cell_width(word) > width > 0:
            head = crop(word, width)
            lines.append(head)
            word = word[len(head) :]  # noqa: PLW2901 (what is left of the word is the word)
        line = word
    return (*lines, line) if line or not lines else tuple(lines)
