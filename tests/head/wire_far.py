"""Runs on the far end of a wire: an honest node, or whoever wants to harm the head.

node NAME ADDRESS [IPV4 | INDEX]     announce a node until stdin ends; then say goodbye
inputs REAL                          each hostile input once, some against the node REAL
flood COUNT RATE SENDERS             COUNT invented instances, RATE a second, from so many addresses
"""

import asyncio
import socket
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import cast

from zeroconf import (
    DNSAddress,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
    DNSOutgoing,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSService,  # pyright: ignore[reportPrivateImportUsage] - likewise
    DNSText,  # pyright: ignore[reportPrivateImportUsage] - likewise
    IPVersion,
)
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

SERVICE_TYPE = "_sciabc._tcp.local."
RESPONSE, PTR, SRV, TXT, A, IN, UNIQUE = 0x8400, 12, 33, 16, 1, 1, 0x8001
GROUP = ("224.0.0.251", 5353)

NAMES = (
    "\x1b[2J\x1b[31mevil", "\x1b]52;c;cm0gLXJmIC8=\x07", "\x9b31mevil", "evil\nroot@10.0.0.1 slots=99",
    "evil\revil", "[bold red]evil[/]", "[link=http://evil.example]x[/link]", "-oProxyCommand=reboot",
    "--help", "../../etc/passwd", "/etc/shadow", "$(reboot)", "`reboot`", "evil; reboot", "evil && reboot",
    "evil\u202e10", "ev\u200bil", "\u0435vil", "evil\x00", " ", "127.0.0.1", "2130706433", "localhost", "*",
    "%s%n", "\u0131stanbul",
)  # fmt: skip

ADDRESSES = ("127.0.0.1", "8.8.8.8", "0.0.0.0", "224.0.0.251", "10.77.0.1", "10.77.0.255", "10.77.0.0")

Register = Callable[..., Awaitable[object]]


def announcement(
    instance: str, target: str, address: str, *, txt: bytes = b"\0", port: int = 34343, ttl: int = 4500
) -> list[bytes]:
    """Make the packets of an announcement."""
    name = f"{instance}.{SERVICE_TYPE}"
    out = DNSOutgoing(RESPONSE)
    out.add_answer_at_time(DNSPointer(SERVICE_TYPE, PTR, IN, ttl, name), 0)
    out.add_answer_at_time(DNSService(name, SRV, UNIQUE, ttl, 0, 0, port, target), 0)
    out.add_answer_at_time(DNSText(name, TXT, UNIQUE, ttl, txt), 0)
    out.add_answer_at_time(DNSAddress(target, A, UNIQUE, ttl, socket.inet_aton(address)), 0)
    return out.packets()


def in_one_label(instance: str, address: str) -> bytes:
    """Make the packet of an announcement whose instance is one label, whatever is in it: zeroconf splits."""

    def name(*labels: str) -> bytes:
        return b"".join(bytes([len(label)]) + label for label in map(str.encode, labels)) + b"\0"

    def record(owner: bytes, kind: int, data: bytes) -> bytes:
        return owner + struct.pack("!HHIH", kind, IN, 4500, len(data)) + data

    service = ("_sciabc", "_tcp", "local")
    full, host = name(instance, *service), name(instance, "local")
    return b"".join((
        struct.pack("!6H", 0, RESPONSE, 0, 4, 0, 0),
        record(name(*service), PTR, full),
        record(full, SRV, struct.pack("!HHH", 0, 0, 34343) + host),
        record(full, TXT, b"\0"),
        record(host, A, socket.inet_aton(address)),
    ))  # fmt: skip


def hostile_inputs(real: str) -> Iterator[bytes]:
    """Give the inputs that each reached a naive program: names, addresses, ports, targets, lies."""
    for name in NAMES:
        if "" in name.split("."):
            yield in_one_label(name, "10.77.0.66")
        else:
            yield from announcement(name, f"{name}.local.", "10.77.0.66")
    for number, address in enumerate(ADDRESSES):
        yield from announcement(f"addr{number}", f"addr{number}.local.", address)
    for port in (0, 80):
        yield from announcement(f"port{port}", f"port{port}.local.", "10.77.0.66", port=port)
    yield from announcement("foreign", "evil.example.com.", "10.77.0.66")
    yield from announcement("foreign2", "localhost.", "10.77.0.66")
    for number in range(20):  # TXT bombs
        bomb = b"".join(bytes([250]) + b"user=" + b"x" * 245 for _ in range(32))
        yield from announcement(f"bomb{number}", f"bomb{number}.local.", "10.77.0.66", txt=bomb)
    yield from announcement(real, f"{real}.local.", "10.77.0.66")  # its address is another one now
    goodbye = DNSOutgoing(RESPONSE)
    goodbye.add_answer_at_time(DNSPointer(SERVICE_TYPE, PTR, IN, 0, f"{real}.{SERVICE_TYPE}"), 0)
    yield from goodbye.packets()
    crowd = DNSOutgoing(RESPONSE)
    for number in range(400):
        crowd.add_answer_at_time(DNSPointer(SERVICE_TYPE, PTR, IN, 4500, f"crowd{number}.{SERVICE_TYPE}"), 0)
    yield from crowd.packets()
    for size in (0, 1, 11, 12, 9000):  # no DNS at all
        yield b"\xff" * size


def open_sender(address: str) -> socket.socket:
    """Open a socket that sends to the group, and does not hear itself."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((address, 5353))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(address))
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 0)
    return sock


def inputs(real: str) -> None:
    """Send each hostile input, thrice: the first may be lost."""
    sock = open_sender("10.77.0.2")
    for _ in range(3):
        for packet in hostile_inputs(real):
            sock.sendto(packet, GROUP)
        threading.Event().wait(0.2)


def flood(count: int, rate: float, senders: int) -> None:
    """Send invented instances whose names and addresses are those of honest nodes."""
    socks = [open_sender(f"10.77.0.{2 + number}") for number in range(senders)]
    packets: list[bytes] = []
    for number in range(count):
        name = f"fake{number:05d}"
        packets += announcement(name, f"{name}.local.", f"10.77.0.{100 + number % 150}")
    began, pause = time.monotonic(), threading.Event()
    for number, packet in enumerate(packets):
        late = time.monotonic() - began - number / rate
        if late < 0:
            pause.wait(-late)
        socks[number % senders].sendto(packet, GROUP)
    print(f"{len(packets)} packets, {len(packets) / (time.monotonic() - began):.0f} a second", flush=True)


async def node(name: str, address: str, interface: str) -> None:
    """Announce a node until stdin ends; print when."""
    info = AsyncServiceInfo(
        SERVICE_TYPE,
        f"{name}.{SERVICE_TYPE}",
        port=34343,
        server=f"{name}.local.",
        parsed_addresses=[address],
    )
    version = IPVersion.V6Only if interface.isdecimal() else IPVersion.V4Only
    where: list[str | int] = [int(interface)] if interface.isdecimal() else [interface]
    async with AsyncZeroconf(interfaces=where, ip_version=version) as zeroconf:
        print(time.monotonic(), flush=True)
        register = cast("Register", zeroconf.async_register_service)  # pyright: ignore[reportUnknownMemberType] - its own annotation is incomplete
        await register(info, cooperating_responders=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["node", name, address, interface]:
            asyncio.run(node(name, address, interface))
        case ["inputs", real]:
            inputs(real)
        case ["flood", count, rate, senders]:
            flood(int(count), float(rate), int(senders))
        case _:
            sys.exit(__doc__)
