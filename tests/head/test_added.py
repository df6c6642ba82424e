"""Nodes added by hand: kept, sighted, and let go."""

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.observations import ForgetNode, Sighted
from sciabc_tui.errors import CommandRefused, ConfigError
from sciabc_tui.head import added
from sciabc_tui.head.added import AddedNodes
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.statics import parse_nodes
from tests.head.fakes import FakeClock, until
from tests.head.nets import running


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    """Give a thread for the disk."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def find(hub: StateHub, address: str) -> NodeId:
    """Give the node at an address."""
    return next(node.id for node in hub.state.nodes.values() if address in node.addresses)


async def saved(folder: Path, entries: list[str]) -> None:
    """Wait until the file holds these entries."""
    async with asyncio.timeout(10):
        while True:
            again = AddedNodes(folder, ThreadPoolExecutor(1))
            again.load()
            if list(again._entries.values()) == entries:
                return
            await asyncio.sleep(0.01)


async def test_added_nodes_are_sighted_and_kept(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """Addresses at once, names as soon as they resolve; after a restart again."""

    def look_up(host: str) -> tuple[str, ...]:
        return {"node12": ("10.77.0.13",)}.get(host, ())

    nodes, hub = AddedNodes(tmp_path, disk, look_up=look_up), StateHub(FakeClock())
    nodes.load()
    async with running(nodes, hub):
        nodes.add(" pi@10.77.0.12:2222 ", by="pi")
        nodes.add("node12", by="pi")
        state = await until(hub, lambda state: len([n for n in state.nodes.values() if n.address]) == 2)
        await saved(tmp_path, ["pi@10.77.0.12:2222", "node12"])
    node = state.nodes[find(hub, "10.77.0.12")]
    assert (node.origin, node.user, node.port) == (Origin.STATIC, "pi", 2222)
    assert (tmp_path / "added.json").stat().st_mode & 0o777 == 0o600
    again, hub = AddedNodes(tmp_path, disk, look_up=look_up), StateHub(FakeClock())
    again.load()
    async with running(again, hub):
        await until(hub, lambda state: len([n for n in state.nodes.values() if n.address]) == 2)


async def test_what_is_forgotten_is_let_go(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """A node that nothing else announces is gone, from the list too; the others stay."""
    nodes, hub = AddedNodes(tmp_path, disk), StateHub(FakeClock())
    async with running(nodes, hub):
        nodes.add("10.77.0.12", by="pi")
        nodes.add("10.77.0.13", by="pi")
        await until(hub, lambda state: len(state.nodes) == 2)
        assert nodes.let_go(hub, ForgetNode(find(hub, "10.77.0.12"), "pi"))
        assert [node.address for node in hub.state.nodes.values()] == ["10.77.0.13"]
        assert set(hub.state.owners) == {"static:10.77.0.13"}
        await saved(tmp_path, ["10.77.0.13"])
        assert [node.address for node in hub.state.nodes.values()] == ["10.77.0.13"]
        nodes.add("10.77.0.12", by="pi")
        await until(hub, lambda state: len(state.nodes) == 2)


async def test_what_announces_itself_stays(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """An added node that mDNS knows too is no longer added, but still there to be forgotten."""
    nodes, hub = AddedNodes(tmp_path, disk), StateHub(FakeClock())
    async with running(nodes, hub):
        nodes.add("10.77.0.12", by="pi")
        await until(hub, lambda state: len(state.nodes) == 1)
        node = find(hub, "10.77.0.12")
        other = Sighted("mdns:node12", Origin.MDNS, "node12", ("10.77.0.14",))
        hub.observe([other])
        assert not nodes.let_go(hub, ForgetNode(find(hub, "10.77.0.14"), "pi"))
        assert not nodes.let_go(hub, ForgetNode(NodeId("nobody"), "pi"))
        hub._state.owners["mdns:node12"] = node  # pyright: ignore[reportIndexIssue] - as after a merge
        assert not nodes.let_go(hub, ForgetNode(node, "pi"))
        assert node in hub.state.nodes
        await saved(tmp_path, [])


async def test_what_can_t_be_added_is_refused(
    tmp_path: Path, disk: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No node, one that is there already, and one too many: each says what to do."""
    nodes = AddedNodes(tmp_path, disk, configured=parse_nodes(["node01"]))
    nodes.add("10.77.0.12", by="pi")
    monkeypatch.setattr(added, "MOST_ADDED", 1)
    for entry, told in (
        ("-oProxyCommand=x", "nodes add"),
        ("a\x1bb", "is no host name"),
        ("node01:99999", "port 99999 is not 1 to 65535"),
        ("pi@Node01", "node01 is in cluster.nodes already"),
        ("10.77.0.12:23", "10.77.0.12 is added already"),
        ("10.77.0.13", "1 nodes are added already"),
    ):
        with pytest.raises(CommandRefused) as refused:
            nodes.add(entry, by="pi")
        assert told in str(refused.value)
        assert "Next: sciabc-tui nodes" in str(refused.value)
        assert str(refused.value).isprintable()


@pytest.mark.parametrize("text", ["", "{}", '["-x"]', '["a", 5]', "\xff"])
async def test_a_damaged_list_is_one_line(tmp_path: Path, disk: ThreadPoolExecutor, text: str) -> None:
    """Nothing is guessed from a damaged file."""
    (tmp_path / "added.json").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"added.json can't be read .* Next: remove it"):
        AddedNodes(tmp_path, disk).load()


async def test_a_full_disk_is_told(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """The node is there all the same."""
    nodes, hub = AddedNodes(tmp_path / "nowhere", disk), StateHub(FakeClock())
    async with running(nodes, hub):
        nodes.add("10.77.0.12", by="pi")
        state = await until(hub, lambda state: len(state.nodes) == 1)
    assert any("added nodes not saved: No such file" in entry.text for entry in state.log)
