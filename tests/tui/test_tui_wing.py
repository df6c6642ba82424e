"""The wing's screen: the shape before the run, the flow during it, the verdict after it."""

from dataclasses import replace

import pytest
from typing_extensions import override

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.present import wing
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.log import LogScreen
from sciabc_tui.tui.screens.picture import PictureScreen, hint
from sciabc_tui.tui.screens.wing import WingScreen
from tests.tui import pictures_told as told
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage


class Client(CapturingClient):
    """Takes the wing's jobs."""

    @override
    def submit(self, request: SubmitJob, /) -> Job:
        """Take it."""
        self._take("submit", request)
        return replace(told.wing_job(JobState.PENDING), args=request.args)

    @override
    def apart(self) -> "Client":  # pyright: ignore[reportIncompatibleMethodOverride] - itself is enough
        """Give itself."""
        return self


async def opened(stage: Stage) -> WingScreen:
    """Go to the screen by the palette."""
    await stage.press("colon", *"wing", "enter")
    await stage.until(lambda: isinstance(stage.app.screen, WingScreen))
    await stage.until_text("camber")
    screen = stage.app.screen
    assert isinstance(screen, WingScreen)
    return screen


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_the_arrows_change_the_shape_and_it_is_drawn_at_once(size: tuple[int, int]) -> None:
    """Up and down choose, left and right change; the outline on the screen is that of the shape."""
    async with on_stage(Client(states.ready()), size) as stage:
        screen = await opened(stage)
        before = screen._picture._pixels
        assert before.height
        await stage.press("right", "right", "down", "left", "down", "right")
        assert "< angle 5 deg >" in stage.text
        assert "camber 1 %" in stage.text
        assert "thickness 11 %" in stage.text
        assert screen._picture._pixels != before


async def test_a_run_is_an_ordinary_job_with_the_shape_on_every_slot() -> None:
    """Enter submits it; its flow, its lift and drag are shown, and in the end the verdict."""
    client = Client(states.ready(), log=told.frame())
    async with on_stage(client) as stage:
        await opened(stage)
        await stage.press("right", "right", "left", "left", "right", "left", "enter")
        await stage.until_text("job 42 pending")
        wanted = SubmitJob(
            program="wing", args=("--camber", "0", "--thickness", "12", "--angle", "4"), name="wing"
        )
        assert client.asked[0] == ("submit", wanted)
        client.send(told.flying())
        await stage.until_text("54%")
        await stage.until_text("lift 0.2013")
        assert "not steady yet" in stage.text
        await stage.until(lambda: stage.text.count("▀") > 1000)
        client.send(told.flying(JobState.COMPLETED))
        await stage.until_text("lift over drag 1.61: it flies 471 km on a full tank")


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_who_runs_it_from_the_form_is_led_to_its_flow(size: tuple[int, int]) -> None:
    """The form goes on to the job's log, which says what V does; the key stands below it, and does it."""
    client = Client(states.ready(), log=told.frame())
    async with on_stage(client, size) as stage:
        await stage.press("n", *"wing", "ctrl+s")
        await stage.until(lambda: isinstance(stage.app.screen, LogScreen))
        client.send(told.flying())
        await stage.until_text("wing draws the flow: V shows it")
        await stage.until(lambda: "V picture" in stage.text.splitlines()[-1])
        await stage.press("V")
        await stage.until(lambda: isinstance(stage.app.screen, PictureScreen))
        await stage.until_text("speed: dark 0, bright 1.6")
        await stage.until(lambda: stage.text.count("▀") > 1000)


def test_only_of_programs_that_come_along_is_it_known_that_they_draw() -> None:
    """Whoever has a program of that name may draw nothing."""
    assert hint(told.wing_job())
    assert not hint(replace(told.wing_job(), program="/home/pi/wing.py"))
    assert not hint(replace(told.wing_job(), program="/opt/sciabc/jobs/programs/hello.py"))


async def test_another_shape_is_drawn_in_place_of_the_flow() -> None:
    """What was measured is then said to be of the shape before; back at that shape the flow is back."""
    async with on_stage(Client(told.flying(), log=told.frame())) as stage:
        await opened(stage)
        await stage.until(lambda: stage.text.count("▀") > 1000)
        await stage.press("right")
        await stage.until(lambda: stage.text.count("▀") < 200)
        assert "job 42 of the shape before running" in stage.text
        await stage.press("left")
        await stage.until(lambda: stage.text.count("▀") > 1000)


@pytest.mark.parametrize(
    ("args", "shape"),
    [
        ((), wing.Shape()),
        (("--camber", "2", "--steps", "9", "--angle", "-3.5"), wing.Shape(camber=2.0, angle=-3.5)),
        (("--camber", "x", "--thickness", "nan", "--angle", "inf", "--camber"), wing.Shape(angle=30.0)),
    ],
)
def test_a_run_that_is_under_way_is_taken_up_with_its_shape(args: tuple[str, ...], shape: wing.Shape) -> None:
    """Whoever started it, with whatever arguments."""
    assert wing.shape_of(replace(told.wing_job(), args=args)) == shape


async def test_a_second_run_cancels_the_first_after_a_yes() -> None:
    """Nothing is lost unasked; after the yes the first job is cancelled before the second is submitted."""
    client = Client(told.flying())
    async with on_stage(client) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until_text("Blow over the new shape?")
        assert not [one for one in client.asked if one[0] in {"cancel", "submit"}]
        await stage.press("y")
        await stage.until(lambda: [one[0] for one in client.asked if one[0] != "log"] == ["cancel", "submit"])


async def test_leaving_asks_and_leaves_the_job_alone() -> None:
    """Esc says that the job goes on; nothing is cancelled by it."""
    client = Client(told.flying())
    async with on_stage(client) as stage:
        await opened(stage)
        await stage.press("escape")
        await stage.until_text("Leave the wing?")
        await stage.press("y")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))
        assert all(one[0] == "log" for one in client.asked)


async def test_a_refusal_is_told_where_the_run_would_be() -> None:
    """The shape stays, the reason stands below it, and the screen is left without a question."""
    client = Client(states.ready())
    client.refusal = CommandRefused("program: wing needs numpy. Next: apt install python3-numpy")
    async with on_stage(client) as stage:
        await opened(stage)
        await stage.press("enter")
        await stage.until_text("wing needs numpy. Next:")
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, DashboardScreen))


def test_the_shape_stays_within_the_programs_limits() -> None:
    """However often a key is pressed, the program takes what it is given."""
    shape = wing.Shape()
    for part in wing.PARTS:
        shape = shape.moved(part, 1000)
    assert shape == wing.Shape(9.5, 30.0, 30.0)
    for part in wing.PARTS:
        shape = shape.moved(part, -1000)
    assert shape == wing.Shape(0.0, 2.0, -30.0)


def test_the_outline_is_that_of_the_section() -> None:
    """NACA 0012 is 12 % thick and symmetric; nose up turns the nose up; camber bends it up."""
    flat, up, bent = wing.Shape(angle=0.0), wing.Shape(angle=10.0), wing.Shape(camber=6.0, angle=0.0)
    thickness = sum(flat.holds(-0.2, step / 1000) for step in range(-200, 201)) / 1000
    assert thickness == pytest.approx(0.12, abs=0.002)
    assert all(flat.holds(x, y) == flat.holds(x, -y) for x in (-0.4, 0.0, 0.4) for y in (0.01, 0.05))
    assert up.holds(-0.47, 0.08)
    assert not up.holds(-0.47, -0.08)
    assert bent.holds(-0.1, 0.1)
    assert not bent.holds(-0.1, -0.03)


@pytest.mark.parametrize(
    ("state", "told_of", "words"),
    [
        (JobState.COMPLETED, (told.LIFT, told.DRAG), "it flies 471 km on a full tank"),
        (JobState.COMPLETED, (replace(told.LIFT, value=-0.1), told.DRAG), "it does not fly"),
        (JobState.COMPLETED, (), "lift over drag --"),
        (JobState.COMPLETED, (told.LIFT, replace(told.DRAG, value=0.0)), "lift over drag --"),
        (JobState.FAILED, (told.LIFT, told.DRAG), "when it ended"),
        (JobState.RUNNING, (told.LIFT, told.DRAG), "not steady yet"),
    ],
)
def test_the_verdict_is_told_of_what_was_measured_to_the_end(
    state: JobState, told_of: tuple[told.JobMetric, ...], words: str
) -> None:
    """How far it flies is said of a whole run only; what was not measured is `--`."""
    assert words in wing.verdict(replace(told.wing_job(state), metrics=told_of))
