"""A record of a log as lines of cells: who wrote it, when, and the text as far as it is seen."""

import re
from collections import OrderedDict
from dataclasses import dataclass
from enum import StrEnum

from sciabc_tui.tui.present.ansi import Span, spans
from sciabc_tui.tui.present.cells import HUES, Cell, Line, Tone, cell_width, crop, fit
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.log_records import Record
from sciabc_tui.tui.present.view import clock_time

_WRAPPED = 300
"""Records whose wrapped rows are kept."""

_WHOLE = 256 * 1024
"""Cells that a whole record may have: more than its bytes."""

_TIME = 13

_MARK, _PICTURE = b"@sciabc ", b"@sciabc frame "
"""What a program tells the screen (docs/programs.md) begins so."""


class Times(StrEnum):
    """What stands before each line."""

    OFF = "off"
    CLOCK = "time of day"
    SINCE = "since the start"

    @property
    def following(self) -> "Times":
        """What comes after this when a key goes through them."""
        all_ = list(Times)
        return all_[(all_.index(self) + 1) % len(all_)]


@dataclass(frozen=True, slots=True)
class Look:
    """How lines are shown.

    Attributes:
        glyphs: The signs of this terminal.
        width: Cells of a line.
        gutter: Cells for a rank's number.
        left: Cells of each text that are moved out at the left.
        wrap: Whether long lines go on in further rows.
        times: What stands before each line.
        began: When the attempt began, in seconds since 1970.
        found: What was searched for, to be marked.
    """

    glyphs: Glyphs
    width: int = 80
    gutter: int = 2
    left: int = 0
    wrap: bool = False
    times: Times = Times.OFF
    began: float | None = None
    found: re.Pattern[bytes] | None = None

    @property
    def room(self) -> int:
        """Cells for the text."""
        return max(1, self.width - self.gutter - 3 - (_TIME if self.times is not Times.OFF else 0))


class LinePrinter:
    """Prints records; keeps how the long ones were wrapped."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._wrapped: OrderedDict[int, list[list[Span]]] = OrderedDict()

    @property
    def look(self) -> Look:
        """How lines are shown."""
        return self._look

    def use(self, look: Look) -> None:
        """Show lines differently."""
        if look.room != self._look.room:
            self._wrapped.clear()
        self._look = look

    def forget(self) -> None:
        """Offsets mean something else from now on."""
        self._wrapped.clear()

    def rows(self, record: Record) -> int:
        """Say how many rows a record takes."""
        # no text has more cells than bytes, but for tabs
        text = _seen(record)
        short = len(text) <= self._look.room and b"\t" not in text
        if short or not self._look.wrap:
            return 1
        return len(self._rows_of(record))

    def line(self, record: Record, row: int, *, current: bool = False, chosen: bool = False) -> Line:
        """Print a row of a record.

        Args:
            record: Which.
            row: From 0.
            current: Is it what the search stands on?
            chosen: Is it selected?
        """
        look = self._look
        if look.wrap:
            rows = self._rows_of(record)
            shown = _marked(rows[min(row, len(rows) - 1)], look.found, current=current)
        else:
            text = _marked(spans(_seen(record), look.left + look.room), look.found, current=current)
            shown = _clipped(text, look.left, look.room)
        told = Tone.DIM if record.text.startswith(_MARK) else Tone.PLAIN
        tone = Tone.WARN if record.error else told
        cells = [
            Cell(span.text, tone, f"reverse {span.ink}".strip() if chosen else span.ink) for span in shown
        ]
        if chosen and not cells:
            cells = [Cell(" ", tone, "reverse")]
        return (*self._before(record, first=row == 0, chosen=chosen), *cells)

    def _before(self, record: Record, *, first: bool, chosen: bool) -> Line:
        """Say who wrote it and when; rows that go on with it have only the bar."""
        look = self._look
        name = "-" if record.rank is None else str(record.rank)
        hue = Tone.DIM if record.rank is None else HUES[record.rank % len(HUES)]
        bar = look.glyphs.cursor if chosen else "+" if record.joined else look.glyphs.bar
        when = (
            () if look.times is Times.OFF else (Cell(self._time(record) if first else " " * _TIME, Tone.DIM),)
        )
        return (
            Cell(fit(name if first else "", look.gutter, right=True) + " ", hue),
            Cell(f"{bar} ", hue),
            *when,
        )

    def _time(self, record: Record) -> str:
        wall = record.wall
        if wall is None:
            return " " * _TIME
        if self._look.times is Times.CLOCK:
            return fit(f"{clock_time(wall)}.{round(wall * 1000) % 1000:03}", _TIME)
        since = wall - (wall if self._look.began is None else self._look.began)
        sign, since = ("-", -since) if since < 0 else ("+", since)
        minutes, seconds = divmod(since, 60)
        return fit(f"{sign}{int(minutes)}:{seconds:06.3f}", _TIME - 1, right=True) + " "

    def _rows_of(self, record: Record) -> list[list[Span]]:
        rows = self._wrapped.get(record.offset)
        if rows is None:
            rows = _broken(spans(_seen(record), _WHOLE), self._look.room)
            self._wrapped[record.offset] = rows
            if len(self._wrapped) > _WRAPPED:
                self._wrapped.popitem(last=False)
        return rows


def plain_text(record: Record) -> str:
    """Give the text as it is shown, without colours."""
    return "".join(span.text for span in spans(record.text, _WHOLE))


def joined_text(records: list[Record], most: int) -> tuple[str, int]:
    """Give the texts of records, a line each, and how many lines these are.

    Args:
        records: The first ones are given.
        most: Characters at most.
    """
    lines: list[str] = []
    size = 0
    for record in records:
        lines.append(plain_text(record))
        size += len(lines[-1]) + 1
        if size > most:
            break
    return "\n".join(lines)[:most], len(lines)


def _seen(record: Record) -> bytes:
    """Give what is shown of a text: all of it, but of a picture only what it is and how large."""
    text = record.text
    return b" ".join(text.split(b" ", 5)[:4]) if text.startswith(_PICTURE) else text


def _broken(text: list[Span], room: int) -> list[list[Span]]:
    """Break a text into rows."""
    rows: list[list[Span]] = [[]]
    left = room
    for span in text:
        rest = span.text
        while rest:
            head = crop(rest, left)
            if not head and left == room:
                head = rest[0]  # a wide character in a single cell
            if head:
                rows[-1].append(Span(head, span.ink))
            left -= cell_width(head)
            rest = rest[len(head) :]
            if rest:
                rows.append([])
                left = room
    return rows


def _clipped(text: list[Span], left: int, room: int) -> list[Span]:
    """Give the cells from `left` on, `room` at most; half a wide character is a space."""
    found: list[Span] = []
    for span in text:
        shown, width = span.text, cell_width(span.text)
        if left >= width:
            left -= width
            continue
        if left:
            gone = crop(shown, left)
            rest = shown[len(gone) :]
            if (half := left - cell_width(gone)) > 0:
                rest = " " * (cell_width(rest[0]) - half) + rest[1:]
            shown, left = rest, 0
        shown = crop(shown, room)
        room -= cell_width(shown)
        if shown:
            found.append(Span(shown, span.ink))
        if room <= 0:
            break
    return found


def _marked(text: list[Span], found: re.Pattern[bytes] | None, *, current: bool) -> list[Span]:
    """Mark what was searched for, on the line that the search stands on more than on others."""
    if found is None or not text:
        return text
    data = "".join(span.text for span in text).encode(errors="replace")
    places = [
        (
            len(data[: match.start()].decode(errors="replace")),
            len(data[: match.end()].decode(errors="replace")),
        )
        for match in found.finditer(data)
        if match.end() > match.start()
    ]
    for begin, end in places:
        text = _inked(text, begin, end, "reverse" if current else "underline")
    return text


def _inked(text: list[Span], begin: int, end: int, word: str) -> list[Span]:
    """Put a word into the ink from one character to another."""
    found: list[Span] = []
    at = 0
    for span in text:
        first, last = max(0, begin - at), min(len(span.text), end - at)
        at += len(span.text)
        if first >= last:
            found.append(span)
            continue
        ink = span.ink
        words = (
            ink.replace("reverse", "").strip() if word == "reverse" and "reverse" in ink else f"{word} {ink}"
        )
        parts = (
            Span(span.text[:first], ink),
            Span(span.text[first:last], words.strip()),
            Span(span.text[last:], ink),
        )
        found += [part for part in parts if part.text]
    return found
