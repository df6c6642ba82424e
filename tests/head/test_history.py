"""The history: what the rings hold is what was measured, whatever came when, in memory that does not grow."""

import asyncio
import math
import tracemalloc
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Origin, Reading
from sciabc_tui.cluster.observations import HeadSighted, ReadingTaken
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.series import SPANS, Series
from sciabc_tui.head.history import LENGTH, Historian, History
from sciabc_tui.head.hub import StateHub
from tests.head.fakes import FakeClock, until
from tests.head.nets import running


def reading(at: float, cpu: float | None = 50.0) -> Reading:
    """Make a reading."""
    return Reading(at, cpu, memory_used=1, memory_total=4, temperature=40.0, received=1000.0, sent=10.0)


def told(series: Series) -> list[float | None]:
    """Give the CPU from the first place that is known to the last."""
    known = [index for index, value in enumerate(series.cpu) if value is not None]
    return list(series.cpu[known[0] : known[-1] + 1]) if known else []


def test_a_minute_by_the_second_ten_by_ten_an_hour_by_the_minute() -> None:
    """Each ring holds the means of its places, and no more of them than it has."""
    history = History()
    for second in range(4000):
        history.add(reading(second + 0.5, float(second % 60)), 1.0)
    minute, ten, hour = (history.series(span, 3999.9) for span in SPANS)
    assert [series.step for series in (minute, ten, hour)] == [1, 10, 60]
    assert minute.cpu == tuple(float(second % 60) for second in range(3940, 4000))
    assert set(ten.cpu) == {4.5, 14.5, 24.5, 34.5, 44.5, 54.5}
    assert hour.cpu[:-1] == pytest.approx([29.5] * 59)
    assert hour.memory == (25.0,) * LENGTH
    assert (hour.until, hour.temperature[0], hour.received[0], hour.sent[0]) == (4020.0, 40.0, 1000.0, 10.0)


def test_jitter_and_long_periods_leave_no_holes() -> None:
    """A reading speaks for the time since the one before it, if that was due then."""
    history = History()
    for at in (10.9, 12.1, 14.2, 16.0):
        history.add(reading(at, at), 2.0)
    assert told(history.series(60, 16.5)) == pytest.approx(
        [10.9, 12.1, 12.1, 14.2, 14.2, 16.0, 16.0], rel=1e-6
    )


def test_silence_is_not_measured() -> None:
    """After a silence the places in between are None, and so are those that time has passed over since."""
    history = History()
    for at in (10.5, 11.5, 20.5):
        history.add(reading(at), 1.0)
    assert told(history.series(60, 20.9)) == [50.0, 50.0, *[None] * 8, 50.0]
    later = history.series(60, 25.0)
    assert later.cpu[-6:] == (50.0, None, None, None, None, None)
    assert history.series(60, 90.0).cpu == (None,) * LENGTH
    assert history.series(3600, 90.0).cpu[-2:] == (50.0, None)


def test_what_a_reading_does_not_tell_is_none() -> None:
    """The first reading of a stream has no CPU; a board without a sensor has no temperature."""
    history = History()
    history.add(Reading(1.0), 1.0)
    history.add(Reading(1.4, cpu_percent=20.0), 1.0)
    history.add(Reading(1.8, cpu_percent=40.0), 1.0)
    series = history.series(60, 1.9)
    assert series.cpu[-1] == 30.0
    assert series.memory[-1] is series.temperature[-1] is series.received[-1] is None


STEPS = st.lists(
    st.tuples(st.floats(0.01, 200.0), st.none() | st.floats(0, 100, width=32)), min_size=1, max_size=120
)


@given(steps=STEPS, span=st.sampled_from(SPANS), ahead=st.floats(0, 5000))
def test_the_rings_hold_the_means_of_what_came(
    steps: list[tuple[float, float | None]], span: int, ahead: float
) -> None:
    """Whatever came when: each place holds the mean of the readings in it, or what a neighbour speaks for."""
    history, at = History(), 0.0
    came: list[tuple[float, float | None]] = []
    for pause, cpu in steps:
        at += pause
        came.append((at, cpu))
        history.add(reading(at, cpu), 1.0)
    series = history.series(span, at + ahead)
    assert len(series.cpu) == LENGTH
    assert all(value is None or -0.01 <= value <= 100.01 for value in series.cpu)
    for place, value in enumerate(series.cpu):
        start = series.until - (LENGTH - place) * series.step
        inside = [cpu for when, cpu in came if math.floor(when / series.step) * series.step == start]
        measured = [cpu for cpu in inside if cpu is not None]
        if inside and (inside[0] is not None or not measured):
            assert value == (
                pytest.approx(math.fsum(measured) / len(measured), abs=0.01) if measured else None
            )


def test_the_memory_of_a_node_is_fixed() -> None:
    """At most 5 kB a node, and not a byte more after a day of readings."""
    tracemalloc.start()
    try:
        histories = [History() for _ in range(100)]
        new = tracemalloc.get_traced_memory()[0]
        for second in range(0, 86_400, 60):
            histories[0].add(reading(float(second)), 1.0)
        assert tracemalloc.get_traced_memory()[0] - new < 1024
    finally:
        tracemalloc.stop()
    assert new / 100 < 5000


async def test_the_historian_follows_the_state() -> None:
    """Each reading is taken in once, however often the state changes; who is gone is forgotten."""
    clock = FakeClock(100.5)
    hub, historian = StateHub(clock), Historian(clock)
    hub.observe([HeadSighted("headnode", ("10.77.0.1",), 4), ReadingTaken(HEAD, reading(100.2, 10.0))])
    async with running(historian, hub):
        await until(hub, lambda state: HEAD in state.nodes)
        historian.take(hub.state.nodes.values())
    historian.take(hub.state.nodes.values())
    hub.observe([ReadingTaken(HEAD, reading(100.4, 20.0))])
    historian.take(hub.state.nodes.values())
    assert told(historian.series(HEAD, 60)) == [15.0]
    historian.take([])
    assert told(historian.series(HEAD, 60)) == []


async def test_the_historian_takes_in_what_comes_while_it_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody needs to ask it."""
    monkeypatch.setattr("sciabc_tui.head.history.LOOK", 0.0)
    clock = FakeClock(100.5)
    hub, historian = StateHub(clock), Historian(clock)
    async with running(historian, hub):
        hub.observe([HeadSighted("headnode", ("10.77.0.1",), 4), ReadingTaken(HEAD, reading(100.2, 10.0))])
        await turns()
        assert told(historian.series(HEAD, 60)) == [10.0]
        hub.observe([ReadingTaken(HEAD, reading(100.4, 20.0))])
        await turns()
        assert told(historian.series(HEAD, 60)) == [15.0]


async def turns() -> None:
    """Let the loop turn until all that is due was done."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_the_period_of_the_node_counts() -> None:
    """A node that is asked every 4 s has no holes either."""
    node = Node(NodeId("n1"), "node01", Origin.MDNS, beat=4.0)
    historian = Historian(FakeClock(30.0))
    for at in (20.5, 24.5, 28.5):
        historian.take([replace(node, reading=reading(at))])
    assert told(historian.series(node.id, 60)) == [50.0] * 9


def test_another_span_is_refused() -> None:
    """There are three rings."""
    with pytest.raises(KeyError):
        Historian(FakeClock()).series(HEAD, 61)
