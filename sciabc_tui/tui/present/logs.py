r"""A job's log: its records as lines with the rank before them.

A record is `2026-11-21T14:03:11.123Z   0 out text`; `-` stands for the launcher, `err` for standard error,
`+` behind the stream for a piece that goes on with the record before.
"""

import re

from sciabc_tui.tui.present.cells import HUES, Cell, Line, Tone, crop, fit, plain
from sciabc_tui.tui.present.glyphs import Glyphs

_RECORD = re.compile(r"\S{24} +([0-9]{1,9}|-) (out|err)(\+?) (.*)", re.DOTALL)
_LONGEST = 4000
"""Cells of one line that are shown; the file keeps all."""


def lines_of(data: bytes, gutter: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Read whole records.

    Args:
        data: As the service gives it.
        gutter: Cells for the rank's number.
        glyphs: The signs of this terminal.
    """
    text = data.decode(errors="replace")
    return (
        tuple(_line(record, gutter, glyphs) for record in text.removesuffix("\n").split("\n")) if data else ()
    )


def _line(record: str, gutter: int, glyphs: Glyphs) -> Line:
    found = _RECORD.fullmatch(record)
    rank, stream, text = ("-", "out", record) if found is None else (found[1], found[2], found[4])
    hue = HUES[int(rank) % len(HUES)] if rank != "-" else Tone.DIM
    shown = _printed(text)
    if len(shown) > _LONGEST:
        shown = crop(shown, _LONGEST) + glyphs.cut
    tone = Tone.WARN if stream == "err" else Tone.PLAIN
    bar = Cell(glyphs.bar + " ", hue)
    return (Cell(fit(rank, gutter, right=True) + " ", hue), bar, Cell(shown, tone))


def _printed(text: str) -> str:
    """Give what a terminal would have left standing: a progress line that returns shows its last state."""
    return plain(text.rstrip("\r").rpartition("\r")[2][: 4 * _LONGEST])


def gutter_for(ranks: int) -> int:
    """Say how many cells the number of a rank takes."""
    return max(2, len(str(max(0, ranks - 1))))


def status(total: int, kept: int, *, following: bool, ended: bool) -> str:
    """Say how the log is read: how many lines, and whether new ones are followed."""
    count = f"{total:,} lines" if total == kept else f"last {kept:,} lines"
    mode = "ended" if ended else "following" if following else "paused: f follows"
    return f"{count}  {mode}"
