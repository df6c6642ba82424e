"""What is judged of the network."""

import asyncio
import errno
import socket
from pathlib import Path

import pytest

from sciabc_tui.cli.checks.findings import Verdict
from sciabc_tui.cli.checks.machine import Machine
from sciabc_tui.cli.checks.network import (
    Mdns,
    judge_avahi,
    judge_cluster,
    judge_heard,
    judge_interfaces,
    judge_port,
    judge_ssh_server,
    judge_uplink,
    look_at_mdns,
    look_at_network,
    look_at_ports,
    refusal,
)
from sciabc_tui.cli.checks.service import Sight, Standing
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Liveness, Node, Origin
from sciabc_tui.cluster.state import Head, Listening, State
from sciabc_tui.head.network import Address, DefaultRoute, Link, Network

LAN = Address("203.0.113.7", 24, "eth1", leased=True)
SWITCH = Address("192.168.8.1", 24, "eth0")
OUT = DefaultRoute("eth1", 4, gateway="203.0.113.1")
LINKS = (Link("lo", 1, loopback=True), Link("eth0", 2), Link("eth1", 3))
BRIEFCASE = Network(LINKS, (SWITCH, LAN), (OUT,))
UNPLUGGED = Network((Link("lo", 1, loopback=True), Link("eth0", 2, carrier=False)))


def test_the_kernel_tells_of_loopback_at_least() -> None:
    """One look, and nothing of it is left."""
    seen = asyncio.run(look_at_network())
    assert any(link.loopback for link in seen.links)


def test_interfaces_are_shown_with_their_addresses() -> None:
    """Hardware only; what a board gave itself does not count."""
    found = judge_interfaces(BRIEFCASE)
    assert (found.verdict, found.value) == (Verdict.OK, "eth0 192.168.8.1/24, eth1 203.0.113.7/24")
    alone = Network(LINKS, (Address("169.254.3.4", 16, "eth0"), Address("fe80::1", 64, "eth0")))
    assert judge_interfaces(alone).verdict is Verdict.FAIL
    assert judge_interfaces(UNPLUGGED).value == "no address (eth0 has no link)"
    assert judge_interfaces(Network(LINKS[:1])).value == "none"


def test_the_external_ip_is_the_one_that_the_service_shows() -> None:
    """With its interface."""
    found = judge_uplink(BRIEFCASE, (), nmtui=True)
    assert (found.verdict, found.value) == (Verdict.OK, "203.0.113.7 on eth1")


@pytest.mark.parametrize(
    ("network", "value", "fix"),
    [
        (UNPLUGGED, "no cable on eth0", "plug in a network cable, or join a Wi-Fi: sudo nmtui"),
        (Network((Link("wlan0", 2, carrier=False),)), "no Wi-Fi on wlan0", "join one: sudo nmtui"),
        (Network((Link("eth0", 2),)), "no DHCP on eth0", "another socket of that network, or plug it"),
        (Network(), "no interface", "plug in a second network adapter"),
        (Network(LINKS, (SWITCH, Address("10.9.8.7", 8, "eth1"))), "no route", "ip route: no default route"),
    ],
)
def test_no_external_ip_is_a_warning_with_its_reason(network: Network, value: str, fix: str) -> None:
    """The cluster works without; nobody outside reaches it."""
    found = judge_uplink(network, (), nmtui=True)
    assert (found.verdict, found.value) == (Verdict.WARN, value)
    assert found.fix.startswith(f"Next: {fix}")


def test_a_program_that_is_not_here_is_not_recommended() -> None:
    """NetworkManager is not on every machine."""
    for network in (UNPLUGGED, Network((Link("wlan0", 2, carrier=False),))):
        assert "nmtui" not in judge_uplink(network, (), nmtui=False).fix


def test_the_clusters_side_is_shown_with_the_reason() -> None:
    """Named by the settings, or what is not the way out, or the way out itself."""
    assert judge_cluster(BRIEFCASE, ("eth0",)).value == "eth0 192.168.8.1: named by cluster.interfaces"
    assert judge_cluster(BRIEFCASE, ()).value == "eth0 192.168.8.1: whatever is not the way out"
    laptop = Network(LINKS, (LAN,), (OUT,))
    found = judge_cluster(laptop, ())
    assert found.verdict is Verdict.OK
    assert found.value.startswith("eth1 203.0.113.7: there is no other")


def test_a_cluster_interface_that_is_not_there_is_a_failure() -> None:
    """Named, and not to be found, or with no address."""
    found = judge_cluster(BRIEFCASE, ("eth7",))
    assert (found.verdict, found.value) == (Verdict.FAIL, "eth7 is not there")
    assert found.fix == "Next: plug it in, or change cluster.interfaces"
    assert judge_cluster(UNPLUGGED, ("eth0",)).value == "eth0 has no address"


def _avahi(root: Path, comm: str) -> None:
    (root / "run/avahi-daemon").mkdir(parents=True)
    (root / "run/avahi-daemon/pid").write_text("4711\n")
    (root / "proc/4711").mkdir(parents=True)
    (root / "proc/4711/comm").write_text(comm)


def test_avahi_is_known_by_its_process(tmp_path: Path) -> None:
    """A number that was left behind, and is somebody else's now, is no avahi."""
    nothing = Machine(tmp_path / "nothing", which=lambda name: None)
    assert judge_avahi(look_at_mdns(nothing, LISTENS)).fix == "Next: sudo apt install avahi-daemon"
    _avahi(tmp_path / "runs", "avahi-daemon\n")
    runs = look_at_mdns(Machine(tmp_path / "runs", which=lambda name: None), LISTENS)
    assert judge_avahi(runs).verdict is Verdict.OK
    _avahi(tmp_path / "stale", "bash\n")
    stale = look_at_mdns(Machine(tmp_path / "stale", which=lambda name: f"/usr/sbin/{name}"), LISTENS)
    found = judge_avahi(stale)
    assert (found.verdict, found.fix) == (Verdict.WARN, "Next: sudo systemctl enable --now avahi-daemon")


def test_a_port_that_somebody_keeps_is_a_failure() -> None:
    """With the way to find out who."""
    assert judge_port(Mdns()).verdict is Verdict.OK
    found = judge_port(Mdns(refusal=errno.EADDRINUSE))
    assert (found.verdict, found.value) == (Verdict.FAIL, "5353: somebody keeps it")
    assert "ss -ulpn 'sport = :5353'" in found.fix
    assert judge_port(Mdns(refusal=errno.EACCES)).value == "5353: Permission denied"


@pytest.mark.parametrize("shares", [True, False])
def test_a_port_is_tried_beside_those_who_share_it(shares: bool) -> None:
    """Avahi and browsers share it; who does not is found."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            other.setsockopt(socket.SOL_SOCKET, option, shares)
        other.bind(("127.0.0.1", 0))
        assert refusal(other.getsockname()[1]) == (0 if shares else errno.EADDRINUSE)


def test_a_service_that_listens_has_shown_that_the_port_can_be_had(tmp_path: Path) -> None:
    """It is not tried again beside it."""
    machine = Machine(tmp_path, which=lambda name: None)
    assert look_at_mdns(machine, LISTENS) == Mdns()


def _node(name: str, interface: str, liveness: Liveness = Liveness.ALIVE) -> Node:
    return Node(NodeId(name), name, Origin.MDNS, interface=interface, liveness=liveness)


def _sight(*nodes: Node, interfaces: tuple[str, ...] = ("eth0", "eth2"), problem: str = "") -> Sight:
    listening = Listening(interfaces, (), problem)
    return Sight(Standing.RUNS, State(nodes={node.id: node for node in nodes}, listening=listening))


LISTENS = _sight()


def test_nodes_are_counted_where_they_are_heard() -> None:
    """Those that announce themselves and are there; an interface where nobody is, is shown too."""
    static = Node(NodeId("s"), "s", Origin.STATIC)
    gone = _node("gone", "eth0", Liveness.DEAD)
    found = judge_heard(_sight(_node("a", "eth0"), _node("b", "eth0"), static, gone))
    assert (found.verdict, found.value) == (Verdict.OK, "eth0: 2 nodes, eth2: 0 nodes")
    assert judge_heard(_sight(_node("a", "eth2"))).value == "eth0: 0 nodes, eth2: 1 node"


def test_silence_is_a_warning_and_a_deaf_ear_a_failure() -> None:
    """What the service says hinders it is passed on."""
    assert judge_heard(_sight()).value == "nobody yet on eth0, eth2"
    assert judge_heard(_sight(interfaces=())).verdict is Verdict.WARN
    found = judge_heard(_sight(problem="eth9 is not there. Next: plug it in; eth8 is not there. Next: x"))
    assert (found.verdict, found.value, found.fix) == (Verdict.FAIL, "eth9 is not there", "Next: plug it in")


@pytest.mark.parametrize(
    "sight",
    [
        Sight(Standing.NONE),
        Sight(Standing.MUTE),
        Sight(Standing.RUNS, State(head=Head(simulated=True), listening=Listening(("eth0",)))),
    ],
)
def test_without_a_service_nobody_knows_who_is_heard(sight: Sight) -> None:
    """Nor from one that simulates."""
    assert judge_heard(sight).verdict is Verdict.ABSENT


def test_listening_ports_are_read_from_the_kernels_table(tmp_path: Path) -> None:
    """IPv4 and IPv6; connections, and lines that are no such, are not."""
    (tmp_path / "proc/net").mkdir(parents=True)
    header = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid\n"
    four = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 1\n"
    busy = "   1: 0100007F:0016 0100007F:D431 01 00000000:00000000 00:00000000 00000000 0 0 1\n"
    six = f"   0: {'0' * 32}:0016 {'0' * 32}:0000 0A 00000000:00000000 00:00000000 0 0 1\n"
    machine = Machine(tmp_path)
    (tmp_path / "proc/net/tcp").write_text(header + four + busy + "garbage\n")
    assert look_at_ports(machine) == {8080}
    (tmp_path / "proc/net/tcp6").write_text(header + six)
    assert look_at_ports(machine) == {8080, 22}


def test_a_box_with_no_screen_needs_an_ssh_server() -> None:
    """Installed and not started, or not there at all."""
    assert judge_ssh_server(frozenset({22}), installed=True).verdict is Verdict.OK
    assert judge_ssh_server(frozenset(), installed=True).fix == "Next: sudo systemctl enable --now ssh"
    assert judge_ssh_server(frozenset(), installed=False).fix == "Next: sudo apt install openssh-server"
