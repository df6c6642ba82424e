"""What the glass says while the cluster is packed, and that it says SAFE TO UNPLUG only when it is."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hw.hd44780 import SIZE_16X2, SIZE_20X4
from sciabc_tui.cluster.health import assess
from sciabc_tui.cluster.node import Drain, Liveness
from sciabc_tui.cluster.powering import PACKED
from sciabc_tui.cluster.state import Packing, State
from tests.panel.looking import glass
from tests.panel.scenes import NOW, board, cluster, dead, with_node

NODES = ("node01", "node02", "node03")


def packing(*off: str, ended: bool = False, nodes: tuple[str, ...] = NODES) -> State:
    """Make a cluster that is being packed; the nodes that are off have left."""
    state = cluster(nodes=4)
    known = {
        id_: replace(node, liveness=Liveness.LEFT, drained=Drain(PACKED, "ada", NOW - 60))
        if node.name in off
        else node
        for id_, node in state.nodes.items()
    }
    return replace(state, nodes=known, packing=Packing(nodes, off, ended, "ada"))


def pages(state: State, rows: int) -> set[tuple[str, ...]]:
    """Give what is shown within a turn of all pages, without the heart."""
    size = SIZE_16X2 if rows == 2 else SIZE_20X4
    found = (glass(state, NOW + second, size) for second in range(12))
    return {tuple(line.replace("♥", " ").rstrip() for line in lines) for lines in found}


def test_while_it_lasts_nothing_is_to_be_unplugged() -> None:
    """How many are off, and which are not."""
    assert ("PACKING 2/3 off", "do not unplug") in pages(packing("node01", "node03"), 2)
    assert ("PACKING 2/3 off", "still on:", "node02", "do not unplug") in pages(
        packing("node01", "node03"), 4
    )


def test_when_all_are_off_the_nodes_are_safe() -> None:
    """Not the head: it is on."""
    state = packing(*NODES, ended=True)
    assert ("3 NODES OFF", "SAFE TO UNPLUG") in pages(state, 2)
    assert ("3 NODES OFF", "SAFE TO UNPLUG them", "the head is on:", "do not unplug it") in pages(state, 4)


def test_one_that_did_not_go_is_named() -> None:
    """For good, until somebody packs again or unpacks."""
    state = packing("node01", "node02", ended=True)
    assert ("PACKING 2/3 off", "do not unplug") in pages(state, 2)
    assert ("PACKING 2/3 off", "did not go:", "node03", "do not unplug") in pages(state, 4)


def test_one_that_has_power_again_is_not_safe() -> None:
    """It was seen gone, and somebody switched it on: nobody may pull its plug."""
    state = packing(*NODES, ended=True)
    back = next(node for node in state.nodes.values() if node.name == "node02")
    state = with_node(state, replace(back, liveness=Liveness.ALIVE))
    assert ("PACKING 2/3 off", "do not unplug") in pages(state, 2)
    assert not any("SAFE" in line for lines in pages(state, 4) for line in lines)


def test_a_simulation_says_so_there_too() -> None:
    """Its mark takes the place of words."""
    state = replace(packing(*NODES, ended=True), head=replace(cluster(simulated=True).head))
    assert ("3 NODES OFF", "unplug them  SIM") in pages(state, 2)


def test_the_address_is_still_shown() -> None:
    """Home takes its turn: who packs is connected."""
    assert any("203.0.113.254" in lines[0] for lines in pages(packing("node01"), 2))


@settings(deadline=None)  # a loaded machine must not decide
@given(
    off=st.sets(st.sampled_from(NODES)),
    ended=st.booleans(),
    more=st.integers(0, 60),
)
def test_safe_is_said_only_when_it_is(off: set[str], ended: bool, more: int) -> None:
    """Of any packing, on any glass: all were seen gone, and it is over."""
    extra = tuple(f"other{number:03}" for number in range(more))
    state = packing(*sorted(off), ended=ended, nodes=(*NODES, *extra))
    shown = "".join("".join(lines) for rows in (2, 4) for lines in pages(state, rows))
    safe = ended and off == set(NODES) and not more
    assert ("SAFE" in shown) is safe
    assert ("do not unplug" in shown.replace("do not unplug it", "")) is not safe


@pytest.mark.parametrize("reason", [PACKED, "fan broken"])
def test_only_what_was_packed_is_missed_by_nobody(reason: str) -> None:
    """Another drained node that is gone is an alarm as before."""
    lost = replace(dead(board(3), since=NOW - 20), drained=Drain(reason, "ada", NOW - 60))
    alarms = [alarm.subject for alarm in assess(with_node(cluster(), lost)).alarms]
    assert alarms == ([] if reason == PACKED else ["node03 down"])
