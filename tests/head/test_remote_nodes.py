"""Which nodes a work is done on: by name or id, each once, and never one of two that are called the same."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

import pytest

from sciabc_tui.api.powering import IdentifyWish, PowerWish, UnpackWish
from sciabc_tui.api.works import Part
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.identify import DemoIdentify, Identify
from sciabc_tui.head.power import Power
from sciabc_tui.head.remote_nodes import chosen
from sciabc_tui.head.unpack import Unpack
from tests.head.power_world import World, id_of, whole, world

ONE, TWO = id_of("node01"), id_of("node02")

WORKS: dict[str, Callable[[World], AsyncGenerator[Part, None]]] = {
    "power": lambda made: Power(made.hub, made.clock, made.boards, made.starts).work(
        PowerWish(("twin",), "off"), "ada"
    ),
    "identify": lambda made: Identify(made.hub, made).work(IdentifyWish(("twin",), 1.0), "ada"),
    "identify, simulated": lambda made: DemoIdentify(made.hub).work(IdentifyWish(("twin",), 1.0), "ada"),
    "unpack": lambda made: Unpack(made.hub, made.clock).work(UnpackWish(("twin",), 1.0), "ada"),
}


def twins() -> World:
    """Make a cluster with two nodes of one name: cards that were copied."""
    made = world("node01", "node02", "node03")
    state = made.hub.state
    nodes = dict(state.nodes)
    for id_ in (ONE, TWO):
        nodes[id_] = replace(nodes[id_], name="twin")
    made.hub = StateHub(made.clock, replace(state, nodes=nodes))
    return made


async def state() -> State:
    """Give the state of such a cluster."""
    return twins().hub.state


async def test_each_node_once_in_the_order_of_the_wish() -> None:
    """By its name, by its id, or by both."""
    found = chosen(await state(), ("node03", ONE, "head", "node03", ONE))
    assert [node.id for node in found] == [id_of("node03"), ONE, "head"]


async def test_nobody_and_nothing_are_refused() -> None:
    """What was asked for is shown without what could harm a terminal."""
    with pytest.raises(NotFound, match=r"There is no node no\?pe\. Next: sciabc-tui nodes"):
        chosen(await state(), ("node03", "no\x1bpe"))
    with pytest.raises(CommandRefused, match="No node was named"):
        chosen(await state(), ())


async def test_two_of_one_name_are_not_told_apart_in_one_work() -> None:
    """By name neither is taken; by id both are known, but what is told of them would be mixed up."""
    with pytest.raises(CommandRefused, match=rf"There are 2 nodes twin\. Next: say which, {ONE} or {TWO}"):
        chosen(await state(), ("twin",))
    with pytest.raises(CommandRefused, match=r"Two of these nodes are called twin\. Next: one after the"):
        chosen(await state(), (ONE, TWO))


@pytest.mark.parametrize("work", WORKS)
async def test_no_work_takes_one_of_two(work: str) -> None:
    """It is refused before anything is done."""
    made = twins()
    with pytest.raises(CommandRefused, match="There are 2 nodes twin"):
        await whole(WORKS[work](made))
    assert made.asked == []
    assert all(node.drained is None for node in made.hub.state.nodes.values())
