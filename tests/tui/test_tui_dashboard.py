"""The dashboard as a whole: what a tick costs, and the right-hand column."""

from dataclasses import replace

import pytest

from sciabc_tui.api.routes import WATCH_GAP, WIDEST_GAP, gap_after
from sciabc_tui.api.states import encode_state
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Liveness, RowWord, reading_period
from sciabc_tui.cluster.state import LampState, PanelView
from sciabc_tui.tui.present import events, jobs
from sciabc_tui.tui.present.digest import Digest
from sciabc_tui.tui.present.glyphs import ASCII, UNICODE, Glyphs
from sciabc_tui.tui.present.layout import share
from sciabc_tui.tui.present.load import cluster_load
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.fleet import cluster
from tests.tui.screens import WIDE, on_stage
from tests.tui.views import seen, text


def test_load_is_the_mean_of_what_was_measured() -> None:
    """Each place is the mean of the nodes that measured it; whoever is gone or mute is left out."""
    state = states.ready()
    nodes = {
        "head": replace(state.nodes[NodeId("head")], trend=(10, 20, 30)),
        "node01": replace(state.nodes[NodeId("node01")], trend=(40, 50)),
        "node02": replace(state.nodes[NodeId("node02")], trend=()),
        "node03": replace(state.nodes[NodeId("node03")], trend=(99, 99, 99), liveness=Liveness.DEAD),
    }
    digest = Digest(replace(state, nodes={NodeId(id_): node for id_, node in nodes.items()}))
    assert digest.load == (10, 30, 40)
    assert digest.measured == (2, 4)
    lines = cluster_load(seen(digest.state), 44)
    assert text(lines[0]) == "cpu 40%  mean of 2 of 4 nodes"


def test_unknown_load_is_said() -> None:
    """Nothing is drawn of what nobody measured."""
    state = states.empty()
    mute = {id_: replace(node, trend=()) for id_, node in state.nodes.items()}
    (line,) = cluster_load(seen(replace(state, nodes=mute)), 44)
    assert "no node has measured" in text(line)


def test_the_map_leaves_a_line_or_two_to_the_others() -> None:
    """With the map first, jobs and events keep a title and little more, and no line is lost."""
    heights = share(22, nodes=17, jobs=5, events=9, nodes_first=True)
    assert (heights.nodes, heights.jobs, heights.events) == (17, 3, 2)


async def test_a_second_look_at_the_same_second_makes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was shown of a state in a second is not made again; a newer state is shown at once."""
    made: list[int] = []
    table = jobs.table

    def counted(view: jobs.View, width: int, wanted: str = "") -> object:
        made.append(width)
        return table(view, width, wanted)

    state = states.running()
    client = CapturingClient(state)
    async with on_stage(client) as stage:
        monkeypatch.setattr(jobs, "table", counted)
        stage.app._look_again()
        stage.app._look_again()
        assert made == []
        client.send(replace(state, at=state.at + 0.2, wall=state.wall + 0.2))
        await stage.until(lambda: made)
        stage.clock.now += 1
        stage.app._look_again()
        assert len(made) == 2


async def test_wide_shows_the_load() -> None:
    """From 120 columns on the right-hand column has the panel, the load and the node under the cursor."""
    async with on_stage(CapturingClient(states.running()), WIDE) as stage:
        for told in ("Front panel", "Load, the last 30 readings", "mean of 4 nodes", "Node under the cursor"):
            assert told in stage.text


def test_states_of_many_nodes_come_less_often() -> None:
    """Whole states come four times a second of a small cluster, once in one or two seconds of a large one."""
    assert gap_after(len(encode_state(cluster(64)))) == WATCH_GAP
    assert gap_after(len(encode_state(cluster(750)))) == pytest.approx(1.0, abs=0.2)
    assert gap_after(len(encode_state(cluster(3000)))) == WIDEST_GAP == reading_period(3000) / 2


@pytest.mark.parametrize("glyphs", [UNICODE, ASCII])
def test_leds_are_mirrored(glyphs: Glyphs) -> None:
    """A stick with several LEDs has a sign for each that tells of nodes, one with a single LED none."""
    state = states.running()
    panel = state.panel or PanelView((), LampState.IDLE)
    lights = ("ready", "busy", "aside", "suspect", "down", "none")
    shown = events.mirror(seen(replace(state, panel=replace(panel, leds=lights)), glyphs=glyphs), 44)
    signs = glyphs.nodes
    words = (RowWord.READY, RowWord.BUSY, RowWord.DRAINED, RowWord.SUSPECT, RowWord.DOWN)
    assert f"nodes {''.join(signs[word] for word in words)}{glyphs.silent}" in map(text, shown)
    assert not any(text(line).startswith("nodes") for line in events.mirror(seen(state, glyphs=glyphs), 44))
