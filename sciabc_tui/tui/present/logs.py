"""What stands around a job's log: how it is read, what was found, and what is asked for."""

import re
from datetime import UTC, datetime, timedelta

from sciabc_tui.tui.present.cells import Cell, Line, Tone, cell_width, crop, fit, plain
from sciabc_tui.tui.present.forms import Question
from sciabc_tui.tui.present.log_hits import MOST, Hits

_SPAN = re.compile(r"\+(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8})s?)?")
_WORDS = 20
"""Cells in which what was searched for is told."""
_CLOCK = re.compile(r"([0-9]{1,2}):([0-9]{2})(?::([0-9]{2}))?")


def gutter_for(ranks: int) -> int:
    """Say how many cells the number of a rank takes."""
    return max(2, len(str(max(0, ranks - 1))))


def short(count: int) -> str:
    """Write a number of lines; large ones are rounded."""
    return f"{count / 1e6:.1f}M" if count >= 1_000_000 else f"{count:,}"


def position(line: int | None, total: int | None, share: float) -> str:
    """Say where the reader is.

    Args:
        line: The number of the last line on the screen; None while that is not known.
        total: How many lines there are; None while they are being counted.
        share: The part of the log that stands before it, from 0 to 1.
    """
    if line is None:
        return f"{share:.0%} of {short(total)} lines" if total is not None else f"{share:.0%}"
    return f"line {line:,} of {short(max(total, line))}" if total is not None else f"line {line:,}"


def mode(*, following: bool, ended: bool, new: int, reading: bool) -> str:
    """Say whether new lines are followed, and how many came since they are not."""
    if reading:
        return "reading"
    if ended:
        return "ended"
    if following:
        return "following"
    return f"paused, {short(new)} new: f follows" if new else "paused: f follows"


def told_hits(words: str, hits: Hits, current: int | None) -> str:
    """Say what was searched for, and what came of it so far.

    Args:
        words: What was searched for.
        hits: What was found.
        current: The offset of the hit that the reader stands on.
    """
    shown = plain(words)
    shown = f"/{shown if cell_width(shown) <= _WORDS else crop(shown, _WORDS - 1) + '~'}"
    count = f"{len(hits):,}" + ("+" if len(hits) >= MOST else "")
    done = "" if hits.finished else f" {hits.share:.0%}"
    if not len(hits):
        ended = f"stopped at {hits.share:.0%}" if hits.stopped else "not found"
        return f"{shown} " + (ended if hits.finished else f"searching{done}")
    here = f"{hits.number(current):,}" if current is not None else "-"
    return f"{shown} hit {here}/{count}{done}"


def rule(title: str, notes: tuple[str, ...], width: int, line: str) -> Line:
    """Give the line above the output: what it is at the left, how it is read at the right.

    Args:
        title: What stands at the left.
        notes: What stands at the right, the least important first; those for which there is no room go.
        width: Cells.
        line: What the line is made of.
    """
    kept = [note for note in notes if note]
    while len(kept) > 1 and cell_width(title) + cell_width("  ".join(kept)) + 7 > width:
        kept.pop(0)
    right = f" {'  '.join(kept)} {line}" if kept else line
    left = f"{line} {title} "
    room = width - cell_width(left) - cell_width(right)
    if room < 0:
        return (Cell(fit(left + right, width), Tone.DIM),)
    return (Cell(left, Tone.DIM), Cell(line * room, Tone.DIM), Cell(right, Tone.DIM))


def overwrite_question(path: str) -> Question:
    """Ask before a file is written over."""
    return Question(
        f"Write over {plain(path)}?", ("What is in the file now will be lost.",), "write over the file"
    )


def read_time(text: str, *, began: float | None, at: float | None) -> float:
    """Read a moment to jump to: `14:05`, `14:05:30`, or `+10m` after the start of the attempt.

    Args:
        text: As it was typed.
        began: When the attempt began, in seconds since 1970.
        at: When the line at the top was written: a time of day means one of the same day.

    Raises:
        ValueError: It is no such thing; one line that names the next step.
    """
    text = text.strip()
    span, clock = _SPAN.fullmatch(text), _CLOCK.fullmatch(text)
    if span is not None and any(span.groups()) and began is not None:
        hours, minutes, seconds = (int(part or 0) for part in span.groups())
        return began + 3600 * hours + 60 * minutes + seconds
    near = at if at is not None else began
    if clock is not None and near is not None and int(clock[1]) < 24 and int(clock[2]) < 60:
        day = datetime.fromtimestamp(near, UTC).astimezone().replace(microsecond=0)
        wanted = day.replace(hour=int(clock[1]), minute=int(clock[2]), second=min(59, int(clock[3] or 0)))
        # of a job that runs past midnight the day after is meant
        if began is not None and wanted.timestamp() < began - 60:
            wanted += timedelta(days=1)
        return wanted.timestamp()
    raise ValueError(f"{text} is no time. Next: such as 14:05, 14:05:30, or +10m after the start")
