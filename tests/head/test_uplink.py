"""Which address is the external one, and where nodes are looked for: tables of networks."""

import asyncio
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.state import Uplink
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.network import Address, Link, Network
from sciabc_tui.head.uplink import (
    Place,
    UplinkFollower,
    choose_uplink,
    cluster_interfaces,
    cluster_networks,
    find_places,
    is_real,
)
from tests.head.fakes import FakeClock, until
from tests.head.nets import CLUSTER6, ETH0, ETH1, LO, LO_IP, WLAN0, FakeWatch, fixed, lease, net, running, via

LAN = lease("192.168.1.5", "eth0")
LAN_ROUTE = via("eth0", 100, "192.168.1.1", "192.168.1.5")
CLUSTER = fixed("10.77.0.1", "eth1")
DOCKER = Link("docker0", 9, kind="bridge")
SELF_GIVEN = Address("169.254.7.7", 16, "eth0")
SIX = Address("2001:db8::5", 64, "eth0", leased=True)
SIX_PRIVATE = Address("2001:db8::aaaa", 64, "eth0", leased=True, passing=True)
SIX_LOCAL = Address("fe80::5", 64, "eth0")

NO_CABLE = replace(ETH0, carrier=False)
CASES = [
    ("no cable", net(LO, LO_IP, NO_CABLE), (), Uplink("", "eth0", "no cable")),
    ("no cable, address kept", net(NO_CABLE, LAN, LAN_ROUTE), (), Uplink("", "eth0", "no cable")),
    ("no lease", net(LO, LO_IP, ETH0), (), Uplink("", "eth0", "no DHCP")),
    ("169.254", net(ETH0, SELF_GIVEN, via("eth0", 1000)), (), Uplink("", "eth0", "no DHCP")),
    ("lease", net(LO, LO_IP, ETH0, LAN, LAN_ROUTE), (), Uplink("192.168.1.5", "eth0")),
    (
        "169.254 with the default route that dhcpcd makes from it",
        net(ETH0, SELF_GIVEN, via("eth0", 1002, source="169.254.7.7")),
        (),
        Uplink("", "eth0", "no DHCP"),
    ),
    (
        "169.254 beside an address of IPv6 that leads out",
        net(
            ETH0,
            SELF_GIVEN,
            SIX,
            via("eth0", 1002, source="169.254.7.7"),
            via("eth0", 1024, "fe80::1", family=6),
        ),
        (),
        Uplink("2001:db8::5", "eth0"),
    ),
    (
        "two default routes of one metric: the kernel's order counts",
        net(WLAN0, ETH0, lease("10.9.9.9", "wlan0"), LAN, via("wlan0", 100), LAN_ROUTE),
        (),
        Uplink("10.9.9.9", "wlan0"),
    ),
    (
        "a VPN took the default route: the way in is still the LAN's",
        net(ETH0, LAN, Link("wg0", 8, kind="wireguard"), fixed("10.8.0.2", "wg0"), via("wg0", 1)),
        (),
        Uplink("192.168.1.5", "eth0"),
    ),
    (
        "a WLAN with metric 600 beside",
        net(WLAN0, ETH0, lease("10.9.9.9", "wlan0"), LAN, via("wlan0", 600), LAN_ROUTE),
        (),
        Uplink("192.168.1.5", "eth0"),
    ),
    (
        "failover: the cable is out, the WLAN takes over",
        net(WLAN0, NO_CABLE, lease("10.9.9.9", "wlan0"), LAN, via("wlan0", 600), LAN_ROUTE),
        (),
        Uplink("10.9.9.9", "wlan0"),
    ),
    (
        "a new address, the old one still there: the kernel's source counts",
        net(ETH0, LAN, lease("192.168.1.77", "eth0"), via("eth0", 100, "192.168.1.1", "192.168.1.77")),
        (),
        Uplink("192.168.1.77", "eth0"),
    ),
    (
        "two addresses, no source: the one in the gateway's network",
        net(ETH0, LAN, lease("172.16.0.9", "eth0"), via("eth0", 100, "172.16.0.1")),
        (),
        Uplink("172.16.0.9", "eth0"),
    ),
    ("an isolated LAN, leased", net(ETH0, ETH1, LAN, CLUSTER), (), Uplink("192.168.1.5", "eth0")),
    ("an isolated LAN, one link", net(ETH1, CLUSTER), (), Uplink("10.77.0.1", "eth1")),
    (
        "two fixed addresses and no route: nobody can tell",
        net(ETH0, ETH1, fixed("192.168.1.5", "eth0"), CLUSTER),
        (),
        Uplink(problem="no route"),
    ),
    (
        "the lease ran out, the cluster is no way out",
        net(WLAN0, ETH1, CLUSTER),
        (),
        Uplink("", "wlan0", "no DHCP"),
    ),
    (
        "a head with two interfaces",
        net(ETH0, ETH1, LAN, CLUSTER, LAN_ROUTE),
        ("eth1",),
        Uplink("192.168.1.5", "eth0"),
    ),
    (
        "a default route through the cluster is no way out",
        net(ETH0, ETH1, CLUSTER, via("eth1", 1, "10.77.0.254")),
        ("eth1",),
        Uplink("", "eth0", "no DHCP"),
    ),
    (
        "the only interface is the cluster's and leads out",
        net(ETH0, LAN, LAN_ROUTE),
        ("eth0",),
        Uplink("192.168.1.5", "eth0"),
    ),
    ("the only interface is the cluster's", net(ETH1, CLUSTER), ("eth1",), Uplink(problem="no interface")),
    (
        "a container with one veth",
        net(
            LO,
            LO_IP,
            replace(ETH0, kind="veth"),
            fixed("172.17.0.2", "eth0", 16),
            via("eth0", 0, "172.17.0.1"),
        ),
        (),
        Uplink("172.17.0.2", "eth0"),
    ),
    (
        "docker's bridge is no way out",
        net(ETH0, DOCKER, LAN, fixed("172.17.0.1", "docker0", 16), via("docker0", 0), LAN_ROUTE),
        (),
        Uplink("192.168.1.5", "eth0"),
    ),
    ("loopback only", net(LO, LO_IP), (), Uplink(problem="no interface")),
    ("nothing", Network(), (), Uplink(problem="no interface")),
    ("switched off", net(replace(ETH0, up=False, carrier=False)), (), Uplink(problem="no interface")),
    ("a WLAN that joined none", net(replace(WLAN0, carrier=False)), (), Uplink("", "wlan0", "no Wi-Fi")),
    (
        "IPv6 only: no private and no link-local address",
        net(ETH0, SIX_LOCAL, SIX_PRIVATE, SIX, via("eth0", 1024, "fe80::1", family=6)),
        (),
        Uplink("2001:db8::5", "eth0"),
    ),
    (
        "a leased IPv4 address before IPv6, also without a route",
        net(ETH0, SIX, LAN, via("eth0", 1024, "fe80::1", family=6)),
        (),
        Uplink("192.168.1.5", "eth0"),
    ),
    (
        "IPv4 before IPv6, whatever the metric",
        net(ETH0, SIX, LAN, via("eth0", 1, "fe80::1", family=6), LAN_ROUTE),
        (),
        Uplink("192.168.1.5", "eth0"),
    ),
]


@pytest.mark.parametrize(
    ("network", "cluster", "expected"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_the_external_address(network: Network, cluster: tuple[str, ...], expected: Uplink) -> None:
    """Each network has one right answer, and a reason of two words where there is no address."""
    assert replace(choose_uplink(network, cluster), gateway="") == expected


_NAMES = ("eth0", "eth1", "wlan0", "docker0", "wg0", "br-1a", "lo")
_IPS = ("192.168.1.5", "10.77.0.1", "169.254.7.7", "127.0.0.1", "2001:db8::5", "fe80::5", "fd00::1", "::1")
_names = st.sampled_from(_NAMES)
_networks = st.builds(
    Network,
    links=st.lists(
        st.builds(
            Link,
            _names,
            st.integers(1, 9),
            up=st.booleans(),
            carrier=st.booleans(),
            kind=st.sampled_from(["", "veth", "bridge", "tun"]),
        ),
        unique_by=lambda link: link.name,
    ).map(lambda links: tuple(replace(link, loopback=link.name == "lo") for link in links)),
    addresses=st.lists(
        st.builds(
            Address, st.sampled_from(_IPS), st.sampled_from([8, 24, 32]), _names, st.booleans(), st.booleans()
        )
    ).map(tuple),
    routes=st.lists(
        st.builds(
            via,
            _names,
            st.integers(0, 3),
            st.sampled_from(["", "192.168.1.1", "10.77.0.254"]),
            st.sampled_from(["", *_IPS]),
            st.sampled_from([4, 6]),
        )
    ).map(tuple),
)


@given(_networks, st.sampled_from([(), ("eth1",), ("eth0", "eth1")]))
def test_whatever_the_kernel_says_the_address_is_one_to_connect_to(
    network: Network, cluster: tuple[str, ...]
) -> None:
    """It is the head's own, on hardware with a cable in it, and not one that the board gave itself."""
    chosen = choose_uplink(network, cluster)
    assert bool(chosen.address) != bool(chosen.problem)
    if not chosen.address:
        return
    assert chosen.address not in {"169.254.7.7", "127.0.0.1", "fe80::5", "::1"}
    assert any(address.ip == chosen.address for address in network.addresses)
    link = network.link(chosen.interface)
    assert link is not None
    assert is_real(link)
    assert link.up
    assert link.carrier
    outside = [link for link in network.links if is_real(link) and link.up and link.name not in cluster]
    assert not outside or chosen.interface not in cluster


def test_the_gateway_is_that_of_the_route_taken() -> None:
    """Of two default routes the router of the better one is named; without a route there is none."""
    both = net(ETH0, WLAN0, LAN, lease("10.9.9.9", "wlan0"), LAN_ROUTE, via("wlan0", 600, "10.9.9.1"))
    assert choose_uplink(both, ()).gateway == "192.168.1.1"
    assert choose_uplink(net(ETH0, LAN), ()).gateway == ""


WHERE = [
    ("configured, even if it is not there", net(ETH0, LAN, LAN_ROUTE), ("usb0",), ("usb0",)),
    ("all but the way out", net(LO, LO_IP, ETH0, ETH1, LAN, CLUSTER, LAN_ROUTE), (), ("eth1",)),
    (
        "a laptop: its LAN is the cluster's",
        net(LO, LO_IP, WLAN0, lease("10.9.9.9", "wlan0"), via("wlan0")),
        (),
        ("wlan0",),
    ),
    ("an interface without address is none", net(ETH0, ETH1, LAN, LAN_ROUTE), (), ("eth0",)),
    (
        "the cluster stays the cluster when the way out is lost",
        net(WLAN0, ETH1, CLUSTER),
        (),
        ("eth1",),
    ),
    (
        "a bridge of docker is none",
        net(ETH0, DOCKER, LAN, fixed("172.17.0.1", "docker0"), LAN_ROUTE),
        (),
        ("eth0",),
    ),
    ("loopback only", net(LO, LO_IP), (), ()),
]


@pytest.mark.parametrize(
    ("network", "configured", "expected"), [case[1:] for case in WHERE], ids=[c[0] for c in WHERE]
)
def test_where_nodes_are_looked_for(
    network: Network, configured: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """The configuration decides; without it, all real interfaces but the way out, or the only one."""
    assert cluster_interfaces(network, configured) == expected


@pytest.mark.parametrize(
    ("name", "kind", "real"),
    [
        ("eth0", "", True),
        ("eth0", "veth", True),
        ("enp3s0", "", True),
        ("end0", "", True),
        ("wlan0", "", True),
        ("usb0", "", True),
        ("enx001122334455", "", True),
        ("eth0.10", "vlan", True),
        ("ppp0", "ppp", True),
        ("wwan0", "", True),
        ("bond0", "bond", True),
        ("docker0", "bridge", False),
        ("br-12ab", "bridge", False),
        ("virbr0", "bridge", False),
        ("vethab12", "veth", False),
        ("tun0", "tun", False),
        ("wg0", "wireguard", False),
        ("br0", "bridge", False),
        ("dummy0", "dummy", False),
        ("ifb0", "ifb", False),
    ],
)
def test_real_interfaces(name: str, kind: str, real: bool) -> None:
    """Name and kind together tell hardware from what containers and tunnels make."""
    assert is_real(Link(name, 1, kind=kind)) is real


def test_an_interface_that_cannot_be_listened_on_is_told_with_the_next_step() -> None:
    """A configured interface that is missing or without address does not vanish silently."""
    places, problems = find_places(net(ETH0, LAN, ETH1), ("eth0", "eth1", "usb0"))
    assert places == [Place("eth0", 2, "192.168.1.5")]
    assert [problem.partition(".")[0] for problem in problems] == [
        "eth1 has no address",
        "usb0 is not there",
    ]
    assert all("Next: " in problem for problem in problems)
    assert find_places(Network(), ())[1] == ["no interface has an address. Next: plug in a network cable"]


def test_the_networks_of_the_cluster() -> None:
    """MPI keeps to the IPv4 networks of the cluster's interfaces, each named once."""
    network = net(ETH0, ETH1, LAN, LAN_ROUTE, CLUSTER, fixed("10.77.0.2", "eth1"), CLUSTER6)
    assert cluster_networks(network, ()) == ("10.77.0.0/24",)
    assert cluster_networks(network, ("eth0", "eth1")) == ("192.168.1.0/24", "10.77.0.0/24")


async def test_the_follower_publishes_what_changed_and_nothing_else() -> None:
    """An address is published once with the time it came; a change that leaves it alone is no news."""
    clock = FakeClock()
    hub = StateHub(clock)
    watch = FakeWatch(net(ETH0, LAN, LAN_ROUTE))
    async with running(UplinkFollower(clock, watch, ()), hub):
        state = await until(hub, lambda state: state.uplink is not None)
        assert state.uplink == Uplink("192.168.1.5", "eth0", since=100.0, gateway="192.168.1.1")
        clock.now = 200.0
        watch.show(net(ETH0, LAN, LAN_ROUTE, DOCKER))
        watch.show(net(NO_CABLE))
        state = await until(hub, lambda state: state.uplink is not None and not state.uplink.address)
        assert state.uplink == Uplink("", "eth0", "no cable", since=200.0, before="192.168.1.5")
        assert state.revision == 2
        clock.now = 300.0
        watch.show(net(ETH0, LAN, LAN_ROUTE))
        state = await until(hub, lambda state: state.uplink is not None and state.uplink.since == 300.0)
        assert [entry.text for entry in state.log] == [
            "external IP 192.168.1.5 on eth0",
            "no external IP: no cable",
            "external IP 192.168.1.5 on eth0",
        ]


async def test_an_address_that_is_back_within_a_second_was_not_lost() -> None:
    """A renewal that takes it off and puts it on again is no news, however many snapshots show it."""
    clock = FakeClock()
    hub = StateHub(clock)
    watch = FakeWatch(net(ETH0, LAN, LAN_ROUTE))
    async with running(UplinkFollower(clock, watch, ()), hub):
        state = await until(hub, lambda state: state.uplink is not None)
        clock.now = 200.0
        for _ in range(3):
            watch.show(net(ETH0))
            await asyncio.sleep(0)
            watch.show(net(ETH0, LAN, LAN_ROUTE))
            await asyncio.sleep(0)
        clock.now = 300.0
        watch.show(net(ETH0, lease("192.168.1.77", "eth0")))
        state = await until(hub, lambda state: state.revision == 2)
        assert state.uplink == Uplink("192.168.1.77", "eth0", since=300.0, before="192.168.1.5")


async def test_the_address_before_outlives_a_loss() -> None:
    """What comes back after a pulled cable can be told from another address."""
    clock = FakeClock()
    hub = StateHub(clock)
    watch = FakeWatch(net(ETH0, LAN, LAN_ROUTE))
    async with running(UplinkFollower(clock, watch, ()), hub):
        await until(hub, lambda state: state.uplink is not None)
        for problem, network in (("no cable", net(NO_CABLE)), ("no DHCP", net(ETH0))):
            watch.show(network)
            state = await until(
                hub,
                lambda state, problem=problem: state.uplink is not None and state.uplink.problem == problem,
            )
            assert state.uplink is not None
            assert state.uplink.before == "192.168.1.5"
        watch.show(net(ETH0, LAN, LAN_ROUTE))
        state = await until(hub, lambda state: state.uplink is not None and bool(state.uplink.address))
        assert state.uplink == Uplink(
            "192.168.1.5", "eth0", since=100.0, before="192.168.1.5", gateway="192.168.1.1"
        )


async def test_another_router_is_no_other_address() -> None:
    """What was news stays news, and the log is not told again, when the route comes after the address."""
    clock = FakeClock()
    hub = StateHub(clock)
    watch = FakeWatch(net(ETH0, lease("192.168.1.77", "eth0")))
    async with running(UplinkFollower(clock, watch, ()), hub):
        await until(hub, lambda state: state.uplink is not None)
        clock.now = 200.0
        watch.show(net(ETH0, LAN))
        await until(hub, lambda state: state.revision == 2)
        clock.now = 201.0
        watch.show(net(ETH0, LAN, LAN_ROUTE))
        state = await until(hub, lambda state: state.revision == 3)
        assert state.uplink == Uplink(
            "192.168.1.5", "eth0", since=200.0, before="192.168.1.77", gateway="192.168.1.1"
        )
        assert [entry.text for entry in state.log] == [
            "external IP 192.168.1.77 on eth0",
            "external IP 192.168.1.5 on eth0",
        ]
