"""A pace: a few at once, and one after the other in the long run."""

from hypothesis import given
from hypothesis import strategies as st

from jobs.allowance import Pace

EVERY = 0.1


def taken(pace: Pace, now: float) -> float:
    """Wait until the next may be, and take it; give when that was, to the millisecond."""
    due = pace.due(now)
    pace.took(due)
    return round(due, 3)


def test_a_burst_goes_at_once_and_the_rest_at_its_pace() -> None:
    """Eight may begin a job; the ninth waits for its turn."""
    pace = Pace(8, EVERY)
    assert [taken(pace, 5.0) for _ in range(8)] == [5.0] * 8
    assert [taken(pace, 5.0) for _ in range(3)] == [5.1, 5.2, 5.3]


def test_a_silence_saves_up_for_no_more_than_a_burst() -> None:
    """However long it was."""
    pace = Pace(8, EVERY)
    for _ in range(20):
        taken(pace, 5.0)
    assert [taken(pace, 1000.0) for _ in range(8)] == [1000.0] * 8
    assert taken(pace, 1000.0) == 1000.1


def test_who_came_early_owes_no_more_than_one() -> None:
    """What is written because its batch is full does not hold up the next words for long."""
    pace = Pace(8, EVERY)
    for _ in range(1000):
        pace.took(5.0)
    assert pace.due(5.0) <= 5.0 + EVERY + 1e-9


@given(st.lists(st.floats(0, 3), max_size=60), st.integers(1, 8))
def test_in_the_long_run_there_is_one_at_a_time(silences: list[float], at_once: int) -> None:
    """In any stretch of time: a burst, and one in each ``every``."""
    pace, now = Pace(at_once, EVERY), 100.0
    times: list[float] = []
    for silence in silences:
        now = taken(pace, now + silence / 10)
        times.append(now)
    for first, begin in enumerate(times):
        for last, end in enumerate(times[first:], first):
            assert last - first + 1 <= at_once + (end - begin) / EVERY + 0.1
