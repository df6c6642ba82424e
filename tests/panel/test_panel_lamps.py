"""The lamp: rhythms that tell the state, and that harm nobody."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.state import LampState
from sciabc_tui.panel.lamps import LOOKS, Fade, colour_at, level

STEP = 0.01
LOOPS = [state for state in LampState if not isinstance(LOOKS[state].rhythm, Fade)]


def levels(state: LampState, seconds: float) -> list[float]:
    """Sample a rhythm from its begin."""
    return [level(LOOKS[state].rhythm, number * STEP) for number in range(round(seconds / STEP))]


@pytest.mark.parametrize("state", LampState)
def test_every_state_has_a_look(state: LampState) -> None:
    """No state leaves the lamp without an answer."""
    assert state in LOOKS


@pytest.mark.parametrize("state", LampState)
def test_nothing_flashes_more_than_twice_a_second(state: LampState) -> None:
    """In no second, wherever it begins, the light goes up more than twice."""
    samples = levels(state, 12.0)
    rises = [number for number, (a, b) in enumerate(pairwise(samples)) if a < 0.5 <= b]
    window = round(1.0 / STEP)
    assert all(sum(start <= rise < start + window for rise in rises) <= 2 for start in rises)


def test_the_rhythm_alone_tells_the_state() -> None:
    """Who sees no colours still sees which state it is: no two loops look alike."""
    rhythms = [tuple(levels(state, 10.0)) for state in LOOPS]
    assert len(set(rhythms)) == len(LOOPS)


@given(st.sampled_from(LampState), st.floats(0, 1e6), st.booleans())
def test_colours_are_bytes_and_dim(state: LampState, t: float, night: bool) -> None:
    """A quarter of full brightness by day, three per cent by night, never more."""
    assert 0.0 <= level(LOOKS[state].rhythm, t) <= 1.0
    assert all(0 <= part <= (8 if night else 64) for part in colour_at(state, t, night=night))


@pytest.mark.parametrize(
    ("state", "t", "colour"),
    [
        (LampState.CRITICAL, 0.0, (64, 10, 0)),
        (LampState.CRITICAL, 0.3, (0, 0, 0)),
        (LampState.DEGRADED, 0.1, (64, 28, 0)),
        (LampState.DEGRADED, 0.25, (0, 0, 0)),
        (LampState.STALE, 1.1, (64, 0, 40)),
        (LampState.STALE, 1.6, (0, 0, 0)),
        (LampState.NO_UPLINK, 0.55, (64, 64, 64)),
        (LampState.NO_UPLINK, 1.05, (0, 0, 0)),
        (LampState.STARTING, 0.4, (64, 64, 64)),
        (LampState.RUNNING, 1.0, (10, 35, 64)),
        (LampState.IDLE, 2.5, (10, 35, 64)),
        (LampState.STOPPING, 0.0, (64, 28, 0)),
        (LampState.STOPPING, 3.0, (0, 0, 0)),
    ],
)
def test_the_table(state: LampState, t: float, colour: tuple[int, int, int]) -> None:
    """The colours of the lamp table, at moments that tell its rhythms."""
    assert colour_at(state, t, night=False) == colour
