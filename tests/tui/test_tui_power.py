"""Reboot, power off, on, cycle, pack, and blinking: what is asked first, and what is then asked for."""

import pytest

from sciabc_tui.api.powering import IdentifyWish, PackWish, PowerWish
from sciabc_tui.api.works import Begun, Ended, Over, Step
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.present import power
from sciabc_tui.tui.screens.confirm import ConfirmScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.power import MenuScreen
from sciabc_tui.tui.screens.work import WorkScreen
from tests.tui import states, works_told
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, on_stage
from tests.tui.views import seen

SOME = ("node01", "node02")


def works(client: CapturingClient) -> list[object]:
    """Give the works that were asked for."""
    return [call[1] for call in client.asked if call[0] == "work"]


@pytest.mark.parametrize(
    ("key", "action", "title"),
    [
        ("r", "reboot", "Reboot 2 nodes?"),
        ("o", "off", "Power off 2 nodes?"),
        ("c", "cycle", "Cycle 2 nodes?"),
        ("x", "cut", "Cut the power of 2 nodes?"),
    ],
)
async def test_it_is_asked_first(key: str, action: str, title: str) -> None:
    """The nodes, the jobs there and how many of their ranks are named; only `y` does it."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("j", "space", "space", "B")
        assert isinstance(stage.app.screen, MenuScreen)
        await stage.press(key)
        await stage.until_text(title)
        assert "node[01-02]" in stage.text
        assert "Lost there: job 42 nbody (8 ranks there)." in " ".join(stage.text.split())
        await stage.press("n")
        assert works(client) == []
        await stage.press("B", key, "y")
        await stage.until(lambda: works(client))
        (wish,) = works(client)
        assert isinstance(wish, PowerWish)
        assert (wish.nodes, wish.action, wish.force) == (SOME, action, True)


async def test_without_jobs_nothing_is_forced() -> None:
    """A job that came after the question must not be lost without a word."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("j", "B", "r")
        await stage.until_text("Nothing runs there now.")
        await stage.press("y")
        await stage.until(lambda: works(client) == [PowerWish(("node01",), "reboot")])


async def test_on_is_not_asked() -> None:
    """To switch boards on takes nothing away."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("j", "j", "j", "B", "n")
        await stage.until(lambda: works(client) == [PowerWish(("node03",), "on")])
        assert isinstance(stage.app.screen, WorkScreen)


async def test_the_menu_has_arrows_and_a_way_out() -> None:
    """Down and Enter take a line; Esc leaves everything as it is."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("j", "B", "down", "enter")
        await stage.until_text("Power off 1 node?")
        await stage.press("escape", "B", "escape")
        assert isinstance(stage.app.screen, DashboardScreen)
        assert works(client) == []


async def test_again_where_it_failed() -> None:
    """`r` asks for the same on those that failed and no others."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("j", "space", "space", "B", "r", "y")
        await stage.until(lambda: works(client))
        client.tell(PowerWish, Begun(SOME), Ended("node01", ok=True), Ended("node02", ok=False), Over())
        await stage.until_text("1 FAILED")
        await stage.press("r")
        await stage.until(lambda: len(works(client)) == 2)
        assert works(client)[1] == PowerWish(("node02",), "reboot")


@pytest.mark.parametrize(
    ("key", "wish", "told"),
    [
        ("w", PackWish(wait=600.0), "May take 10 minutes to end, then stopped: job 42 nbody"),
        ("s", PackWish(), "Stopped now: job 42 nbody"),
        ("k", PackWish(keep_head=True), "The head stays on."),
    ],
)
async def test_pack(key: str, wish: PackWish, told: str) -> None:
    """What becomes of the jobs and of the head is named first."""
    client = CapturingClient(states.running())
    works_told.packed(client)
    async with on_stage(client) as stage:
        await stage.press("colon", *"pack", "enter", key)
        assert isinstance(stage.app.screen, ConfirmScreen)
        words = " ".join(stage.text.replace("│", " ").split())
        await stage.press("y")
        await stage.until_text("safe to unplug")
        assert works(client) == [wish]
        for word in told.split():
            assert word in words


@pytest.mark.parametrize("size", [(60, 20), SMALL, WIDE])
@pytest.mark.parametrize("key", ["r", "o", "c", "x"])
async def test_questions_fit(key: str, size: tuple[int, int]) -> None:
    """The whole question is seen, and the menu before it."""
    async with on_stage(CapturingClient(states.running()), size) as stage:
        await stage.press("asterisk", "B")
        await stage.until_text("esc leaves it")
        assert "no halt first" in stage.text
        await stage.press(key)
        await stage.until_text("n enter esc leave it")
        assert "└" in stage.text


def test_names_are_plain() -> None:
    """Whatever jobs are called, a question holds printable cells only."""
    state = states.running()
    nodes = tuple(state.nodes.values())
    for key in ("reboot", "off", "cycle", "cut", "wait", "stop", "keep"):
        question = power.question(key, nodes, seen(state))
        assert question is not None
        assert all(line.isprintable() for line in (question.title, *question.lines))


async def test_identify_blinks_and_ends() -> None:
    """A notice names those that blink, others those that can't and why; `i` again ends it."""
    client = CapturingClient(states.ready())
    client.tell(
        IdentifyWish,
        Begun(SOME),
        Step("node01", "blink", "running", "its LED ACT blinks for 30 s"),
        Ended("node02", ok=False, text="it has no activity LED", fix="Next: name it by hand"),
    )
    async with on_stage(client, WIDE) as stage:
        await stage.press("j", "space", "space", "i")
        await stage.until_text("node01: blinks for 30 s; i or esc ends it")
        await stage.until_text("node02: it has no activity LED. Next: name it by hand")
        assert works(client) == [IdentifyWish(SOME, 30.0)]
        await stage.press("i")
        await stage.until(lambda: client.cancelled == [IdentifyWish(SOME, 30.0)])
        await stage.until_text("node01: blinks no more")
        await stage.press("i")
        await stage.until(lambda: len(works(client)) == 2)


@pytest.mark.parametrize("keys", [(), ("enter",)], ids=["dashboard", "node"])
async def test_escape_ends_the_blinking(keys: tuple[str, ...]) -> None:
    """Esc on the nodes ends it before it does anything else."""
    client = CapturingClient(states.ready())
    client.tell(IdentifyWish, Begun(("node01",)), Step("node01", "blink", "running"))
    async with on_stage(client) as stage:
        await stage.press("j", *keys, "i")
        await stage.until_text("node01: blinks for 30 s")
        screen = stage.app.screen
        await stage.press("escape")
        await stage.until(lambda: client.cancelled)
        assert stage.app.screen is screen


async def test_identify_is_refused() -> None:
    """What the service says against it is a notice."""
    client = CapturingClient(states.ready())
    client.refusal = CommandRefused("There is no node node01. Next: sciabc-tui nodes")
    async with on_stage(client) as stage:
        await stage.press("j", "i")
        await stage.until_text("There is no node node01. Next: sciabc-tui nodes")
