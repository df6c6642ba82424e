"""The screens as they were accepted, at 80x24 and 140x40."""

from collections.abc import Awaitable, Callable

import pytest

from sciabc_tui.errors import ServiceUnavailable
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, Glyphs
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.conftest import Accepted
from tests.tui.screens import SMALL, WIDE, Stage, on_stage

# The files are named for what they show, not for the test.
pytestmark = pytest.mark.filterwarnings("ignore:[\\s\\S]*Can not relate snapshot name")

SIZES = [pytest.param(SMALL, id="80x24"), pytest.param(WIDE, id="140x40")]


async def _nothing(stage: Stage) -> None:
    await stage.pilot.pause()


async def _log(stage: Stage) -> None:
    await stage.press("tab", "enter")
    await stage.until_text("step")
    await stage.until(lambda: "300 lines" in stage.text)


async def _jobs(stage: Stage) -> None:
    await stage.press("tab", "j", "j")
    await stage.until_text("release")


async def _requeue(stage: Stage) -> None:
    await stage.press("tab", "j", "j", "R")
    await stage.until_text("leave it")


async def _gone(stage: Stage) -> None:
    stage.client.go_away()
    await stage.until(lambda: stage.app.view().gone is not None)
    stage.clock.now += 12
    stage.app._look_again()
    await stage.until_text("gone 12 s ago")


async def _new_job(stage: Stage) -> None:
    await stage.press("n", "down")
    await stage.until_text("powers")


async def _checked(stage: Stage) -> None:
    stage.client.answer(states.fitness())
    await stage.press("tab", "p")
    await stage.until_text("r asks again")


async def _asking(stage: Stage) -> None:
    await stage.press("p")
    await stage.until(lambda: stage.client.asked)
    stage.clock.now += 3
    stage.app._look_again()
    await stage.until_text("asking 4 nodes: 3 s")


async def _unanswered(stage: Stage) -> None:
    stage.client.refusal = ServiceUnavailable("No head service is running. Next: sciabc-tui head")
    await stage.press("p")
    await stage.until_text("r asks again")


async def _help(stage: Stage) -> None:
    await stage.press("question_mark")
    await stage.until_text("up down scrolls")


async def _approve(stage: Stage) -> None:
    await stage.press("a")
    await stage.until_text("ssh-keygen")


async def _forget(stage: Stage) -> None:
    await stage.press("a", "f")
    await stage.until_text("leave it")


async def _events(stage: Stage) -> None:
    stage.client.past = states.happened()
    await stage.press("e")
    await stage.until_text("following")


async def _events_filtered(stage: Stage) -> None:
    await _events(stage)
    await stage.press("slash", *"node03")
    await stage.until_text("with")


async def _node(stage: Stage) -> None:
    await stage.press("j", "enter")
    await stage.until_text("Jobs there")


async def _drain(stage: Stage) -> None:
    await stage.press("j", "d")
    await stage.until_text("leave it")


SCENES: dict[str, tuple[Callable[[], states.State], Callable[[Stage], Awaitable[None]]]] = {
    "ready": (states.ready, _nothing),
    "lost": (states.lost, _nothing),
    "queued": (states.queued, _jobs),
    "requeue": (states.lost, _requeue),
    "running-log": (states.running, _log),
    "empty": (states.empty, _nothing),
    "gone": (states.running, _gone),
    "new-job": (states.ready, _new_job),
    "preflight": (states.running, _checked),
    "preflight-asking": (states.ready, _asking),
    "preflight-refused": (states.ready, _unanswered),
    "help": (states.ready, _help),
    "approve": (states.lost, _approve),
    "forget": (states.lost, _forget),
    "events": (states.lost, _events),
    "events-filtered": (states.lost, _events_filtered),
    "node": (states.lost, _node),
    "drain": (states.lost, _drain),
    "simulated": (lambda: states.simulated(states.running()), _nothing),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
async def test_scene(scene: str, size: tuple[int, int], accepted: Accepted) -> None:
    """Each screen looks as it was accepted."""
    state, play = SCENES[scene]
    client = CapturingClient(state(), log=states.log_records(300))
    async with on_stage(client, size) as stage:
        await play(stage)
        await stage.pilot.wait_for_scheduled_animations()
        accepted.check(stage.shot(), f"{scene}-{size[0]}x{size[1]}")


@pytest.mark.parametrize(("name", "glyphs"), [("ascii", ASCII), ("linux", LINUX)])
async def test_glyphs(name: str, glyphs: Glyphs, accepted: Accepted) -> None:
    """The same dashboard in the glyphs of lesser terminals."""
    async with on_stage(CapturingClient(states.lost()), glyphs=glyphs) as stage:
        accepted.check(stage.shot(), f"lost-{name}-80x24")


async def test_first_frame(accepted: Accepted) -> None:
    """There is a whole screen before the service has answered."""
    async with on_stage(CapturingClient(), waiting=True) as stage:
        accepted.check(stage.shot(), "first-frame-80x24")
