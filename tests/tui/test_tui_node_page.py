"""The screen of one node: plots with gaps, facts, and jobs that are never hidden."""

import re
from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Drain, Facts, Liveness, Node, Origin, Reading, Trust
from sciabc_tui.cluster.series import SPANS
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import ServiceUnavailable
from sciabc_tui.tui.messages import HistoryReceived
from sciabc_tui.tui.present import node as page
from sciabc_tui.tui.present import plots
from sciabc_tui.tui.present.cells import Line, Tone, line_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.present.plots import Load
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.log import LogScreen
from sciabc_tui.tui.screens.node import NodeScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage
from tests.tui.views import seen, text

NODE = NodeId("node01")
LOAD = Load(600, states.load_of(600))
NOTHING = (None,) * plots.PLACES
NO_LOAD = replace(
    states.load_of(600), cpu=NOTHING, memory=NOTHING, temperature=NOTHING, received=NOTHING, sent=NOTHING
)


def with_node(**changes: object) -> State:
    """Give a cluster in which one node is changed."""
    state = states.ready()
    return replace(state, nodes={**state.nodes, NODE: replace(state.nodes[NODE], **changes)})


def with_reading(**changes: object) -> State:
    """Give a cluster in which one node's reading is changed."""
    reading = states.ready().nodes[NODE].reading or Reading(0.0)
    return with_node(reading=replace(reading, **changes))


def lines(
    state: State, load: Load = LOAD, size: tuple[int, int] = (76, 17), glyphs: Glyphs = UNICODE
) -> tuple[Line, ...]:
    """Give the page."""
    return page.page(seen(state, glyphs=glyphs), NODE, load, *size)


def told(
    state: State, load: Load = LOAD, size: tuple[int, int] = (76, 17), glyphs: Glyphs = UNICODE
) -> list[str]:
    """Give the page as text."""
    return [text(line) for line in lines(state, load, size, glyphs)]


def drawn(values: tuple[float | None, ...], height: int, glyphs: Glyphs = UNICODE) -> list[str]:
    """Draw values of 0 to 100."""
    return [text(line) for line in plots.columns(values, 0, 100, height, glyphs)]


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
@pytest.mark.parametrize("height", [1, 2, 6])
def test_unknown_is_a_gap_and_zero_is_not(height: int, glyphs: Glyphs) -> None:
    """What was not measured has the sign of silence and no level; a zero has the lowest level."""
    rows = drawn((0.0, None, 100.0, None, 50.0), height, glyphs)
    assert rows[-1][1] == rows[-1][3] == glyphs.silent
    assert all(row[1] == row[3] == " " for row in rows[:-1])
    assert rows[-1][0] == glyphs.levels[0]
    assert all(row[2] == glyphs.levels[-1] for row in rows)
    assert glyphs.silent not in glyphs.levels


@pytest.mark.parametrize("height", [1, 2, 6])
def test_more_is_never_drawn_lower(height: int) -> None:
    """Each value is at least as high as the one below it, and all levels are used."""
    rows = drawn(tuple(float(n) for n in range(101)), height)
    heights = [sum(" ▁▂▃▄▅▆▇█".index(row[x]) for row in rows) for x in range(101)]
    assert heights == sorted(heights)
    assert set(heights) == set(range(1, 8 * height + 1))


@pytest.mark.parametrize("length", [10, 20, 30, 60, 120])
def test_a_gap_stays_a_gap_at_every_length(length: int) -> None:
    """Means are over what was measured; where nothing was, nothing is; the whole time is covered."""
    values = tuple(None if 24 <= n < 36 else float(n) for n in range(60))
    got = plots.resampled(values, length)
    assert len(got) == length
    share = length / 60
    assert all(got[x] is None for x in range(int(24 * share), int(36 * share)))
    assert got[0] is not None
    assert got[0] < 3
    assert got[-1] is not None
    assert got[-1] > 55
    assert plots.resampled((1.0, None) * 30, 30) == (1.0,) * 30


def _number(value: str) -> float:
    factor = {"k": 1e3, "M": 1e6, "G": 1e9}
    return float(value.rstrip("kMG%°C")) * factor.get(value[-1], 1)


def test_axes_bound_what_they_show() -> None:
    """Each measure tells its value now, its least and its most in its unit; the time axis tells both ends."""
    shown = "\n".join(told(states.running()))
    for words in (
        "cpu     97%",
        "1%-99%",
        "100%│",
        "0%│",
        "memory  32%",
        "12%-34%",
        "temp    59°",
        "41°-63°",
    ):
        assert words in shown
    for words in ("80°│", "40°│", "rx B/s 1.2M", "tx B/s  35k", "-10 min", "now"):
        assert words in shown
    high = "\n".join(told(states.running(), LOAD, (136, 30)))
    assert "cpu     97%   1% to 99%" in high
    assert "rx B/s  1.2M   900 to 1.3M" in high


@pytest.mark.parametrize("degrees", [-12.0, 39.0, 81.0, 104.0])
def test_the_axis_of_temperature_holds_every_degree(degrees: float) -> None:
    """It is 40 to 80 degrees, and reaches further by tens where it was colder or hotter."""
    series = replace(states.load_of(600), temperature=(degrees,) * 60)
    shown = "\n".join(told(states.running(), Load(600, series)))
    marks = [_number(mark) for mark in re.findall(r"(-?\d+°)│", shown)]
    assert min(marks) <= degrees <= max(marks)
    assert min(marks) <= 40
    assert max(marks) >= 80


@pytest.mark.parametrize("span", SPANS)
def test_the_span_is_told(span: int) -> None:
    """The title and the axis name it in words."""
    words = {60: "1 min", 600: "10 min", 3600: "1 h"}[span]
    load = Load(span, states.load_of(span))
    assert f"the last {words}" in plots.heading(load, 60, UNICODE)
    assert f"-{words}" in "\n".join(told(states.running(), load))


def test_an_old_plot_is_not_now() -> None:
    """When its right end is long ago, the axis says how long."""
    view = seen(states.running(), later=125.0)
    shown = "\n".join(text(line) for line in page.page(view, NODE, LOAD, 76, 17))
    assert "1m55s ago" in shown
    assert "now" not in shown


@pytest.mark.parametrize("size", [(76, 17), (136, 30)])
def test_without_a_history_it_says_why(size: tuple[int, int]) -> None:
    """Asked for, refused, or never measured: words, and no empty axes."""
    for load, words in (
        (Load(), "asking the head service"),
        (Load(problem="no such node. Next: wait"), "no such node. Next: wait"),
        (Load(600, NO_LOAD), "nothing was measured in the last 10 min"),
    ):
        shown = "\n".join(told(states.running(), load, size))
        assert words in shown
        assert "│" not in shown


def test_what_was_not_measured_at_all_is_said_of_each_measure() -> None:
    """A board without a thermometer has dashes there and plots for the others."""
    series = replace(states.load_of(600), temperature=NOTHING)
    shown = told(with_reading(temperature=None), Load(600, series), (136, 30))
    assert any("temp    --   not measured" in line for line in shown)
    assert any("cpu     1%   1% to 99%" in line for line in shown)


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
@pytest.mark.parametrize("size", [(36, 14), (56, 12), (76, 17), (116, 30), (136, 30), (136, 12), (196, 60)])
@pytest.mark.parametrize("cores", [0, 1, 4, 8, 9, 64, 256])
def test_no_line_is_too_wide(size: tuple[int, int], cores: int, glyphs: Glyphs) -> None:
    """At any size, with any number of cores, in every character set; every fact is there."""
    state = with_reading(cores=(100,) * cores)
    shown = told(state, LOAD, size, glyphs)
    assert all(line_width(line) <= size[0] for line in lines(state, LOAD, size, glyphs))
    assert glyphs is not ASCII or all(line.isascii() for line in shown)
    joined = " ".join(" ".join(shown).split())
    for fact in ("10000000c0ffee01", "Open MPI 4.1.4", "10.0.0.11", "mDNS", "SHA256:node01"):
        assert fact in joined or size[0] < 76


@pytest.mark.parametrize("shares", [(), (50,), (100, 50, 3, 0)])
def test_a_few_cores_are_numbers(shares: tuple[int, ...]) -> None:
    """Up to eight cores are told as numbers; unknown ones as dashes."""
    words = f"{' '.join(map(str, shares))}%" if shares else "--"
    assert any(f"cores     {words}" in line for line in told(with_reading(cores=shares)))


def test_many_cores_are_columns() -> None:
    """More than eight are drawn, each as one column."""
    shown = "".join(told(with_reading(cores=(100, 0) * 20), Load()))
    assert shown.count("█") == shown.count("▁") == 20


def test_a_small_screen_has_room_for_all_and_three_jobs() -> None:
    """At 80x24 nothing of a node in service is hidden, and five lines are left for its jobs."""
    assert len(lines(states.running())) <= 16


def test_throttling_heat_and_drain_are_told() -> None:
    """The firmware's flags in words, heat by its tone, and who drained it."""
    state = with_node(
        reading=replace(states.board(1).reading or Reading(0.0), throttle=0x5, temperature=81.0),
        drained=Drain("fan [/x]", "pi", states.AT - 90),
    )
    shown = lines(state)
    (temp,) = [line for line in shown if line[0].text.startswith("temp  ") and len(line) == 2]
    assert "under-voltage, throttled now" in text(temp)
    assert temp[1].tone is Tone.BAD
    assert 'by pi 1m30s ago: "fan [/x]"' in "\n".join(map(text, shown))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"interface": "eth0"}, "by mDNS on eth0"),
        ({"origin": Origin.STATIC}, "named in the settings"),
        ({"origin": Origin.REMEMBERED}, "known from before"),
        ({"trust": Trust.UNKNOWN}, "not approved ed25519\n          SHA256:node01"),
        ({"facts": Facts()}, "python    --, mpi4py --"),
    ],
)
def test_how_it_is_known(changes: dict[str, object], words: str) -> None:
    """How the head found it, whether its key is trusted, and dashes for what it did not tell."""
    assert words in "\n".join(told(with_node(**changes)))


def test_a_silent_node_has_no_values_of_now() -> None:
    """What it had is in the plots; now there are dashes."""
    shown = "\n".join(told(with_node(liveness=Liveness.DEAD)))
    assert "cpu      --" in shown
    assert "1%-99%" in shown
    assert "memory    --" in shown


def test_hostile_facts_are_plain() -> None:
    """Whatever a board says of itself is shown in plain cells."""
    bad = "\x1b]52;c;AAAA\x07\x9b31m\u202e[/x]"
    facts = Facts(model=bad, os=bad, serial=bad, kernel=bad, mpi=bad, python=bad, machine=bad, cores=4)
    state = with_node(name=bad, facts=facts, interface=bad, addresses=(bad,))
    for size in ((76, 17), (136, 30)):
        assert all(line.isprintable() for line in told(state, Load(600, problem=bad), size))
    assert plots.heading(Load(problem=bad), 60, UNICODE).isprintable()


def test_a_short_axis_of_time_has_one_end() -> None:
    """Where there is no room for both ends, it tells how far it reaches, and does not run into `now`."""
    shown = "\n".join(told(states.running(), LOAD, (56, 12)))
    assert "-10 min" in shown
    assert "now" not in shown


async def _open(stage: Stage) -> None:
    await stage.press("j", "enter")
    await stage.until_text("Jobs there")
    await stage.until_text("-10 min")


def _histories(client: CapturingClient) -> list[tuple[object, ...]]:
    return [call for call in client.asked if call[0] == "history"]


async def _later(stage: Stage, seconds: float) -> None:
    stage.clock.now += seconds
    stage.app._look_again()
    await stage.pilot.pause()


def _forth(state: State, seconds: float) -> State:
    return replace(state, at=state.at + seconds, wall=state.wall + seconds)


async def test_a_ring_is_asked_once_in_its_step() -> None:
    """Ten minutes are asked for at first, and again after ten seconds; each span in its own step."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await _open(stage)
        await _later(stage, 1)
        await stage.press("k", "j")
        assert _histories(client) == [("history", "node01", 600)]
        client.send(_forth(states.ready(), 10))
        await stage.until(lambda: len(_histories(client)) == 2)
        await stage.press("left_square_bracket")
        await stage.until_text("-1 min")
        client.send(_forth(states.ready(), 10.5))
        await stage.until(lambda: stage.app.view().state == _forth(states.ready(), 10.5))
        assert len(_histories(client)) == 3
        client.send(_forth(states.ready(), 11.1))
        await stage.until(lambda: len(_histories(client)) == 4)
        await stage.press("right_square_bracket", "right_square_bracket")
        await stage.until_text("-1 h")
        assert [call[2] for call in _histories(client)] == [600, 600, 60, 60, 600, 3600]


async def test_a_node_that_was_just_found_is_asked_about_soon() -> None:
    """While a node that is measured has no past, it is asked for again each second; then in its step."""
    client = CapturingClient(states.ready())
    client.load = NO_LOAD
    async with on_stage(client) as stage:
        await stage.press("j", "enter")
        await stage.until_text("nothing was measured")
        client.send(_forth(states.ready(), 1))
        await stage.until(lambda: len(_histories(client)) == 2)
        client.load = None
        client.send(_forth(states.ready(), 2))
        await stage.until_text("-10 min")
        client.send(_forth(states.ready(), 11))
        await stage.until(lambda: stage.app.view().state == _forth(states.ready(), 11))
        assert len(_histories(client)) == 3


async def test_spans_end() -> None:
    """At the shortest and at the longest the key does nothing and is not offered."""
    client = CapturingClient(states.ready())
    async with on_stage(client, WIDE) as stage:
        await _open(stage)
        await stage.press("right_square_bracket")
        await stage.until_text("-1 h")
        assert "] longer" not in stage.text
        await stage.press("right_square_bracket", *["left_square_bracket"] * 2)
        await stage.until_text("-1 min")
        assert "[ shorter" not in stage.text
        await stage.press("left_square_bracket")
        assert "-1 min" in stage.text


async def test_nobody_is_asked_while_nobody_answers() -> None:
    """While the service is gone no history is asked for; what is known stays, dim."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await _open(stage)
        client.go_away()
        await stage.until_text("gone just now")
        for _ in range(3):
            await _later(stage, 30)
        assert len(_histories(client)) == 1
        assert "1%-99%" in stage.text


async def test_a_refusal_is_told_and_asked_again() -> None:
    """Why there is no plot stands in its title; the next one is asked for in its time."""
    client = CapturingClient(states.ready())
    client.refusal = ServiceUnavailable("no history. Next: wait")
    async with on_stage(client) as stage:
        await stage.press("j", "enter")
        await stage.until_text("no history. Next: wait")
        client.refusal = None
        client.send(_forth(states.ready(), 10))
        await stage.until_text("1%-99%")
        assert "no history" not in stage.text


async def test_an_answer_for_another_span_is_dropped() -> None:
    """What comes late, after the span was changed, is not drawn on the wrong axis."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await _open(stage)
        screen = stage.app.screen
        assert isinstance(screen, NodeScreen)
        await stage.press("left_square_bracket")
        await stage.until_text("-1 min")
        late = states.load_of(600)
        screen.on_history_received(HistoryReceived(replace(late, cpu=(77.0,) * 60)))
        await stage.pilot.pause()
        assert "77%-77%" not in stage.text
        screen.on_history_received(HistoryReceived(replace(states.load_of(60), cpu=(77.0,) * 60)))
        await stage.until_text("77%-77%")


def _of_everything() -> Node:
    """Give a node of which there is as much to tell as can be."""
    facts = Facts(cores=64, machine="aarch64", model="m" * 60, serial="s" * 40, os="o" * 60, kernel="k" * 40)
    return replace(
        states.board(1),
        facts=facts,
        drained=Drain("fan " * 40, "pi", states.AT - 90),
        reading=replace(states.board(1).reading or Reading(0.0), cores=(50,) * 64),
    )


@pytest.mark.parametrize("size", [(60, 20), SMALL, (120, 24), WIDE, (200, 50)])
async def test_the_jobs_are_never_hidden(size: tuple[int, int]) -> None:
    """However much there is to tell, its jobs keep their lines, and tab and arrows reach all above them."""
    state = states.running()
    client = CapturingClient(
        replace(state, nodes={**state.nodes, NODE: _of_everything()}), log=states.log_records(5)
    )
    async with on_stage(client, size) as stage:
        await stage.press("j", "enter")
        await stage.until_text("Jobs there")
        await stage.until_text("42")
        if "more line" in stage.text:
            await stage.press("tab", "G")
            assert "drained" in stage.text
            await stage.press("g")
            assert "evidence" in stage.text
            await stage.press("tab")
        else:
            assert "drained" in stage.text
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, LogScreen))


@pytest.mark.parametrize("size", [SMALL, WIDE])
async def test_a_node_that_goes_is_told(size: tuple[int, int]) -> None:
    """A node that is forgotten while it is shown leaves one line, and is not asked about any longer."""
    client = CapturingClient(states.ready())
    async with on_stage(client, size) as stage:
        await _open(stage)
        state = _forth(states.ready(), 60)
        client.send(replace(state, nodes={id_: n for id_, n in state.nodes.items() if id_ != NODE}))
        await stage.until_text("this node is gone from the cluster")
        assert len(_histories(client)) == 1
        await stage.press("d", "p", "left_square_bracket", "escape")
        assert isinstance(stage.app.screen, DashboardScreen)
