"""What happened when, seen from inside the head: a line of JSON for each change of a node and mDNS packet.

Run by `tests.lab.flight.Watch` as pi in the head's namespaces. CLOCK_MONOTONIC is the same in all of them, so
these times compare with those that the test itself takes.
"""

import socket
import struct
import sys
import threading
import time
from collections.abc import Callable

import msgspec
from msgspec import Struct
from zeroconf import (
    DNSIncoming,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - likewise
)

from sciabc_tui.api.client import Client
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.node import Node, row_word
from sciabc_tui.cluster.state import State
from sciabc_tui.config import load
from sciabc_tui.errors import ServiceUnavailable

SERVICE_TYPE = "_sciabc._tcp.local."
_GROUP, _PORT = "224.0.0.251", 5353


class Change(Struct, frozen=True, tag="change"):
    """A row of the state is another, or gone (its `word` is then `gone`). `at` is when the client had it."""

    at: float
    id: str
    name: str
    word: str
    liveness: str = ""
    trust: str = ""
    address: str = ""
    fingerprint: str = ""
    probe: str = ""
    twin: str = ""
    schedulable: bool = False
    evidence: str = ""
    """As it was at the change; its growing ages alone make no line."""


class Packet(Struct, frozen=True, tag="packet"):
    """Somebody announced an instance of the service, or said goodbye for it."""

    at: float
    source: str
    instance: str
    goodbye: bool


Line = Change | Packet


class _Output:
    """Lines on stdout from two threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(self, line: Line) -> None:
        text = msgspec.json.encode(line).decode()
        with self._lock:
            print(text, flush=True)


def changes(before: dict[str, Change], state: State, at: float) -> dict[str, Change]:
    """Give what is another than before, by node id; `before` is updated."""
    now = {str(node.id): _change(node, state, at) for node in state.nodes.values()}
    news = {id_: change for id_, change in now.items() if _said(before.get(id_)) != _said(change)}
    for id_ in before.keys() - now.keys():
        news[id_] = Change(at, id_, before.pop(id_).name, "gone")
    before.update(now)
    return news


def _change(node: Node, state: State, at: float) -> Change:
    return Change(
        at=at,
        id=node.id,
        name=node.name,
        word=row_word(node, busy=False).value,
        liveness=node.liveness.value,
        trust=node.trust.value,
        address=node.address,
        fingerprint=node.host_key.fingerprint if node.host_key else "",
        probe=node.probe,
        twin=node.twin,
        schedulable=node.schedulable,
        evidence=evidence(node, state.at),
    )


def _said(change: Change | None) -> Change | None:
    return None if change is None else msgspec.structs.replace(change, at=0.0, evidence="")


def _follow_state(say: Callable[[Line], None]) -> None:
    before: dict[str, Change] = {}
    never = threading.Event()
    while True:
        try:
            for state in Client(load().settings.paths.socket).watch():
                for change in changes(before, state, time.monotonic()).values():
                    say(change)
        except ServiceUnavailable:
            never.wait(0.02)


def _listen() -> socket.socket:
    """Open a second listener beside the head's: multicast reaches all."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    wire.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    wire.bind((_GROUP, _PORT))
    membership = struct.pack("4sii", socket.inet_aton(_GROUP), 0, socket.if_nametoindex("eth0"))
    wire.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
    return wire


def _follow_packets(wire: socket.socket, say: Callable[[Line], None]) -> None:
    while True:
        data, source = wire.recvfrom(9000)
        at = time.monotonic()
        message = DNSIncoming(data)
        if not message.is_response():
            continue
        for record in message.answers():
            if isinstance(record, DNSPointer) and record.name == SERVICE_TYPE:
                say(
                    Packet(at, str(source[0]), record.alias.removesuffix("." + SERVICE_TYPE), record.ttl == 0)
                )


def main() -> None:
    """Follow until killed."""
    say = _Output()
    wire = _listen()
    threading.Thread(target=_follow_packets, args=(wire, say), daemon=True).start()
    _follow_state(say)


if __name__ == "__main__":
    sys.exit(main())
