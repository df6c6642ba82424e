"""A stick of several LEDs: the lamp beside the plug, the nodes behind it."""

from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.node import Drain, Liveness, Node, Readiness, Trust
from sciabc_tui.cluster.state import LampState, State
from sciabc_tui.panel.lamps import AMBER, DARK, SKY_BLUE, WHITE, colour_at
from sciabc_tui.panel.leds import NodeLight, leds, node_lights
from tests.panel.scenes import NOW, board, cluster, dead, running, with_job, with_node

STEP = 0.01
WHOLE = {LampState.CRITICAL, LampState.STALE, LampState.STARTING, LampState.STOPPING}
WORSE = list(NodeLight)


def lit(light: NodeLight, seconds: float) -> list[bool]:
    """Sample an LED of such a node, beside a lamp that says that all is well."""
    samples = range(round(seconds / STEP))
    row = (light, NodeLight.NONE)
    return [leds(LampState.IDLE, row, number * STEP, count=3, night=False)[1] != DARK for number in samples]


@pytest.mark.parametrize(
    ("node", "busy", "light"),
    [
        (board(1), False, NodeLight.READY),
        (board(1), True, NodeLight.BUSY),
        (replace(board(1), drained=Drain("fan broken", "pi", NOW)), False, NodeLight.ASIDE),
        (replace(board(1), readiness=Readiness.UNPROVISIONED), False, NodeLight.ASIDE),
        (replace(board(1), liveness=Liveness.SUSPECT), False, NodeLight.SUSPECT),
        (replace(board(1), trust=Trust.CHANGED), False, NodeLight.SUSPECT),
        (dead(board(1), since=NOW), True, NodeLight.DOWN),
        (replace(board(1), liveness=Liveness.LEFT), False, NodeLight.NONE),
    ],
)
def test_what_an_led_says_of_its_node(node: Node, *, busy: bool, light: NodeLight) -> None:
    """Each word of a row has its light."""
    state = with_node(cluster(), node)
    state = with_job(state, running(nodes=2)) if busy else state
    assert node_lights(state, 8)[0] is light


def test_led_one_is_node01() -> None:
    """The head has none, the others stand by name; what is left over is dark."""
    state = with_node(cluster(nodes=5), dead(board(3), since=NOW))
    ready, none = NodeLight.READY, NodeLight.NONE
    assert node_lights(state, 8) == (ready, ready, NodeLight.DOWN, ready, none, none, none)


def test_names_are_ordered_as_people_count() -> None:
    """Node 10 stands behind node 9, not behind node 1."""
    state = with_node(cluster(nodes=12), dead(board(10), since=NOW))
    names = {node.id: replace(node, name=node.name.replace("node0", "node")) for node in state.nodes.values()}
    assert node_lights(replace(state, nodes=names), 32).index(NodeLight.DOWN) == 9


def test_strangers_move_nobodys_led() -> None:
    """A thousand announced but not approved boards change no LED."""
    state = with_node(cluster(nodes=5), dead(board(3), since=NOW))
    strangers = {
        node.id: replace(node, trust=Trust.UNKNOWN, name=f"a{node.name}")
        for node in (board(number) for number in range(100, 1100))
    }
    assert node_lights(replace(state, nodes={**strangers, **state.nodes}), 8) == node_lights(state, 8)


@pytest.mark.parametrize("count", [1, 2])
def test_a_stick_with_no_room_shows_the_lamp(count: int) -> None:
    """One LED, and the Nano's front and back: the lamp, whatever the nodes are."""
    state = with_node(cluster(), dead(board(3), since=NOW))
    lights = node_lights(state, count)
    for lamp, t in product(LampState, (0.0, 0.1, 0.6, 1.1)):
        assert leds(lamp, lights, t, count=count, night=False) == (colour_at(lamp, t, night=False),) * count


@given(st.integers(1, 120), st.integers(3, 32), st.data())
def test_no_lost_node_is_hidden(nodes: int, count: int, data: st.DataObject) -> None:
    """However many nodes share an LED, its worst one shows, and there is one LED for each group."""
    lost = data.draw(st.integers(1, nodes))
    lights = node_lights(with_node(cluster(nodes=nodes + 1), dead(board(lost), since=NOW)), count)
    assert len(lights) == count - 1
    assert lights.count(NodeLight.DOWN) == 1
    room = count - 1
    place = lost - 1 if nodes <= room else next(p for p in range(room) if (p + 1) * nodes // room >= lost)
    assert lights[place] is NodeLight.DOWN


@given(st.lists(st.sampled_from(NodeLight), min_size=8, max_size=40))
def test_the_worst_of_a_group_shows(lights: list[NodeLight]) -> None:
    """All lights are kept in order of their urgency: the worst of the row is somewhere, no worse one is."""
    made = {
        NodeLight.READY: board(1),
        NodeLight.ASIDE: replace(board(1), readiness=Readiness.UNPROVISIONED),
        NodeLight.SUSPECT: replace(board(1), liveness=Liveness.SUSPECT),
        NodeLight.DOWN: dead(board(1), since=NOW),
    }
    chosen = [light if light in made else NodeLight.READY for light in lights]
    nodes = [
        replace(made[light], id=board(number).id, name=f"node{number:02}")
        for number, light in enumerate(chosen, 1)
    ]
    state = State(nodes={node.id: node for node in nodes})
    assert max(node_lights(state, 8), key=WORSE.index) is max(chosen, key=WORSE.index)


@pytest.mark.parametrize("count", [8, 32])
@pytest.mark.parametrize("lamp", sorted(WHOLE))
def test_when_all_is_bad_the_whole_stick_is_the_lamp(lamp: LampState, count: int) -> None:
    """Old data shows no node, and what outranks the nodes is said with eight LEDs."""
    lights = (NodeLight.READY,) * (count - 1)
    for number in range(400):
        colour = colour_at(lamp, number * STEP, night=False)
        row = leds(lamp, lights, number * STEP, count=count, night=False)
        assert row == (colour,) * 8 + (DARK,) * (count - 8)


def test_nodes_are_shown_behind_the_lamp() -> None:
    """The lamp keeps its rhythm; a node that is down flashes amber between the lamp's flashes."""
    lights = (NodeLight.READY, NodeLight.BUSY, NodeLight.DOWN, NodeLight.SUSPECT)
    by_day = [leds(LampState.DEGRADED, lights, t, count=5, night=False) for t in (0.1, 0.5, 1.1, 1.9)]
    assert by_day == [
        ((64, 28, 0), (2, 5, 10), (5, 18, 32), (0, 0, 0), (0, 0, 0)),
        ((0, 0, 0), (2, 5, 10), (5, 18, 32), (0, 0, 0), (0, 0, 0)),
        ((0, 0, 0), (2, 5, 10), (5, 18, 32), (64, 28, 0), (32, 14, 0)),
        ((0, 0, 0), (2, 5, 10), (5, 18, 32), (0, 0, 0), (32, 14, 0)),
    ]


def test_the_darker_the_worse() -> None:
    """Who sees no colours still tells them apart: by how long an LED is lit, and busy ones by how bright."""
    shares = {light: sum(lit(light, 10.0)) / 1000 for light in NodeLight}
    assert [round(shares[light], 2) for light in WORSE] == [0.0, 1.0, 1.0, 0.9, 0.5, 0.1]
    row = leds(LampState.IDLE, (NodeLight.READY, NodeLight.BUSY), 0.0, count=3, night=False)
    assert min(busy / ready for ready, busy in zip(row[1], row[2], strict=True)) >= 2.5


@pytest.mark.parametrize(("light", "hue"), [("aside", WHITE), ("suspect", AMBER), ("ready", SKY_BLUE)])
def test_nodes_have_the_lamps_colours(light: str, hue: tuple[int, int, int]) -> None:
    """The same hue means the same kind of thing."""
    row = leds(LampState.IDLE, (NodeLight(light), NodeLight.NONE), 1.5, count=3, night=False)
    share = max(row[1]) / 255
    assert all(abs(part - full * share) <= 2 for part, full in zip(row[1], hue, strict=True))


@pytest.mark.parametrize("lamp", LampState)
@pytest.mark.parametrize("light", [NodeLight.ASIDE, NodeLight.SUSPECT, NodeLight.DOWN])
def test_the_whole_stick_flashes_no_more_than_twice_a_second(lamp: LampState, light: NodeLight) -> None:
    """Lamp and nodes together, in no second wherever it begins; LEDs that go on together are one flash."""
    row = (light, NodeLight.DOWN, NodeLight.SUSPECT, NodeLight.ASIDE)
    frames = [leds(lamp, row, number * STEP, count=5, night=False) for number in range(1200)]
    peaks = [max(max(frame[led]) for frame in frames) for led in range(5)]
    bright = [[max(frame[led]) * 2 >= peaks[led] > 0 for led in range(5)] for frame in frames]
    rises = [
        number
        for number, (a, b) in enumerate(pairwise(bright))
        if any(now and not before for before, now in zip(a, b, strict=True))
    ]
    second = round(1.0 / STEP)
    assert all(sum(start <= rise < start + second for rise in rises) <= 2 for start in rises)


@given(
    st.sampled_from(LampState),
    st.lists(st.sampled_from(NodeLight), max_size=31),
    st.floats(0, 1e6),
    st.integers(1, 32),
    st.booleans(),
)
def test_there_is_a_dim_colour_for_every_led(
    lamp: LampState, lights: list[NodeLight], t: float, count: int, night: bool
) -> None:
    """Exactly as many as the stick has, bytes, and never brighter than the lamp may be at this hour."""
    row = leds(lamp, tuple(lights), t, count=count, night=night)
    assert len(row) == count
    assert all(0 <= part <= (8 if night else 64) for colour in row for part in colour)


@pytest.mark.parametrize("light", [NodeLight.READY, NodeLight.BUSY, NodeLight.SUSPECT, NodeLight.DOWN])
def test_night_puts_no_node_out(light: NodeLight) -> None:
    """Dimmed to three per cent, a node that is lit by day still is."""
    row = leds(LampState.IDLE, (light, NodeLight.NONE), 1.1, count=3, night=True)
    assert max(row[1]) >= 1


def test_a_stick_uses_no_more_than_usb_gives() -> None:
    """At 20 mA a full colour, the brightest picture of 32 LEDs stays under 0.4 A."""
    rows = [
        leds(lamp, (light,) * 31, number * 0.05, count=32, night=False)
        for lamp, light, number in product(LampState, NodeLight, range(100))
    ]
    assert max(sum(part for colour in row for part in colour) for row in rows) * 20 / 255 < 400
