"""All that happened, as lines: the time, how severe, and what; the newest last."""

from collections.abc import Iterable

from sciabc_tui.cluster.state import LogEntry
from sciabc_tui.tui.present.cells import (
    Cell,
    Line,
    Tone,
    cell_width,
    dimmed_line,
    fit,
    plain,
    titled,
    wrapped,
)
from sciabc_tui.tui.present.events import TONES
from sciabc_tui.tui.present.view import View, clock_time, date_time

KEPT = 5_000
"""Events that the screen keeps."""

_WORD = 8
_NARROWEST = 20


def merged(known: tuple[LogEntry, ...], more: Iterable[LogEntry]) -> tuple[LogEntry, ...]:
    """Add events to those that are known, by their numbers; the oldest are dropped."""
    new = {entry.seq: entry for entry in more}
    if not new:
        return known
    if not known or min(new) > known[-1].seq:
        return (*known, *new.values())[-KEPT:]
    both = {entry.seq: entry for entry in known} | new
    return tuple(both[seq] for seq in sorted(both))[-KEPT:]


def matching(entries: Iterable[LogEntry], wanted: str) -> tuple[LogEntry, ...]:
    """Give the events that hold a text, in what happened or in the word of their severity."""
    text = wanted.lower()
    return tuple(entry for entry in entries if text in f"{entry.severity.value} {entry.text}".lower())


def lines(entries: Iterable[LogEntry], view: View, width: int, *, dated: bool) -> tuple[Line, ...]:
    """Give the lines of events; a long text goes on in further lines under its beginning.

    Args:
        entries: The oldest first.
        view: For the glyphs; of a stale one everything is dim.
        width: Cells of a line.
        dated: Write the day before the time.
    """
    made = [line for entry in entries for line in _lines(entry, view, width, dated=dated)]
    return tuple(map(dimmed_line, made)) if view.stale else tuple(made)


def _lines(entry: LogEntry, view: View, width: int, *, dated: bool) -> list[Line]:
    tone = TONES[entry.severity]
    time = f"{date_time(entry.wall) if dated else clock_time(entry.wall)} "
    word = fit(f"{view.glyphs.events[entry.severity]} {entry.severity.value}", _WORD)
    parts = wrapped(plain(entry.text), max(_NARROWEST, width - cell_width(time) - _WORD))
    text_tone = tone if tone is not Tone.DIM else Tone.PLAIN
    first: Line = (Cell(time, Tone.DIM), Cell(word, tone), Cell(parts[0], text_tone))
    rest = (Cell(" " * cell_width(time)), Cell(" " * _WORD))
    return [first, *((*rest, Cell(part, text_tone)) for part in parts[1:])]


def spans_days(entries: tuple[LogEntry, ...], view: View) -> bool:
    """Tell whether the day must be written with the time."""
    if not entries:
        return False
    return date_time(entries[0].wall)[:6] != date_time(view.wall)[:6]


def title(shown: int, known: int, wanted: str, problem: str, *, following: bool) -> str:
    """Say how many events are shown, and whether new ones are followed."""
    count = f'{shown:,} of {known:,} with "{plain(wanted)}"' if wanted else f"{known:,}"
    mode = "following" if following else "paused: f follows"
    return f"Events  {count}  {mode}" + (f"  {plain(problem)}" if problem else "")


def heading(text: str, view: View, width: int) -> Line:
    """Give the line above the events."""
    return titled(text, width, view.glyphs.rule)
