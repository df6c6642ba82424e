"""The head's own network as values: links, addresses, default routes. Pure.

`sciabc_tui.head.netlink` takes these snapshots; discovery and the uplink decide on them.
"""

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Link:
    """A network interface.

    Attributes:
        up: Somebody switched it on.
        carrier: There is a cable, or a WLAN it joined.
        kind: The kernel's word for a virtual one (`bridge`, `veth`); empty for hardware.
    """

    name: str
    index: int
    up: bool = True
    carrier: bool = True
    kind: str = ""
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Address:
    """An address of the head's own.

    Attributes:
        leased: It has an end: DHCP or a router gave it, nobody wrote it down.
        passing: A privacy address of IPv6, or one that is being given up.
    """

    ip: str
    prefix: int
    interface: str
    leased: bool = False
    passing: bool = False

    @property
    def parsed(self) -> IPv4Interface | IPv6Interface:
        """The address and its network."""
        return ip_interface(f"{self.ip}/{self.prefix}")


@dataclass(frozen=True, slots=True)
class DefaultRoute:
    """A way to everywhere; the lowest metric wins.

    Attributes:
        source: The address that the kernel was told to use on it.
    """

    interface: str
    family: int
    """4 or 6."""
    metric: int = 0
    gateway: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Network:
    """What the kernel says of the head's network, in the kernel's order."""

    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[DefaultRoute, ...] = ()

    def link(self, name: str) -> Link | None:
        """Give the interface of that name."""
        return next((link for link in self.links if link.name == name), None)

    def of(self, interface: str) -> tuple[Address, ...]:
        """Give the addresses of an interface."""
        return tuple(address for address in self.addresses if address.interface == interface)


class NetworkWatch(Protocol):
    """Where the newest snapshot is. `sciabc_tui.head.netlink.NetlinkWatch` is the one."""

    @property
    def snapshot(self) -> Network | None:
        """The newest; None before the first."""
        ...

    async def changed(self, seen: Network | None) -> Network:
        """Wait until the snapshot is not `seen`; give the newest."""
        ...
