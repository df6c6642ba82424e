"""Looking at boards: who answers with which SSH host key. Nothing but a key exchange is sent.

`LookWish` asks the boards that somebody named, `ScanWish` every address of the cluster's own network.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import aclosing
from functools import partial
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from socket import socket
from typing import Protocol

from sciabc_tui.api.provisioning import LookWish, ScanWish
from sciabc_tui.api.works import Begun, Board, Over, Part, Step
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import HostKey, Node, Origin, Readiness, Trust
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import Unreachable
from sciabc_tui.head.ingress import printable
from sciabc_tui.head.keys import exchange_keys
from sciabc_tui.head.pace import Pace
from sciabc_tui.head.provisioning.places import Place, find, node_at
from sciabc_tui.head.users import Users
from sciabc_tui.head.work_telling import Tell, told

AT_ONCE = 16
"""Key exchanges at the same time."""

MOST_ADDRESSES = 1024
"""How many addresses are asked at most: the kernel keeps a thousand neighbours (arp(7), gc_thresh3)."""

_DIAL_WITHIN = 5.0
_SCAN_WITHIN = 1.2
"""Seconds that an address has to answer: a board on a switch takes milliseconds, on a sleepy WLAN 0.5 s."""

_ASKED_A_SECOND = 200.0
_ASKED_AT_ONCE = 256

SCAN = "asked"
"""What the step of a scan is called."""

_ARP = Path("/proc/net/arp")
_PI = ("28:cd:c1", "2c:cf:67", "88:a2:9e", "b8:27:eb", "d8:3a:dd", "dc:a6:32", "e4:5f:01")
"""The first half of the MAC addresses of Raspberry Pis (the registry of the IEEE)."""


class Hub(Protocol):
    """Who knows the state."""

    @property
    def state(self) -> State:
        """The newest state."""
        ...


class Looker:
    """Does `LookWish` and `ScanWish`.

    Args:
        hub: The state.
        users: Whom the head would be where nobody says.
        networks: Gives the cluster's own networks, as they are now.
    """

    def __init__(self, hub: Hub, users: Users, networks: Callable[[], Sequence[str]]) -> None:
        self._hub = hub
        self._users = users
        self._networks = networks

    async def look(self, wish: LookWish, by: str) -> AsyncGenerator[Part, None]:
        """Tell of each board that was named.

        Raises:
            CommandRefused: One is named in no way that can be understood.
        """
        del by
        threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="look")
        try:
            places = await find(wish.targets, self._hub.state, self._users, threads)
            yield Begun(tuple(place.target for place in places))
            async with aclosing(told(partial(self._look, places, threads))) as parts:
                async for part in parts:
                    yield part
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def scan(self, wish: ScanWish, by: str) -> AsyncGenerator[Part, None]:
        """Ask the addresses of the cluster's network, and tell of each that answers as an SSH server.

        Raises:
            CommandRefused: The network is not the cluster's own, or too large.
        """
        del by
        asked = self._asked(wish.network)
        threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="scan")
        try:
            yield Begun((), (SCAN,))
            async with aclosing(told(partial(self._scan, asked, threads))) as parts:
                async for part in parts:
                    yield part
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def _look(self, places: Sequence[Place], threads: Executor, tell: Tell) -> None:
        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(self._tell_of(place, threads, tell))
        tell(Over())

    async def _tell_of(self, place: Place, threads: Executor, tell: Tell) -> None:
        if not place.address:
            fix = "Next: name it by its address, or find it: sciabc-tui nodes scan"
            tell(Board(place.target, problem=f"nobody knows the name {place.host}", fix=fix))
            return
        try:
            connection = await dial(place.address, place.port, within=_DIAL_WITHIN)
            key, version = await _key(connection, threads)
        except Unreachable as error:
            fix = f"Next: see that {place.host} is switched on and plugged in, and has SSH enabled"
            tell(Board(place.target, place.address, place.port, problem=str(error), fix=fix))
        else:
            tell(self._board(place.target, place.address, place.port, key, version, place.node))

    async def _scan(self, addresses: Sequence[IPv4Address], threads: Executor, tell: Tell) -> None:
        pace, room = Pace(_ASKED_A_SECOND), asyncio.Semaphore(_ASKED_AT_ONCE)
        found: list[Board] = []
        asked = 0

        async def ask(address: str) -> None:
            nonlocal asked
            async with room:
                await pace.turn()
                board = await self._meet(address, threads)
            asked += 1
            if board is not None:
                found.append(board)
                tell(board)
            if asked % 16 == 0:
                tell(
                    Step(
                        "scan", SCAN, "running", f"{asked} of {len(addresses)}", share=asked / len(addresses)
                    )
                )

        async with asyncio.TaskGroup() as group:
            for address in addresses:
                group.create_task(ask(str(address)))
        new = sum(not board.ready and not board.problem for board in found)
        text = (
            f"{len(addresses)} addresses asked: {len(found)} with an SSH server, {new} of them to provision"
        )
        tell(Over(text, "" if found else "Next: see that the boards are plugged in, and have SSH enabled"))

    async def _meet(self, address: str, threads: Executor) -> Board | None:
        try:
            connection = await dial(address, 22, within=_SCAN_WITHIN)
        except Unreachable:
            return None
        try:
            key, version = await _key(connection, threads)
        except Unreachable as error:
            return Board(address, address, problem=str(error), fix="Next: look at what is at that address")
        known = node_at(self._hub.state, address)
        return self._board(address, address, 22, key, version, known.id if known else None)

    def _asked(self, network: str) -> tuple[IPv4Address, ...]:
        """Give the addresses to ask: never one outside of the cluster's own network."""
        own = [IPv4Network(text) for text in self._networks()]
        if not own:
            raise CommandRefused("The head has no address in the cluster yet. Next: sciabc-tui status")
        wanted = own if not network else [_within(network, own)]
        many = sum(each.num_addresses for each in wanted)
        if many > MOST_ADDRESSES:
            shown = ", ".join(map(str, wanted))
            part = next(iter(wanted[0].subnets(new_prefix=24)))
            raise CommandRefused(
                f"{shown} has {many} addresses, {MOST_ADDRESSES} are asked at most. "
                f"Next: name a part of it: sciabc-tui nodes scan {part}"
            )
        heads = {
            address
            for node in self._hub.state.nodes.values()
            if node.origin is Origin.LOCAL
            for address in node.addresses
        }
        return tuple(address for address in _hosts(wanted) if str(address) not in heads)

    def _board(
        self, target: str, address: str, port: int, key: HostKey, version: str, at: NodeId | None
    ) -> Board:
        node = _holder(self._hub.state, key, at)
        trust = Trust.UNKNOWN
        if node is not None and node.trust is not Trust.UNKNOWN:
            trust = Trust.TRUSTED if node.host_key == key else Trust.CHANGED
        ready = trust is Trust.TRUSTED and node is not None and node.readiness is Readiness.READY
        about = ", ".join(part for part in (version, _maker(address)) if part)
        name = node.name if node is not None else ""
        return Board(target, address, port, name, key.fingerprint, key.kind, trust.value, ready, about)


async def _key(connection: socket, threads: Executor) -> tuple[HostKey, str]:
    """Do the key exchange, and hang up; give the host key and what the server calls itself."""

    def exchange() -> tuple[HostKey, str]:
        transport, key = exchange_keys(connection)
        version = transport.remote_version
        transport.end()
        return key, _version(version)

    return await asyncio.get_running_loop().run_in_executor(threads, exchange)


def _version(banner: str) -> str:
    """Give the name of the SSH server: `OpenSSH_9.2p1 Debian-2` of `SSH-2.0-OpenSSH_9.2p1 Debian-2`."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in banner)
    return re.sub(r"^SSH-[0-9.]+-", "", plain)[:40]


def _holder(state: State, key: HostKey, at: NodeId | None) -> Node | None:
    """Give the node that holds a host key; else the one at that address, if it is known by a key."""
    held = next((node for node in state.nodes.values() if node.host_key == key), None)
    return held or (state.nodes.get(at) if at is not None else None)


def _within(network: str, own: Sequence[IPv4Network]) -> IPv4Network:
    shown = ", ".join(map(str, own))
    try:
        wanted = IPv4Network(network.strip(), strict=False)
    except ValueError as error:
        raise CommandRefused(f"'{printable(network)}' is no network. Next: write it like {own[0]}") from error
    if not any(wanted.subnet_of(each) for each in own):
        raise CommandRefused(
            f"{wanted} is not in the cluster's own network ({shown}), and no other is asked. "
            "Next: leave it out, or set cluster.interfaces"
        )
    return wanted


def _hosts(networks: Sequence[IPv4Network]) -> Iterator[IPv4Address]:
    seen: set[IPv4Address] = set()
    for network in networks:
        for address in network.hosts():
            if address not in seen:
                seen.add(address)
                yield address


def _maker(address: str) -> str:
    """Say whether the kernel knows a Raspberry Pi's MAC address there; empty if it does not."""
    try:
        rows = [line.split() for line in _ARP.read_text(encoding="ascii").splitlines()[1:]]
    except (OSError, UnicodeDecodeError):
        return ""
    found = next((row[3].lower() for row in rows if len(row) > 3 and row[0] == address), "")
    return "Raspberry Pi" if found.startswith(_PI) else ""
