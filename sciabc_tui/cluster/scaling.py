"""How a program scales: which rank counts to measure, what was measured, and what it teaches, in words.

    counts(8)                       ->  (1, 2, 4, 8)
    lesson(runs, slots=8, ...)      ->  medians, speed-up, efficiency, the fit, two sentences

The law that is laid through the times is Amdahl's (`sciabc_tui.cluster.amdahl`).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from sciabc_tui.cluster.amdahl import Fit, Run, fit, grouped, wanted
from sciabc_tui.cluster.durations import span

LEAST_RANKS = 1
MOST_RANKS = 4096
"""More than a briefcase holds."""

SHORT_RUN = 3.0
"""Seconds: in a shorter run the launcher's own start counts as serial work."""

FEWEST_ROUNDS = 3
"""Without a number of rounds: of so many the spread is seen, and whether more are lacking."""

_NOISY = 0.15
"""Of a run's time, and of a share: so much is no longer small."""
_GROWS = 1.05
_SERIAL = 0.02
"""A smaller share than that is lost in the times of any cluster."""


@dataclass(frozen=True, slots=True)
class Point:
    """What was measured on one number of ranks.

    Attributes:
        ranks: How many.
        nodes: On how many nodes, at most.
        seconds: The median.
        fastest: The shortest run, in seconds.
        slowest: The longest run, in seconds.
        runs: How many there were.
        speedup: How many times as fast as one rank; of the fewest ranks that were measured it is taken that
            they were ideal.
        efficiency: The speed-up for each rank, from 0 to 1; above 1 it is better than ideal.
    """

    ranks: int
    nodes: int
    seconds: float
    fastest: float
    slowest: float
    runs: int
    speedup: float
    efficiency: float


@dataclass(frozen=True, slots=True)
class Lesson:
    """What the runs teach.

    Attributes:
        points: The fewest ranks first.
        fit: None where fewer than two rank counts were measured.
        words: What limits it, in two sentences; none where nothing was measured.
    """

    points: tuple[Point, ...] = ()
    fit: Fit | None = None
    words: tuple[str, ...] = ()


def counts(slots: int) -> tuple[int, ...]:
    """Give the rank counts to measure on so many slots: 1, 2, 4 and so on, and all of them."""
    doubled = [1 << power for power in range(max(0, slots).bit_length()) if 1 << power <= slots]
    return tuple(doubled) if slots in doubled or slots < 1 else (*doubled, slots)


def order(ranks: Sequence[int], rounds: int) -> tuple[int, ...]:
    """Give the rank counts in the order of the runs: each round goes through all, every other one backward.

    So what changes slowly while it is measured (heat, other jobs) meets all counts alike.
    """
    wanted = sorted(set(ranks))
    return tuple(
        count for round_ in range(rounds) for count in (wanted if round_ % 2 == 0 else reversed(wanted))
    )


def points(runs: Sequence[Run]) -> tuple[Point, ...]:
    """Give medians, speed-up and efficiency of what was measured, the fewest ranks first."""
    by_ranks = grouped(runs)
    if not by_ranks:
        return ()
    fewest = min(by_ranks)
    single = fewest * median(run.seconds for run in by_ranks[fewest])
    return tuple(_point(ranks, some, single) for ranks, some in by_ranks.items())


def _point(ranks: int, runs: Sequence[Run], single: float) -> Point:
    seconds = [run.seconds for run in runs]
    middle = median(seconds)
    speedup = single / middle if middle > 0 else 0.0
    nodes = max(run.nodes for run in runs)
    return Point(ranks, nodes, middle, min(seconds), max(seconds), len(runs), speedup, speedup / ranks)


def noise(runs: Sequence[Run]) -> float:
    """Give by how much runs of the same rank count differ, as a part of their time: the largest such part."""
    return max(
        ((point.slowest - point.fastest) / point.seconds for point in points(runs) if point.seconds > 0),
        default=0.0,
    )


def lesson(
    runs: Sequence[Run], *, slots: int, cores: Mapping[int, bool] | None = None, others: bool = False
) -> Lesson:
    """Say what the runs teach.

    Args:
        runs: What was measured.
        slots: How many slots the nodes have that may be used.
        cores: For each rank count whether the nodes had a core for each of its ranks, where that is known.
        others: Whether other jobs ran meanwhile.
    """
    found, law = points(runs), fit(runs)
    if not found:
        return Lesson()
    crowded = sorted(ranks for ranks, enough in (cores or {}).items() if not enough)
    return Lesson(found, law, _words(found, law, noise(runs), slots, crowded, others=others))


def _words(
    found: tuple[Point, ...],
    law: Fit | None,
    noisy: float,
    slots: int,
    crowded: Sequence[int],
    *,
    others: bool,
) -> tuple[str, str]:
    best = max(found, key=lambda point: point.speedup)
    last = found[-1]
    fastest = (
        f"The fastest was {_ranks(best.ranks)}: {best.speedup:.1f} times the speed of one"
        if best.ranks > 1
        else "No number of ranks was faster than one"
    )
    if law is None:
        return (
            f"Only {_ranks(last.ranks)} could be measured, so nothing can be said about scaling.",
            "Next: measure at least two rank counts, on more slots if there are too few.",
        )
    if crowded and last.ranks in crowded:
        return (
            f"Too many ranks for the cores limit it: from {_ranks(crowded[0])} on some nodes ran more ranks "
            "than they have cores.",
            f"{fastest}; give each node only as many slots as it has cores.",
        )
    if last.seconds > _GROWS * best.seconds and _apart(last, best):
        return (
            f"Communication limits it: beyond {_ranks(best.ranks)} the times grow again, from "
            f"{span(best.seconds)} to {span(last.seconds)}.",
            f"{fastest}; {_advice(best)}.",
        )
    if _unsure(law, noisy):
        why = "Other jobs ran meanwhile" if others else "Something else used the nodes, or they got hot"
        return (
            f"Noise limits what can be said: runs of the same rank count differ by {noisy:.0%}, and the "
            f"serial share is {written(law)}.",
            f"{why}; measure again on a quiet cluster, with more rounds.",
        )
    return _of_the_law(last, law, slots)


def _advice(best: Point) -> str:
    if best.seconds < SHORT_RUN:
        return "give the program more work, for in so short a run the start of the ranks counts, too"
    return "more ranks pay only where each has more to compute between its messages"


def _of_the_law(last: Point, law: Fit, slots: int) -> tuple[str, str]:
    if law.serial < _SERIAL or law.limit is None:
        enough = "all of them" if last.ranks >= slots else f"only {_ranks(last.ranks)} were measured"
        return (
            f"The slots limit it: hardly any of the work is serial ({written(law)}), so nearly all of it is "
            "shared out.",
            f"{_ranks(last.ranks)} reach {last.speedup:.1f} times the speed of one, and there are {slots} "
            f"slots ({enough}); more slots would make it faster still.",
        )
    first = (
        f"The serial share limits it: {written(law)} of the work can't be shared out, so no number of ranks "
        f"is more than {law.limit:.1f} times as fast as one."
    )
    if last.seconds < SHORT_RUN:
        return first, (
            f"A run on {_ranks(last.ranks)} takes only {span(last.seconds)}, and the start of the launcher "
            "counts as serial in it: give the program more work to see its own share."
        )
    return first, (
        f"{_ranks(last.ranks)} reach {last.speedup:.1f} times; twice as many would reach "
        f"{law.speedup(2 * last.ranks):.1f}."
    )


def _apart(slow: Point, fast: Point) -> bool:
    """Are the two further apart than their runs?"""
    return slow.runs == 1 or fast.runs == 1 or slow.fastest > fast.seconds


def _unsure(law: Fit, noisy: float) -> bool:
    """Is the share hardly known, for the noise? Not where so many runs were made that it is."""
    spread = law.margin < math.inf and law.margin > _NOISY
    return spread or (noisy > _NOISY and law.margin > 2 * wanted(law.serial))


def written(law: Fit) -> str:
    """Write the serial share; with its 95 % interval, where that is known."""
    share = f"{100 * law.serial:.1f} %"
    if law.margin > 1:
        return share
    low, high = law.interval
    return f"{share} (95 %: {100 * low:.1f} to {100 * high:.1f} %)"


def left(ranks: Sequence[int], runs: Sequence[Run]) -> float | None:
    """Give the seconds that runs on these rank counts will take, by what was measured; None if that is none.

    What was not measured yet is taken to be as long as on the nearest rank count that was.
    """
    known = points(runs)
    if not known:
        return None
    return sum(min(known, key=lambda point: abs(point.ranks - count)).seconds for count in ranks)


def _ranks(number: int) -> str:
    return "1 rank" if number == 1 else f"{number} ranks"
