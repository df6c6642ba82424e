"""State in, ready text out."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.state import Packing
from sciabc_tui.tui.present import events, jobs, node_table, nodes
from sciabc_tui.tui.present.cells import Table, Tone, cell_width, line_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.present.heading import header
from sciabc_tui.tui.present.roster import Roster
from sciabc_tui.tui.present.view import View, banner
from tests.tui import states
from tests.tui.views import seen, text

WIDTHS = [60, 77, 94, 120, 200]


def column(table: Table, name: str) -> list[str]:
    """Give the words of a column, by where its heading begins."""
    start = table.heading.index(name)
    return [text(row.cells)[start:].split("  ")[0].strip() for row in table.rows]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scene", states.STATES)
def test_rows_fit(scene: str, width: int) -> None:
    """Every row and every heading is exactly as wide as it was asked to be, at any width."""
    view = seen(states.STATES[scene]())
    for table in (node_table.table(view, width), jobs.table(view, width), events.table(view, width)):
        assert {line_width(row.cells) for row in table.rows} <= {width}
        assert not table.heading or cell_width(table.heading) == width


@pytest.mark.parametrize("width", WIDTHS)
def test_narrow_keeps_meaning(width: int) -> None:
    """A narrow screen loses columns, but never a node's state, slots or evidence."""
    table = node_table.table(seen(states.lost()), width)
    words = ["ready", "busy", "busy", "down", "suspect", "new", "drained", "refused"]
    assert [word.split()[-1] for word in column(table, "state")] == words
    assert "evidence" in table.heading
    assert "slots" in table.heading


def test_unknown_is_not_a_number() -> None:
    """What was not measured of a node that is down or new shows as --, not as what it was once."""
    rows = {row.key: text(row.cells) for row in node_table.table(seen(states.lost()), 77).rows}
    assert "%" not in rows["node03"]
    assert "%" not in rows["node05"]
    assert rows["node03"].count("--") == 3


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
def test_states_differ_without_colour(glyphs: Glyphs) -> None:
    """Each state of a node or job has a word of its own, and each kind of trouble a glyph of its own."""
    table = node_table.table(seen(states.lost(), glyphs=glyphs), 77)
    signs = [word.split()[0] for word in column(table, "state")]
    assert len(set(signs)) == len(signs) - 1  # two are busy
    everything = "".join(text(row.cells) for row in table.rows)
    assert glyphs is not ASCII or everything.isascii()


def test_ages_go_on() -> None:
    """An age is counted from the sign of life to now, not to when the state was published."""
    row = node_table.table(seen(states.ready(), later=3.0), 77).rows[1]
    assert "reading 3.4 s" in text(row.cells)


@pytest.mark.parametrize(("later", "gone"), [(0.0, 12.0), (11.0, None)])
def test_old_data_is_dim(later: float, gone: float | None) -> None:
    """What may no longer hold is dim in every cell, whether the service is gone or only silent."""
    view = seen(states.running(), gone=gone, later=later)
    for table in (node_table.table(view, 77), jobs.table(view, 77), events.table(view, 77)):
        assert {cell.tone for row in table.rows for cell in row.cells} == {Tone.DIM}
    assert banner(view, 80) is not None


@pytest.mark.parametrize("width", [60, 80, 100, 140, 200])
def test_header_fits_and_answers(width: int) -> None:
    """The header is as wide as the screen and always says host, IP, health, how many are up and the time."""
    line = text(header(seen(states.lost()), width))
    assert len(line) == width
    for word in ("briefcase", "203.0.113.254", "degraded", "5/7 up"):
        assert word in line
    assert width < 80 or line.rstrip().endswith("14:00:00")


@pytest.mark.parametrize("width", [40, 60, 80, 140])
@pytest.mark.parametrize("gone", [None, 30.0])
def test_simulation_is_always_told(width: int, gone: float | None) -> None:
    """A simulated cluster says so at every width and never dim, also when its service is gone."""
    line = header(seen(states.simulated(states.lost()), gone=gone), width)
    assert [cell.tone for cell in line if cell.text == "SIMULATED"] == [Tone.WARN]
    assert "SIMULATED" not in text(header(seen(states.lost()), width))


def test_header_before_the_first_answer() -> None:
    """Without a state the header claims nothing."""
    line = text(header(View(UNICODE), 80))
    assert "no data yet" in line
    assert not any(character.isdigit() for character in line)


def test_banner_says_what_is_in_the_way() -> None:
    """The banner tells of a service that is gone, of one that never answered, and of a missing launcher."""
    assert "gone 12 s ago, retrying" in text(banner(seen(states.ready(), gone=12.0), 80) or ())
    assert "socket is dead" in text(banner(View(UNICODE, gone=3.0, problem="socket is dead"), 80) or ())
    state = states.ready()
    broken = replace(state, head=replace(state.head, launcher_problem="no mpirun. Next: make run"))
    assert "no job can run: no mpirun" in text(banner(seen(broken), 80) or ())
    assert banner(seen(state), 80) is None


@pytest.mark.parametrize(("ended", "word"), [(False, "packing"), (True, "packed")])
def test_banner_says_how_far_the_packing_is(*, ended: bool, word: str) -> None:
    """Who looks at the panel knows why boards go, and when all are gone."""
    packing = Packing(("node01", "node02"), off=("node02",), ended=ended)
    shown = text(banner(seen(replace(states.ready(), packing=packing)), 80) or ())
    assert f"{word}: 1 of 2 nodes off" in shown


def test_jobs_are_ordered_by_what_matters_now() -> None:
    """What runs stands first, then what waits in the order of its turn, then what ended, newest first."""
    state = states.lost()
    later = replace(state.jobs[jobs.ordered(state)[1].id], id=99)
    state = replace(state, jobs={**state.jobs, later.id: later})
    assert [job.id for job in jobs.ordered(state)] == [44, 43, 99, 42, 41]


def test_waiting_jobs_stand_in_the_order_of_their_turns() -> None:
    """The one with the highest priority is next, and what is held comes last of those that wait."""
    assert [job.id for job in jobs.ordered(states.queued())] == [42, 44, 43, 41]


@pytest.mark.parametrize("width", [77, 94, 137])
def test_a_job_s_row_says_what_stands_in_its_way(width: int) -> None:
    """Who holds it, what it waits for, what it lost and where it goes on."""
    rows = {row.key: row.cells[-1] for row in jobs.table(seen(states.queued()), width).rows}
    assert (rows["43"].text.rstrip(), rows["43"].tone) == ("held by ada", Tone.WARN)
    assert (rows["42"].text.rstrip(), rows["42"].tone) == ("lost node03  node[01-02]", Tone.WARN)
    assert rows["44"].text.startswith("waits for node09, which")


def test_hold_is_told_before_the_reason_is() -> None:
    """A job that was held a moment ago, or by nobody any longer, shows no old reason."""
    job = replace(states.running().jobs[JobId(43)], held_by="ada")
    assert jobs.details(job).text == "held by ada"
    assert jobs.details(replace(job, held_by="", reason="")).text == "waits"


def test_priority_is_shown_where_there_is_one() -> None:
    """The column is there while a job that did not end has a priority, if there is room for it."""
    state = states.queued()
    table = jobs.table(seen(state), 77)
    start = table.heading.index(" prio")
    assert [text(row.cells)[start : start + 5].strip() for row in table.rows] == ["", "10", "", ""]
    assert "prio" not in jobs.table(seen(state), 60).heading
    assert "prio" not in jobs.table(seen(states.running()), 137).heading
    done = replace(state.jobs[JobId(44)], state=JobState.COMPLETED)
    assert "prio" not in jobs.table(seen(replace(state, jobs={done.id: done})), 137).heading


def test_filter_finds_by_any_word() -> None:
    """A filter keeps rows by name, address, state or evidence, and says of how many."""
    view = seen(states.lost())
    for wanted, expected in (("node01", ["node01"]), ("10.0.0.16", ["node06"]), ("FAN", ["node06"])):
        table = node_table.table(view, 77, Roster().listing(view, wanted))
        assert [row.key for row in table.rows] == expected
        assert "of 8" in table.note
    assert [row.key for row in jobs.table(view, 77, "wave").rows] == ["43"]
    assert [row.key for row in jobs.table(seen(states.queued()), 77, "held by").rows] == ["43"]


def test_names_in_natural_order() -> None:
    """node2 stands before node10, the head before all."""
    state = states.many(0)
    names = ("node10", "node2", "node1")
    made = {NodeId(n): replace(states.board(1), id=NodeId(n), name=n) for n in names}
    ordered = nodes.ordered(replace(state, nodes={**made, **state.nodes}))
    assert [node.name for node in ordered] == ["headnode", "node1", "node2", "node10"]
