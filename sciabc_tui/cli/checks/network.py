"""The network: interfaces, the way out, the cluster's side, and whether nodes can be heard."""

import asyncio
import errno
import os
import socket
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from sciabc_tui.cli.checks.findings import Finding, absent, fail, failed, ok, warn
from sciabc_tui.cli.checks.machine import Machine
from sciabc_tui.cli.checks.service import Sight, Standing
from sciabc_tui.cluster.state import State
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.netlink import NetlinkWatch
from sciabc_tui.head.network import Network
from sciabc_tui.head.uplink import choose_uplink, cluster_interfaces, find_places, is_real

MDNS_PORT = 5353
SSH_PORT = 22

_LISTENING = "0A"  # of the field `st` in /proc/net/tcp, see proc(5)
_OUT = "plug it into a network that gives out addresses (DHCP)"


async def look_at_network() -> Network:
    """Ask the kernel once for links, addresses and routes.

    Raises:
        OSError: The kernel refused (as a group).
    """
    watch = NetlinkWatch()
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(watch.run(StateHub(SystemClock(), State())))
        seen = await watch.changed(None)
        watching.cancel()
    return seen


def judge_interfaces(network: Network) -> Finding:
    """Judge the interfaces: hardware with an address."""
    subject = "interfaces"
    real = [link for link in network.links if is_real(link)]
    shown = [
        f"{link.name} {address.ip}/{address.prefix}"
        for link in real
        for address in network.of(link.name)
        if not address.parsed.ip.is_link_local
    ]
    if shown:
        return ok(subject, ", ".join(shown))
    if not real:
        return fail(subject, "none", "plug in a network adapter")
    names = ", ".join(f"{link.name} {'has a link' if link.carrier else 'has no link'}" for link in real)
    return fail(subject, f"no address ({names})", "plug in a network cable, or join a Wi-Fi")


def judge_uplink(network: Network, configured: Sequence[str], *, nmtui: bool) -> Finding:
    """Judge the external IP, by the choice that the head service makes.

    Args:
        network: What the kernel says.
        configured: `cluster.interfaces`.
        nmtui: NetworkManager's program to configure networks is here.
    """
    subject, uplink = "external IP", choose_uplink(network, configured)
    if uplink.address:
        return ok(subject, f"{uplink.address} on {uplink.interface}")
    join = "sudo nmtui" if nmtui else "join a Wi-Fi"
    fixes = {
        "no cable": f"plug in a network cable, or join a Wi-Fi{': sudo nmtui' if nmtui else ''}",
        "no Wi-Fi": f"join one: {join}" if nmtui else join,
        "no DHCP": f"another socket of that network, or {_OUT}",
        "no interface": "plug in a second network adapter, or change cluster.interfaces",
    }
    where = f" on {uplink.interface}" if uplink.interface else ""
    fix = fixes.get(uplink.problem, f"ip route: no default route; {_OUT}")
    return warn(subject, f"{uplink.problem or 'none'}{where}", fix)


def judge_cluster(network: Network, configured: Sequence[str]) -> Finding:
    """Judge which interfaces the cluster has, and say why these."""
    subject = "cluster side"
    names = cluster_interfaces(network, configured)
    places, problems = find_places(network, names)
    if problems:
        return failed(subject, problems[0])
    shown = ", ".join(f"{place.interface} {place.shown}" for place in places)
    if configured:
        return ok(subject, f"{shown}: named by cluster.interfaces")
    if choose_uplink(network, ()).interface in names:
        return ok(subject, f"{shown}: there is no other, so the way out is the cluster's too")
    return ok(subject, f"{shown}: whatever is not the way out")


@dataclass(frozen=True, slots=True)
class Mdns:
    """What is known of multicast DNS here.

    Attributes:
        installed: avahi-daemon is.
        runs: It does.
        refusal: The errno with which the kernel refused us the port; 0 if it did not.
    """

    installed: bool = False
    runs: bool = False
    refusal: int = 0


def look_at_mdns(machine: Machine, sight: Sight) -> Mdns:
    """Look for avahi, and whether the port can be shared; a service that listens has shown that it can."""
    pid = machine.text("/run/avahi-daemon/pid")
    runs = pid.isdecimal() and machine.text(f"/proc/{pid}/comm") == "avahi-daemon"
    installed = runs or bool(machine.which("avahi-daemon") or machine.which("/usr/sbin/avahi-daemon"))
    listens = sight.real is not None and bool(sight.real.listening.interfaces)
    return Mdns(installed, runs, 0 if listens else refusal(MDNS_PORT))


def refusal(port: int) -> int:
    """Take a UDP port as zeroconf does, beside whoever has it, and give it back at once.

    Returns:
        The errno with which the kernel refuses it; 0 if it does not.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        try:
            wire.bind(("", port))
        except OSError as error:
            return error.errno or errno.EINVAL
    return 0


def judge_avahi(mdns: Mdns) -> Finding:
    """Judge avahi: the head finds nodes without it, but others find the head by it."""
    subject = "avahi"
    if mdns.runs:
        return ok(subject, "runs")
    use = "so nobody finds this head as NAME.local"
    if mdns.installed:
        return warn(subject, f"does not run, {use}", "sudo systemctl enable --now avahi-daemon")
    return warn(subject, f"not installed, {use}", "sudo apt install avahi-daemon")


def judge_port(mdns: Mdns) -> Finding:
    """Judge whether the head can listen for announcements."""
    subject = "mDNS port"
    if not mdns.refusal:
        return ok(subject, f"{MDNS_PORT} can be listened on")
    why = "somebody keeps it" if mdns.refusal == errno.EADDRINUSE else os.strerror(mdns.refusal)
    fix = f"sudo ss -ulpn 'sport = :{MDNS_PORT}' tells who; end that"
    return fail(subject, f"{MDNS_PORT}: {why}", fix)


def judge_heard(sight: Sight) -> Finding:
    """Judge whether nodes are heard; only a head service listens long enough to tell."""
    subject, state = "mDNS heard", sight.real
    if state is None:
        nobody = sight.standing is Standing.NONE
        fix = "sciabc-tui head" if nobody else "see the head service above"
        return absent(subject, "only a head service that runs can tell", fix)
    listening = state.listening
    if listening.problem:
        return failed(subject, listening.problem.partition("; ")[0])
    if not listening.interfaces:
        return warn(subject, "the head service listens nowhere yet", "sciabc-tui doctor, once more")
    heard = Counter(node.interface for node in state.nodes.values() if node.interface and node.present)
    where = ", ".join(
        f"{name}: {heard[name]} {'node' if heard[name] == 1 else 'nodes'}" for name in listening.interfaces
    )
    if not any(heard.values()):
        fix = "switch boards on; one that can't announce itself: sciabc-tui nodes add HOST"
        return warn(subject, f"nobody yet on {', '.join(listening.interfaces)}", fix)
    return ok(subject, where)


def look_at_ports(machine: Machine) -> frozenset[int]:
    """Give the TCP ports on which somebody listens (proc(5): /proc/net/tcp)."""
    ports: set[int] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in machine.text(table).splitlines()[1:]:
            with suppress(ValueError):
                _, local, _, state, *_ = line.split()
                if state == _LISTENING:
                    ports.add(int(local.rpartition(":")[2], 16))
    return frozenset(ports)


def judge_ssh_server(listening: frozenset[int], *, installed: bool) -> Finding:
    """Judge whether somebody can log in from outside, which on a box with no screen is the only way."""
    subject = "ssh server"
    if SSH_PORT in listening:
        return ok(subject, f"listens on port {SSH_PORT}")
    fix = "sudo systemctl enable --now ssh" if installed else "sudo apt install openssh-server"
    return warn(subject, f"nobody listens on port {SSH_PORT}", fix)
