"""Moments, and durations in words."""

import re
from typing import TypeAlias

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""Seconds of each unit of a duration that a person writes."""

_WRITTEN = re.compile(r"(?:[0-9]{1,9}[smhd])+|[0-9]{1,9}")
Instant: TypeAlias = float
"""Seconds on the head's monotonic clock."""


def span(seconds: float) -> str:
    """Write a duration in at most six characters: `0.4 s`, `12 s`, `2m14s`, `3h05m`, `12d04h`."""
    seconds = max(0.0, seconds)
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def read_duration(text: str) -> float:
    """Read what a person writes, in seconds: `90`, `90s`, `10m`, `1h30m`, `2d`.

    Raises:
        ValueError: It is none.
    """
    if not _WRITTEN.fullmatch(text):
        raise ValueError(f"{text!r} is no duration like 90s, 10m or 1h30m")
    if text.isdigit():
        return float(text)
    return float(sum(int(count) * UNITS[unit] for count, unit in re.findall(r"([0-9]+)([smhd])", text)))
