r"""What a program printed, as a terminal would have left it: its colours are kept, all else is harmless.

Of the escape sequences only those for colours and attributes (SGR) mean something; the others vanish. A line
that returned to its begin (`\r`) shows its last state, tabs go to each eighth cell.

An ink is how a piece was printed, in words: attributes (`bold`, `dim`, `italic`, `underline`, `reverse`),
then the colour of the text, then `on` and the one behind it; a colour is `color(0)` to `color(255)`, or
`#rrggbb`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sciabc_tui.tui.present.cells import cell_width, crop, plain

_TAB = 8
_FOLLOWED = 4096
"""Characters of sequences that are followed before what is seen: a line may hold 64 KiB of them."""
_TOKEN = re.compile(
    r"\x1b\[(?P<sgr>[0-9;:]{0,99})m"
    r"|(?P<run>[^\x1b\t]+)"
    r"|(?P<tab>\t)"
    r"|\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[ -/]*[0-~]"
    r"|\x1b"
)
_ESCAPES = re.compile(
    rb"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-~]|\x1b"
)
_SGR = re.compile(r"\x1b\[([0-9;:]{0,99})m")
_ON = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse"}
_OFF = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",)}


class Span(NamedTuple):
    """A piece of a line that was printed in one ink."""

    text: str
    ink: str


@dataclass(frozen=True, slots=True)
class _Pen:
    """What the sequences so far have set."""

    attributes: frozenset[str] = frozenset()
    fore: str = ""
    back: str = ""

    @property
    def ink(self) -> str:
        words = [*sorted(self.attributes), self.fore, f"on {self.back}" if self.back else ""]
        return " ".join(word for word in words if word)


def without_escapes(text: bytes) -> bytes:
    """Take the escape sequences out, so that what a colour stands within can be found."""
    return _ESCAPES.sub(b"", text) if b"\x1b" in text else text


def spans(text: bytes, cells: int) -> list[Span]:
    """Give the begin of a line.

    Args:
        text: As it was printed.
        cells: How many are needed; a character at the end may reach beyond. What is after it costs nothing.
    """
    decoded = text.decode(errors="replace").rstrip("\r")
    over, _, shown = decoded.rpartition("\r")
    pen = _Pen()
    for found in _SGR.finditer(over[-_FOLLOWED:]):
        pen = _drawn(pen, found[1])
    made: list[Span] = []
    column = 0
    for piece, ink in _pieces(shown[: _FOLLOWED + 64 * cells], pen):
        for part in _parts(piece, column):
            width = cell_width(part)
            if column + width > cells:
                part = crop(part, cells - column + 1)  # noqa: PLW2901 (what is left of the part is the part)
            made.append(Span(part, ink))
            column += width
            if column >= cells:
                return made
    return made


def _pieces(text: str, pen: _Pen) -> Iterator[tuple[str, str]]:
    """Give what is printed, with its ink."""
    for found in _TOKEN.finditer(text):
        if (sequence := found["sgr"]) is not None:
            pen = _drawn(pen, sequence)
        elif run := found["run"] or found["tab"]:
            yield run, pen.ink


def _parts(piece: str, column: int) -> Iterator[str]:
    """Give harmless text, a screen's width at a time: what is not wanted any more is not looked at."""
    if piece == "\t":
        yield " " * (_TAB - column % _TAB)
        return
    for begin in range(0, len(piece), 512):
        yield plain(piece[begin : begin + 512])


def _drawn(pen: _Pen, sequence: str) -> _Pen:
    """Follow one sequence."""
    if not sequence:
        return _Pen()
    codes = iter(sequence.split(";"))
    for code in codes:
        first, *more = code.split(":")
        number = int(first or 0)
        if number in {38, 48}:
            colour = _colour(more) if more else _colour_of(codes)
            pen = replace(pen, fore=colour) if number == 38 else replace(pen, back=colour)
        else:
            pen = _coded(pen, 24 if number == 4 and more == ["0"] else number)
    return pen


def _coded(pen: _Pen, number: int) -> _Pen:
    match number:
        case 0:
            return _Pen()
        case 39:
            return replace(pen, fore="")
        case 49:
            return replace(pen, back="")
        case _ if number in _ON:
            return replace(pen, attributes=pen.attributes | {_ON[number]})
        case _ if number in _OFF:
            return replace(pen, attributes=pen.attributes - {*_OFF[number]})
        case _:
            return _coloured(pen, number)


def _coloured(pen: _Pen, number: int) -> _Pen:
    tens, unit = divmod(number, 10)
    if unit > 7 or tens not in {3, 4, 9, 10}:
        return pen
    colour = f"color({unit + 8 if tens >= 9 else unit})"
    return replace(pen, fore=colour) if tens in {3, 9} else replace(pen, back=colour)


def _colour_of(codes: Iterator[str]) -> str:
    """Read a colour as it is written mostly: `5;N` or `2;R;G;B`."""
    kind = next(codes, "")
    count = {"5": 1, "2": 3}.get(kind, 0)
    return _colour([kind, *(next(codes, "") for _ in range(count))])


def _colour(parts: list[str]) -> str:
    """Give a colour; none if it is no colour."""
    kind, *numbers = (int(part) if part.isdecimal() else 0 for part in parts)
    numbers = [min(255, number) for number in numbers]
    match kind, numbers:
        case 5, [index, *_]:
            return f"color({index})"
        case 2, [*_, red, green, blue]:
            return f"#{red:02x}{green:02x}{blue:02x}"
        case _:
            return ""
