"""Trust on first use: only where the settings say so."""

import asyncio
from dataclasses import replace

import pytest

from sciabc_tui.cluster.changes import NodeAppeared
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import HostKey, Node, Origin, Trust
from sciabc_tui.cluster.observations import ApproveHostKey, NodeCommand
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.first_use import FirstUse
from sciabc_tui.head.hub import StateHub
from tests.head.fakes import until

KEY = HostKey("ssh-ed25519", "AAAA", "SHA256:abc")
NEW = Node(NodeId("n-1"), "node01", Origin.MDNS, ("10.77.0.11",), interface="eth0", host_key=KEY)


async def approvals(*nodes: Node, interfaces: tuple[str, ...] = ("eth0",)) -> list[NodeCommand]:
    """Give what is obeyed when these nodes appear."""
    asked = list[NodeCommand]()
    hub = StateHub(SystemClock())

    def obey(command: NodeCommand) -> None:
        asked.append(command)
        hub.obey(command)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(FirstUse(interfaces, obey).run(hub))
        hub.publish([NodeAppeared(node, f"mdns:{node.id}") for node in nodes])
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
    return asked


async def test_a_new_key_on_a_trusted_interface_is_approved() -> None:
    """The log says how it came to be trusted."""
    assert await approvals(NEW) == [ApproveHostKey(NEW.id, "SHA256:abc", "first use on eth0")]


@pytest.mark.parametrize(
    "node",
    [
        replace(NEW, interface="wlan0"),
        replace(NEW, interface=""),
        replace(NEW, host_key=None),
        replace(NEW, trust=Trust.CHANGED, offered_key=KEY),
        replace(NEW, trust=Trust.TRUSTED),
    ],
)
async def test_nothing_else_is_approved(node: Node) -> None:
    """Other interfaces, configured nodes, keys not read, and above all keys that changed."""
    assert await approvals(node) == []


async def test_without_interfaces_nothing_is_approved() -> None:
    """An empty name among the interfaces does not stand for nodes that have none."""
    assert await approvals(NEW, replace(NEW, id=NodeId("n-2"), interface=""), interfaces=("",)) == []


async def test_a_refusal_ends_nothing() -> None:
    """A key that changed between the look and the word leaves the others to be approved."""
    hub = StateHub(SystemClock())
    asked = list[NodeId]()

    def obey(command: NodeCommand) -> None:
        asked.append(command.node)
        if command.node == NEW.id:
            raise CommandRefused("it changed")
        hub.obey(command)

    def second_is_trusted(state: State) -> bool:
        return any(node.trust is Trust.TRUSTED for node in state.nodes.values())

    async with asyncio.TaskGroup() as group:
        task = group.create_task(FirstUse(["eth0"], obey).run(hub))
        hub.publish([NodeAppeared(NEW, "mdns:1"), NodeAppeared(replace(NEW, id=NodeId("n-2")), "mdns:2")])
        await until(hub, second_is_trusted)
        task.cancel()
    assert {*asked} == {NEW.id, NodeId("n-2")}
