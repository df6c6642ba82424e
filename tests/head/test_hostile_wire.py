"""The head service on a wire of its own: interfaces that come late, and networks without IPv4."""

from pathlib import Path

from sciabc_tui.cluster.state import State
from tests.head.wires import node_named, running_head, wire


def test_a_cluster_without_ipv4_works(tmp_path: Path) -> None:
    """Found over link-local IPv6, and its host key is read there; the address carries its interface."""
    with wire(tmp_path) as laid:
        laid.head.run("ip link set eth1 addrgenmode none up", "ip addr add fe80::1/64 dev eth1 nodad")
        laid.far.run("ip link set eth0 addrgenmode none up", "ip addr add fe80::11/64 dev eth0 nodad")
        laid.sshd("fe80::11%eth0", "node")
        index = laid.far.index("eth0")
        with running_head(laid) as head:
            laid.far_program("node", "node01", "fe80::11", index)

            def has_key(state: State) -> bool:
                node = node_named(state, "node01")
                return node is not None and node.host_key is not None

            state = head.until(has_key, "the host key of a node without IPv4")
    node = node_named(state, "node01")
    assert node is not None
    assert node.addresses == ("fe80::11%eth1",)
    assert node.interface == "eth1"
    assert state.listening.addresses == ("fe80::1%eth1",)


def test_both_families_are_heard_and_ipv4_is_preferred(tmp_path: Path) -> None:
    """One node over IPv4 and another over IPv6 on the same interface."""
    with wire(tmp_path) as laid:
        laid.head.run("ip link set eth1 addrgenmode none up", "ip addr add fe80::1/64 dev eth1 nodad")
        laid.head.run("ip addr add 10.77.0.1/24 dev eth1")
        laid.far.run("ip link set eth0 addrgenmode none up", "ip addr add fe80::11/64 dev eth0 nodad")
        laid.far.run("ip addr add 10.77.0.11/24 dev eth0")
        index = laid.far.index("eth0")
        with running_head(laid) as head:
            laid.far_program("node", "six", "fe80::11", index)
            laid.far_program("node", "four", "10.77.0.11", "10.77.0.11")
            state = head.until(
                lambda state: bool(node_named(state, "six") and node_named(state, "four")), "both"
            )
    found = {node.name: (node.interface, node.addresses) for node in state.nodes.values()}
    assert found["six"] == ("eth1", ("fe80::11%eth1",))
    assert found["four"] == ("eth1", ("10.77.0.11",))


def test_an_interface_that_comes_late_is_listened_on_within_a_second(tmp_path: Path) -> None:
    """A USB adapter is plugged in, pulled, and plugged in again while the service runs."""
    with wire(tmp_path) as laid:
        laid.head.run("ip link del eth1")
        with running_head(laid) as head:
            head.until(lambda state: "eth1 is not there" in state.listening.problem, "that it is missed")
            for number in (11, 12):
                plug = f"ip link add eth1 type veth peer name eth0 netns {laid.far.holder.pid}"
                laid.head.run(plug, "ip link set eth1 up")
                laid.far.run(f"ip addr add 10.77.0.{number}/24 dev eth0", "ip link set eth0 up")
                laid.head.run("ip addr add 10.77.0.1/24 dev eth1")
                head.until(lambda state: state.listening.addresses == ("10.77.0.1",), "listening", within=1.0)
                far = laid.far_program("node", f"node{number}", f"10.77.0.{number}", f"10.77.0.{number}")
                head.until(lambda state, n=f"node{number}": node_named(state, n) is not None, "a node there")
                far.kill()
                laid.head.run("ip link del eth1")
                head.until(lambda state: state.listening.interfaces == (), "that it is gone")
