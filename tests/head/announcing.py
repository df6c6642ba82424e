"""Discovery on the loopback interface, and nodes and strangers that announce there.

Other programs on this machine may announce there too: each test looks only at instances of its own. But a
head tells of few refusals and looks at few instances at once, so nobody may play a stranger while the test of
another process listens: they take turns.
"""

import asyncio
import fcntl
import os
import socket
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from zeroconf import (
    DNSAddress,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
    DNSOutgoing,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSRecord,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSService,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSText,  # pyright: ignore[reportPrivateImportUsage] - likewise
    Zeroconf,
)
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.state import State
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.discovery import Discovery
from sciabc_tui.head.ear import Ear
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ingress import handle
from sciabc_tui.head.mdns import SERVICE_TYPE
from sciabc_tui.head.sightings import Sightings
from tests.head.fakes import until
from tests.head.nets import LO, LO_IP, FakeWatch, fixed, net, running

CLUSTER_IP = fixed("10.77.0.1", "lo")
LOOPBACK = net(LO, LO_IP, CLUSTER_IP)
RESPONSE, PTR, SRV, TXT, A, IN = 0x8400, 12, 33, 16, 1, 1


Register = Callable[..., Awaitable[object]]
"""zeroconf's own annotation of it is incomplete."""


@asynccontextmanager
async def turn() -> AsyncGenerator[None]:
    """Be the only test on this machine that listens, and that may play a stranger."""
    with (Path(tempfile.gettempdir()) / f"sciabc-tests-mdns-{os.getuid()}.lock").open("ab") as file:

        def taken() -> bool:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

        await settled(taken, within=90.0)
        yield


@asynccontextmanager
async def listening() -> AsyncGenerator[StateHub]:
    """Run discovery on the loopback interface."""
    async with discovering() as (hub, _):
        yield hub


@asynccontextmanager
async def discovering() -> AsyncGenerator[tuple[StateHub, Zeroconf]]:
    """Run discovery on the loopback interface; give its zeroconf too."""
    async with overhearing() as (hub, ear, _):
        assert ear._zeroconf is not None
        yield hub, ear._zeroconf


@asynccontextmanager
async def overhearing() -> AsyncGenerator[tuple[StateHub, Ear, Sightings]]:
    """Run discovery on the loopback interface; give its ear and what it keeps in mind too."""
    clock = SystemClock()
    hub = StateHub(clock)
    discovery = Discovery(clock, FakeWatch(LOOPBACK), ("lo",))
    async with turn(), running(discovery, hub):
        await until(hub, lambda state: state.listening.interfaces == ("lo",))
        [(ear, _)] = discovery._ears.values()
        yield hub, ear, discovery._sightings


def service(instance: str, address: str = "10.77.0.11", **txt: str) -> AsyncServiceInfo:
    """Make what a node announces."""
    return AsyncServiceInfo(
        SERVICE_TYPE,
        f"{instance}.{SERVICE_TYPE}",
        port=34343,
        server=f"{instance}.local.",
        parsed_addresses=[address],
        properties=txt,
    )


@asynccontextmanager
async def announcing(*infos: AsyncServiceInfo) -> AsyncGenerator[AsyncZeroconf]:
    """Announce services as real nodes do; the goodbye comes at the end of the block."""
    async with AsyncZeroconf(interfaces=["127.0.0.1"]) as node:
        for info in infos:
            register = cast("Register", node.async_register_service)  # pyright: ignore[reportUnknownMemberType]
            await register(info, cooperating_responders=True)
        yield node


def shout(
    instance: str,
    target: str,
    address: str,
    *,
    txt: bytes = b"\0",
    ttl: int = 4500,
    sender: str = "127.0.0.1",
) -> None:
    """Send one raw announcement, as anybody on the wire can."""
    name = f"{instance}.{SERVICE_TYPE}"
    send(
        DNSPointer(SERVICE_TYPE, PTR, IN, ttl, name),
        DNSService(name, SRV, IN, ttl, 0, 0, 34343, target),
        DNSText(name, TXT, IN, ttl, txt),
        DNSAddress(target, A, IN, ttl, socket.inet_aton(address)),
        sender=sender,
    )


def send(*records: DNSRecord, sender: str = "127.0.0.1") -> None:
    """Send records in one raw packet."""
    out = DNSOutgoing(RESPONSE)
    for record in records:
        out.add_answer_at_time(record, 0)
    send_raw(*out.packets(), sender=sender)


def send_raw(*packets: bytes, sender: str = "127.0.0.1") -> None:
    """Send packets to the group from an address of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind((sender, 5353))
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        for packet in packets:
            sock.sendto(packet, ("224.0.0.251", 5353))


def node_of(state: State, instance: str) -> Node | None:
    """Give the node of an instance."""
    owner = state.owners.get(handle(instance))
    return state.nodes.get(owner) if owner else None


async def found(hub: StateHub, instance: str) -> Node:
    """Wait for the node of an instance."""
    state = await until(hub, lambda state: node_of(state, instance) is not None)
    node = node_of(state, instance)
    assert node is not None
    return node


async def settled(holds: Callable[[], bool], within: float = 30.0) -> None:
    """Wait until a condition holds that no event tells of."""
    async with asyncio.timeout(within):
        while not holds():  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.01)
