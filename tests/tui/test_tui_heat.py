"""The heat map: a cell a node, a cursor in two dimensions, and nothing that colour alone tells."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import line_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from sciabc_tui.tui.present.heat import LETTERS, HeatMap, heat_map
from sciabc_tui.tui.present.roster import Roster
from sciabc_tui.tui.screens.node import NodeScreen
from sciabc_tui.tui.widgets.heat import HeatView
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, Stage, on_stage
from tests.tui.views import seen, text


def numbered(count: int, digits: int = 3) -> State:
    """Give the head and nodes with numbers from 1."""
    made = [replace(states.board(1), id=NodeId(f"n{n}"), name=f"node{n:0{digits}d}") for n in range(1, count)]
    return replace(states.empty(), nodes={node.id: node for node in (states.head_node(), *made)})


def drawn(state: State, width: int = 78, wanted: str = "", *, glyphs: Glyphs = UNICODE) -> HeatMap:
    """Draw a map."""
    view = seen(state, glyphs=glyphs)
    return heat_map(view, width, Roster().listing(view, wanted))


def key(stage: Stage) -> str:
    """Give the node under the cursor."""
    return stage.app.screen.query_one("#heat", HeatView).key


def test_each_node_has_one_cell() -> None:
    """Every node is there once, in the order of the names, in lines of round numbers with folded names."""
    state = numbered(750)
    found = drawn(state)
    assert [one for row in found.rows for one in row.keys] == ["head", *(f"n{n}" for n in range(1, 750))]
    assert [row.label.strip() for row in found.rows][:3] == ["headnode", "node[001-064]", "node[065-128]"]
    assert len(found.rows) == 13


@pytest.mark.parametrize("width", [40, 58, 78, 92, 138, 198])
@pytest.mark.parametrize("count", [1, 8, 64, 750, 3000])
def test_lines_fit(width: int, count: int) -> None:
    """No line is wider than the screen, whatever the size of the cluster."""
    found = drawn(numbered(count, 4), width)
    assert max(found.label_width + 1 + len(row.keys) for row in found.rows) <= width
    assert max(map(line_width, (*found.legend, found.told("head")))) <= width


def test_nodes_of_many_names_share_lines() -> None:
    """Nodes with names of their own don't take a line each."""
    named = ["ada", "bob", "cid", "dan", "eve", "fay", "gus", "hal", "ivy", "jon", "kim", "leo", "mia", "ned"]
    nodes = [replace(states.board(1), id=NodeId(name), name=name) for name in named]
    found = drawn(replace(states.empty(), nodes={node.id: node for node in nodes}))
    assert len(found.rows) == 1


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
def test_state_is_a_letter(glyphs: Glyphs) -> None:
    """Each state has its letter, a loaded node a capital, and the legend tells of those that are there."""
    assert len(set(LETTERS.values())) == len(LETTERS)
    found = drawn(states.lost(), glyphs=glyphs)
    letters = {one: found.cell(one).letter for row in found.rows for one in row.keys}
    assert letters == {
        "head": "r",
        "node01": "B",
        "node02": "B",
        "node03": "x",
        "node04": "S",
        "node05": "n",
        "node06": "d",
        "node07": "!",
    }
    legend = " ".join(map(text, found.legend))
    for told in ("r ready 1", "b busy 2", "x down 1", "! refused 1", "A-Z cpu > 50%"):
        assert told in legend
    assert (found.cell("head").shade, found.cell("node01").shade) == (0, 4)
    assert legend.isascii()


def test_the_filter_holds() -> None:
    """The map shows what the filter wants, and says of how many."""
    found = drawn(numbered(64), wanted="node[010-012]")
    assert [row.keys for row in found.rows] == [("n10", "n11", "n12")]
    assert "3 of 64" in found.note


async def test_750_nodes_are_on_one_screen() -> None:
    """At 80x24 each of 750 nodes has its cell in sight, with the legend and the node under the cursor."""
    async with on_stage(CapturingClient(numbered(750)), SMALL) as stage:
        await stage.press("v")
        await stage.until_text("heat map")
        lines = stage.text.splitlines()
        cells = [line.split("] ")[1].strip() for line in lines if line.strip(" ▸").startswith("node[")]
        assert sum(map(len, cells)) == 749
        assert "of 750" not in lines[1]
        assert "A-Z cpu > 50%" in stage.text
        assert "headnode  ● ready  cpu" in stage.text


async def test_the_cursor_moves_in_two_dimensions() -> None:
    """Arrows and vi's keys move by node and by line, Enter opens, and the table has the cursor there, too."""
    async with on_stage(CapturingClient(numbered(750)), SMALL) as stage:
        await stage.press("v", "j")
        assert key(stage) == "n1"
        await stage.press("l", "right", "j")
        assert key(stage) == "n67"
        await stage.press("h", "k")
        assert key(stage) == "n2"
        assert "node002" in stage.text
        await stage.press("h", "h")
        assert key(stage) == "head"
        await stage.press("j", "G", "end")
        assert key(stage) == "n705"
        await stage.press("enter")
        await stage.until(lambda: isinstance(stage.app.screen, NodeScreen))
        await stage.press("escape", "v")
        await stage.until_text("evidence")
        assert "▸ node705" in stage.text


async def test_the_cursor_stays_while_nodes_go() -> None:
    """It is on the same node when others before it are gone."""
    state = numbered(100)
    client = CapturingClient(state)
    async with on_stage(client, SMALL) as stage:
        await stage.press("v", "j", "l", "l", "l")
        assert key(stage) == "n4"
        nodes = {id_: node for id_, node in state.nodes.items() if id_ not in {"n1", "n2"}}
        client.send(replace(state, nodes=nodes))
        await stage.until_text("98 ")
        assert key(stage) == "n4"


async def test_selecting_in_the_map() -> None:
    """Space selects in the map as in the table; the count is told, and the table marks the same nodes."""
    async with on_stage(CapturingClient(numbered(100)), SMALL) as stage:
        await stage.press("v", "j", "space", "l", "space")
        assert "100  2 selected" in stage.text
        await stage.press("v")
        await stage.until_text("*node001")
        assert "*node002" in stage.text
