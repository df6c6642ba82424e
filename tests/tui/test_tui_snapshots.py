"""The screens as they were accepted, at 80x24 and 140x40."""

from collections.abc import Awaitable, Callable

import pytest

from sciabc_tui.api.messages import PreflightBegun
from sciabc_tui.cluster.job import JobState
from sciabc_tui.errors import CommandRefused, ServiceUnavailable
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, Glyphs
from tests.scaled import ScaledCluster, amdahl
from tests.tui import pictures_told, states, works_told
from tests.tui.client import CapturingClient
from tests.tui.conftest import Accepted
from tests.tui.scale_client import ScaleClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage

# The files are named for what they show, not for the test.
pytestmark = pytest.mark.filterwarnings("ignore:[\\s\\S]*Can not relate snapshot name")

SIZES = [pytest.param(SMALL, id="80x24"), pytest.param(WIDE, id="140x40")]


async def _nothing(stage: Stage) -> None:
    await stage.pilot.pause()


async def _log(stage: Stage) -> None:
    await stage.press("tab", "enter")
    await stage.until_text("step")
    await stage.until(lambda: "of 300" in stage.text)


async def _picture(stage: Stage) -> None:
    stage.client.log_data = pictures_told.frame()
    await stage.press("tab", "enter")
    await stage.until_text("Output")
    await stage.press("V")
    await stage.until_text("dark 0")


async def _wing(stage: Stage) -> None:
    await stage.press("colon", *"wing", "enter")
    await stage.until_text("camber")


async def _wing_flow(stage: Stage) -> None:
    stage.client.log_data = pictures_told.frame()
    await _wing(stage)
    await stage.until(lambda: stage.text.count("▀") > 1000)


async def _wing_verdict(stage: Stage) -> None:
    stage.client.log_data = pictures_told.frame()
    stage.client.send(pictures_told.flying())
    await stage.until_text("54%")
    await _wing_flow(stage)
    stage.client.send(pictures_told.flying(JobState.COMPLETED))
    await stage.until_text("full tank")


async def _details(stage: Stage) -> None:
    await _log(stage)
    await stage.press("i")
    await stage.until_text("attempt 1")


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
    stage.client.answer(states.fitness())
    await stage.press("n")
    await stage.until_text("NOT FIT")


async def _new_job_offers(stage: Stage) -> None:
    await _new_job(stage)
    await stage.press("down", "down")
    await stage.until_text("powers.py")
    await stage.until_text("not asked yet")
    await stage.until_text("NOT FIT")


async def _new_job_more(stage: Stage) -> None:
    await _new_job(stage)
    await stage.press("ctrl+o", "tab", "tab", *"OMP_NUM_THREADS")
    await stage.until_text("is not NAME=value")


async def _new_job_refused(stage: Stage) -> None:
    stage.client.preview_refusal = CommandRefused("program: hello not found. Next: give its path")
    await stage.press("n")
    await stage.until_text("! Program")


async def _job_again(stage: Stage) -> None:
    stage.client.answer(states.fitness())
    await stage.press("tab", "E")
    await stage.until_text("NOT FIT")


async def _checked(stage: Stage) -> None:
    stage.client.answer(states.fitness())
    await stage.press("tab", "p")
    await stage.until_text("r asks again")


async def _rows(stage: Stage) -> None:
    report = states.fitness()
    nodes = tuple(row.node for row in report.rows)
    stage.client.parts = (PreflightBegun(report.launcher, nodes), report.rows[3], report.rows[0])
    await stage.press("p")
    await stage.until_text("2 of 4 have answered")


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
    await stage.until_text("-10 min")


async def _node_hour(stage: Stage) -> None:
    await stage.press("G", "enter")
    await stage.until_text("-10 min")
    await stage.press("right_square_bracket")
    await stage.until_text("-1 h")


async def _palette(stage: Stage) -> None:
    await stage.press("colon", *"node")


async def _settings(stage: Stage) -> None:
    await stage.press("comma", "j")
    await stage.until_text("to change")


async def _never_there(stage: Stage) -> None:
    stage.client.go_away()
    await stage.until(lambda: stage.app.view().gone is not None)
    await stage.until_text("sciabc-tui doctor")


async def _drain(stage: Stage) -> None:
    await stage.press("j", "d")
    await stage.until_text("leave it")


async def _selected(stage: Stage) -> None:
    await stage.press("j", "space", "space", "o", "o")
    await stage.until_text("2 selected")


async def _drain_many(stage: Stage) -> None:
    await stage.press("j", "space", "space", "d")
    await stage.until_text("Drain 2 nodes?")


async def _heat(stage: Stage) -> None:
    await stage.press("v", "j", "space", "l")
    await stage.until_text("1 selected")


async def _boards(stage: Stage) -> None:
    works_told.scanning(stage.client)
    await stage.press("P", "ctrl+n")
    await stage.until_text("128 of 254 addresses 50%")


async def _board_keys(stage: Stage) -> None:
    works_told.looked(stage.client)
    await stage.press("P", "tab", *works_told.TYPED, "enter", "enter")
    await stage.until_text("enter approves 2")


async def _options(stage: Stage) -> None:
    await _board_keys(stage)
    await stage.press("enter", *works_told.PASSWORD, "tab", *"sciabc")
    await stage.until_text("New user    sciabc")


async def _provisioning(stage: Stage) -> None:
    works_told.provisioning(stage.client)
    await _options(stage)
    await stage.press("enter")
    await stage.until_text("2 of 3 over")


async def _provisioned(stage: Stage) -> None:
    works_told.provisioned(stage.client)
    await _options(stage)
    await stage.press("enter")
    await stage.until_text("2 of 3 boards compute")


async def _nothing_to_do(stage: Stage) -> None:
    works_told.nothing_to_do(stage.client)
    await _options(stage)
    await stage.press("enter")
    await stage.until_text("2 boards compute; 0 changes")


async def _provision_dry(stage: Stage) -> None:
    works_told.dry_run(stage.client)
    await _options(stage)
    await stage.press("ctrl+t")
    await stage.until_text("Nothing was changed")
    await stage.press("right", "right")


async def _power(stage: Stage) -> None:
    await stage.press("j", "space", "space", "space", "B")
    await stage.until_text("no halt first")


async def _reboot(stage: Stage) -> None:
    await _power(stage)
    await stage.press("r")
    await stage.until_text("leave it")


async def _rebooting(stage: Stage) -> None:
    works_told.rebooting(stage.client)
    await _reboot(stage)
    await stage.press("y")
    await stage.until_text("2 of 3 over")


async def _packed(stage: Stage) -> None:
    works_told.packed(stage.client)
    await stage.press("colon", *"pack", "enter", "k", "y")
    await stage.until_text("safe to unplug")


async def _exec(stage: Stage) -> None:
    await stage.press("asterisk", "x", *"uname -sr; uptime -p", "enter")


async def _asked(stage: Stage) -> None:
    works_told.asked(stage.client)
    await _exec(stage)
    await stage.until_text("3 of 4 over")


async def _answered(stage: Stage) -> None:
    works_told.answered(stage.client)
    await _exec(stage)
    await stage.until_text("exit code 2")


async def _scale(stage: Stage) -> None:
    await stage.press("colon", *"scaling", "enter")
    await stage.until_text("if none are named")


SCENES: dict[str, tuple[Callable[[], states.State], Callable[[Stage], Awaitable[None]]]] = {
    "ready": (states.ready, _nothing),
    "lost": (states.lost, _nothing),
    "queued": (states.queued, _jobs),
    "requeue": (states.lost, _requeue),
    "running-log": (states.running, _log),
    "running-details": (states.running, _details),
    "empty": (states.empty, _nothing),
    "gone": (states.running, _gone),
    "new-job": (states.ready, _new_job),
    "new-job-offers": (states.ready, _new_job_offers),
    "new-job-more": (states.ready, _new_job_more),
    "new-job-refused": (states.ready, _new_job_refused),
    "job-again": (states.running, _job_again),
    "preflight-rows": (states.ready, _rows),
    "preflight": (states.running, _checked),
    "preflight-asking": (states.ready, _asking),
    "preflight-refused": (states.ready, _unanswered),
    "help": (states.ready, _help),
    "approve": (states.lost, _approve),
    "forget": (states.lost, _forget),
    "events": (states.lost, _events),
    "events-filtered": (states.lost, _events_filtered),
    "node": (states.lost, _node),
    "node-hour": (states.lost, _node_hour),
    "palette": (states.lost, _palette),
    "settings": (states.ready, _settings),
    "drain": (states.lost, _drain),
    "nodes-selected": (states.lost, _selected),
    "nodes-drain": (states.running, _drain_many),
    "heat": (states.lost, _heat),
    "heat-many": (lambda: states.many(749), _heat),
    "provision-boards": (states.lost, _boards),
    "provision-keys": (states.lost, _board_keys),
    "provision-options": (states.lost, _options),
    "provision-running": (states.lost, _provisioning),
    "provision-failed": (states.lost, _provisioned),
    "provision-again": (states.lost, _nothing_to_do),
    "provision-dry-run": (states.lost, _provision_dry),
    "power-menu": (states.running, _power),
    "power-reboot": (states.running, _reboot),
    "power-rebooting": (states.running, _rebooting),
    "packed": (states.ready, _packed),
    "exec-running": (states.ready, _asked),
    "exec": (states.ready, _answered),
    "simulated": (lambda: states.simulated(states.running()), _nothing),
    "replay": (lambda: states.replayed(states.running()), _nothing),
    "replay-ended": (lambda: states.replayed(states.running(), ended=True), _nothing),
    "scale-form": (states.ready, _scale),
    "progress": (pictures_told.telling, _nothing),
    "progress-log": (pictures_told.telling, _log),
    "picture": (pictures_told.telling, _picture),
    "wing": (states.ready, _wing),
    "wing-flow": (pictures_told.flying, _wing_flow),
    "wing-verdict": (lambda: pictures_told.flying(JobState.COMPLETED), _wing_verdict),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scene", SCENES)
async def test_scene(scene: str, size: tuple[int, int], accepted: Accepted) -> None:
    """Each screen looks as it was accepted."""
    state, play = SCENES[scene]
    client = CapturingClient(state(), log=states.log_records(300))
    client.attempts = states.ATTEMPTS
    async with on_stage(client, size, loaded=states.loaded()) as stage:
        await play(stage)
        await stage.pilot.wait_for_scheduled_animations()
        accepted.check(stage.shot(), f"{scene}-{size[0]}x{size[1]}")


@pytest.mark.parametrize(("name", "glyphs"), [("ascii", ASCII), ("linux", LINUX)])
async def test_glyphs(name: str, glyphs: Glyphs, accepted: Accepted) -> None:
    """The same dashboard in the glyphs of lesser terminals."""
    async with on_stage(CapturingClient(states.lost()), glyphs=glyphs) as stage:
        accepted.check(stage.shot(), f"lost-{name}-80x24")


@pytest.mark.parametrize("size", SIZES)
async def test_no_service(size: tuple[int, int], accepted: Accepted) -> None:
    """Where no service ever answered the screen says what to do."""
    async with on_stage(CapturingClient(), size, waiting=True) as stage:
        await _never_there(stage)
        accepted.check(stage.shot(), f"no-service-{size[0]}x{size[1]}")


@pytest.mark.parametrize("size", SIZES)
async def test_a_measured_lesson(accepted: Accepted, size: tuple[int, int]) -> None:
    """What a scaling lesson teaches: the plots of what was measured, the table, and the two sentences."""
    cluster = ScaledCluster(amdahl(0.1), noise=0.01, seed=1)
    async with on_stage(ScaleClient(cluster), size) as stage:
        await _scale(stage)
        await stage.press("enter")
        await stage.until_text("measured: ")
        accepted.check(stage.shot(), f"scale-measured-{size[0]}x{size[1]}")


async def test_first_frame(accepted: Accepted) -> None:
    """There is a whole screen before the service has answered."""
    async with on_stage(CapturingClient(), waiting=True) as stage:
        accepted.check(stage.shot(), "first-frame-80x24")


async def test_too_small(accepted: Accepted) -> None:
    """A terminal with too little room says what it needs."""
    async with on_stage(CapturingClient(states.lost()), (59, 19)) as stage:
        await stage.until_text("needs 60x20")
        accepted.check(stage.shot(), "too-small-59x19")
