"""Amdahl's law laid through measured times: the serial share, how sure it is, and which runs it still lacks.

    fit(runs)                       ->  the share, its 95 % interval, seconds on one rank
    lacking(runs)                   ->  (1, 8, 8, 1): run these once more, then it is known well enough

Amdahl's law (AFIPS Conf. Proc. 30, 1967): of a run that takes `T` on one rank a share `s` can't be shared
out, so that on `n` ranks it takes `T (s + (1 - s) / n)`. That is a straight line in `1 / n`.

What else goes on slows a run down and never makes it faster: runs that took much longer than others on as
many ranks are left out, by the median and the median deviation (F. Hampel, J. Am. Stat. Assoc. 69, 1974).
Through the means of the others the line is laid by least squares of relative errors, for noise grows with the
time of a run. That comes close to the Cramer-Rao bound (`bound`), which no unbiased way of reckoning beats.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist, fmean, median

PRECISION = 0.05
"""So exactly a share is to be known, as a part of itself .."""
SMALL = 0.05
""".. and a smaller share than this as exactly as this one."""
MOST_RUNS = 120
"""Of a rank count; with more a person has lost patience."""

FULL_ROUNDS = 9
"""Of all rank counts, where the law does not fit: then it does not hold."""

_CONSISTENT = 1.4826
"""The standard deviation of a normal distribution over its median deviation."""
_SLOW = 3.0
"""Standard deviations above the median; a run that took longer was disturbed."""
_LEAST = 0.001
"""Of a run's time: what is smaller is no difference between runs."""
_SURE = 0.95
_MISFIT = 6.0
"""A misfit of the law that is so much larger, squared, than the noise, is not noise."""
_GUARD = 1.12
"""Whoever measures until the noise looks small has seen too little of it: the margin is so much wider."""
_HOPELESS = 3.0
"""Where it would take so many times more runs than there may be, none are added."""
_AT_ONCE = 0.5
"""Of the runs that are lacking; the others, when these have told how much noise there is."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run that was measured: on how many ranks and nodes, and for how many seconds."""

    ranks: int
    nodes: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Fit:
    """Amdahl's law through the runs.

    Attributes:
        serial: The share that can't be shared out, from 0 to 1.
        error: Its standard error; infinite where there are too few runs to tell.
        single: Seconds on one rank, by the law.
        margin: How far the ends of the 95 % interval are from the share; infinite as `error`.
        noise: The standard deviation of a run, as a part of its time, without runs that were left out; None
            if no rank count was run more than once.
        out: How many runs were left out, for they took much longer than others on as many ranks.
        fits: Whether the law misses no rank count by more than noise explains, and none has runs that are
            much faster than most on as many ranks.
    """

    serial: float
    error: float
    single: float
    margin: float = math.inf
    noise: float | None = None
    out: int = 0
    fits: bool = True

    def seconds(self, ranks: float) -> float:
        """Give what a run takes on so many ranks."""
        return self.single * (self.serial + (1.0 - self.serial) / ranks)

    def speedup(self, ranks: float) -> float:
        """Give the speed-up on so many ranks."""
        return 1.0 / (self.serial + (1.0 - self.serial) / ranks)

    @property
    def limit(self) -> float | None:
        """The speed-up that no number of ranks exceeds; None if there is no limit."""
        return 1.0 / self.serial if self.serial > 0 else None

    @property
    def interval(self) -> tuple[float, float]:
        """The share lies in here in 19 of 20 lessons."""
        return max(0.0, self.serial - self.margin), min(1.0, self.serial + self.margin)


@dataclass(frozen=True, slots=True)
class _Level:
    """What a rank count comes to: the mean of the runs that were not left out, and how they differ."""

    ranks: int
    seconds: float
    kept: int
    out: int
    squares: float
    """Of the relative deviations of the runs that were kept."""
    clear: bool
    """No run was much faster than the median; else most of them may have been disturbed."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A straight line in `1 / n`, with what its ends are known by, in units of the noise."""

    level: float
    slope: float
    misfit: float
    at_zero: float
    at_one: float
    both: float


@dataclass(frozen=True, slots=True)
class _Spread:
    """Why the share is uncertain: the variance of a run relative to its time, with its degrees of freedom."""

    variance: float
    freedom: int
    noise: float | None
    fits: bool


def grouped(runs: Iterable[Run]) -> Mapping[int, Sequence[Run]]:
    """Give the runs of each rank count, the fewest ranks first."""
    found: dict[int, list[Run]] = {}
    for run in runs:
        found.setdefault(run.ranks, []).append(run)
    return dict(sorted(found.items()))


def fit(runs: Iterable[Run]) -> Fit | None:
    """Lay Amdahl's law through the runs.

    The standard error comes from the spread of runs on as many ranks, and from the misfit of the law; where
    that is more than noise explains, from the misfit alone.

    Returns:
        None if there are fewer than two rank counts, or if the law can't hold (no time at all).
    """
    levels = _levels(grouped(runs))
    if len(levels) < 2 or any(level.seconds <= 0 for level in levels):
        return None
    # each equation is divided by its time: first by the one that was measured, then by that of the line
    line = _line(levels, [level.seconds for level in levels])
    expected = [line.level + line.slope / level.ranks for level in levels]
    if min(expected) > 0:
        line = _line(levels, expected)
    single = line.level + line.slope
    if single <= 0:
        return None
    # s = level / (level + slope); both come from the same line, at x = 0 and at x = 1
    share = line.level / single
    known = max(0.0, line.at_zero - 2 * share * line.both + share**2 * line.at_one)
    found = _spread(levels, line.misfit)
    out = sum(level.out for level in levels)
    serial = min(1.0, max(0.0, share))
    error = math.sqrt(found.variance * known) / single if found.freedom else math.inf
    fits = found.fits and all(level.clear for level in levels)
    return Fit(serial, error, single, error * _quantile(found.freedom), found.noise, out, fits)


def _levels(by_ranks: Mapping[int, Sequence[Run]]) -> list[_Level]:
    """Leave out the runs that took much longer than others on as many ranks."""
    middles = {ranks: median(run.seconds for run in some) for ranks, some in by_ranks.items()}
    apart: list[float] = []
    for ranks, some in by_ranks.items():
        # the one in the middle is its own median, and tells nothing
        apart += sorted(abs(run.seconds / middles[ranks] - 1.0) for run in some if middles[ranks] > 0)[1:]
    far = max(_LEAST, _SLOW * _CONSISTENT * median(apart)) if apart else math.inf
    made: list[_Level] = []
    for ranks, some in by_ranks.items():
        kept = [run.seconds for run in some if run.seconds <= (1.0 + far) * middles[ranks]]
        mean = fmean(kept)
        squares = sum((seconds / mean - 1.0) ** 2 for seconds in kept) if mean > 0 else 0.0
        clear = min(kept) >= (1.0 - far) * middles[ranks]
        made.append(_Level(ranks, mean, len(kept), len(some) - len(kept), squares, clear))
    return made


def _line(levels: Sequence[_Level], expected: Sequence[float]) -> _Line:
    weights = [level.kept / seconds**2 for level, seconds in zip(levels, expected, strict=True)]
    xs = [1.0 / level.ranks for level in levels]
    ys = [level.seconds for level in levels]
    total = sum(weights)
    mean_x = sum(w * x for w, x in zip(weights, xs, strict=True)) / total
    mean_y = sum(w * y for w, y in zip(weights, ys, strict=True)) / total
    var_x = sum(w * (x - mean_x) ** 2 for w, x in zip(weights, xs, strict=True))
    covariance = sum(w * (x - mean_x) * (y - mean_y) for w, x, y in zip(weights, xs, ys, strict=True))
    slope = covariance / var_x
    level = mean_y - slope * mean_x
    return _Line(
        level,
        slope,
        sum(w * (y - level - slope * x) ** 2 for w, x, y in zip(weights, xs, ys, strict=True)),
        1.0 / total + mean_x**2 / var_x,
        1.0 / total + (1.0 - mean_x) ** 2 / var_x,
        1.0 / total - mean_x * (1.0 - mean_x) / var_x,
    )


def _spread(levels: Sequence[_Level], misfit: float) -> _Spread:
    squares = sum(level.squares for level in levels)
    inside, outside = sum(level.kept - 1 for level in levels), len(levels) - 2
    noise = math.sqrt(squares / inside) if inside else None
    if outside and inside and misfit / outside > _MISFIT * max(_LEAST**2, squares / inside):
        return _Spread(misfit / outside, outside, noise, fits=False)
    freedom = inside + outside
    return _Spread((squares + misfit) / max(1, freedom), freedom, noise, fits=True)


def _quantile(freedom: int) -> float:
    """Give how many standard errors wide a margin is: Student's t for 95 % on two sides, and a guard.

    By its expansion (Abramowitz and Stegun, 26.7.5); with one and two degrees of freedom as it is.
    """
    if freedom < 1:
        return math.inf
    if freedom == 1:
        return _GUARD * math.tan(math.pi * _SURE / 2)
    if freedom == 2:
        return _GUARD * _SURE * math.sqrt(2 / (1 - _SURE**2))
    z = NormalDist().inv_cdf((1 + _SURE) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return _GUARD * (z + sum(term / freedom**power for power, term in enumerate(terms, start=1)))


def wanted(serial: float) -> float:
    """Give the margin within which a share is to be known."""
    return PRECISION * max(serial, SMALL)


def lacking(runs: Sequence[Run]) -> tuple[int, ...]:
    """Give the rank counts to run once more, in their order, so that the share is known well enough.

    Where the law does not fit, or there is very much noise, it may be that most of the few runs on as many
    ranks were disturbed: these are all rank counts, up to `FULL_ROUNDS`. Otherwise they are the fewest and
    the most ranks, in turn, for no others tell as much of the share (G. Elfving, Ann. Math. Stat. 23, 1952),
    half as many as are lacking; then ask again.

    Returns:
        None of them where the share is known, where nothing can be said of it, where the law does not hold,
        or where `MOST_RUNS` would not do by far.
    """
    law = fit(runs)
    done = {ranks: len(some) for ranks, some in grouped(runs).items()}
    if law is None or law.noise is None:
        return ()
    goal = wanted(law.serial)
    if law.margin <= goal:
        return ()
    fewest, most = min(done), max(done)
    # a pair at both ends adds at least half the square of what is between them to the information (`bound`)
    gain = (_slope(law.serial, most) - _slope(law.serial, fewest)) ** 2 / 2
    quantile = _quantile(sum(done.values()) - 2)
    missing = (quantile * law.noise / goal) ** 2 - _information(law.serial, done)
    pairs = max(1, math.ceil(missing / gain))
    if not law.fits or pairs > _HOPELESS * MOST_RUNS:
        return tuple(done) if min(done.values()) < FULL_ROUNDS else ()
    now = min(math.ceil(_AT_ONCE * pairs), MOST_RUNS - max(done[fewest], done[most]))
    return tuple(ranks for pair in range(now) for ranks in ((fewest, most) if pair % 2 else (most, fewest)))


def bound(serial: float, plan: Mapping[int, int], noise: float) -> float:
    """Give the Cramer-Rao bound: no unbiased way to find the share from such runs has a smaller error.

    Args:
        serial: The true share.
        plan: How many runs there are of each rank count, two of them at least.
        noise: The standard deviation of a run, as a part of its time.

    Returns:
        A standard error. For normal errors of the logarithm of the time, where the time on one rank is not
        known either: sigma over the root of the sum of (g - mean of g)^2, and g = d ln T / d s.
    """
    return noise / math.sqrt(_information(serial, plan))


def _information(serial: float, plan: Mapping[int, int]) -> float:
    slopes = {ranks: _slope(serial, ranks) for ranks in plan}
    mean = sum(count * slopes[ranks] for ranks, count in plan.items()) / sum(plan.values())
    return sum(count * (slopes[ranks] - mean) ** 2 for ranks, count in plan.items())


def _slope(serial: float, ranks: int) -> float:
    return (ranks - 1) / (1 + serial * (ranks - 1))
