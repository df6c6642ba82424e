"""Nodes that the configuration names, for networks where no multicast gets through.

[cluster]
nodes = ["node01", "pi@10.77.0.12", "10.77.0.13:2222", "pi@[fd00::14]:22"]
"""

import asyncio
import logging
import re
import socket
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import TypeAlias

from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.observations import Sighted
from sciabc_tui.errors import ConfigError
from sciabc_tui.head.ingress import ADDRESS_LIMIT, SSH_PORT, host_label, printable
from sciabc_tui.head.ports import Hub

log = logging.getLogger(__name__)

FIRST_RETRY = 2.0
"""Seconds until a name that was not found is looked up again; doubled each time."""

LONGEST_RETRY = 60.0
"""Seconds to which the wait between two look-ups grows."""

_ENTRY = re.compile(
    r"(?:(?P<user>[^@]+)@)?(?:\[(?P<six>[0-9A-Fa-f:.]+(?:%[A-Za-z0-9._-]{1,15})?)\]|(?P<host>[^@:\[\]]+))"
    r"(?::(?P<port>[0-9]{1,5}))?"
)
_PART = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,31}")
_NEXT = "Next: in cluster.nodes write [USER@]HOST[:PORT], IPv6 in brackets"


LookUp: TypeAlias = Callable[[str], tuple[str, ...]]


def look_up(host: str) -> tuple[str, ...]:
    """Give the addresses of a name, IPv4 first; none when it is not known now. Blocks."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        log.debug("%s is not resolved: %s", host, error)
        return ()
    ordered = sorted(found, key=lambda entry: entry[0] != socket.AF_INET)
    return tuple(dict.fromkeys(str(entry[4][0]) for entry in ordered))


@dataclass(frozen=True, slots=True)
class StaticNode:
    """One entry of `cluster.nodes`.

    Attributes:
        host: A name, or an address as text.
        literal: It is an address: nothing needs to be looked up.
    """

    host: str
    literal: bool
    port: int = SSH_PORT
    user: str = ""

    @property
    def label(self) -> str:
        """A host label to name the node by: the first part of its name, else made of its address."""
        if not self.literal:
            return self.host.partition(".")[0].lower()
        address = self.host.partition("%")[0]
        return "ip-" + re.sub(r"[^0-9a-f]+", "-", address.lower()).strip("-")


def parse_nodes(entries: Iterable[str]) -> tuple[StaticNode, ...]:
    """Read `cluster.nodes`.

    Raises:
        ConfigError: An entry is not `[USER@]HOST[:PORT]`, or two name the same host.
    """
    nodes: dict[str, StaticNode] = {}
    for entry in entries:
        node = _parse(entry)
        if node.host in nodes:
            raise ConfigError(f"cluster.nodes names {node.host} twice. Next: delete one of the two")
        nodes[node.host] = node
    return tuple(nodes.values())


def _parse(entry: str) -> StaticNode:
    shown = printable(entry)
    found = _ENTRY.fullmatch(entry.strip())
    if found is None:
        raise ConfigError(f"cluster.nodes: '{shown}' is no node. {_NEXT}")
    user, port = found["user"] or "", int(found["port"] or SSH_PORT)
    if user and not _USER.fullmatch(user):
        raise ConfigError(f"cluster.nodes: '{shown}': '{printable(user)}' is no user name. {_NEXT}")
    if not 1 <= port <= 65535:
        raise ConfigError(f"cluster.nodes: '{shown}': port {port} is not 1 to 65535. {_NEXT}")
    host, literal = _host(found["six"], found["host"] or "", shown)
    return StaticNode(host, literal, port, user)


def _host(six: str | None, host: str, shown: str) -> tuple[str, bool]:
    try:
        if six is not None:
            return str(IPv6Address(six)), True
        if re.fullmatch(r"[0-9.]+", host):
            return str(IPv4Address(host)), True
    except AddressValueError:
        raise ConfigError(f"cluster.nodes: '{shown}' is no IP address. {_NEXT}") from None
    parts = host.lower().removesuffix(".").split(".")
    if not host_label(parts[0]) or not all(map(_PART.fullmatch, parts)) or len(host) > 253:
        raise ConfigError(f"cluster.nodes: '{shown}' is no host name. {_NEXT}")
    return ".".join(parts), False


class StaticNodes:
    """Sights the nodes of the configuration: addresses at once, names as soon as they resolve.

    Looking up a name may block for long where no server answers: it has threads of its own.
    """

    def __init__(self, nodes: Iterable[StaticNode], look_up: LookUp = look_up) -> None:
        self._nodes = tuple(nodes)
        self._look_up = look_up

    async def run(self, hub: Hub) -> None:
        """Sight all; then look up names again, for their addresses may change."""
        threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="names")
        try:
            async with asyncio.TaskGroup() as tasks:
                for node in self._nodes:
                    if node.literal:
                        hub.observe([sighted(node, (node.host,))])
                    else:
                        tasks.create_task(self._follow(node, hub, threads), name=f"static {node.host}")
                await asyncio.Event().wait()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)

    async def _follow(self, node: StaticNode, hub: Hub, threads: ThreadPoolExecutor) -> None:
        loop = asyncio.get_running_loop()
        wait = FIRST_RETRY
        told: tuple[str, ...] | None = None
        while True:
            addresses = await loop.run_in_executor(threads, self._look_up, node.host)
            # a name that is not found is still a node that the configuration names: shown, without address
            if addresses != told and (addresses or told is None):
                hub.observe([sighted(node, addresses)])
                told = addresses
            await asyncio.sleep(LONGEST_RETRY if addresses else wait)
            wait = FIRST_RETRY if addresses else min(LONGEST_RETRY, 2 * wait)


def sighted(node: StaticNode, addresses: tuple[str, ...]) -> Sighted:
    """Say that the configuration names a node, which is at these addresses."""
    return Sighted(
        handle=f"static:{node.host}",
        origin=Origin.STATIC,
        label=node.label,
        addresses=addresses[:ADDRESS_LIMIT],
        port=node.port,
        user=node.user,
    )
