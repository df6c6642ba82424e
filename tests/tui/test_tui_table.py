"""The nodes table: what is not seen is not made, the cursor stays on its node, actions go to many."""

from dataclasses import replace

import pytest
from textual.events import Key

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Liveness, Node, Reading
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present import node_table
from sciabc_tui.tui.present.cells import LazyRows, Row
from sciabc_tui.tui.present.columns import Sorting
from sciabc_tui.tui.present.digest import Digest
from sciabc_tui.tui.present.node_table import BY_NAME, metric
from sciabc_tui.tui.present.roster import RESORT_AFTER, Roster
from sciabc_tui.tui.present.wanted import parse
from sciabc_tui.tui.widgets.table import TableView
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import Stage, on_stage
from tests.tui.views import seen, text


def warm(state: State, **degrees: float | None) -> State:
    """Give nodes other temperatures; None was not measured."""
    nodes = dict(state.nodes)
    for name, value in degrees.items():
        node = nodes[NodeId(name)]
        nodes[node.id] = replace(node, reading=replace(node.reading or Reading(0.0), temperature=value))
    return replace(state, nodes=nodes)


def names(roster: Roster, state: State, wanted: str = "", *, later: float = 0.0) -> list[str]:
    """Give the nodes as they are listed."""
    return [node.name for node in roster.listing(seen(state, later=later), wanted).nodes]


def cursor(stage: Stage) -> str:
    """Give the node under the cursor."""
    return stage.app.screen.query_one("#nodes", TableView).key


def test_rows_are_made_when_they_are_looked_at() -> None:
    """Of 3,000 rows those that are asked for are made, each once."""
    made: list[int] = []

    def make(number: int) -> Row:
        made.append(number)
        return Row(str(number), ())

    rows = LazyRows([str(number) for number in range(3000)], make)
    assert (len(rows), rows[7].key, rows[7].key, rows[-1].key) == (3000, "7", "7", "2999")
    assert [row.key for row in rows[2:4]] == ["2", "3"]
    assert made == [7, 2999, 2, 3]
    with pytest.raises(IndexError):
        rows[3000]


def test_names_are_sorted_once() -> None:
    """The order of the names outlives a state in which only readings changed, and no other."""
    first = Digest(states.many(20))
    assert first.nodes[0].name == "headnode"
    second = Digest(warm(states.many(20), n3=80.0), first)
    assert second.order is first.order
    renamed = replace(states.many(20).nodes[NodeId("n3")], name="zebra")
    third = Digest(replace(states.many(20), nodes={**states.many(20).nodes, renamed.id: renamed}), second)
    assert third.nodes[-1].name == "zebra"


def test_sorted_by_a_column() -> None:
    """The hottest first, the other way round after a turn, and what was not measured last both times."""
    roster, state = Roster(), warm(states.ready(), node01=50.0, node02=None, node03=70.0, head=60.0)
    roster.sorting = Sorting("temp")
    assert names(roster, state) == ["node03", "headnode", "node01", "node02"]
    roster.turn_round()
    assert names(roster, state) == ["node01", "headnode", "node03", "node02"]


def test_what_shows_the_same_keeps_its_place() -> None:
    """Readings that differ by less than is shown move no row: the names order them, either way round."""
    roster = Roster()
    roster.sorting = Sorting("temp")
    state = warm(states.ready(), node01=50.1, node02=49.9, node03=50.3, head=50.2)
    assert names(roster, state) == ["headnode", "node01", "node02", "node03"]
    roster.turn_round()
    assert names(roster, state) == ["headnode", "node01", "node02", "node03"]


def test_every_heading_sorts() -> None:
    """Each column that a wide screen shows can be sorted by, and the last leads to the first."""
    view, roster = seen(states.lost()), Roster()
    headings = node_table.columns(view, 300).sortable
    assert {"node", "state", "cpu", "temp", "disk", "throt", "net B/s", "address", "evidence"} <= set(
        headings
    )
    for heading in (*headings[1:], headings[0]):
        roster.sort_by_next(headings)
        assert roster.sorting == Sorting(heading)
        assert len(roster.listing(view, "").nodes) == 8
        marked = node_table.table(view, 297, roster.listing(view, "")).heading
        assert ("▲" in marked or "▼" in marked) == (roster.sorting != BY_NAME)
        assert len(marked) == 297
    roster.sorting = Sorting("state")
    assert names(roster, states.lost())[0] == "node03"


def test_rows_change_places_once_a_second() -> None:
    """A value that changes twice within a second moves no row the second time; a new sorting does at once."""
    roster, state = Roster(), warm(states.ready(), node01=50.0, node02=60.0, node03=70.0, head=10.0)
    roster.sorting = Sorting("temp")
    assert names(roster, state)[0] == "node03"
    hot = warm(state, node01=99.0)
    assert names(roster, hot, later=RESORT_AFTER / 2)[0] == "node03"
    assert names(roster, warm(hot, head=11.0), later=RESORT_AFTER + 0.1)[0] == "node01"
    roster.turn_round()
    assert names(roster, hot, later=RESORT_AFTER + 0.2)[0] == "headnode"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("node[01-02,07]", ["node01", "node02", "node07"]),
        ("node01,node02", ["node01", "node02"]),
        ("node[01-04] down", ["node03"]),
        ("node[0", ["headnode", *(f"node0{n}" for n in range(1, 8))]),
        ("down", ["node03"]),
        ("DRAINED", ["node06"]),
        ("arp failed", ["node03"]),
        ("node99", []),
    ],
)
def test_filter_takes_sets_and_states(wanted: str, expected: list[str]) -> None:
    """Node sets, also half-typed ones, words of states, and any words that all hold."""
    assert names(Roster(), states.lost(), wanted) == expected


def test_nothing_typed_wants_everything() -> None:
    """Blanks are no filter."""
    assert not parse("  ")
    assert parse("down").states == ("down",)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "--"),
        (0.0, "0"),
        (999.0, "999"),
        (1240.0, "1.2k"),
        (35e3, "35k"),
        (1.24e6, "1.2M"),
        (2e9, "2.0G"),
    ],
)
def test_amounts_are_short(value: float | None, written: str) -> None:
    """A rate takes five cells at most."""
    assert metric(value) == written


async def test_the_cursor_stays_on_its_node() -> None:
    """While rows are sorted by what changes, come and go, the cursor is on the node where it was put."""
    state = warm(states.ready(), node01=50.0, node02=60.0, node03=70.0, head=10.0)
    client = CapturingClient(state)
    async with on_stage(client) as stage:
        await stage.press("j", "j")
        assert cursor(stage) == "node02"
        while "temp▼" not in stage.text:
            await stage.press("o")
        assert cursor(stage) == "node02"
        stage.clock.now += 2
        client.send(replace(warm(state, node02=99.0), at=state.at + 2, wall=state.wall + 2))
        await stage.until_text("99°")
        assert cursor(stage) == "node02"
        fewer = {id_: node for id_, node in state.nodes.items() if id_ != "node03"}
        client.send(replace(state, nodes=fewer, at=state.at + 4, wall=state.wall + 4))
        await stage.until(lambda: "node03 " not in stage.text.split("Jobs")[0])
        assert cursor(stage) == "node02"


async def test_keys_behind_a_slash_are_not_lost() -> None:
    """All that is typed in one burst goes into the filter, and what follows Enter to the rows again."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        for key in ("slash", *"node", "left_square_bracket", *"01-02", "right_square_bracket", "enter", "j"):
            character = {"slash": "/", "left_square_bracket": "[", "right_square_bracket": "]"}.get(key, key)
            stage.app.post_message(Key(key, character if len(character) == 1 else None))
        await stage.until_text("/node[01-02]  2 of 8")
        await stage.until(lambda: cursor(stage) == "node02")
        await stage.press("escape")
        assert "2 of 8" not in stage.text


async def test_an_empty_filter_goes_away() -> None:
    """Enter on nothing typed takes the field away."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("slash")
        await stage.until_text("filter nodes and jobs")
        await stage.press("enter")
        await stage.until(lambda: "filter nodes and jobs" not in stage.text)


async def test_selected_rows_are_marked_and_counted() -> None:
    """Space selects and goes on, `*` selects all that is shown, then none, Escape none; nodes may leave."""
    state = states.ready()
    client = CapturingClient(state)
    async with on_stage(client) as stage:
        await stage.press("j", "space", "space")
        assert "4  2 selected" in stage.text
        assert " *node01" in stage.text
        assert " *node02" in stage.text
        assert cursor(stage) == "node03"
        fewer = {id_: node for id_, node in state.nodes.items() if id_ != "node01"}
        client.send(replace(state, nodes=fewer))
        await stage.until_text("3  1 selected")
        await stage.press("asterisk")
        assert "3  3 selected" in stage.text
        await stage.press("asterisk")
        assert "selected" not in stage.text
        await stage.press("space", "escape")
        assert "selected" not in stage.text


async def test_many_are_drained_after_a_yes() -> None:
    """The question says how many, which, and what runs there; the answer goes to each; `d` resumes them."""
    state = states.running()
    client = CapturingClient(state)
    async with on_stage(client) as stage:
        await stage.press("j", "space", "space", "space", "d")
        await stage.until_text("Drain 3 nodes?")
        for told in ("node[01-03]", "loses 12 slots", "Job 42 nbody there will go on to the end."):
            assert told in stage.text
        await stage.press("n")
        assert client.asked == []
        await stage.press("d", "y")
        await stage.until_text("node[01-03]: no new jobs any more")
        assert client.asked == [("drain", NodeId(f"node0{n}"), "") for n in (1, 2, 3)]
        drained = states.lost().nodes[NodeId("node06")].drained
        nodes = {
            **state.nodes,
            **{NodeId(n): _drained(state, n, drained) for n in ("node01", "node02", "node03")},
        }
        client.send(replace(state, nodes=nodes))
        await stage.until_text("= drained")
        await stage.press("d")
        await stage.until_text("node[01-03]: new jobs again")
        assert client.asked[3:] == [("resume", NodeId(f"node0{n}")) for n in (1, 2, 3)]


def _drained(state: State, name: str, drained: object) -> Node:
    return replace(state.nodes[NodeId(name)], drained=drained)


async def test_many_are_forgotten_or_approved() -> None:
    """Forgetting names the jobs there and leaves the head out; approving shows the keys in full."""
    client = CapturingClient(states.lost())
    async with on_stage(client) as stage:
        await stage.press("asterisk", "f")
        await stage.until_text("Forget 7 nodes?")
        assert "Job 44 nbody there may fail." in stage.text
        await stage.press("n", "a")
        await stage.until_text("Approve 1 node?")
        assert states.key_of("node05").fingerprint in stage.text
        await stage.press("y")
        await stage.until_text("node05: approved")
        assert client.asked == [("approve", NodeId("node05"), states.key_of("node05").fingerprint)]


async def test_selected_nodes_are_checked() -> None:
    """A preflight goes to the selected nodes and names them."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("j", "space", "space", "p")
        await stage.until(lambda: client.asked)
        assert getattr(client.asked[0][1], "nodes", None) == ("node01", "node02")
        assert "node[01-02]" in stage.text


async def test_only_rows_in_sight_are_made() -> None:
    """With 3,000 nodes that all change a state makes no more rows than there are lines."""
    state = states.many(3000)
    client = CapturingClient(state)
    async with on_stage(client) as stage:
        gone = {id_: replace(node, liveness=Liveness.SUSPECT) for id_, node in state.nodes.items()}
        client.send(replace(state, nodes=gone, at=state.at + 1, wall=state.wall + 1))
        await stage.until_text("suspect")
        rows = stage.app.screen.query_one("#nodes", TableView)._table.rows
        assert isinstance(rows, LazyRows)
        assert len(rows) == 3001
        assert len(rows._made) < 24
        assert text(rows[5].cells).startswith("node004")
