"""Nodes that the configuration names: how entries are read, and how they are sighted."""

import threading
from asyncio import Event, get_running_loop, timeout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.node import Origin
from sciabc_tui.errors import ConfigError
from sciabc_tui.head import statics
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ingress import host_label
from sciabc_tui.head.statics import StaticNode, StaticNodes, look_up, parse_nodes
from tests.head.fakes import until
from tests.head.nets import running


@pytest.mark.parametrize(
    ("entry", "node", "label"),
    [
        ("node01", StaticNode("node01", False), "node01"),
        ("Node01.Local.", StaticNode("node01.local", False), "node01"),
        ("pi@node01:2222", StaticNode("node01", False, 2222, "pi"), "node01"),
        ("node01.4.example", StaticNode("node01.4.example", False), "node01"),
        ("10.77.0.12", StaticNode("10.77.0.12", True), "ip-10-77-0-12"),
        ("pi@10.77.0.12:22", StaticNode("10.77.0.12", True, 22, "pi"), "ip-10-77-0-12"),
        ("[fd00::14]", StaticNode("fd00::14", True), "ip-fd00-14"),
        ("pi@[fd00:0::14]:2222", StaticNode("fd00::14", True, 2222, "pi"), "ip-fd00-14"),
        ("[fe80::1%eth1]", StaticNode("fe80::1%eth1", True), "ip-fe80-1"),
    ],
)
def test_entries(entry: str, node: StaticNode, label: str) -> None:
    """Names, IPv4, IPv6 in brackets; each with a user and a port if need be."""
    assert parse_nodes([entry]) == (node,)
    assert node.label == label
    assert host_label(node.label) == node.label


@pytest.mark.parametrize(
    "entry",
    [
        "",
        " ",
        "@node01",
        "pi@",
        "a b",
        "-oProxyCommand=x",
        "-x@node01",
        "node01:",
        "node01:0",
        "node01:65536",
        "node01:x",
        "fd00::14",
        "[fd00::14",
        "[10.0.0.1]",
        "[nonsense]",
        "10.77.0",
        "10.77.0.999",
        "10.77.0.1.2",
        "node01\nroot@x",
        "\x1b[2J",
        "node_01",
        "x@y@z",
        "localhost",
        "2130706433",
        "0x7f000001",
        "a" * 64,
        "..",
        "node..x",
        "[fe80::1%-x y]",
    ],
)
def test_wrong_entries(entry: str) -> None:
    """What is no node is refused in one clean line that says what to write."""
    with pytest.raises(ConfigError) as caught:
        parse_nodes(["node00", entry])
    text = str(caught.value)
    assert text.startswith("cluster.nodes: '")
    assert "Next: " in text
    assert text.isprintable()


def test_a_host_named_twice() -> None:
    """Two entries for one host contradict each other."""
    with pytest.raises(ConfigError, match=r"node01 twice. Next: "):
        parse_nodes(["node01", "pi@NODE01"])


@given(st.one_of(st.text(max_size=40), st.text("pi@nod01.:[]%-fe", max_size=30)))
def test_an_entry_is_a_node_or_an_error(entry: str) -> None:
    """Nothing else comes out, and a node has a host label."""
    try:
        (node,) = parse_nodes([entry])
    except ConfigError:
        return
    assert host_label(node.label)
    assert 1 <= node.port <= 65535


async def test_addresses_are_sighted_at_once() -> None:
    """An address needs no look-up."""
    hub = StateHub(SystemClock())
    async with running(StaticNodes(parse_nodes(["pi@10.77.0.12:2222", "[fd00::14]"])), hub):
        state = await until(hub, lambda state: len(state.nodes) == 2)
    assert set(state.owners) == {"static:10.77.0.12", "static:fd00::14"}
    node = next(node for node in state.nodes.values() if node.port == 2222)
    assert (node.origin, node.user, node.addresses) == (Origin.STATIC, "pi", ("10.77.0.12",))


async def test_a_name_is_looked_up_until_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that nobody knows yet is a node without address; it gets one as soon as it resolves."""
    monkeypatch.setattr(statics, "FIRST_RETRY", 0.001)
    answers = [(), (), ("10.77.0.12", "fd00::12")]
    asked: list[str] = []

    def answer(host: str) -> tuple[str, ...]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    hub = StateHub(SystemClock())
    async with running(StaticNodes(parse_nodes(["node12"]), answer), hub):
        state = await until(hub, lambda state: bool(state.nodes))
        assert [node.address for node in state.nodes.values()] == [""]
        state = await until(hub, lambda state: any(node.addresses for node in state.nodes.values()))
    assert [node.addresses for node in state.nodes.values()] == [("10.77.0.12", "fd00::12")]
    assert asked == ["node12"] * 3


async def test_a_look_up_that_hangs_holds_up_nobody() -> None:
    """A name server that does not answer delays neither the other nodes nor the end of the service."""
    hub = StateHub(SystemClock())
    loop, asked, released = get_running_loop(), Event(), threading.Event()

    def hang(host: str) -> tuple[str, ...]:
        loop.call_soon_threadsafe(asked.set)
        released.wait(20.0)
        return ()

    async with timeout(10.0):
        async with running(StaticNodes(parse_nodes(["node12", "10.77.0.13"]), hang), hub):
            await until(hub, lambda state: len(state.nodes) == 1)
            await asked.wait()
        assert not released.is_set()
    released.set()
    for thread in [thread for thread in threading.enumerate() if thread.name.startswith("names")]:
        thread.join(10.0)
        assert not thread.is_alive()


def test_the_system_is_asked() -> None:
    """Names go through the system's resolver; what it does not know is no error."""
    assert "127.0.0.1" in look_up("localhost")
    assert look_up("no-such-host.invalid") == ()
    assert look_up("x" * 300) == ()
