"""How a node's load was, as plots: small ones in two lines each, large ones with axes.

What was not measured is a gap of dots (blanks in ASCII), never a zero: what was measured has at least the
lowest level.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, zip_longest

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.node import Reading
from sciabc_tui.cluster.series import SPANS, Series
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, line_width, plain
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.view import UNKNOWN, View

PLACES = 60
"""Of every ring."""

_MARK = 4
"""Cells of a number at an axis."""
_WORDS = 12
"""Cells before a small plot's axis: what it is, its value now, its range."""
_GAP = 2
_LENGTHS = (120, 60, 30, 20, 15, 12, 10)
"""Cells that a plot may be long: so that each stands for as many places as the next."""
_HIGHEST = 6


@dataclass(frozen=True, slots=True)
class Load:
    """What a node screen knows of the past."""

    span: int = SPANS[1]
    series: Series | None = None
    problem: str = ""
    """Why there is none, or no newer one."""

    @property
    def empty(self) -> bool:
        """Has it come, with nothing in it?"""
        series = self.series
        return series is not None and all(
            value is None
            for values in (series.cpu, series.memory, series.temperature, series.received, series.sent)
            for value in values
        )


@dataclass(frozen=True, slots=True)
class _Measure:
    label: str
    values: tuple[float | None, ...]
    now: float | None
    write: Callable[[float], str]
    low: float = 0.0
    high: float | None = None
    """None: as high as the values are."""

    @property
    def known(self) -> tuple[float, ...]:
        return tuple(value for value in self.values if value is not None)

    @property
    def top(self) -> float:
        return self.high if self.high is not None else max((*self.known, self.low))

    def said(self, value: float | None) -> str:
        return UNKNOWN if value is None else self.write(value)

    def reach(self, between: str) -> str:
        """Its least and its most."""
        known = self.known
        return f"{self.write(min(known))}{between}{self.write(max(known))}" if known else ""


def rate(amount: float) -> str:
    """Write a number of bytes in at most three digits and a prefix."""
    for prefix in ("", "k", "M"):
        if amount < 999.5:
            return f"{amount:.1f}{prefix}" if prefix and amount < 9.95 else f"{amount:.0f}{prefix}"
        amount /= 1000
    return f"{amount:.1f}G"


def spoken(seconds: int) -> str:
    """Write one of the spans in words."""
    return f"{seconds // 3600} h" if seconds % 3600 == 0 else f"{seconds // 60} min"


def _percent(value: float) -> str:
    return f"{value:.0f}%"


def _measures(series: Series | None, reading: Reading | None, glyphs: Glyphs) -> tuple[_Measure, ...]:
    nothing = (None,) * PLACES

    def degrees(value: float) -> str:
        return f"{value:.0f}{glyphs.degree}"

    temperature = series.temperature if series else nothing
    warm = [value for value in temperature if value is not None]
    return (
        _Measure(
            "cpu",
            series.cpu if series else nothing,
            reading.cpu_percent if reading else None,
            _percent,
            0,
            100,
        ),
        _Measure(
            "memory",
            series.memory if series else nothing,
            reading.memory_percent if reading else None,
            _percent,
            0,
            100,
        ),
        _Measure(
            "temp",
            temperature,
            reading.temperature if reading else None,
            degrees,
            min([40.0, *(value // 10 * 10 for value in warm)]),
            max([80.0, *(-(-value // 10) * 10 for value in warm)]),
        ),
        _Measure(
            "rx B/s", series.received if series else nothing, reading.received if reading else None, rate
        ),
        _Measure("tx B/s", series.sent if series else nothing, reading.sent if reading else None, rate),
    )


def resampled(values: Sequence[float | None], length: int) -> tuple[float | None, ...]:
    """Give so many values for the same time: each place repeated, or the means of what was measured.

    Args:
        values: Oldest first.
        length: A multiple or a divisor of how many there are.
    """
    if length >= len(values):
        times = length // len(values)
        return tuple(value for value in values for _ in range(times))
    size = len(values) // length
    return tuple(_mean(values[start : start + size]) for start in range(0, size * length, size))


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def columns(
    values: Sequence[float | None], low: float, high: float, height: int, glyphs: Glyphs
) -> tuple[Line, ...]:
    """Draw values as columns in `height` lines, the highest line first; a gap where there is none."""
    steps = len(glyphs.levels)
    reach = high - low
    filled = [
        None
        if value is None
        else max(1, round(min(1.0, max(0.0, (value - low) / reach)) * height * steps))
        if reach > 0
        else 1
        for value in values
    ]
    return tuple(
        _runs(_level(amount, level, glyphs) for amount in filled) for level in reversed(range(height))
    )


def _level(filled: int | None, level: int, glyphs: Glyphs) -> tuple[Tone, str]:
    if filled is None:
        return Tone.DIM, " " if level else glyphs.silent
    above = filled - level * len(glyphs.levels)
    if above <= 0:
        return Tone.BUSY, " "
    return Tone.BUSY, glyphs.levels[min(above, len(glyphs.levels)) - 1]


def _runs(signs: Iterable[tuple[Tone, str]]) -> Line:
    return tuple(
        Cell("".join(sign for _, sign in run), tone) for tone, run in groupby(signs, key=lambda sign: sign[0])
    )


def _length(room: int) -> int:
    return next((length for length in _LENGTHS if length <= room), 0)


def _times(load: Load, view: View, length: int) -> Line:
    """Give the axis of time: how long ago the left end is, and the right one."""
    until = load.series.until if load.series else view.now
    step = load.series.step if load.series else 0
    age = view.now - until
    left, right = f"-{spoken(load.span)}", f"{span(age)} ago" if age > 2 * step + 5 else "now"
    if len(left) + len(right) >= length:
        return (Cell(fit(left, length), Tone.DIM),)
    return (Cell(fit(left, length - len(right)) + right, Tone.DIM),)


def heading(load: Load, width: int, glyphs: Glyphs) -> str:
    """Say what the plots reach over, and why they are not newer."""
    said = f"the last {spoken(load.span)}, [ ] change it"
    return fit(f"{said}  {plain(load.problem)}", width, cut=glyphs.cut).rstrip()


def _silent(load: Load, measures: Iterable[_Measure]) -> Line | None:
    if any(measure.known for measure in measures):
        return None
    if load.series is None:
        text = plain(load.problem) or "asking the head service"
    else:
        text = f"nothing was measured in the last {spoken(load.span)}"
    return (Cell(fit("load", 10), Tone.DIM), Cell(text, Tone.DIM))


def small(view: View, load: Load, reading: Reading | None, width: int) -> tuple[Line, ...]:
    """Draw five measures in five lines of at most `width` cells; in ten where it is narrow."""
    glyphs = view.glyphs
    cpu, memory, warmth, received, sent = measures = _measures(load.series, reading, glyphs)
    silent = _silent(load, measures)
    if silent is not None:
        return (_cut(silent, width, glyphs),)
    pairs = (width - _GAP) // 2 - _WORDS - _MARK - 1 >= _LENGTHS[-1]
    length = _length(((width - _GAP) // 2 if pairs else width) - _WORDS - _MARK - 1)
    if not length:
        return ()
    traffic = (_one_line(received, length, glyphs), _one_line(sent, length, glyphs))
    blocks = [_two_lines(measure, length, glyphs) for measure in (cpu, memory, warmth)]
    below: Line = (Cell(" " * (_WORDS + _MARK + 1)), *_times(load, view, length))
    if not pairs:
        return (*(line for block in (*blocks, traffic) for line in block), below)
    gap: Line = (Cell(" " * _GAP),)
    left, right = (*blocks[0], *blocks[2], below), (*blocks[1], *traffic, below)
    return tuple((*a, *gap, *b) for a, b in zip(left, right, strict=True))


def _cut(line: Line, width: int, glyphs: Glyphs) -> Line:
    label, text = line
    return (label, Cell(fit(text.text, max(0, width - len(label.text)), cut=glyphs.cut).rstrip(), text.tone))


def _two_lines(measure: _Measure, length: int, glyphs: Glyphs) -> tuple[Line, Line]:
    upper, lower = columns(resampled(measure.values, length), measure.low, measure.top, 2, glyphs)
    return (
        (*_words(measure), *_mark(measure.write(measure.top), glyphs), *upper),
        (
            Cell(fit(measure.reach("-"), _WORDS - 1, right=True) + " ", Tone.DIM),
            *_mark(measure.write(measure.low), glyphs),
            *lower,
        ),
    )


def _one_line(measure: _Measure, length: int, glyphs: Glyphs) -> Line:
    (line,) = columns(resampled(measure.values, length), measure.low, measure.top, 1, glyphs)
    top = measure.write(measure.top) if measure.known else ""
    return (*_words(measure), *_mark(top, glyphs), *line)


def _words(measure: _Measure) -> Line:
    now = measure.said(measure.now)
    return (Cell(fit(measure.label, _WORDS - 5), Tone.DIM), Cell(fit(now, 4, right=True) + " "))


def _mark(text: str, glyphs: Glyphs) -> Line:
    return (Cell(fit(text, _MARK, right=True) + glyphs.bar, Tone.DIM),)


def large(view: View, load: Load, reading: Reading | None, width: int, height: int) -> tuple[Line, ...]:
    """Draw five measures below each other, with axes, in at most `width` cells and `height` lines."""
    glyphs = view.glyphs
    measures = _measures(load.series, reading, glyphs)
    silent = _silent(load, measures)
    if silent is not None:
        return (_cut(silent, width, glyphs),)
    length = _length(width - _MARK - 1)
    each = min(_HIGHEST, (height - 1) // len(measures) - 1)
    if not length or each < 1:
        return ()
    made = [line for measure in measures for line in _high(measure, length, each, glyphs)]
    return (*made, (Cell(" " * (_MARK + 1)), *_times(load, view, length)))


def _high(measure: _Measure, length: int, height: int, glyphs: Glyphs) -> list[Line]:
    reach = f"   {measure.reach(' to ')}" if measure.known else "   not measured"
    title: Line = (
        Cell(fit(measure.label, 8), Tone.DIM),
        Cell(measure.said(measure.now), Tone.ACCENT),
        Cell(reach, Tone.DIM),
    )
    drawn = columns(resampled(measure.values, length), measure.low, measure.top, height, glyphs)
    top = measure.write(measure.top) if measure.known else ""
    marks = [top, *[""] * (height - 2), measure.write(measure.low)] if height > 1 else [top]
    rows = zip(marks, drawn, strict=True)
    return [title, *((*_mark(mark, glyphs), *line) for mark, line in rows)]


def beside(left: Sequence[Line], right: Sequence[Line], left_width: int) -> tuple[Line, ...]:
    """Put lines beside others, which are at most `left_width` cells wide."""
    return tuple(
        (*a, Cell(" " * max(0, left_width - line_width(a))), *b)
        for a, b in zip_longest(left, right, fillvalue=())
    )
