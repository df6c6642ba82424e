"""Read the marked lines by which a program tells how far it is, what it measures and what it sees.

```
@sciabc progress DONE of TOTAL                     whole numbers
@sciabc metric NAME VALUE [UNIT]
@sciabc frame NAME COLUMNSxROWS LOW HIGH CELLS     a character for each cell, the first row on top
```

Cells are the 64 digits of base64 (RFC 4648, table 1), from `A` at LOW to `/` at HIGH, or `.` where there is
no number. Each line stands for itself. What is not exactly so is ordinary output. The programs' own
`sciabc_lines.py` writes them; anybody can, so nothing in one is believed beyond its form.
"""

import math
import re
from dataclasses import dataclass

MARK = b"@sciabc "
LONGEST = 4096
"""Bytes of a line; a longer one is ordinary output."""

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LEVELS = {digit: level for level, digit in enumerate(_DIGITS)}
_NAME = r"([A-Za-z][A-Za-z0-9_.-]{0,31})"
_NUMBER = r"([+-]?[0-9]{1,20}(?:\.[0-9]{0,20})?(?:[eE][+-]?[0-9]{1,3})?)"
_PROGRESS = re.compile(r"progress ([0-9]{1,15}) of ([0-9]{1,15})", re.ASCII)
_METRIC = re.compile(rf"metric {_NAME} {_NUMBER}(?: ([A-Za-z%/][A-Za-z0-9%/^*.-]{{0,15}}))?", re.ASCII)
_FRAME = re.compile(
    rf"frame {_NAME} ([0-9]{{1,4}})x([0-9]{{1,4}}) {_NUMBER} {_NUMBER} ([A-Za-z0-9+/.]+)", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Progress:
    """So much of the work is done: 0 to `total`, which is 1 or more."""

    done: int
    total: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.done / self.total


@dataclass(frozen=True, slots=True)
class Metric:
    """A finite number with its name and its unit, which may be empty."""

    name: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture: a grid of numbers between two ends.

    Attributes:
        name: What it shows.
        columns: Cells in a row.
        rows: How many; the first is on top.
        low: What level 0 stands for; finite, and less than `high`.
        high: What level 63 stands for.
        cells: A character for each cell, row by row.
    """

    name: str
    columns: int
    rows: int
    low: float
    high: float
    cells: str

    def levels(self) -> tuple[tuple[int | None, ...], ...]:
        """Give the rows: levels from 0 to 63, None where there is no number."""
        found = tuple(_LEVELS.get(cell) for cell in self.cells)
        return tuple(found[start : start + self.columns] for start in range(0, len(found), self.columns))


Told = Progress | Metric | Frame


def told(line: bytes) -> Told | None:
    """Read a line of output, without its end; None if it is an ordinary one.

    It takes about 0.1 us for an ordinary line, and never raises.
    """
    if not line.startswith(MARK) or len(line) > LONGEST or not line.isascii():
        return None
    text = line[len(MARK) :].decode("ascii")
    if found := _PROGRESS.fullmatch(text):
        return _progress(int(found[1]), int(found[2]))
    if found := _METRIC.fullmatch(text):
        value = float(found[2])
        return Metric(found[1], value, found[3] or "") if math.isfinite(value) else None
    if found := _FRAME.fullmatch(text):
        return _frame(found)
    return None


def _progress(done: int, total: int) -> Progress | None:
    return Progress(done, total) if done <= total and total > 0 else None


def _frame(found: re.Match[str]) -> Frame | None:
    columns, rows, low, high = int(found[2]), int(found[3]), float(found[4]), float(found[5])
    fits = columns > 0 and len(found[6]) == columns * rows
    ends = math.isfinite(low) and math.isfinite(high) and low < high
    return Frame(found[1], columns, rows, low, high, found[6]) if fits and ends else None
