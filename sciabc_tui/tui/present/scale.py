"""A scaling lesson as text: the plots of time and speed-up, the table, how far it is, and what it teaches.

Both plots have logarithmic axes, on which ideal scaling is a straight line.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import assert_never

from sciabc_tui.api.scaling import Disturbed, News, Planned, Prolonged, RunBegan, RunEnded, RunWaits
from sciabc_tui.cluster.amdahl import Fit
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.scaling import Lesson, Point, written
from sciabc_tui.tui.present.cells import Cell, Line, Tone, cell_width, fit, line_width, plain, wrapped
from sciabc_tui.tui.present.glyphs import UNICODE, Glyphs

HEADER = ("RANKS", "NODES", "RUNS", "TIME", "SPEED-UP", "EFFICIENCY")

_MARK = 6
"""Cells of a number at the axis of a plot."""
_GAP = 3
_LOWEST = 5
"""Lines of a plot, below which it tells nothing."""
_HIGHEST = 16
_WIDEST = 64

_DOTS = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
"""The bits of a braille sign, by column and row (Unicode 15, block 2800)."""
_BRAILLE = 0x2800


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a scaling lesson is.

    Attributes:
        counts: The rank counts that are measured.
        runs: How many runs there are, with the one that is not counted.
        over: How many of them are over.
        now: What happens now, in words.
        left: Seconds that are left, as far as that can be told.
        left_at: When that was told, on the head's clock.
        problems: The runs that failed.
        others: Other jobs that were seen.
        simulated: Whether nothing of it is real.
        why: Why there are more runs than were planned.
    """

    counts: tuple[int, ...] = ()
    runs: int = 0
    over: int = 0
    now: str = ""
    left: float | None = None
    left_at: float = 0.0
    problems: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    simulated: bool = False
    why: str = ""


def heard(before: Progress, news: News, at: float) -> Progress:
    """Take in what happened at a moment of the head's clock."""
    others, problems = before.others, before.problems
    match news:
        case Planned(counts, runs, _, simulated):
            return Progress(counts, runs, now="begins", others=others, simulated=simulated)
        case Prolonged(runs):
            return replace(before, runs=runs, why=prolonged(news))
        case Disturbed(jobs):
            return replace(before, others=(*others, *jobs))
        case RunBegan(number, ranks, job, left):
            kind = "" if number else ", to load the program (not counted)"
            now = f"run {number + 1} of {before.runs}: {_ranks(ranks)}, job {job}{kind}"
            return replace(before, now=now, left=left, left_at=at, over=number)
        case RunWaits(job, reason):
            return replace(before, now=f"job {job} {reason}")
        case RunEnded(number, ranks, seconds, problem):
            told = (f"{_ranks(ranks)}: {problem}",) if seconds is None else ()
            return replace(before, problems=(*problems, *told), over=number + 1)
        case _:
            assert_never(news)


def prolonged(news: Prolonged) -> str:
    """Say why there are more runs."""
    return f"serial share {written(news.law)}: {news.more} more runs to know it better"


def status(progress: Progress, at: float) -> str:
    """Say how far it is, in one line."""
    left = None if progress.left is None else max(0.0, progress.left - max(0.0, at - progress.left_at))
    rest = "" if left is None else f", about {span(left)} left"
    return f"{plain(progress.now)}{rest}"


def rows(points: Iterable[Point]) -> tuple[tuple[str, ...], ...]:
    """Give the table's cells: ranks, nodes, runs, time, speed-up, efficiency."""
    return tuple(
        (
            str(point.ranks),
            str(point.nodes),
            str(point.runs),
            seconds(point.seconds),
            f"{point.speedup:.2f}",
            f"{point.efficiency:.0%}",
        )
        for point in points
    )


def seconds(amount: float) -> str:
    """Write a time with three digits, or as a clock would where it is long."""
    if amount >= 600:
        return span(amount)
    return f"{amount:.{0 if amount >= 99.95 else 1 if amount >= 9.995 else 2}f} s"


def table(points: Sequence[Point], width: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Give the table as lines."""
    cells = rows(points)
    widths = [max(map(len, column)) + 2 for column in zip(HEADER, *cells, strict=True)]
    heading = "".join(fit(text, size, right=True) for text, size in zip(HEADER, widths, strict=True))
    lines: list[Line] = [(Cell(fit(heading, width, cut=glyphs.cut), Tone.DIM),)]
    for row in cells:
        text = "".join(fit(cell, size, right=True) for cell, size in zip(row, widths, strict=True))
        lines.append((Cell(fit(text, width, cut=glyphs.cut)),))
    return tuple(lines)


def words(texts: Iterable[str], width: int, tone: Tone = Tone.PLAIN) -> tuple[Line, ...]:
    """Give sentences as lines of at most `width` cells."""
    return tuple((Cell(part, tone),) for text in texts for part in wrapped(plain(text), width))


@dataclass(frozen=True, slots=True)
class _Drawn:
    """One of the two plots: what it is of, its values, and its two lines."""

    title: str
    value: Callable[[Point], float]
    spread: Callable[[Point], tuple[float, float]]
    ideal: Callable[[float], float]
    law: Callable[[float], float] | None
    write: Callable[[float], str]


def plots(lesson: Lesson, width: int, height: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Draw time and speed-up side by side in at most `width` cells and `height` lines.

    Points are what was measured, the dotted line is ideal, the other one is Amdahl's law.

    Returns:
        No line if there is nothing to draw, or no room.
    """
    if not lesson.points or height < _LOWEST + 3:
        return ()
    each = min(_WIDEST, (width - _GAP) // 2)
    inner = min(_HIGHEST, height - 3)
    if each < 3 * _MARK:
        return ()
    left, right = (_plot(lesson, drawn, each, inner, glyphs) for drawn in _both(lesson))
    beside = [
        (*one, Cell(" " * (each - line_width(one) + _GAP)), *other)
        for one, other in zip(left, right, strict=True)
    ]
    return (*beside, legend(lesson.fit, glyphs))


def _both(lesson: Lesson) -> tuple[_Drawn, _Drawn]:
    first, law = lesson.points[0], lesson.fit
    single = first.ranks * first.seconds
    return (
        _Drawn(
            "time",
            lambda point: point.seconds,
            lambda point: (point.fastest, point.slowest),
            lambda ranks: single / ranks,
            law.seconds if law else None,
            _short,
        ),
        _Drawn(
            "speed-up",
            lambda point: point.speedup,
            lambda point: (single / point.slowest, single / point.fastest),
            lambda ranks: ranks,
            (lambda ranks: single / law.seconds(ranks)) if law else None,
            lambda value: f"{value:.{_decimals(value)}f}x",
        ),
    )


def _short(amount: float) -> str:
    return f"{amount:.{_decimals(amount)}f} s" if amount < 1000 else span(amount).replace(" ", "")


def _decimals(amount: float) -> int:
    return 0 if amount >= 9.95 else 1 if amount >= 0.995 else 2


def legend(law: Fit | None, glyphs: Glyphs) -> Line:
    """Say what is what in the plots."""
    point, ideal, line = _signs(glyphs)
    amdahl: Line = () if law is None else (Cell(f"   {line} ", Tone.ACCENT), Cell("Amdahl's law", Tone.DIM))
    return (
        Cell(f" {point} ", Tone.OK),
        Cell("measured", Tone.DIM),
        Cell(f"   {ideal} ", Tone.PLAIN),
        Cell("ideal", Tone.DIM),
        *amdahl,
    )


def _signs(glyphs: Glyphs) -> tuple[str, str, str]:
    if glyphs == UNICODE:
        return glyphs.well, "\u2804\u2804", "\u2812\u2812"
    return "O", "..", "--"


def _plot(lesson: Lesson, drawn: _Drawn, width: int, height: int, glyphs: Glyphs) -> list[Line]:
    points = lesson.points
    last = max(2.0, float(points[-1].ranks))
    values = [edge for point in points for edge in drawn.spread(point) if edge > 0]
    values += [drawn.ideal(float(points[0].ranks)), drawn.ideal(last)]
    low, high = min(values), max(values)
    if high <= low * 1.01:
        low, high = low / 1.5, high * 1.5
    canvas = _Canvas(width - _MARK - 1, height, (float(points[0].ranks), last), (low, high), glyphs)
    canvas.curve(drawn.ideal, Tone.PLAIN, dotted=True)
    if drawn.law is not None:
        canvas.curve(drawn.law, Tone.ACCENT)
    for point in points:
        canvas.mark(float(point.ranks), drawn.value(point))
    marks = [drawn.write(high), *[""] * (height - 2), drawn.write(low)]
    body: list[Line] = [
        (Cell(fit(mark, _MARK, right=True) + glyphs.bar, Tone.DIM), *line)
        for mark, line in zip(marks, canvas.lines(), strict=True)
    ]
    axis = (Cell(fit("ranks", _MARK + 1) + canvas.axis([point.ranks for point in points]), Tone.DIM),)
    return [(Cell(fit(drawn.title, width), Tone.DIM),), *body, axis]


class _Canvas:
    """A grid of signs, in braille where the terminal has it, with logarithmic axes."""

    def __init__(
        self, width: int, height: int, xs: tuple[float, float], ys: tuple[float, float], glyphs: Glyphs
    ) -> None:
        self._width, self._height = width, height
        self._fine = glyphs == UNICODE
        self._point, _, _ = _signs(glyphs)
        self._columns, self._rows = (2 * width, 4 * height) if self._fine else (width, height)
        self._xs = (math.log(xs[0]), max(math.log(xs[1]), math.log(xs[0]) + 1e-9))
        self._ys = (math.log(ys[0]), math.log(ys[1]))
        self._signs: dict[tuple[int, int], tuple[int, str, Tone]] = {}

    def curve(self, of: Callable[[float], float], tone: Tone, *, dotted: bool = False) -> None:
        """Draw a function of the ranks; dotted: with gaps."""
        before: int | None = None
        for column in range(self._columns):
            share = column / max(1, self._columns - 1)
            value = of(math.exp(self._xs[0] + share * (self._xs[1] - self._xs[0])))
            row = self._row(value)
            if row is None or (dotted and column % 3):
                before = None if row is None else row
                continue
            # a steep line has no gaps between its columns
            first = row if before is None or dotted else min(row, before + (row > before) - (row < before))
            for each in range(min(first, row), max(first, row) + 1):
                self._dot(column, each, tone, "." if dotted else "-")
            before = row

    def mark(self, ranks: float, value: float) -> None:
        """Draw what was measured."""
        row = self._row(value)
        if row is not None:
            column = self._column(ranks)
            cell = (column // 2, row // 4) if self._fine else (column, row)
            self._signs[cell] = (0, self._point, Tone.OK)

    def _column(self, ranks: float) -> int:
        share = (math.log(ranks) - self._xs[0]) / (self._xs[1] - self._xs[0])
        return round(min(1.0, max(0.0, share)) * (self._columns - 1))

    def _row(self, value: float) -> int | None:
        """Give the row of a value, the highest first; None if it is outside."""
        if value <= 0:
            return None
        share = (math.log(value) - self._ys[0]) / (self._ys[1] - self._ys[0])
        row = round((1.0 - share) * (self._rows - 1))
        return row if 0 <= row < self._rows else None

    def _dot(self, column: int, row: int, tone: Tone, sign: str) -> None:
        if not self._fine:
            self._signs[column, row] = (0, sign, tone)
            return
        cell = (column // 2, row // 4)
        bits = self._signs.get(cell, (0, "", tone))[0] | _DOTS[column % 2][row % 4]
        self._signs[cell] = (bits, chr(_BRAILLE + bits), tone)

    def lines(self) -> list[Line]:
        """Give what was drawn, the highest line first."""
        blank = (0, " ", Tone.DIM)
        made: list[Line] = []
        for row in range(self._height):
            signs = [self._signs.get((column, row), blank) for column in range(self._width)]
            runs = groupby(signs, key=lambda sign: sign[2])
            made.append(tuple(Cell("".join(sign for _, sign, _ in run), tone) for tone, run in runs))
        return made

    def axis(self, ranks: Sequence[int]) -> str:
        """Write the ranks below their points, as far as there is room."""
        text = ""
        for number in ranks:
            column = self._column(float(number)) // (2 if self._fine else 1)
            mark = str(number)
            begin = min(max(0, column - (len(mark) - 1) // 2), self._width - len(mark))
            if begin >= cell_width(text) + bool(text):
                text = text.ljust(begin) + mark
        return text.ljust(self._width)


def _ranks(number: int) -> str:
    return "1 rank" if number == 1 else f"{number} ranks"
