"""Labelled texts, below each other."""

from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, wrapped
from sciabc_tui.tui.present.view import UNKNOWN

LABEL = 10
"""Cells of a label."""


def field(label: str, text: str, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """Give a labelled text, on as many lines as it needs."""
    parts = wrapped(text or UNKNOWN, max(8, width - LABEL))
    first: Line = (Cell(fit(label, LABEL), Tone.DIM), Cell(parts[0], tone if text else Tone.DIM))
    return [first, *((Cell(" " * LABEL), Cell(part, tone)) for part in parts[1:])]
