"""The palette: what it finds, that it does what is applicable, and that no burst of keys is lost."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from textual.events import Key, Paste

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.actions import ACTIONS, Place, Verb, at
from sciabc_tui.tui.present import palette
from sciabc_tui.tui.present.cells import line_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.requests import OpenJob, OpenNode
from sciabc_tui.tui.screens.approve import ApproveScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.history import HistoryScreen
from sciabc_tui.tui.screens.log import LogScreen
from sciabc_tui.tui.screens.node import NodeScreen
from sciabc_tui.tui.screens.palette import PaletteScreen
from sciabc_tui.tui.screens.settings import SettingsScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import WIDE, Stage, on_stage
from tests.tui.views import seen, text

HOSTILE = "[/x][red]\x1b]52;c;AAAA\x07\x9b31m\u202e\u200b[link=x]"


def known(state: State, place: Place = Place.NODES) -> tuple[palette.Entry, ...]:
    """Give what can be found on a screen where everything applies."""
    return palette.entries(at(place), seen(state))


def best(typed: str, place: Place = Place.NODES) -> object:
    """Give what Enter does."""
    return palette.find(known(states.lost(), place), typed)[0].deed


@pytest.mark.parametrize("place", Place)
def test_every_action_that_applies_is_offered(place: Place) -> None:
    """In each place exactly the actions of that place are found: by key, by label, and by what they do."""
    actions = [action for action in ACTIONS if place in action.places and action.verb is not Verb.PALETTE]
    offered = known(states.lost(), place)
    assert [entry.deed for entry in offered if isinstance(entry.deed, Verb)] == [a.verb for a in actions]
    for action in actions:
        for typed in (action.shown, action.label, action.about):
            found = palette.find(offered, typed)
            assert action.verb in [entry.deed for entry in found]


@pytest.mark.parametrize(
    ("typed", "deed"),
    [
        ("42", OpenJob(JobId(42))),
        (":42", OpenJob(JobId(42))),
        ("job 42", OpenJob(JobId(42))),
        ("node03", OpenNode(NodeId("node03"))),
        ("NODE03", OpenNode(NodeId("node03"))),
        ("node node03", OpenNode(NodeId("node03"))),
        ("headnode", OpenNode(NodeId("head"))),
        ("events", Verb.EVENTS),
        ("settings", Verb.SETTINGS),
        ("q", Verb.QUIT),
        ("quit", Verb.QUIT),
        ("n", Verb.NEW_JOB),
        ("new", Verb.NEW_JOB),
        ("  42 ", OpenJob(JobId(42))),
        ("nb", OpenJob(JobId(44))),
        ("merge", OpenJob(JobId(41))),
        ("node_fail", OpenJob(JobId(42))),
        ("nd7", OpenNode(NodeId("node07"))),
    ],
)
def test_the_best_hit_is_what_was_meant(typed: str, deed: object) -> None:
    """A full name, key, number or word wins over what only holds it."""
    assert best(typed) == deed


def test_capitals_tell_keys_apart() -> None:
    """`A` and `a` are two keys."""
    assert best("A", Place.APPROVE) is Verb.APPROVE_ALL
    assert best("a", Place.APPROVE) is Verb.APPROVE


def test_nothing_is_found_by_nonsense() -> None:
    """What nothing is called finds nothing; a number only the jobs and nodes that hold it."""
    assert palette.find(known(states.lost()), "zzzz") == ()
    assert {entry.deed for entry in palette.find(known(states.lost()), "42")} == {OpenJob(JobId(42))}


def test_without_a_state_actions_are_found() -> None:
    """Before the service has answered the actions are there, and nothing else."""
    view = replace(seen(states.ready()), state=None)
    offered = palette.entries(at(Place.NODES), view)
    assert offered
    assert all(isinstance(entry.deed, Verb) for entry in offered)


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
@pytest.mark.parametrize("size", [(30, 6), (54, 14), (74, 18), (100, 18)])
@pytest.mark.parametrize("typed", ["", "node", HOSTILE, "漢" * 40])
def test_it_has_always_the_same_size(size: tuple[int, int], typed: str, glyphs: Glyphs) -> None:
    """So many lines, none too wide, whatever is found and called; the chosen one is always seen."""
    nodes = {node.id: node for node in (replace(states.board(n), name=f"{HOSTILE}{n}") for n in range(30))}
    offered = palette.entries(at(Place.NODES), seen(replace(states.ready(), nodes=nodes), glyphs=glyphs))
    found = palette.find(offered, "" if typed == HOSTILE else typed)
    for chosen in range(max(1, len(found))):
        lines = palette.lines(found, len(offered), typed, chosen, size, glyphs)
        assert len(lines) == max(3, size[1])
        assert all(line_width(line) <= size[0] for line in lines)
        assert all(text(line).isprintable() for line in lines)
        assert not found or any(glyphs.cursor in text(line)[:2] for line in lines[1:-1])


def _burst(stage: Stage, *keys: str) -> None:
    """Press keys without waiting, as they come in one packet."""
    for key in keys:
        stage.app.post_message(Key(key, {"colon": ":", "enter": "\r"}.get(key, key)))


def _shows(stage: Stage, kind: type[object]) -> Callable[[], bool]:
    return lambda: isinstance(stage.app.screen, kind)


@pytest.mark.parametrize("before", [(), ("tab",), ("enter",), ("e",), ("a",), ("p",)])
async def test_a_burst_jumps(before: tuple[str, ...]) -> None:
    """`:42` and Enter in one packet open job 42, from any screen."""
    client = CapturingClient(states.lost(), log=states.log_records(5))
    async with on_stage(client) as stage:
        await stage.press(*before)
        _burst(stage, "colon", "4", "2", "enter")
        await stage.until(_shows(stage, LogScreen))
        assert isinstance(stage.app.screen, LogScreen)
        assert stage.app.screen.job == 42
        await stage.press("escape")
        assert not isinstance(stage.app.screen, PaletteScreen)


async def test_a_burst_goes_on_behind_the_palette() -> None:
    """What is typed behind the Enter is for the screen that was opened: `:node03` and `e` show events."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        _burst(stage, "colon", *"node03", "enter", "e")
        await stage.until(_shows(stage, HistoryScreen))
        await stage.press("escape")
        assert isinstance(stage.app.screen, NodeScreen)
        _burst(stage, "colon", "x", "escape", "e")
        await stage.until(_shows(stage, HistoryScreen))


@pytest.mark.parametrize(
    ("typed", "screen"), [("events", HistoryScreen), ("settings", SettingsScreen), ("approve", ApproveScreen)]
)
async def test_words_open_screens(typed: str, screen: type[object]) -> None:
    """A word opens its screen, and Esc leads back to the one that the palette was over."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        _burst(stage, "colon", *typed, "enter")
        await stage.until(_shows(stage, screen))
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_q_leaves() -> None:
    """`:q` leaves, and asks the service for nothing."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        _burst(stage, "colon", "q", "enter")
        await stage.until(lambda: stage.app._exit)
        assert client.asked == []


async def test_it_does_what_the_key_does() -> None:
    """An action of the palette asks the same question as its key."""
    client = CapturingClient(states.running())
    async with on_stage(client) as stage:
        await stage.press("j", "ctrl+p", *"drain", "enter")
        await stage.until_text("Drain node01?")
        await stage.press("y")
        await stage.until(lambda: client.asked == [("drain", "node01", "")])


async def test_what_does_not_apply_is_not_offered() -> None:
    """Where nothing waits for approval, approving is neither offered nor done."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("colon", *"approve")
        await stage.until_text("nothing is called so here and now")
        await stage.press("enter")
        assert isinstance(stage.app.screen, PaletteScreen)
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_typing_choosing_and_clearing() -> None:
    """Arrows choose, backspace and ctrl+u take back, a paste is typed without what is no text."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        await stage.press("ctrl+p", *"nodx", "backspace", "e", "down", "down", "up")
        assert ": node_" in stage.text
        await stage.press("ctrl+u")
        assert "42 and node03 jump" in stage.text
        stage.app.post_message(Paste("node\x1b[31m0\n6"))
        await stage.until_text("node[31m06")
        await stage.press("ctrl+u", *"node06", "enter")
        await stage.until(_shows(stage, NodeScreen))


async def test_a_colon_in_a_field_is_a_colon() -> None:
    """Where text is typed, `:` is text."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("e", "slash", "1", "colon", "2")
        await stage.until_text("1:2")
        assert isinstance(stage.app.screen, HistoryScreen)


@pytest.mark.parametrize("size", [WIDE, (80, 24), (60, 20)])
async def test_hostile_names_are_text(size: tuple[int, int]) -> None:
    """Names that look like markup or hold controls crash nothing, are shown plain, and can be found."""
    state = states.running()
    jobs = {id_: replace(job, name=HOSTILE, reason=HOSTILE) for id_, job in state.jobs.items()}
    nodes = {id_: replace(node, name=HOSTILE) for id_, node in state.nodes.items()}
    async with on_stage(CapturingClient(replace(state, jobs=jobs, nodes=nodes)), size) as stage:
        await stage.press("colon", *"[/x]")
        await stage.until_text("[/x][red]")
        assert all(line.isprintable() for line in stage.text.splitlines())
        await stage.press("enter")
        await stage.until(_shows(stage, NodeScreen))


async def test_a_large_cluster_is_searched_at_once() -> None:
    """Among 3,000 nodes each key finds within the same look; the last node is opened."""
    async with on_stage(CapturingClient(states.many(3000))) as stage:
        _burst(stage, "colon", *"node2999", "enter")
        await stage.until(_shows(stage, NodeScreen))
        assert isinstance(stage.app.screen, NodeScreen)
        assert stage.app.screen.node == "n2999"


async def test_what_comes_while_it_is_open_is_found() -> None:
    """A node that appears behind the palette is found by the next key."""
    client = CapturingClient(states.empty())
    async with on_stage(client) as stage:
        await stage.press("colon", *"node0")
        assert "nothing is called so" in stage.text
        client.send(states.ready())
        await stage.until(lambda: len((stage.app.view().state or states.empty()).nodes) == 4)
        await stage.press("2", "enter")
        await stage.until(_shows(stage, NodeScreen))


async def test_it_is_over_what_it_was_called_from() -> None:
    """It grows and shrinks with the terminal, and what is beneath stays in sight."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        await stage.press("colon")
        assert "briefcase" in stage.text
        for size in (WIDE, (60, 20), (80, 24)):
            await stage.pilot.resize_terminal(*size)
            await stage.until_text("enter takes it")
            assert "briefcase" in stage.text
