"""Which interface is the way out, and which ones are the cluster's.

    uplink = choose_uplink(network, configured)              the external IP, or why there is none
    names = cluster_interfaces(network, configured)          where nodes are looked for

Both are pure. The external IP is what a person types into `ssh`: the address on the classroom's network,
also where that network leads nowhere. What is never it: an address of the cluster's own switch, of a
container bridge, or one that the board gave itself because nobody answered.
"""

import asyncio
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address

from sciabc_tui.cluster.changes import GatewayChanged, UplinkChanged
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.state import Uplink
from sciabc_tui.head.network import Address, DefaultRoute, Link, Network, NetworkWatch
from sciabc_tui.head.ports import Clock, Hub

_REAL_KINDS = frozenset({"", "bond", "ppp", "team", "wwan"})

_REAL_NAME = re.compile(r"(eth|en|wl|usb|ww)[a-z0-9]*[0-9.@]")
"""Hardware's names. A container's eth0 is a veth, and its way out all the same."""

_VIRTUAL_NAME = re.compile(r"(docker|br-|virbr|veth|tun|tap|wg|lxc|cni|tailscale)")


def is_real(link: Link) -> bool:
    """Tell hardware, and what stands for it in a container, from bridges and tunnels."""
    if link.loopback or _VIRTUAL_NAME.match(link.name):
        return False
    return link.kind in _REAL_KINDS or _REAL_NAME.match(link.name) is not None


def cluster_interfaces(network: Network, configured: Sequence[str]) -> tuple[str, ...]:
    """Give the interfaces on which nodes are looked for.

    Args:
        network: What the kernel says.
        configured: `cluster.interfaces`; when it names any, those are the cluster's.

    Returns:
        Every real interface that is not the way out and has an IPv4 or a link-local IPv6 address; if there
        is none, the way out itself, since on a laptop the LAN is the cluster's.
    """
    if configured:
        return tuple(configured)
    external = choose_uplink(network, ()).interface
    real = [link.name for link in network.links if is_real(link) and link.up]
    usable = [name for name in real if _ipv4(network, name) or _link_local(network, name)]
    others = tuple(name for name in usable if name != external)
    return others or tuple(usable)


def choose_uplink(network: Network, cluster: Sequence[str]) -> Uplink:
    """Give the external IP, or the interface that should have it and why it has not.

    Args:
        network: What the kernel says.
        cluster: The interfaces that the configuration names as the cluster's. They are the way out only
            where nothing else is and a default route leads over them (the switch hangs on the LAN).
    """
    links = [link for link in network.links if is_real(link) and link.up]
    outside = [link for link in links if link.name not in cluster]
    if not outside:
        return _routed(network, links, 4) or _routed(network, links, 6) or Uplink(problem="no interface")
    return (
        _routed(network, outside, 4)
        or _unrouted(network, outside)
        or _routed(network, outside, 6)
        or _blame(network, outside)
    )


def _routed(network: Network, links: Sequence[Link], family: int) -> Uplink | None:
    """Follow the default routes, the lowest metric first."""
    live = {link.name for link in links if link.carrier}
    for route in sorted(network.routes, key=lambda route: route.metric):
        if route.family == family and route.interface in live and (ip := _source(network, route)):
            return Uplink(ip, route.interface, gateway=route.gateway)
    return None


def _source(network: Network, route: DefaultRoute) -> str:
    """Give the address that speaks on this route; empty if it is one that nobody else can connect to."""
    told = [address for address in network.addresses if address.ip == route.source]
    if told:  # dhcpcd makes a default route from 169.254, too
        return route.source if _external(told[0], route.family) else ""
    usable = [address for address in network.of(route.interface) if _external(address, route.family)]
    near = [a for a in usable if route.gateway and ip_address(route.gateway) in a.parsed.network]
    return next((address.ip for address in (*near, *usable)), "")


def _unrouted(network: Network, links: Sequence[Link]) -> Uplink | None:
    """No default route: a lease tells the LAN from the cluster's switch, and so does being the only link."""
    for link in links:
        for address in network.of(link.name) if link.carrier else ():
            if _external(address, 4) and (address.leased or len(links) == 1):
                return Uplink(address.ip, link.name)
    return None


def _blame(network: Network, links: Sequence[Link]) -> Uplink:
    """Say which of the links that have no address should have one; where all have, none leads out."""
    settled = {a.interface for a in network.addresses if _external(a, 4)}
    links = [link for link in links if not (link.carrier and link.name in settled)]
    for link in links:
        if link.carrier:
            return Uplink("", link.name, "no DHCP")
    for link in links:
        if not link.name.startswith("wl"):
            return Uplink("", link.name, "no cable")
    return Uplink("", links[0].name, "no Wi-Fi") if links else Uplink(problem="no route")


def _external(address: Address, family: int) -> bool:
    """Can somebody else connect to it? Not if the board gave it to itself."""
    ip = address.parsed.ip
    return ip.version == family and not ip.is_link_local and not ip.is_loopback and not address.passing


def _ipv4(network: Network, interface: str) -> list[Address]:
    return [address for address in network.of(interface) if address.parsed.version == 4]


def _link_local(network: Network, interface: str) -> list[str]:
    parsed = [address.parsed.ip for address in network.of(interface)]
    return [str(ip) for ip in parsed if ip.version == 6 and ip.is_link_local]


@dataclass(frozen=True, slots=True)
class Place:
    """An interface to listen on. Another index or address is another place.

    Attributes:
        address: IPv4; empty when there is none.
        link_local: IPv6, without its scope; empty when there is none.
    """

    interface: str
    index: int
    address: str
    link_local: str = ""

    @property
    def shown(self) -> str:
        """The address to show."""
        return self.address or f"{self.link_local}%{self.interface}"


def find_places(network: Network, names: Sequence[str]) -> tuple[list[Place], list[str]]:
    """Give where to listen, and what hinders on the other interfaces."""
    places: list[Place] = []
    problems: list[str] = []
    for name in names:
        link = network.link(name)
        four = [address.ip for address in _ipv4(network, name)]
        six = _link_local(network, name)
        if link is None:
            problems.append(f"{name} is not there. Next: plug it in, or change cluster.interfaces")
        elif not link.up or not (four or six):
            problems.append(f"{name} has no address. Next: give it one, or change cluster.interfaces")
        else:
            places.append(Place(name, link.index, next(iter(four), ""), next(iter(six), "")))
    if not names:
        problems.append("no interface has an address. Next: plug in a network cable")
    return places, problems


BLIP = 1.0
"""Seconds that an external IP may be away before it is told: some DHCP clients take it off to renew it."""


class UplinkFollower:
    """Keeps `state.uplink` true: publishes when the external IP, or the reason for none, is another.

    Another address is told at once, a lost one when it stays away for `BLIP`.
    """

    def __init__(self, clock: Clock, watch: NetworkWatch, configured: Iterable[str]) -> None:
        self._clock = clock
        self._watch = watch
        self._configured = tuple(configured)

    async def run(self, hub: Hub) -> None:
        """Follow the network until cancelled."""
        seen: Network | None = None
        while True:
            seen = await self._watch.changed(seen)
            since = self._clock.monotonic()
            shown = hub.state.uplink or Uplink()
            chosen = choose_uplink(seen, self._configured)
            if shown.address and not chosen.address:
                seen, chosen = await self._awaited(seen, chosen)
            self._tell(hub, shown, replace(chosen, since=shown.since, before=shown.before), since)

    def _tell(self, hub: Hub, shown: Uplink, chosen: Uplink, since: Instant) -> None:
        if hub.state.uplink is None or replace(chosen, gateway=shown.gateway) != shown:
            moved = chosen.address != shown.address
            before = shown.address or shown.before if moved else shown.before
            hub.publish([UplinkChanged(replace(chosen, since=since, before=before))])
        elif chosen.gateway != shown.gateway:
            hub.publish([GatewayChanged(chosen.gateway)])

    async def _awaited(self, seen: Network, chosen: Uplink) -> tuple[Network, Uplink]:
        """Wait for an address that is away; give what there is when it came or stayed away too long."""
        try:
            async with asyncio.timeout(BLIP):
                while not chosen.address:
                    seen = await self._watch.changed(seen)
                    chosen = choose_uplink(seen, self._configured)
        except TimeoutError:
            pass  # so it is lost
        return seen, chosen


def cluster_networks(network: Network, configured: Sequence[str]) -> tuple[str, ...]:
    """Give the IPv4 networks of the cluster, such as `10.77.0.0/24`; MPI keeps to them.

    Args:
        network: What the kernel says.
        configured: `cluster.interfaces`.
    """
    interfaces = cluster_interfaces(network, configured)
    found = [address.parsed.network for name in interfaces for address in network.of(name)]
    return tuple(dict.fromkeys(str(net) for net in found if net.version == 4))
