"""The events table and the mirror of the front panel."""

from sciabc_tui.cluster.state import LogEntry, Severity
from sciabc_tui.tui.present.cells import (
    Cell,
    Line,
    Row,
    Table,
    Tone,
    crop,
    dimmed,
    dimmed_line,
    fit,
    plain,
    wrapped,
)
from sciabc_tui.tui.present.heading import lamp_cell
from sciabc_tui.tui.present.leds import leds
from sciabc_tui.tui.present.nodes import short_keys
from sciabc_tui.tui.present.view import View, moment

_SIGNS = {"\N{DEGREE SIGN}": " "}
"""What a sign of the LCD is in ASCII; one cell, as there."""

TONES = {Severity.INFO: Tone.DIM, Severity.WARN: Tone.WARN, Severity.ERROR: Tone.BAD}


def table(view: View, width: int) -> Table:
    """Give what happened, the newest first, in `width` cells; a long text goes on in further lines."""
    log = view.state.log if view.state else ()
    rows = tuple(row for entry in reversed(log) for row in _rows(entry, view, width))
    result = Table(
        "Events",
        "",
        rows,
        note=str(len(rows)) if rows else "",
        empty="nothing happened yet" if view.state else "",
    )
    return dimmed(result) if view.stale else result


def _rows(entry: LogEntry, view: View, width: int) -> tuple[Row, ...]:
    text_width = max(10, width - 11)
    tone = TONES[entry.severity]
    texts = wrapped(short_keys(plain(entry.text)), text_width)
    first = (
        Cell(f"{moment(entry.wall, view.wall)} ", Tone.DIM),
        Cell(f"{view.glyphs.events[entry.severity]} ", tone),
    )
    text_tone = tone if entry.severity is not Severity.INFO else Tone.PLAIN
    head = Row(f"{entry.seq}", (*first, Cell(fit(texts[0], text_width), text_tone)))
    rest = (
        Row(f"{entry.seq}.{number}", (Cell(" " * 11), Cell(fit(text, text_width), text_tone)))
        for number, text in enumerate(texts[1:], start=1)
    )
    return (head, *rest)


def mirror(view: View, width: int) -> tuple[Line, ...]:
    """Draw the front panel as it is now: the glass, the lamp, and what is wrong with them."""
    panel = view.state.panel if view.state else None
    if panel is None:
        return ((Cell("front panel: no word from it", Tone.DIM),),)
    glyphs = view.glyphs
    glass = max((len(line) for line in panel.lines), default=16)
    inner = min(glass, max(1, width - 2))
    top_left, top_right, low_left, low_right, across, side = glyphs.frame
    lines: list[Line] = [(Cell(top_left + across * inner + top_right, Tone.DIM),)]
    for line in panel.lines:
        shown = plain(line) if glyphs.heart == "♥" else plain(line).replace("♥", glyphs.heart)
        text = fit(crop(_ascii_if(shown, ascii_only=glyphs.rule == "-"), inner), inner)
        lit = Tone.ACCENT if panel.backlight else Tone.DIM
        lines.append((Cell(side, Tone.DIM), Cell(text, lit), Cell(side, Tone.DIM)))
    lines.append((Cell(low_left + across * inner + low_right, Tone.DIM),))
    if not panel.backlight:
        lines.append((Cell("light off for the night", Tone.DIM),))
    lines.append((Cell("lamp  ", Tone.DIM), lamp_cell(panel.lamp, glyphs, panel.lamp.value)))
    lines += [(Cell(part, Tone.DIM),) for part in wrapped(plain(panel.rhythm), width) if part]
    lines += leds(panel.leds, glyphs)
    problems = [text for text in (panel.lcd_problem, panel.stick_problem) if text]
    lines += [(Cell(part, Tone.DIM),) for text in problems for part in wrapped(plain(text), width)]
    return tuple(dimmed_line(line) for line in lines) if view.stale else tuple(lines)


def _ascii_if(text: str, *, ascii_only: bool) -> str:
    return "".join(c if c.isascii() else _SIGNS.get(c, "#") for c in text) if ascii_only else text
