"""The kernel's word on the network, read in a network namespace that vanishes with the test."""

import msgspec
import pytest

from sciabc_tui.head.netlink import LOOK_ANYWAY
from sciabc_tui.head.network import Address, DefaultRoute, Link, Network
from sciabc_tui.head.uplink import choose_uplink
from tests.head.namespaces import PLUG, need_namespaces, run_inside


@pytest.fixture(scope="module")
def namespaces() -> None:
    """Skip where there are none."""
    need_namespaces()


def watch(*commands: str) -> list[tuple[float, Network]]:
    """Run commands beside a watch; give how long it took to know, and the snapshot after each."""
    lines = [line.partition(" ") for line in run_inside("tests.head.netlink_probe", *commands)]
    return [(float(seconds), msgspec.json.decode(text, type=Network)) for seconds, _, text in lines]


@pytest.mark.usefixtures("namespaces")
def test_links_come_and_go() -> None:
    """A link is seen as it is made, switched on, cabled, uncabled and gone."""
    steps = watch(*PLUG, "ip link set switch0 down", "ip link del eth0")
    links = [network.link("eth0") for _, network in steps]
    index = links[1].index if links[1] else 0
    assert links == [
        None,
        Link("eth0", index, up=False, carrier=False, kind="veth"),
        Link("eth0", index, up=True, carrier=False, kind="veth"),
        Link("eth0", index, up=True, carrier=True, kind="veth"),
        Link("eth0", index, up=True, carrier=False, kind="veth"),
        None,
    ]
    loopback = steps[0][1].link("lo")
    assert loopback is not None
    assert loopback.loopback


@pytest.mark.usefixtures("namespaces")
def test_addresses_and_default_routes() -> None:
    """A lease has an end, a fixed address has none; routes carry metric, gateway and source."""
    steps = watch(
        *PLUG,
        "ip addr add 192.168.1.5/24 dev eth0 valid_lft 3600 preferred_lft 3600",
        "ip addr add 10.77.0.1/24 dev eth0",
        "ip route add default via 192.168.1.1 metric 100 src 192.168.1.5",
        "ip route add default metric 600 nexthop via 10.77.0.2 dev eth0 nexthop via 10.77.0.3 dev eth0",
        "ip addr del 192.168.1.5/24 dev eth0",
    )
    four = [[address for address in network.addresses if ":" not in address.ip] for _, network in steps]
    leased, fixed = Address("192.168.1.5", 24, "eth0", leased=True), Address("10.77.0.1", 24, "eth0")
    assert four[4:7] == [[leased], [leased, fixed], [leased, fixed]]
    assert four[-1] == [fixed]
    first = DefaultRoute("eth0", 4, 100, "192.168.1.1", "192.168.1.5")
    assert steps[6][1].routes == (first,)
    hops = DefaultRoute("eth0", 4, 600, "10.77.0.2"), DefaultRoute("eth0", 4, 600, "10.77.0.3")
    assert steps[7][1].routes == (first, *hops)
    assert steps[8][1].routes == hops
    assert choose_uplink(steps[7][1], ()).address == "192.168.1.5"
    assert choose_uplink(steps[8][1], ()).address == "10.77.0.1"


@pytest.mark.usefixtures("namespaces")
def test_a_change_is_known_at_once() -> None:
    """A change reaches those who wait by itself (53 ms, if idle), not by the look every 30 s."""
    slowest = max(seconds for seconds, _ in watch(*PLUG, "ip addr add 10.77.0.1/24 dev eth0"))
    assert slowest < LOOK_ANYWAY / 3
