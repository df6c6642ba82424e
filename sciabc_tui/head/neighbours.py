"""The kernel's word on a neighbour: does a silent board still answer ARP (or, in IPv6, a solicitation)?

Asked for suspect nodes only. The question itself needs CAP_NET_ADMIN; without it the kernel is only
read, which by then knows what the TCP probe before made it ask.
"""

import asyncio
import socket
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Protocol, cast

from pyroute2 import AsyncIPRoute  # pyright: ignore[reportMissingTypeStubs] - it has none
from pyroute2.netlink.exceptions import NetlinkError  # pyright: ignore[reportMissingTypeStubs] - as above

_INCOMPLETE, _REACHABLE, _STALE, _DELAY, _PROBE, _FAILED = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
"""NUD_* of linux/neighbour.h."""

_USER_HZ = 100.0
"""The unit of ages in NDA_CACHEINFO."""

FRESH = 1.5
"""Seconds for which the kernel's confirmation counts as an answer: one probe and its delay."""


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What the kernel knows: `answers` is None when it is not sure, and `how` is empty then."""

    answers: bool | None = None
    how: str = ""


class Message(Protocol):
    """A netlink message: a header field, or an attribute by its name in lower case."""

    def get(self, name: str, default: object = None, /) -> object:
        """Give the value, or the default."""
        ...


class Rtnl(Protocol):
    """What is used of `pyroute2.AsyncIPRoute`, which carries no types."""

    def route(self, command: str, /, *, dst: str) -> Awaitable[Sequence[Message]]:
        """Ask which way an address is reached."""
        ...

    def neigh(
        self, command: str, /, *, dst: str, ifindex: int, state: int = 0
    ) -> Awaitable[Sequence[Message]]:
        """Read or change a neighbour."""
        ...

    def close(self) -> None:
        """Close the socket."""
        ...


def judge(state: int, confirmed: float | None, *, word: str) -> Neighbour:
    """Say what a neighbour's entry means.

    Args:
        state: NUD_* of the entry.
        confirmed: Seconds since the neighbour was last known to answer.
        word: `ARP` or `ND`.
    """
    if state & (_FAILED | _INCOMPLETE):
        return Neighbour(answers=False, how=f"{word} failed")
    if confirmed is not None and confirmed <= FRESH and state & (_REACHABLE | _STALE | _DELAY):
        return Neighbour(answers=True, how=f"{word} answers")
    if state & _PROBE:
        return Neighbour(answers=None, how=f"{word} asked, silent so far")
    return Neighbour()


class Neighbours:
    """Asks the kernel about neighbours; used from the loop, one question at a time."""

    def __init__(self) -> None:
        self._socket: Rtnl | None = None
        self._turn = asyncio.Lock()

    async def ask(self, address: str) -> None:
        """Make the kernel ask the neighbour at an address now, where we may and it knows the neighbour."""
        async with self._turn:
            try:
                interface = await self._interface(address)
                entry = await self._entry(address, interface)
                if entry is not None and _number(entry, "state") & (_REACHABLE | _STALE | _DELAY):
                    await self._open().neigh("change", dst=_bare(address), ifindex=interface, state=_PROBE)
            except (OSError, NetlinkError):
                return  # not ours to ask: what the kernel knows by itself must do

    async def look(self, address: str) -> Neighbour:
        """Give what the kernel knows of the neighbour at an address; nothing of one behind a gateway."""
        async with self._turn:
            try:
                entry = await self._entry(address, await self._interface(address))
            except (OSError, NetlinkError):
                return Neighbour()
        if entry is None:
            return Neighbour()
        return judge(_number(entry, "state"), _confirmed(entry), word="ND" if ":" in address else "ARP")

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> Rtnl:
        if self._socket is None:
            self._socket = cast("Rtnl", AsyncIPRoute())
        return self._socket

    async def _interface(self, address: str) -> int:
        """Give the index of the interface on which an address is a neighbour; 0 when it is none."""
        bare, _, scope = address.partition("%")
        if scope:
            return int(scope) if scope.isdigit() else _index(scope)
        ways = await self._open().route("get", dst=bare)
        return 0 if not ways or ways[0].get("gateway") else _number(ways[0], "oif")

    async def _entry(self, address: str, interface: int) -> Message | None:
        if not interface:
            return None
        found = await self._open().neigh("get", dst=_bare(address), ifindex=interface)
        return found[0] if found else None


def _index(interface: str) -> int:
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        return 0


def _bare(address: str) -> str:
    return address.partition("%")[0]


def _number(message: Message, name: str) -> int:
    value = message.get(name)
    return value if isinstance(value, int) else 0


def _confirmed(entry: Message) -> float | None:
    times = entry.get("cacheinfo")
    if not isinstance(times, dict):
        return None
    age = cast("dict[str, object]", times).get("ndm_confirmed")
    return age / _USER_HZ if isinstance(age, int) else None
