"""The last look at every line before it goes to the terminal: only honest cells pass.

Texts from elsewhere are made harmless where they are presented (`present.cells.plain`). This holds also
for what takes another way: a toast, a field, the palette.
"""

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter
from typing_extensions import override

from sciabc_tui.tui.present.cells import REPLACEMENT, is_hidden


class Firewall(LineFilter):
    """Replaces control, bidi, zero-width and escape characters; the width of the line stays what it was.

    Links go: their addresses would be written to the terminal as they are (OSC 8).
    """

    @override
    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [_passed(segment) for segment in segments]


def _passed(segment: Segment) -> Segment:
    text, style, _ = segment
    linked = style is not None and style.link is not None
    if not linked and text.isascii() and text.isprintable():
        return segment
    return Segment(harmless(text), style.update_link(None) if style is not None and linked else style)


def harmless(text: str) -> str:
    """Replace what is no honest cell by as many question marks as it was thought to be wide."""
    return "".join(REPLACEMENT * cell_len(c) if is_hidden(c) else c for c in text)
