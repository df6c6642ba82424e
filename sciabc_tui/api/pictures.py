"""The pictures that a program printed, found in a piece of its log (`docs/programs.md`)."""

from dataclasses import dataclass

from jobs.errors import StoreError
from jobs.logstore import Stream, parse_line
from jobs.progress import LONGEST, MARK, Frame, told

LEVELS = 64
"""How many levels a cell can have: 0 to 63."""

_MARKED = b" out " + MARK + b"frame "
_BEFORE = 64
"""Bytes: no mark stands further behind the begin of its record."""

_RECORD = LONGEST + _BEFORE
_MOST_MARKS = 64


@dataclass(frozen=True, slots=True)
class Picture:
    """A grid of numbers between two ends.

    Attributes:
        at: When it was printed, in seconds since 1970.
        name: What it shows.
        low: What level 0 stands for.
        high: What level 63 stands for.
        rows: The first on top, of one length, which is 1 or more; None is no number.
    """

    at: float
    name: str
    low: float
    high: float
    rows: tuple[tuple[int | None, ...], ...]


def newest_pictures(data: bytes, most: int) -> tuple[Picture, ...]:
    """Give the newest pictures in records of a log, so many at most; the newest is the last.

    Anything may stand in a log: what is no picture is passed over, and no more than some marks are looked at.
    """
    found: list[Picture] = []
    at = len(data)
    for _ in range(_MOST_MARKS):
        if len(found) == most or (at := data.rfind(_MARKED, 0, at)) < 0:
            break
        begin, end = data.rfind(b"\n", max(0, at - _BEFORE), at) + 1, data.find(b"\n", at, at + _RECORD)
        if end >= 0 and at - begin < _BEFORE and (picture := _picture(data[begin:end])) is not None:
            found.append(picture)
    return tuple(reversed(found))


def _picture(record: bytes) -> Picture | None:
    try:
        line = parse_line(record)
    except StoreError:
        return None
    frame = told(line.text) if line.stream is Stream.OUT and not line.joined else None
    if not isinstance(frame, Frame):
        return None
    return Picture(line.at, frame.name, frame.low, frame.high, frame.levels())
