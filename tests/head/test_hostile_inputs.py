"""Each hostile input, through real sockets and zeroconf: what became of it, and what was told of it."""

import asyncio
import re
import uuid
from contextlib import suppress
from typing import Any

import pytest
from typing_extensions import override
from zeroconf import (
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - documented, but not in __all__
)

from sciabc_tui.cluster.state import State
from sciabc_tui.head.ear import Ear
from sciabc_tui.head.gate import Doorway
from sciabc_tui.head.ingress import handle
from sciabc_tui.head.mdns import SERVICE_TYPE
from tests.head import wire_far
from tests.head.announcing import (
    IN,
    PTR,
    announcing,
    found,
    listening,
    node_of,
    overhearing,
    send,
    send_raw,
    service,
    settled,
    shout,
)
from tests.head.fakes import until

STRANGER = "127.0.0.2"
"""An address of the loopback interface that the head does not have."""


@pytest.fixture
def mine() -> str:
    """Give an instance name that nobody else on this machine uses."""
    return f"h{uuid.uuid4().hex[:12]}"


BOMB = b"".join(bytes([250]) + b"user=" + b"x" * 245 for _ in range(32))
RUBBLE = b"".join(bytes([250]) + b"x" * 250 for _ in range(32)) + b"\x07slots=0"

REASONS = [
    ("{}.local.", "127.0.0.1", b"", "its address 127.0.0.1 is the head's own"),
    ("{}.local.", "10.77.0.1", b"", "its address 10.77.0.1 is the head's own"),
    ("{}.local.", "127.0.0.53", b"", "its address 127.0.0.53 is not in the network of lo"),
    ("{}.local.", "8.8.8.8", b"", "its address 8.8.8.8 is not in the network of lo"),
    ("{}.local.", "10.78.0.11", b"", "its address 10.78.0.11 is not in the network of lo"),
    ("{}.local.", "0.0.0.0", b"", "its address 0.0.0.0 is not in the network of lo"),
    ("{}.local.", "10.77.0.255", b"", "its address 10.77.0.255 is not in the network of lo"),
    ("{}.local.", "224.0.0.251", b"", "its address 224.0.0.251 is not in the network of lo"),
    ("{}.local.", "10.77.0.66", BOMB, "user 'xxxxxxxxxxxxxxxxx...' in its TXT record is no user name"),
    ("{}.local.", "10.77.0.66", RUBBLE, "slots '0' in its TXT record is not 1 to 4096"),
]  # fmt: skip


@pytest.mark.parametrize(("target", "address", "txt", "why"), REASONS)
async def test_what_is_refused_is_told_once_with_its_reason(
    mine: str, target: str, address: str, txt: bytes, why: str
) -> None:
    """One event, however often it is announced and whatever is changed in it; and no node."""
    async with listening() as hub:
        for number in range(3):
            extra = f"again={number}".encode()
            txts = txt + bytes([len(extra)]) + extra
            shout(mine, target.format(mine), address, txt=txts, sender=STRANGER)
        shout(f"{mine}-last", f"{mine}-last.local.", "10.77.0.12")
        await found(hub, f"{mine}-last")
        assert lines(hub.state, mine) == [f"announcement '{mine}' refused: {why}"]
        assert node_of(hub.state, mine) is None


def lines(state: State, instance: str) -> list[str]:
    """Give what was told of an instance."""
    return [line.text for line in state.log if f"'{instance}'" in line.text]


async def test_an_instance_of_another_service_is_refused(mine: str) -> None:
    """Our service's pointer leads to one: that is told once, and it is never resolved."""
    alias = f"{mine}._ssh._tcp.local."
    async with overhearing() as (hub, ear, _):
        for _ in range(3):
            send(DNSPointer(SERVICE_TYPE, PTR, IN, 4500, alias))
        await until(hub, lambda state: any(mine in line.text for line in state.log))
        shout(f"{mine}-last", f"{mine}-last.local.", "10.77.0.12")
        await found(hub, f"{mine}-last")
        [line] = [line.text for line in hub.state.log if mine in line.text and "refused" in line.text]
        assert "._ssh._tcp.local." in line
        assert not ear._asking


async def test_answers_for_other_services_are_nobodys_business(mine: str) -> None:
    """Printers and the like announce themselves everywhere: they are not ours, so nothing is said of them."""
    async with listening() as hub:
        send(DNSPointer("_ipp._tcp.local.", PTR, IN, 4500, f"{mine}._ipp._tcp.local."))
        shout(f"{mine}-last", f"{mine}-last.local.", "10.77.0.12")
        await found(hub, f"{mine}-last")
        assert not any(f"{mine}." in line.text for line in hub.state.log)
        assert node_of(hub.state, mine) is None


class Notes(asyncio.DatagramProtocol):
    """Notes which packets come by on their way to a reader."""

    def __init__(self, reader: asyncio.DatagramProtocol) -> None:
        self.seen: set[bytes] = set()
        self._reader = reader

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Note it, and hand it on."""
        self.seen.add(bytes(data))
        self._reader.datagram_received(data, addr)


def spy_on(ear: Ear) -> tuple[list[Notes], list[Notes]]:
    """Give what comes by at an ear from now on, before and behind its gate, for each of its sockets."""
    assert ear._zeroconf is not None
    before: list[Notes] = []
    behind: list[Notes] = []
    for reader in ear._zeroconf.engine.readers:
        door = reader.transport.get_protocol()
        assert isinstance(door, Doorway)
        behind.append(Notes(door._reader))
        before.append(Notes(Doorway(ear._gate, behind[-1])))
        reader.transport.set_protocol(before[-1])
    return before, behind


async def test_each_hostile_input_is_looked_at(mine: str) -> None:
    """None is lost on the way or hidden by another: all pass the gate, and each has its verdict."""
    real = f"{mine}-real"
    named = [*wire_far.NAMES, *(f"addr{number}" for number in range(len(wire_far.ADDRESSES)))]
    named += ["port0", "port80", "foreign", "foreign2", *(f"bomb{number}" for number in range(20))]
    async with overhearing() as (hub, ear, sightings), announcing(service(real)):
        await found(hub, real)
        before, behind = spy_on(ear)
        sent = list(wire_far.hostile_inputs(real))
        send_raw(*sent, sender=STRANGER)
        await settled(lambda: any(notes.seen.issuperset(sent) for notes in before))
        read = set[bytes]().union(*(notes.seen for notes in behind))
        assert set(sent) - read == {b"\xff" * size for size in (0, 1, 11)}

        def undecided() -> set[str]:
            return {
                name for name in named if handle(name) not in hub.state.owners and sightings.wonders(name)
            }

        with suppress(TimeoutError):
            await settled(lambda: not undecided())
        assert undecided() == set()
        taken = {name for name in named if handle(name) in hub.state.owners}
        assert taken == {"port0", "port80", "foreign", "foreign2", "evil"} & taken
        assert all(re.fullmatch(r"[a-z0-9-]+", node.name) for node in hub.state.nodes.values())
