"""The help, and that keys, footer, help and palette tell the same of every place."""

import pytest
from textual.events import Key

from sciabc_tui.tui.actions import ACTIONS, MOVES, Place, Verb, at, footer
from sciabc_tui.tui.present import help as keys
from sciabc_tui.tui.present.cells import line_width
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.help import HelpScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, on_stage
from tests.tui.views import text

EVERY = frozenset(Verb)


def told(place: Place, width: int = 400, wanted: str = "", now: frozenset[Verb] = EVERY) -> list[str]:
    """Give the lines of the help."""
    return [text(line) for line in keys.lines(place, now, width, wanted)]


def flat(place: Place, width: int) -> str:
    """Give all words of the help, in their order."""
    return " ".join(" ".join(told(place, width)).split())


@pytest.mark.parametrize("place", Place)
def test_every_action_is_told(place: Place) -> None:
    """Whatever screen it is asked on, it tells every action of every place and every move."""
    shown = flat(place, 118)
    for action in ACTIONS:
        line = f"{action.shown} {action.label}: {action.about}"
        assert shown.count(line) >= 1, line
    assert all(about in shown for _, about in MOVES)


@pytest.mark.parametrize("place", Place)
def test_the_place_comes_first(place: Place) -> None:
    """First what is done here and nowhere else, then everywhere, then moving, then the other places."""
    lines = told(place, 118)
    assert lines == [] or not lines[0].startswith("  ")
    here = [
        action for action in at(place) if not action.places.issuperset({Place.NODES, Place.LOG, Place.NODE})
    ]
    before = " ".join(lines).split("Everywhere")[0]
    for action in here:
        assert f"{action.label}: " in before
    joined = " ".join(lines)
    assert joined.index("Everywhere") < joined.index("Moving")


@pytest.mark.parametrize("place", Place)
def test_the_footer_tells_what_applies(place: Place) -> None:
    """Where there is room, the footer has every action of the place, and none that can't be done now."""
    for hidden in (set[Verb](), {Verb.DRAIN, Verb.CANCEL, Verb.OPEN}):
        actions = at(place, hidden)
        shown = text(footer(actions, 400))
        assert all(f" {action.shown} {action.label} " in f"{shown} ".replace("  ", " ") for action in actions)
        for verb in hidden:
            gone = [action for action in ACTIONS if action.verb is verb]
            others = {(action.shown, action.label) for action in actions}
            assert all((a.shown, a.label) in others or f" {a.shown}  {a.label} " not in shown for a in gone)


def test_every_action_has_a_place_and_a_key() -> None:
    """No action is out of reach: each has a place, a label, and a key or a widget that does it."""
    for action in ACTIONS:
        assert action.places
        assert action.label
        assert action.about
        assert action.shown
    assert {action.verb for action in ACTIONS} == set(Verb)


def test_what_can_t_be_done_now_is_marked() -> None:
    """A key of this screen that does nothing now says so; those of other screens don't."""
    lines = told(Place.NODES, 118, now=frozenset({Verb.OPEN}))
    assert next(line for line in lines if "drain:" in line).endswith("(not now)")
    assert not next(line for line in lines if "open:" in line).endswith("(not now)")
    assert not any("cancel:" in line and "(not now)" in line for line in lines)


def test_the_filter_finds_keys_and_words() -> None:
    """By key or word, whatever its case; sections without a hit go, and nothing found is said."""
    assert "drain: " in "".join(told(Place.NODES, 118, "DRAIN"))
    assert not any("cancel" in line for line in told(Place.NODES, 118, "drain"))
    assert any("submit" in line for line in told(Place.NODES, 118, "ctrl+s"))
    assert told(Place.NODES, 118, "zzzz") == [" no key is called so"]


@pytest.mark.parametrize("width", [40, 56, 76, 119, 120, 136, 196])
@pytest.mark.parametrize("place", Place)
def test_no_line_is_too_wide(place: Place, width: int) -> None:
    """At any width nothing is cut off: long texts go on in the next line."""
    assert all(line_width(line) <= width for line in keys.lines(place, EVERY, width))


def test_two_columns_are_about_half_as_high() -> None:
    """A wide terminal shows twice as much."""
    assert len(told(Place.NODES, 136)) < 0.75 * len(told(Place.NODES, 76))


@pytest.mark.parametrize("size", [SMALL, WIDE, (60, 20)])
async def test_it_scrolls_to_its_end_and_back(size: tuple[int, int]) -> None:
    """Keys of lists move it: the last line is seen at the end, the first one after that again."""
    async with on_stage(CapturingClient(states.ready()), size) as stage:
        await stage.press("question_mark")
        await stage.until_text("Here: nodes")
        last = told(Place.NODES, size[0] - 4, now=frozenset())[-1].split()[-1]
        await stage.press("G")
        assert last in stage.text
        await stage.press("g")
        await stage.until_text("Here: nodes")
        await stage.press("j", "pagedown", "k", "pageup", "home")
        await stage.until_text("Here: nodes")


@pytest.mark.parametrize(
    ("before", "here"),
    [
        ((), "Here: nodes"),
        (("tab",), "Here: jobs"),
        (("enter",), "Here: a node"),
        (("e",), "Here: all events"),
        (("comma",), "Here: settings"),
        (("a",), "Here: approve host keys"),
        (("p",), "Here: preflight"),
    ],
)
async def test_it_belongs_to_the_screen_it_was_asked_on(before: tuple[str, ...], here: str) -> None:
    """`?` works on every screen, tells its keys first, and Esc, `?` or `q` lead back to it."""
    async with on_stage(CapturingClient(states.lost())) as stage:
        await stage.press(*before)
        beneath = stage.app.screen
        for back in ("escape", "question_mark", "q"):
            await stage.press("question_mark")
            await stage.until_text(here)
            await stage.press(back)
            assert stage.app.screen is beneath


async def test_the_filter_loses_no_key() -> None:
    """What is typed behind `/` in one burst is in the filter; Esc takes it away, Esc again goes back."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("question_mark")
        for key in ("slash", *"drain"):
            stage.app.post_message(Key(key, "/" if key == "slash" else key))
        await stage.until_text("/drain")
        assert "approve all" not in stage.text
        await stage.press("enter", "escape")
        assert isinstance(stage.app.screen, HelpScreen)
        await stage.until(lambda: "/drain" not in stage.text)
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)
