"""How far a program says that it is, and what it says that it measures (`docs/programs.md`)."""

from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SECONDS = 2.0
"""For how long a program must have been heard before its end is told: less is no pace."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """So much of the work is done: 0 to `total`, which is 1 or more."""

    done: int
    total: int
    ends_at: float | None = None
    """When it will be over if it goes on at its pace, in seconds since 1970; None: not known yet."""

    @property
    def percent(self) -> int:
        """From 0 to 100; 100 is told of the whole only."""
        return 100 * self.done // self.total

    def left(self, wall: float) -> float | None:
        """Give the seconds to its end; None where that is not known, or should have been before now."""
        return self.ends_at - wall if self.ends_at is not None and self.ends_at >= wall else None


@dataclass(frozen=True, slots=True)
class JobMetric:
    """A finite number with its unit, which may be empty, and how it was before: the newest last."""

    name: str
    value: float
    unit: str = ""
    series: tuple[float, ...] = ()


def ends_at(heard: Sequence[tuple[float, int]], total: int) -> float | None:
    """Say when the work will be done; None where its pace is not known.

    Args:
        heard: When, in seconds since 1970, and how much was done then; the newest last.
        total: How much that is in the end.
    """
    if len(heard) < 2:
        return None
    (since, before), (at, done) = heard[0], heard[-1]
    if at - since < LEAST_SECONDS or done <= before:
        return None
    return at + (total - done) * (at - since) / (done - before)


def told_metric(metric: JobMetric) -> str:
    """Write a metric's value with its unit: `0.201`, `1.7 GFLOPS`."""
    return f"{metric.value:.4g} {metric.unit}".rstrip()
