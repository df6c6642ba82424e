"""The grid of nodes and checks: what is asked, what is shown, and how one gets out of it."""

from dataclasses import replace

import pytest

from sciabc_tui.api.messages import PreflightBegun, PreflightCheck, PreflightReport, PreflightWish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.errors import CommandRefused
from sciabc_tui.tui.present import preflight
from sciabc_tui.tui.present.cells import Grid, cell_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.present.preflight import Asking
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.new_job import NewJobScreen
from sciabc_tui.tui.screens.node import NodeScreen
from sciabc_tui.tui.screens.preflight import PreflightScreen
from sciabc_tui.tui.widgets.grid import GridView
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import WIDE, Stage, on_stage
from tests.tui.views import seen, text

ALL = ("headnode", "node01", "node02", "node03")


def wishes(client: CapturingClient) -> list[object]:
    """Give what nodes were to be asked."""
    return [call[1] for call in client.asked if call[0] == "preflight"]


def _ready_client() -> CapturingClient:
    client = CapturingClient(states.running())
    client.answer(states.fitness())
    return client


async def _checked(stage: Stage) -> GridView:
    """Check the job under the cursor, and wait for the grid."""
    await stage.press("tab", "p")
    await stage.until_text("NOT FIT")
    return stage.app.screen.query_one("#grid", GridView)


async def test_p_checks_the_job_under_the_cursor() -> None:
    """Its program on its nodes; the cursor stands on the worst cell, and its fix is told under the grid."""
    client = _ready_client()
    async with on_stage(client) as stage:
        grid = await _checked(stage)
        nodes = ("node01", "node02", "node03")
        assert wishes(client) == [PreflightWish("/srv/jobs/nbody.py", nodes=nodes)]
        assert (grid.row, grid.column) == ("node03", "ssh")
        assert "Next: ssh-copy-id pi@10.0.0.13" in stage.text
        await stage.press("right")
        await stage.until_text("first ssh, refuses our key. Next: ssh-copy-id")
        await stage.press("up", "up", "right", "right")
        await stage.until_text("not there, must be copied")
        assert (grid.row, grid.column) == ("node01", "program")


@pytest.mark.parametrize(
    ("keys", "nodes"),
    [
        (("p",), ALL),
        (("tab", "tab", "p"), ALL),
        (("slash", *"node02", "enter", "p"), ("node02",)),
        (("j", "enter", "p"), ("node01",)),
    ],
    ids=["nodes", "events", "filtered", "node"],
)
async def test_p_checks_what_is_there(keys: tuple[str, ...], nodes: tuple[str, ...]) -> None:
    """All that may take jobs, those that the filter shows, or the one that is open; without a program."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press(*keys)
        await stage.until(lambda: wishes(client))
        assert wishes(client) == [PreflightWish(nodes=nodes)]


async def test_p_on_a_log_checks_its_job() -> None:
    """The page of a job knows the key too."""
    client = _ready_client()
    async with on_stage(client) as stage:
        await stage.press("tab", "enter", "p")
        await stage.until_text("job 42 nbody: /srv/jobs/nbody.py")
        await stage.until_text("NOT FIT")


async def test_a_job_of_another_cluster_is_not_checked() -> None:
    """Nor held: it is in that cluster's hands."""
    state = states.running()
    away = states.job(43, "big", JobState.PENDING, elsewhere=True, handed_over=True)
    client = CapturingClient(replace(state, jobs={**state.jobs, away.id: away}))
    async with on_stage(client) as stage:
        await stage.press("tab", "j", "p", "h")
        assert isinstance(stage.app.screen, DashboardScreen)
        assert client.asked == []
        assert "c cancel" in stage.text


async def test_palette_and_help_know_it() -> None:
    """Nobody must know the key by heart."""
    client = _ready_client()
    async with on_stage(client) as stage:
        await stage.press("question_mark", "slash", *"this job")
        await stage.until_text("preflight: Check nodes for this job")
        await stage.press("escape", "escape", "colon", *"preflight")
        await stage.press("enter")
        await stage.until_text("NOT FIT")


async def test_it_shows_that_it_works() -> None:
    """While nodes are asked it says how many and since when; `r` does nothing until they have answered."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until(lambda: wishes(client))
        stage.clock.now += 4
        stage.app._look_again()
        await stage.until_text("asking 4 nodes: 4 s; esc stops")
        await stage.press("r")
        client.answer(states.fitness())
        await stage.until_text("as of 8.0 s ago: r asks again")
        assert wishes(client) == [PreflightWish(nodes=ALL)]
        stage.clock.now += 60
        stage.app._look_again()
        await stage.until_text("as of 1m08s ago: r asks again")


async def test_r_asks_everyone_anew() -> None:
    """The grid stays meanwhile, the cursor stays on its cell, and what is new is shown."""
    client = _ready_client()
    async with on_stage(client) as stage:
        grid = await _checked(stage)
        await stage.press("k")
        client.report = None
        await stage.press("r")
        await stage.until_text("asking 3 nodes")
        assert "FAIL" in stage.text
        rows = states.fitness().rows
        client.answer(PreflightReport("Open MPI 5.0.11", (states.fitness_of("early"), *rows[:3])))
        await stage.until_text("early")
        assert "FAIL" not in stage.text
        assert (grid.row, grid.column) == ("node02", "ssh")
        fresh = PreflightWish("/srv/jobs/nbody.py", nodes=ALL[1:], fresh=True)
        assert wishes(client)[1:] == [fresh]


async def test_rows_come_as_nodes_answer() -> None:
    """Those that have answered are shown, the others as asked; the status counts; Esc keeps what came."""
    client = CapturingClient(states.ready())
    rows = states.fitness().rows
    client.parts = (PreflightBegun("Open MPI 5.0.11", ALL), rows[1], rows[0])
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until_text("asking 4 nodes: 0 s, 2 of 4 have answered; esc stops")
        lines = stage.text.splitlines()
        shown = {line.split()[0].lstrip("▸"): line for line in lines if line.strip()}
        assert "warn" in shown["node01"]
        assert "ok" in shown["headnode"]
        assert "ok" not in shown["node02"]
        await stage.press("escape")
        await stage.until_text("1 with a warning")
        assert "node02" not in stage.text
        client.answer(states.fitness())
        await stage.press("r")
        await stage.until_text("NOT FIT")


async def test_escape_stops_and_leaves() -> None:
    """With nothing to show yet, Esc ends the wait at the service too, and goes back."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until(lambda: wishes(client))
        await stage.press("escape")
        await stage.until(lambda: client.stops == 2)  # one before it was asked, for other screens
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_escape_keeps_what_was_found() -> None:
    """During a new question Esc gives only that up; its late answer changes nothing; Esc again leaves."""
    client = _ready_client()
    async with on_stage(client) as stage:
        await _checked(stage)
        client.report = None
        await stage.press("r")
        await stage.until_text("asking 3 nodes")
        await stage.until(lambda: len(wishes(client)) == 2)  # in a worker, which can be stopped from then on
        await stage.press("escape")
        await stage.until_text("as of 8.0 s ago")
        await stage.until(lambda: not stage.app.workers or all(w.group == "feed" for w in stage.app.workers))
        assert "went away" not in stage.text
        assert isinstance(stage.app.screen, PreflightScreen)
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_leaving_waits_for_no_node() -> None:
    """`q` ends the screen at once, also while nodes are asked."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until(lambda: wishes(client))
        await stage.press("q")
        await stage.until(lambda: stage.app._exit)
    assert client.stops == 2


async def test_a_head_that_does_not_answer_is_told() -> None:
    """In the service's own words; `r` tries again."""
    client = CapturingClient(states.ready())
    client.refusal = CommandRefused("program: it is gone. Next: give its path")
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until_text("program: it is gone. Next: give its path")
        assert "4 nodes not asked: r asks again" in stage.text
        client.refusal = None
        client.answer(states.fitness())
        await stage.press("r")
        await stage.until_text("NOT FIT")


async def test_a_refusal_is_told_whole() -> None:
    """However long it is, its next step can be read; what was found before stays, with its age."""
    client = _ready_client()
    async with on_stage(client) as stage:
        await _checked(stage)
        client.refusal = CommandRefused(f"program: /srv/{'x' * 70} has another owner. Next: chown it")
        await stage.press("r")
        await stage.until_text("Next: chown it")
        assert "as of 8.0 s ago" in stage.text
        assert "FAIL" in stage.text


async def test_a_surprise_is_told_and_survived() -> None:
    """An error that nobody expected is one line, and the screen goes on."""
    client = CapturingClient(states.ready())
    client.refusal = ZeroDivisionError()
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until_text("unexpected error (ZeroDivisionError); see tui.log")


async def test_without_a_state_it_waits_for_one() -> None:
    """Nobody is asked before it is known who is there; then at once."""
    client = CapturingClient()
    client.answer(states.fitness())
    async with on_stage(client, waiting=True) as stage:
        await stage.press("p")
        await stage.until_text("waiting for the head service")
        assert wishes(client) == []
        client.send(states.ready())
        await stage.until_text("NOT FIT")
        assert wishes(client) == [PreflightWish(nodes=ALL)]


async def test_enter_explains_then_opens_the_node() -> None:
    """On a cell that is not well it says what to press; Esc comes back to the grid, without asking anew."""
    client = _ready_client()
    async with on_stage(client) as stage:
        await _checked(stage)
        await stage.press("enter")
        await stage.until_text("r asks again when that is done; enter once more: the page of node03")
        assert "Next: ssh-copy-id pi@10.0.0.13" in stage.text
        await stage.press("up")
        assert "enter once more" not in stage.text
        await stage.press("down", "enter")
        await stage.until(lambda: isinstance(stage.app.screen, NodeScreen))
        assert "node03" in stage.text
        await stage.press("escape")
        await stage.until_text("NOT FIT")
        assert len(wishes(client)) == 1


async def test_a_second_one_ends_the_first() -> None:
    """The one that is looked at is asked; the other asks again when it is looked at."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until(lambda: len(wishes(client)) == 1)
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, NodeScreen))
        await stage.press("p")
        await stage.until(lambda: len(wishes(client)) == 2)
        client.answer(states.fitness())
        await stage.until_text("NOT FIT")
        await stage.press("escape", "escape")
        # asked in a worker, which begins a moment after the screen shows what it had
        await stage.until(lambda: wishes(client)[-1] == PreflightWish(nodes=ALL))
        await stage.until_text("NOT FIT")
        assert "went away" not in stage.text


async def test_the_form_checks_that_very_job() -> None:
    """Its program on the nodes where its ranks would go; back in the form nothing typed is lost."""
    client = CapturingClient(states.ready())
    client.answer(states.fitness())
    async with on_stage(client) as stage:
        await stage.press("n", "tab", "tab", *"6")
        await stage.until_text("6 of 16 slots")  # where they would go is found out in a worker
        await stage.press("ctrl+t")
        await stage.until_text("new job of 6 ranks: hello")
        await stage.until_text("NOT FIT")
        assert wishes(client) == [PreflightWish("hello", nodes=("headnode", "node01"))]
        await stage.press("escape")
        await stage.until(lambda: isinstance(stage.app.screen, NewJobScreen))
        assert "6 of 16 slots" in stage.text


async def test_the_form_checks_nothing_that_can_t_be_used() -> None:
    """A form with a problem asks nobody."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "tab", "tab", *"99999")
        form = stage.app.screen
        assert isinstance(form, NewJobScreen)
        await stage.until(lambda: form.fields.ranks == "99999")  # a busy machine may hold the digits up
        before = wishes(client)  # of the form as it was at first, if it stood that long: the preview asks
        await stage.press("ctrl+t")
        assert stage.app.screen is form
        assert wishes(client) == before


async def test_a_wide_screen_tells_the_node_in_full() -> None:
    """Beside the grid stands what was found by every check of the node under the cursor."""
    client = _ready_client()
    async with on_stage(client, WIDE) as stage:
        await _checked(stage)
        await stage.press("up")
        await stage.until_text("18.2 GiB free in /tmp")
        assert "4.1.0 with Open MPI 5.0.11" in stage.text
        await stage.pilot.resize_terminal(80, 24)
        await stage.until(lambda: "18.2 GiB free" not in stage.text)


async def test_a_large_grid_can_be_walked() -> None:
    """750 nodes: to the last and back, by pages, and the title says where."""
    rows = tuple(states.fitness_of(f"node{number:03d}") for number in range(750))
    client = CapturingClient(states.ready())
    client.answer(PreflightReport("Open MPI 5.0.11", rows))
    async with on_stage(client) as stage:
        await stage.press("p")
        await stage.until_text("750 fit")
        await stage.press("G")
        await stage.until_text("node749")
        assert "738-750 of 750" in stage.text
        await stage.press("pageup", "g", "pagedown")
        grid = stage.app.screen.query_one("#grid", GridView)
        assert grid.row == "node013"
        await stage.until_text("2-14 of 750")


async def test_a_narrow_grid_follows_the_cursor() -> None:
    """Where columns don't fit, those around the cursor are shown, and the title says which."""
    client = _ready_client()
    async with on_stage(client, (60, 20)) as stage:
        grid = await _checked(stage)
        assert "columns 1-6 of 8" in stage.text
        await stage.press(*["right"] * 9)
        assert grid.column == "clock"
        assert "columns 3-8 of 8" in stage.text
        await stage.press(*["left"] * 9)
        assert "columns 1-6 of 8" in stage.text
        await stage.pilot.resize_terminal(80, 24)
        await stage.until(lambda: "columns" not in stage.text)


def _grid(report: PreflightReport, width: int, glyphs: Glyphs = UNICODE) -> Grid:
    view = seen(states.running(), glyphs=glyphs)
    return preflight.grid(view, Asking(names=ALL, report=report), width)


def test_columns_that_say_nothing_go_first() -> None:
    """80 columns hold all; with less room a check that is ok everywhere goes, and is named as ok."""
    assert len(_grid(states.fitness(), 80).columns) == 8
    well = PreflightReport("x", (*states.fitness().rows[:3], states.fitness_of("n" * 63)))
    assert len(_grid(well, 80).columns) == 8
    narrow = _grid(well, 60)
    assert [column.key for column in narrow.columns] == ["ssh", "mpi", "mpi4py", "program", "directory"]
    assert narrow.note == "4  memory, disk, clock: ok on all"
    assert all(cell_width(row.name) == narrow.name_width < 20 for row in narrow.rows)
    assert "program" in [column.key for column in _grid(well, 24).columns]


def test_the_heading_is_whole() -> None:
    """However short the names are."""
    short = _grid(PreflightReport("x", (states.fitness_of("a"),)), 80)
    assert short.name_width == cell_width(short.heading)


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
def test_no_verdict_is_told_by_colour_alone(glyphs: Glyphs) -> None:
    """Each has its own glyph and its own word, in every set of glyphs."""
    verdicts = ("ok", "warn", "fail", "unknown")
    cells = [
        preflight.verdict_cell(PreflightCheck("ssh", verdict, ""), glyphs).text.split()
        for verdict in verdicts
    ]
    assert len({glyph for glyph, _ in cells}) == len({word for _, word in cells}) == 4


def test_foreign_words_are_harmless() -> None:
    """What a node or a service says reaches no cell and no line as it is, and breaks no width."""
    evil = "x\x1b]52;c;AAAA\x07\u202e\x9b2J\n" * 40
    check = PreflightCheck(evil, "fail", evil, f"Next: {evil}")
    report = PreflightReport(evil, (states.fitness_of(evil, check, PreflightCheck("ssh", "warn", evil)),))
    view, asking = seen(states.running()), Asking(names=(evil,), report=report)
    shown = preflight.grid(view, asking, 80)
    lines = [
        *(row.cells for row in shown.rows),
        *preflight.status(view, evil, PreflightWish(evil, cwd=evil), asking, 80),
        *preflight.status(view, evil, PreflightWish(), replace(asking, problem=evil), 80),
        *preflight.remedy(view, asking, evil, evil, 76),
        *preflight.remedy(view, asking, evil, "ssh", 76),
        *preflight.node_in_full(view, asking, evil, 44),
    ]
    words = [shown.title, shown.note, *(row.name for row in shown.rows), *(c.heading for c in shown.columns)]
    assert all(text(line).isprintable() for line in lines)
    assert all(word.isprintable() for word in words)
    assert all(
        cell_width(text(line)) == 80 for line in preflight.status(view, evil, PreflightWish(), asking, 80)
    )
    waiting = preflight.grid(view, Asking(names=(evil,)), 80)
    assert all(row.name.isprintable() for row in waiting.rows)


def test_who_is_asked() -> None:
    """Those that are named, else the head and all that would take jobs; what is excluded never."""
    state = states.lost()
    takes = ("headnode", "node01", "node02", "node04")
    assert preflight.to_ask(state, PreflightWish()) == takes
    assert preflight.to_ask(state, PreflightWish(exclude=("node02",))) == ("headnode", "node01", "node04")
    assert preflight.to_ask(state, PreflightWish(nodes=("node03", "node03"))) == ("node03",)
    assert preflight.node_of(state, "node03") == NodeId("node03")
    assert preflight.node_of(state, "node99") is None


def test_a_job_is_checked_where_it_may_run() -> None:
    """A running one where it runs; one that waits or ended where it was told to, or not to."""
    job = states.running().jobs[JobId(42)]
    assert preflight.of_job(job).nodes == ("node01", "node02", "node03")
    waits = replace(job, state=JobState.PENDING, allocation=(), exclude=("node02",), each=True)
    assert preflight.of_job(waits) == PreflightWish(job.program, exclude=("node02",), each=True)
    assert preflight.of_job(replace(waits, nodes=("node01",))).nodes == ("node01",)
