"""How the fields of a form look: a number as a bar, the values that are offered, and what is not shown."""

from collections.abc import Iterable
from dataclasses import asdict

from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, plain
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.new_job import BUNDLED, MORE, Field, Fields

LABEL = 14
"""Cells of a label."""

_SHOWN = 8
"""Values that are offered at once."""

_LONGEST_BAR = 48


def label(field: Field, glyphs: Glyphs, *, here: bool, bad: bool) -> tuple[Line, ...]:
    """Give a field's label, marked if the cursor is there, or if what stands in it can't be used."""
    mark = "!" if bad else glyphs.cursor if here else " "
    tone = Tone.BAD if bad else Tone.ACCENT if here else Tone.DIM
    return ((Cell(fit(f"{mark} {field.label}", LABEL), tone),),)


def more_line(fields: Fields, width: int, glyphs: Glyphs, *, is_open: bool) -> Line:
    """Say that there are more fields, and which of them say something."""
    before, now = asdict(Fields("")), asdict(fields)
    told = [field.label.lower() for field in MORE if now[field.key].strip() != before[field.key]]
    what = "" if is_open else f": {', '.join(told)} set" if told else f": {_told_of(MORE)}"
    key = "hides" if is_open else "shows"
    text = f"ctrl+o {key} {len(MORE)} more fields{what}"
    tone = Tone.WARN if told and not is_open else Tone.DIM
    return (Cell(fit(text, width, cut=glyphs.cut), tone),)


def _told_of(fields: Iterable[Field]) -> str:
    return ", ".join(field.label.lower() for field in fields)


def ranks_hint(total: int) -> str:
    """Say what the ranks take."""
    return f"left right, or type: 1 to {total}, or all of them" if total else "no slot is free to use yet"


def slider(ranks: str, total: int, width: int, glyphs: Glyphs) -> Line:
    """Draw a number of ranks as a bar of the cluster's slots."""
    taken = total if ranks == "all" else int(ranks) if ranks.isascii() and ranks.isdigit() else 0
    wrong = taken > total > 0 or (not taken and ranks != "all")
    text = f"{ranks} of {total}" if total else ranks
    room = max(0, min(total, _LONGEST_BAR, width - LABEL))
    full = min(room, -(-taken * room // total)) if total else 0
    return (
        Cell(fit(text, LABEL), Tone.WARN if wrong else Tone.PLAIN),
        Cell(glyphs.levels[-1] * full, Tone.BUSY),
        Cell(glyphs.silent * (room - full), Tone.DIM),
    )


def suggestions(found: tuple[str, ...], here: int, width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Draw the values that a field offers, those around the cursor, in lines of exactly `width` cells."""
    first = max(0, min(here - _SHOWN // 2, len(found) - _SHOWN))
    lines: list[Line] = []
    for number, value in enumerate(found[first : first + _SHOWN], first):
        mark = glyphs.cursor if number == here else " "
        tone = Tone.ACCENT if number == here else Tone.PLAIN
        lines.append((Cell(fit(f"{mark} {plain(value)}", width, cut=glyphs.cut), tone),))
    if len(found) > _SHOWN:
        lines.append((Cell(fit(f"  {first + 1}-{first + _SHOWN} of {len(found)}", width), Tone.DIM),))
    return tuple(lines)


def at_hand(text: str, recent: Iterable[str], *, every: bool) -> tuple[str, ...]:
    """Give the programs at hand that hold a text, or every one: those that ran last, then those of ours."""
    known = dict.fromkeys((*recent, *BUNDLED))
    return tuple(value for value in known if every or text.lower() in value.lower())
