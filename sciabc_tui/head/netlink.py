"""The kernel's own word on links, addresses and routes, as events; the one file that speaks pyroute2.

Two sockets: one is told of changes and says only "look again", the other looks. A burst of changes (DHCP
makes five) is one look, 50 ms after its first. A look costs a few milliseconds, so there is one every half
minute anyway, in case the kernel had to drop a message.
"""

import asyncio
import errno
import socket
from collections.abc import AsyncIterator, Awaitable
from typing import Protocol, TypeAlias, cast

from pyroute2 import AsyncIPRoute  # pyright: ignore[reportMissingTypeStubs] - it has none
from pyroute2.netlink.exceptions import NetlinkError  # pyright: ignore[reportMissingTypeStubs] - as above

from sciabc_tui.head.network import Address, DefaultRoute, Link, Network
from sciabc_tui.head.ports import Hub

COALESCE = 0.05
"""Seconds for which changes are gathered before a look."""

LOOK_ANYWAY = 30.0
"""Seconds after which the network is looked at without a change."""

_GROUPS = 0x1 | 0x10 | 0x100 | 0x40 | 0x400
"""RTMGRP_LINK, IPV4_IFADDR, IPV6_IFADDR, IPV4_ROUTE, IPV6_ROUTE of linux/rtnetlink.h."""

_IFF_UP, _IFF_LOOPBACK, _IFF_LOWER_UP = 0x1, 0x8, 0x10000
_IFA_F_TEMPORARY, _IFA_F_DADFAILED, _IFA_F_DEPRECATED = 0x01, 0x08, 0x20
_IFA_F_TENTATIVE, _IFA_F_PERMANENT = 0x40, 0x80
_RTN_UNICAST, _MAIN_TABLE = 1, 254
_FAMILIES = {int(socket.AF_INET): 4, int(socket.AF_INET6): 6}

Attribute: TypeAlias = str | tuple[str, str]


class Message(Protocol):
    """A netlink message: a header field, or an attribute by its name in lower case."""

    def get(self, name: Attribute, default: object = None, /) -> object:
        """Give the value, or the default."""
        ...


Dump: TypeAlias = Awaitable[AsyncIterator[Message]]


class Rtnl(Protocol):
    """What is used of `pyroute2.AsyncIPRoute`, which carries no types."""

    async def bind(self, groups: int) -> None:
        """Subscribe to groups of changes."""
        ...

    def get(self) -> AsyncIterator[Message]:
        """Give what comes in."""
        ...

    def link(self, command: str, /) -> Dump:
        """Ask for the links."""
        ...

    def addr(self, command: str, /) -> Dump:
        """Ask for the addresses."""
        ...

    def route(self, command: str, /) -> Dump:
        """Ask for the routes."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


class NetlinkWatch:
    """Keeps the newest snapshot of the head's network."""

    def __init__(self) -> None:
        self._snapshot: Network | None = None
        self._news = asyncio.Event()

    @property
    def snapshot(self) -> Network | None:
        """The newest snapshot; None before the first."""
        return self._snapshot

    async def changed(self, seen: Network | None) -> Network:
        """Wait until the snapshot is not `seen`; give the newest."""
        while self._snapshot is None or self._snapshot is seen:
            await self._news.wait()
        return self._snapshot

    async def run(self, hub: Hub) -> None:
        """Watch until cancelled. Snapshots go to those who wait for them, not to the hub.

        Raises:
            OSError: The sockets failed (as a group).
            NetlinkError: The kernel refused (as a group).
        """
        del hub
        eyes = _open()
        dirty = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_listen(dirty), name="netlink events")
                while True:
                    dirty.clear()
                    self._keep(await look(eyes))
                    await _wait(dirty, LOOK_ANYWAY)
                    await asyncio.sleep(COALESCE)
        finally:
            eyes.close()

    def _keep(self, snapshot: Network) -> None:
        if snapshot == self._snapshot:
            return
        self._snapshot = snapshot
        news, self._news = self._news, asyncio.Event()
        news.set()


def _open() -> Rtnl:
    return cast("Rtnl", AsyncIPRoute())


async def _listen(dirty: asyncio.Event) -> None:
    """Hear of changes. Where there were more than the socket holds, hear anew, and have all looked at."""
    while True:
        ears = _open()
        try:
            await ears.bind(_GROUPS)
            dirty.set()
            while True:
                async for _ in ears.get():
                    dirty.set()
        except (OSError, NetlinkError) as error:
            if error.args[0] != errno.ENOBUFS:
                raise
        finally:
            ears.close()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        pass  # time for a look anyway


async def look(route: Rtnl) -> Network:
    """Ask the kernel for the whole picture.

    Raises:
        OSError: The socket failed.
        NetlinkError: The kernel refused.
    """
    links = [_link(message) async for message in await route.link("dump")]
    names = {link.index: link.name for link in links}
    addresses = [_address(message, names) async for message in await route.addr("dump")]
    routes = [way async for message in await route.route("dump") for way in _routes(message, names)]
    return Network(
        tuple(links), tuple(address for address in addresses if address is not None), tuple(routes)
    )


def _number(message: Message, name: Attribute) -> int:
    value = message.get(name)
    return value if isinstance(value, int) else 0


def _text(message: Message, name: Attribute) -> str:
    value = message.get(name)
    return value if isinstance(value, str) else ""


def _link(message: Message) -> Link:
    flags = _number(message, "flags")
    return Link(
        name=_text(message, "ifname"),
        index=_number(message, "index"),
        up=bool(flags & _IFF_UP),
        carrier=bool(flags & _IFF_LOWER_UP),
        kind=_text(message, ("linkinfo", "kind")) if message.get("linkinfo") else "",
        loopback=bool(flags & _IFF_LOOPBACK),
    )


def _address(message: Message, names: dict[int, str]) -> Address | None:
    family = _FAMILIES.get(_number(message, "family"))
    interface = names.get(_number(message, "index"))
    # on a point-to-point link "address" is the other end
    ip = _text(message, "local") or _text(message, "address")
    flags = _number(message, "flags")
    if family is None or interface is None or not ip or flags & (_IFA_F_TENTATIVE | _IFA_F_DADFAILED):
        return None
    # IPv4 uses the bit of "temporary" for "secondary"
    passing = _IFA_F_DEPRECATED | (_IFA_F_TEMPORARY if family == 6 else 0)
    return Address(
        ip,
        _number(message, "prefixlen"),
        interface,
        leased=not flags & _IFA_F_PERMANENT,
        passing=bool(flags & passing),
    )


def _routes(message: Message, names: dict[int, str]) -> list[DefaultRoute]:
    """Read a route; one over several next hops is as many routes."""
    family = _FAMILIES.get(_number(message, "family"))
    table = _number(message, "table")
    if family is None or _number(message, "dst_len") or table != _MAIN_TABLE:
        return []
    if _number(message, "type") != _RTN_UNICAST:
        return []
    hops = message.get("multipath")
    return [
        DefaultRoute(
            names[index],
            family,
            metric=_number(message, "priority"),
            gateway=_text(hop, "gateway"),
            source=_text(message, "prefsrc"),
        )
        for hop in (cast("list[Message]", hops) if isinstance(hops, list) else [message])
        if (index := _number(hop, "oif")) in names
    ]
