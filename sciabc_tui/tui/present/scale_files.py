"""A scaling lesson for other programs: a CSV of every run, and a picture.

The picture is SVG 1.1 (W3C Recommendation, 16 August 2011), with nothing in it that is loaded from elsewhere.
"""

import csv
import io
import math
from collections.abc import Callable, Sequence
from html import escape

from sciabc_tui.cluster.scaling import Lesson, Run
from sciabc_tui.tui.present.scale import seconds

_WIDTH, _HEIGHT = 800, 560
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 30, 60, 150
_INK, _IDEAL, _LAW, _POINT = "#222222", "#888888", "#0072b2", "#d55e00"
"""Of the palette that the colour-blind can tell apart (Okabe and Ito, 2008)."""
_STEPS = 60
_COLUMNS = ("ranks", "nodes", "seconds", "median_seconds", "speedup", "efficiency", "amdahl_seconds")
_CHARACTERS = 100
"""Of a line of text below the plot."""


def csv_text(lesson: Lesson, runs: Sequence[Run]) -> str:
    """Write every run in the order in which they were measured, and what its rank count comes to."""
    by_ranks = {point.ranks: point for point in lesson.points}
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(
        ("ranks", "nodes", "seconds", "median_seconds", "speedup", "efficiency", "amdahl_seconds")
    )
    for run in runs:
        point = by_ranks[run.ranks]
        law = f"{lesson.fit.seconds(run.ranks):.6f}" if lesson.fit else ""
        writer.writerow(
            (
                run.ranks,
                run.nodes,
                f"{run.seconds:.6f}",
                f"{point.seconds:.6f}",
                f"{point.speedup:.6f}",
                f"{point.efficiency:.6f}",
                law,
            )
        )
    return made.getvalue()


def svg_text(lesson: Lesson, title: str) -> str:
    """Draw the speed-up over the ranks: points with their spread, the ideal line, and Amdahl's law."""
    if not lesson.points:
        return _document([_text(_WIDTH / 2, 30, f"{title}: nothing was measured", anchor="middle", size=18)])
    axes = _Axes(lesson)
    parts = [
        _text(_WIDTH / 2, 30, title, anchor="middle", size=18),
        *axes.frame(),
        _line(axes.path(lambda ranks: ranks), _IDEAL, dashed=True),
    ]
    law = lesson.fit
    if law is not None:
        single = lesson.points[0].ranks * lesson.points[0].seconds
        parts.append(_line(axes.path(lambda ranks: single / law.seconds(ranks)), _LAW))
    parts += axes.points(lesson)
    parts += _below(lesson)
    return _document(parts)


class _Axes:
    """Two logarithmic axes: the ranks, and the speed-up."""

    def __init__(self, lesson: Lesson) -> None:
        self._points = lesson.points
        self._first = lesson.points[0].ranks
        self._last = max(lesson.points[-1].ranks, 2 * self._first)
        lowest = min(point.speedup * point.seconds / point.slowest for point in lesson.points)
        highest = max(point.speedup * point.seconds / point.fastest for point in lesson.points)
        self._low = min(float(self._first), lowest)
        self._high = max(float(self._last), highest)

    def x(self, ranks: float) -> float:
        share = math.log(ranks / self._first) / math.log(self._last / self._first)
        return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)

    def y(self, speedup: float) -> float:
        share = math.log(speedup / self._low) / math.log(self._high / self._low)
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    def path(self, of: Callable[[float], float]) -> list[tuple[float, float]]:
        ratio = self._last / self._first
        ranks = [self._first * ratio ** (step / _STEPS) for step in range(_STEPS + 1)]
        return [(self.x(count), self.y(of(count))) for count in ranks if self._low <= of(count) <= self._high]

    def frame(self) -> list[str]:
        left, right, bottom, top = _LEFT, _WIDTH - _RIGHT, _HEIGHT - _BOTTOM, _TOP
        parts = [_line([(left, top), (left, bottom), (right, bottom)], _INK)]
        for point in self._points:
            at = self.x(point.ranks)
            parts += [
                _line([(at, bottom), (at, bottom + 6)], _INK),
                _text(at, bottom + 22, str(point.ranks), anchor="middle"),
            ]
        value = 2.0 ** math.ceil(math.log2(self._low))
        while value <= self._high:
            at = self.y(value)
            parts += [
                _line([(left - 6, at), (left, at)], _INK),
                _text(left - 10, at + 5, f"{value:g}", anchor="end"),
            ]
            value *= 2
        middle = (left + right) / 2
        return [
            *parts,
            _text(middle, bottom + 44, "ranks", anchor="middle"),
            _text(left, top - 10, "speed-up", anchor="middle"),
        ]

    def points(self, lesson: Lesson) -> list[str]:
        parts: list[str] = []
        for point in lesson.points:
            at = self.x(point.ranks)
            low = self.y(point.speedup * point.seconds / point.slowest)
            high = self.y(point.speedup * point.seconds / point.fastest)
            parts += [
                _line([(at, low), (at, high)], _POINT),
                f'<circle cx="{at:.1f}" cy="{self.y(point.speedup):.1f}" r="5" fill="{_POINT}">'
                f"<title>{_escaped(f'{point.ranks} ranks: {seconds(point.seconds)}')}</title></circle>",
            ]
        return parts


def _below(lesson: Lesson) -> list[str]:
    """Write the legend and the sentences."""
    at = _HEIGHT - _BOTTOM + 70
    parts = [
        f'<circle cx="{_LEFT}" cy="{at - 5}" r="5" fill="{_POINT}"/>',
        _text(_LEFT + 14, at, "measured: median, fastest to slowest"),
        _line([(340, at - 5), (370, at - 5)], _IDEAL, dashed=True),
        _text(378, at, "ideal"),
    ]
    if lesson.fit is not None:
        parts += [
            _line([(450, at - 5), (480, at - 5)], _LAW),
            _text(488, at, f"Amdahl's law, {100 * lesson.fit.serial:.1f} % serial"),
        ]
    lines = [line for text in lesson.words for line in _lines(text)]
    return parts + [_text(_LEFT, at + 22 + 16 * number, line, size=12) for number, line in enumerate(lines)]


def _lines(text: str) -> list[str]:
    made = [""]
    for word in text.split():
        if made[-1] and len(made[-1]) + len(word) >= _CHARACTERS:
            made.append("")
        made[-1] = f"{made[-1]} {word}".strip()
    return made


def _line(points: Sequence[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    dashes = ' stroke-dasharray="6 5"' if dashed else ""
    return f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dashes}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "start", size: int = 14) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{_INK}">'
        f"{_escaped(text)}</text>"
    )


def _escaped(text: str) -> str:
    """Write text for XML 1.0, which has no control characters at all."""
    return escape("".join(char if char.isprintable() else "?" for char in text))


def _document(parts: Sequence[str]) -> str:
    return "\n".join(
        (
            '<?xml version="1.0" encoding="UTF-8"?>',
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
            f'viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif">',
            f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            *parts,
            "</svg>",
            "",
        )
    )
