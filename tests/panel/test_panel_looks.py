"""The lamp in words."""

import pytest

from sciabc_tui.cluster.state import LampState
from sciabc_tui.panel.looks import describe

WORDS = {
    LampState.CRITICAL: "vermilion, 1 flash of 0.25 s every 0.5 s",
    LampState.STALE: "magenta, 3 flashes of 0.15 s every 2 s",
    LampState.NO_UPLINK: "white, 2 flashes of 0.15 s every 2 s",
    LampState.DEGRADED: "amber, 1 flash of 0.2 s every 2 s",
    LampState.STARTING: "white, 1 flash of 0.5 s every 1 s",
    LampState.RUNNING: "sky blue, breathes every 2 s",
    LampState.IDLE: "sky blue, breathes every 5 s",
    LampState.STOPPING: "amber, fades to dark within 2 s",
}


@pytest.mark.parametrize("state", LampState)
def test_every_look_has_words(state: LampState) -> None:
    """Colour and rhythm are those that the lamp has."""
    assert describe(state) == WORDS[state]


def test_no_two_looks_have_the_same_rhythm_in_words() -> None:
    """Who reads the words without the colour still knows the state."""
    rhythms = [describe(state).partition(", ")[2] for state in LampState]
    assert len(set(rhythms)) == len(rhythms)
