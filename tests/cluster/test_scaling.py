"""The scaling lesson: what is measured, the sums are right, and the words name what limits."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.api.scaling import ScaleWish, Scaling
from sciabc_tui.cluster.amdahl import Run
from sciabc_tui.cluster.scaling import Lesson, counts, left, lesson, noise, order, points
from tests.scaled import ScaledCluster, amdahl

PROGRAM = SubmitJob("mergesort")


def quiet(seconds: Callable[[int], float], slots: int = 16, rounds: int = 3, *, cores: int = 4) -> Lesson:
    """Measure a simulated cluster without noise."""
    cluster = ScaledCluster(seconds, nodes=-(-slots // 4), cores=cores)
    scaling = Scaling(cluster, ScaleWish(PROGRAM, tuple(n for n in counts(slots)), rounds))
    assert scaling.run(lambda _: None)
    return scaling.lesson()


def test_which_rank_counts() -> None:
    """1, 2, 4 and so on, and every slot; none where there is no slot."""
    assert [counts(slots) for slots in (0, 1, 2, 3, 8, 12, 32)] == [
        (),
        (1,),
        (1, 2),
        (1, 2, 3),
        (1, 2, 4, 8),
        (1, 2, 4, 8, 12),
        (1, 2, 4, 8, 16, 32),
    ]


def test_rounds_are_interleaved() -> None:
    """Each round goes through all counts, to and fro: what changes slowly meets all alike."""
    assert order((4, 1, 2), 3) == (1, 2, 4, 4, 2, 1, 1, 2, 4)


def test_medians_speedup_and_efficiency() -> None:
    """Of known times; a single slow run moves no median."""
    runs = [Run(1, 1, 10.0), Run(1, 1, 10.2), Run(1, 1, 99.0), Run(4, 2, 2.55), Run(4, 1, 2.5)]
    one, four = points(runs)
    assert (one.seconds, one.fastest, one.slowest, one.runs, one.speedup, one.efficiency) == (
        10.2,
        10.0,
        99.0,
        3,
        1.0,
        1.0,
    )
    assert four.seconds == pytest.approx(2.525)
    assert (four.nodes, four.speedup) == (2, pytest.approx(10.2 / 2.525))
    assert four.efficiency == pytest.approx(10.2 / 2.525 / 4)


def test_without_one_rank_the_fewest_are_taken_as_ideal() -> None:
    """The speed-up of 2 ranks is 2 where 1 was not measured."""
    two, four = points([Run(2, 1, 6.0), Run(4, 1, 4.0)])
    assert (two.speedup, two.efficiency, four.speedup) == (2.0, 1.0, 3.0)


def _limits(found: Lesson) -> str:
    first, second = found.words
    assert first.endswith(".")
    assert second.endswith(".")
    return first.split(":")[0].partition(" limit")[0]


def test_the_words_name_what_limits() -> None:
    """Each cause in turn, told from the times alone."""
    assert _limits(quiet(amdahl(0.3))) == "The serial share"
    assert _limits(quiet(amdahl(0.001))) == "The slots"
    assert _limits(quiet(lambda n: 20 / n + 0.6 * n)) == "Communication"
    assert _limits(quiet(amdahl(0.1), cores=2)) == "Too many ranks for the cores"
    one = quiet(amdahl(0.1), slots=1)
    assert one.fit is None
    assert "nothing can be said" in one.words[0]
    assert lesson([], slots=4) == Lesson()


def test_the_share_is_told_with_its_interval() -> None:
    """As it was found, with the ends of its 95 % interval; of two runs there is none."""
    told = [Run(n, 1, amdahl(0.2)(n) * factor) for n in counts(16) for factor in (0.99, 1.0, 1.01)]
    assert lesson(told, slots=16).words[0].startswith("The serial share limits it: 20.0 % (95 %: 19.")
    few = [Run(1, 1, 10.0), Run(2, 1, 6.0)]
    assert "20.0 % of the work" in lesson(few, slots=2).words[0]


def test_a_disturbed_run_is_no_noise() -> None:
    """Where the share is known all the same."""
    runs = [Run(n, 1, amdahl(0.2)(n) * factor) for n in counts(16) for factor in (0.999, 1.0, 1.001, 1.001)]
    disturbed = [*runs, Run(8, 1, 99.0)]
    assert _limits(lesson(disturbed, slots=16)) == "The serial share"


def test_noise_is_told_and_other_jobs_are_blamed_where_they_ran() -> None:
    """Runs of one rank count that differ much."""
    runs = [Run(n, 1, amdahl(0.1)(n) * factor) for n in counts(16) for factor in (0.8, 1.0, 1.3)]
    assert noise(runs) == pytest.approx(0.5)
    assert _limits(lesson(runs, slots=16)) == "Noise"
    assert "Other jobs ran meanwhile" in lesson(runs, slots=16, others=True).words[1]


def test_short_runs_are_told() -> None:
    """In a run of a second, the launcher's start is taken for serial work."""
    assert "the start of the launcher counts" in quiet(amdahl(0.3, single=4.0)).words[1]


def test_what_is_left() -> None:
    """By the medians; of what was not measured yet, by the nearest rank count."""
    assert left([1, 2], []) is None
    assert left([1, 2, 4], [Run(1, 1, 10.0), Run(2, 1, 6.0)]) == pytest.approx(22.0)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 4096), st.integers(1, 99), st.floats(1e-3, 1e6)), min_size=1, max_size=30
    )
)
def test_any_times_give_a_lesson(found: list[tuple[int, int, float]]) -> None:
    """Whatever was measured: a share from 0 to 1, finite numbers, and two sentences."""
    told = lesson([Run(*one) for one in found], slots=8)
    assert len(told.words) == 2
    assert all(math.isfinite(point.speedup) for point in told.points)
    assert told.fit is None or (0 <= told.fit.serial <= 1 and told.fit.error >= 0)
