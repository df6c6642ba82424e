"""The panel on a recording: every screen says so, and the clock is the recording's."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.state import Replay
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, on_stage


@pytest.mark.parametrize("size", [(60, 20), SMALL, WIDE])
@pytest.mark.parametrize("keys", [(), ("e",), ("j", "enter"), ("comma",), ("tab", "enter")])
async def test_every_screen_says_replay(keys: tuple[str, ...], size: tuple[int, int]) -> None:
    """In its first line, at every width; a simulation that was recorded is still one."""
    state = states.simulated(states.replayed(states.running()))
    async with on_stage(CapturingClient(state), size, loaded=states.loaded()) as stage:
        await stage.press(*keys)
        assert stage.text.startswith(" REPLAY SIMULATED ")


@pytest.mark.parametrize(("speed", "later"), [(4.0, 40.0), (0.25, 2.5), (100.0, 1000.0)])
async def test_the_clock_runs_at_the_speed(speed: float, later: float) -> None:
    """Ages and the time of day go on as they did, so what is old now was old then."""
    state = states.running()
    state = replace(state, head=replace(state.head, replay=Replay(speed)))
    async with on_stage(CapturingClient(state)) as stage:
        stage.clock.now += 10
        view = stage.app.view()
        assert (view.now - state.at, view.wall - state.wall) == (pytest.approx(later), pytest.approx(later))


async def test_the_end_is_told_and_the_clock_stands() -> None:
    """Nothing gets old any more; why it ended before its end stands beside it, as plain text."""
    state = states.replayed(states.running(), ended=True)
    async with on_stage(CapturingClient(state)) as stage:
        stage.clock.now += 1000
        stage.app._look_again()
        await stage.until_text("the recording ends here")
        view = stage.app.view()
        assert (view.now, view.stale) == (state.at, False)
        broken = Replay(4.0, ended=True, problem="x.rec is damaged\x1b[31m at line 3")
        stage.client.send(replace(state, head=replace(state.head, replay=broken)))
        await stage.until_text("the recording ends here: x.rec is damaged at line 3")
