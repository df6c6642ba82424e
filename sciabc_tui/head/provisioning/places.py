"""Where boards are: what a person wrote, or the name of a node, as an address to connect to."""

import asyncio
import socket
from collections.abc import Iterable
from concurrent.futures import Executor
from dataclasses import dataclass

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, ConfigError, NotFound
from sciabc_tui.head.statics import look_up, parse_nodes
from sciabc_tui.head.users import Users, login_user


@dataclass(frozen=True, slots=True)
class Place:
    """A board that somebody named.

    Attributes:
        target: What it was called.
        host: As written, without user and port; the name of a node, if it is known.
        address: Where it is; empty if its name is not known.
        node: Which node it is, if that is known.
        named: Whether the user was written; else it is whom the head would be.
    """

    target: str
    host: str
    address: str
    port: int
    user: str
    node: NodeId | None = None
    named: bool = False

    @property
    def entry(self) -> str:
        """As `nodes add` takes it."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{self.user}@{host}" + ("" if self.port == 22 else f":{self.port}")

    @property
    def ssh(self) -> str:
        """The command that a person logs in with."""
        port = "" if self.port == 22 else f"-p {self.port} "
        return f"ssh {port}{self.user}@{self.address or self.host}"


def node_at(state: State, address: str) -> Node | None:
    """Give the node that was last met at an address, or that alone announces it."""
    others = [node for node in state.nodes.values() if node.origin is not Origin.LOCAL]
    met = [node for node in others if node.contact == address]
    found = met or [node for node in others if address in node.addresses]
    return found[0] if len(found) == 1 else None


async def find(targets: Iterable[str], state: State, users: Users, threads: Executor) -> tuple[Place, ...]:
    """Find boards: names of nodes first, then `[USER@]HOST[:PORT]`; each once.

    Raises:
        CommandRefused: One is neither, or is the head itself, or two are the same.
    """
    wanted = [_read(target) for target in targets]
    if not wanted:
        raise CommandRefused("No board is named. Next: sciabc-tui nodes scan")
    places = tuple(await asyncio.gather(*(_place(*each, state, users, threads) for each in wanted)))
    seen: dict[tuple[str, int], str] = {}
    for place in places:
        if place.address and (twice := seen.get((place.address, place.port))):
            raise CommandRefused(f"{twice} and {place.target} are one board. Next: name it once")
        seen[place.address, place.port] = place.target
    return places


def _read(target: str) -> tuple[str, str, int | None, str]:
    """Take a target apart; a node of an odd name is still a node."""
    shown = target.strip()
    try:
        (read,) = parse_nodes([target])
    except ConfigError as error:
        problem = str(error).partition(". Next:")[0].removeprefix("cluster.nodes: ")
        raise CommandRefused(f"{problem}. Next: name boards as [USER@]HOST[:PORT]") from error
    port = read.port if read.port != 22 or target.strip().endswith(":22") else None
    return shown, read.host, port, read.user


async def _place(
    target: str, host: str, port: int | None, user: str, state: State, users: Users, threads: Executor
) -> Place:
    named = next((node for node in state.nodes.values() if host in {node.name, node.id}), None)
    if named is not None and named.origin is Origin.LOCAL:
        raise CommandRefused(f"{named.name} is the head itself. Next: name other boards")
    if named is not None and not named.address:
        raise NotFound(f"Nobody knows the address of {named.name}. Next: name it by address")
    if named is not None:
        who = user or login_user(named, users)
        return Place(target, named.name, named.address, port or named.port, who, named.id, bool(user))
    address = await _address(host, threads)
    known = node_at(state, address) if address else None
    if known is not None:
        who = user or login_user(known, users)
        return Place(target, host, address, port or known.port, who, known.id, bool(user))
    said = users.ssh_config(host)
    return Place(
        target,
        host,
        address,
        port or 22,
        user or users.everywhere or said.user or users.own,
        None,
        bool(user),
    )


async def _address(host: str, threads: Executor) -> str:
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(threads, look_up, host)
    if not found and "." not in host:
        found = await loop.run_in_executor(threads, look_up, f"{host}.local")
    four = [address for address in found if not _is_six(address)]
    return (four or list(found) or [""])[0]


def _is_six(address: str) -> bool:
    return ":" in address and socket.has_ipv6
