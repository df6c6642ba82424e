"""The external IP as a real kernel tells of it, in network namespaces that vanish with the test."""

from pathlib import Path

import pytest

from tests.head.namespaces import PLUG, need_namespaces, run_inside
from tests.head.uplink_probe import BLIP

SOON = 2.5
"""Seconds within which another address is known on a busy machine; on an idle one it takes 50 ms."""

PLUG1 = tuple(command.replace("eth0", "eth1").replace("switch0", "switch1") for command in PLUG)
LEASE = "ip addr add 192.168.1.5/24 dev eth0 valid_lft 3600 preferred_lft 3600"
DEFAULT = "ip route add default via 192.168.1.1 metric 100"
ONLINE = (*PLUG, LEASE, DEFAULT, "=192.168.1.5")


@pytest.fixture(scope="module", autouse=True)
def namespaces() -> None:
    """Skip where there are none."""
    need_namespaces()


def follow(*steps: str, cluster: str = "") -> tuple[list[str], dict[str, float]]:
    """Take the steps of `tests.head.uplink_probe`.

    Returns:
        What was published, in its order; and how many seconds each awaited word took.
    """
    lines = run_inside("tests.head.uplink_probe", cluster, *steps)
    published = [line.removeprefix("published ") for line in lines if line.startswith("published ")]
    waits = [line.rpartition(" after ") for line in lines if " after " in line]
    return published, {word: float(seconds) for word, _, seconds in waits}


def test_another_address_is_known_at_once() -> None:
    """From no cable to a lease, and to another one: each is the state at once."""
    published, waits = follow(
        *ONLINE,
        "ip addr del 192.168.1.5/24 dev eth0",
        "ip addr add 192.168.1.6/24 dev eth0 valid_lft 3600 preferred_lft 3600",
        "=192.168.1.6",
    )
    assert published[-2:] == ["192.168.1.5", "192.168.1.6"]
    assert waits["192.168.1.5"] < SOON
    assert waits["192.168.1.6"] < SOON


def test_a_pulled_cable_is_told_after_a_while() -> None:
    """The address that the kernel keeps without a cable is none; with the cable it is back at once."""
    published, waits = follow(
        *ONLINE, "ip link set switch0 down", "=no cable", "ip link set switch0 up", "=192.168.1.5"
    )
    assert published[-3:] == ["192.168.1.5", "no cable", "192.168.1.5"]
    assert BLIP <= waits["no cable"] < BLIP + SOON
    assert waits["192.168.1.5"] < SOON


def test_a_renewed_lease_is_no_loss(tmp_path: Path) -> None:
    """An address that is taken off and put on again is not told as lost, however often."""
    renewal = tmp_path / "renewal"
    renewal.write_text(
        f"addr flush dev eth0 scope global\n{LEASE.removeprefix('ip ')}\n{DEFAULT.removeprefix('ip ')}\n"
    )
    published, _ = follow(*ONLINE, *[f"ip -batch {renewal}"] * 20, "=192.168.1.5")
    assert published[-1] == "192.168.1.5"
    assert published.count("192.168.1.5") == 1


def test_what_the_board_gave_itself_is_told_as_no_dhcp() -> None:
    """169.254 is no way in, also when dhcpcd has made a default route from it."""
    published, _ = follow(
        *PLUG,
        "ip addr add 169.254.7.7/16 dev eth0 scope link",
        "ip route add default dev eth0 scope link src 169.254.7.7 metric 1002",
        "=no DHCP",
        LEASE,
        "=192.168.1.5",
    )
    assert "169.254.7.7" not in published


def test_bridges_and_tunnels_are_no_way_in() -> None:
    """Neither docker's bridge nor a VPN that took the default route has the external IP."""
    published, _ = follow(
        *ONLINE,
        "ip link add docker0 type bridge",
        "ip addr add 172.17.0.1/16 dev docker0",
        "ip link set docker0 up",
        "ip link add wg0 type veth peer name far0",
        "ip addr add 10.8.0.2/24 dev wg0",
        "ip link set wg0 up",
        "ip route add default dev wg0 metric 1",
        "ip route del default via 192.168.1.1",
        "ip link set switch0 down",
        "=no cable",
        "ip link set switch0 up",
        "=192.168.1.5",
    )
    assert not {"172.17.0.1", "10.8.0.2"} & set(published)


@pytest.mark.parametrize("second", ["100", "600"], ids=["same metric", "higher metric"])
def test_the_other_way_out_takes_over(second: str) -> None:
    """Of two default routes the first leads; without its cable the other one, and back again."""
    published, waits = follow(
        *ONLINE,
        *PLUG1,
        "ip addr add 10.9.9.9/24 dev eth1 valid_lft 3600 preferred_lft 3600",
        f"ip route append default via 10.9.9.1 metric {second}",
        "=192.168.1.5",
        "ip link set switch0 down",
        "=10.9.9.9",
        "ip link set switch0 up",
        "=192.168.1.5",
    )
    assert published[-3:] == ["192.168.1.5", "10.9.9.9", "192.168.1.5"]
    assert waits["10.9.9.9"] < SOON


def test_a_route_over_two_hops_is_two_ways_out() -> None:
    """IPv6 only, and one default route over two routers: each hop counts while its cable is in."""
    published, _ = follow(
        *PLUG,
        *PLUG1,
        "ip addr add 2001:db8::5/64 dev eth0 nodad",
        "ip addr add 2001:db8:1::5/64 dev eth1 nodad",
        "ip -6 route add default metric 1024 nexthop via 2001:db8::1 dev eth0 "
        "nexthop via 2001:db8:1::1 dev eth1",
        "=2001:db8::5",
        "ip link set switch0 down",
        "=2001:db8:1::5",
    )
    assert "no route" not in published[published.index("2001:db8::5") :]


def test_the_clusters_own_interface_is_never_the_external_one() -> None:
    """Not even when it is the only one that has an address and a default route."""
    published, _ = follow(
        *PLUG,
        *PLUG1,
        "ip addr add 10.77.0.1/24 dev eth1",
        "ip route add default via 10.77.0.254",
        "=no DHCP",
        LEASE,
        "=192.168.1.5",
        cluster="eth1",
    )
    assert "10.77.0.1" not in published


def test_a_burst_that_the_kernel_drops_is_not_missed(tmp_path: Path) -> None:
    """More changes than the socket holds while the head stalls: it looks again, and goes on hearing."""
    burst = tmp_path / "burst"
    addresses = [f"10.5.{number // 250}.{number % 250 + 1}/32 dev lo" for number in range(2000)]
    burst.write_text("\n".join(f"addr add {address}\naddr del {address}" for address in addresses))
    published, _ = follow(
        *ONLINE,
        f"!ip -batch {burst}",
        "ip addr del 192.168.1.5/24 dev eth0",
        "ip addr add 192.168.1.6/24 dev eth0 valid_lft 3600 preferred_lft 3600",
        "=192.168.1.6",
        "ip link set switch0 down",
        "=no cable",
    )
    assert published[-3:] == ["192.168.1.5", "192.168.1.6", "no cable"]
