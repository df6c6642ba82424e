"""Discovery on the loopback interface, with real zeroconf on both sides and raw packets of strangers."""

import asyncio
import re
import socket
import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from zeroconf import (
    DNSPointer,  # pyright: ignore[reportPrivateImportUsage] - likewise
    RecordUpdate,
    Zeroconf,
    current_time_millis,
)
from zeroconf.asyncio import AsyncZeroconf

from sciabc_tui.cluster.events import NodeLost, NodeReturned, NodeSuspected
from sciabc_tui.cluster.node import HostKey, Liveness, Origin
from sciabc_tui.cluster.observations import HostKeyRead
from sciabc_tui.cluster.state import State
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.discovery import Discovery
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ingress import handle
from sciabc_tui.head.mdns import SERVICE_TYPE, instances, question, tune
from tests.head.announcing import (
    IN,
    LOOPBACK,
    PTR,
    announcing,
    discovering,
    found,
    listening,
    node_of,
    overhearing,
    send,
    service,
    settled,
    shout,
    turn,
)
from tests.head.fakes import until
from tests.head.nets import ETH1, LO, LO_IP, FakeWatch, net, running


@pytest.fixture
def mine() -> str:
    """Give an instance name that nobody else on this machine uses."""
    return f"t{uuid.uuid4().hex[:12]}"


async def test_a_node_is_found(mine: str) -> None:
    """What it announces is what the state says; nothing of it is trusted."""
    async with listening() as hub, announcing(service(mine, user="pi", slots="4")):
        node = await found(hub, mine)
        assert (node.name, node.origin, node.addresses) == (mine, Origin.MDNS, ("10.77.0.11",))
        assert (node.user, node.advertised_slots, node.port) == ("pi", 4, 22)
        assert not node.schedulable


async def test_a_node_of_2016_is_found(mine: str) -> None:
    """The instance name of 2016 and no TXT record."""
    async with listening() as hub:
        shout(f"SupercomputerInABriefcase on {mine}", f"{mine}.local.", "10.77.0.16")
        node = await found(hub, f"SupercomputerInABriefcase on {mine}")
        assert (node.name, node.addresses) == (mine, ("10.77.0.16",))


async def test_a_node_that_was_there_before_is_found(mine: str) -> None:
    """A head that starts last asks, and is answered."""
    async with announcing(service(mine)), listening() as hub:
        assert (await found(hub, mine)).name == mine


async def test_who_answers_before_the_head_listens_is_found(
    mine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What zeroconf keeps of the moments before, nobody has noted: that node must answer again."""
    starting = Zeroconf.async_wait_for_start

    async def slowly(zeroconf: Zeroconf) -> None:
        await starting(zeroconf)
        zeroconf.async_send(question(zeroconf))
        await settled(lambda: f"{mine}.{SERVICE_TYPE}" in instances(zeroconf))

    async with announcing(service(mine)):
        monkeypatch.setattr(Zeroconf, "async_wait_for_start", slowly)
        async with listening() as hub:
            monkeypatch.undo()
            await found(hub, mine)


async def test_a_goodbye_is_believed(mine: str) -> None:
    """A node that stops announcing itself left; when it is back, its announcement says so."""
    async with listening() as hub:
        async with announcing(service(mine)):
            await found(hub, mine)

        def left(state: State) -> bool:
            node = node_of(state, mine)
            return node is not None and node.liveness is Liveness.LEFT

        await until(hub, left)


async def test_changes_are_announced(mine: str) -> None:
    """A new address and new slots reach the state; the node stays the same."""
    async with listening() as hub, announcing(service(mine, slots="4")) as node:
        before = await found(hub, mine)
        changed = service(mine, "10.77.0.22", slots="8")
        await node.async_update_service(changed)  # pyright: ignore[reportUnknownMemberType] - half typed

        def moved(state: State) -> bool:
            now = node_of(state, mine)
            return now is not None and "10.77.0.22" in now.addresses and now.advertised_slots == 8

        state = await until(hub, moved)
        after = node_of(state, mine)
        assert after is not None
        assert after.id == before.id


HOSTILE = [
    ("\x1b[31mred{}", "\x1b[31mred{}.local.", "10.77.0.66"),
    ("{}\nroot@10.0.0.1 slots=99", "-oProxyCommand=x.local.", "10.77.0.66"),
    ("[bold]{}[/]", "[link].local.", "10.77.0.66"),
    ("\x9b31m{}", "../../etc.local.", "10.77.0.66"),
    ("{}a", "{}a.local.", "127.0.0.1"),
    ("{}b", "{}b.local.", "8.8.8.8"),
    ("{}c", "{}c.local.", "0.0.0.0"),
    ("{}d", "{}d.local.", "224.0.0.251"),
    ("{}e", "localhost.", "10.77.0.66"),
    ("{}\u202e", "{}\u202e.local.", "10.77.0.66"),
]


async def test_strangers_do_not_get_in(mine: str) -> None:
    """Hostile packets name no node, do no harm to those after them, and are told of in clean lines."""
    async with listening() as hub, announcing(service(f"{mine}-first")):
        await found(hub, f"{mine}-first")
        for instance, target, address in HOSTILE:
            shout(instance.format(mine), target.format(mine), address)
        shout(f"{mine}-honest", f"{mine}-honest.local.", "10.77.0.11")
        await found(hub, f"{mine}-honest")
        state = await until(hub, lambda state: any("refused" in line.text for line in state.log))
    ours = [node for node in state.nodes.values() if mine in node.name]
    assert {node.name for node in ours} == {f"{mine}-first", f"{mine}-honest", f"{mine}e"}
    assert all(re.fullmatch(r"[a-z0-9-]+", node.name) for node in state.nodes.values())
    assert all(line.text.isprintable() and line.text.isascii() for line in state.log)


async def test_a_refusal_is_told_once(mine: str) -> None:
    """Who announces the same again and again fills no log."""
    async with listening() as hub, announcing(service(f"{mine}-first")):
        await found(hub, f"{mine}-first")
        for user in range(5):
            shout(mine, f"{mine}.local.", "10.77.0.66", txt=bytes([7]) + f"user={user}-".encode())
        shout(f"{mine}-last", f"{mine}-last.local.", "10.77.0.12")
        await found(hub, f"{mine}-last")
        assert [line.text for line in hub.state.log if f"'{mine}'" in line.text] == [
            f"announcement '{mine}' refused: user '0-' in its TXT record is no user name"
        ]


async def test_the_heads_own_announcement_is_no_node(mine: str) -> None:
    """A head of 2016 announces itself with its own address."""
    async with listening() as hub:
        async with announcing(service(mine, "10.77.0.1"), service(f"{mine}-b")):
            await found(hub, f"{mine}-b")
        assert node_of(hub.state, mine) is None
        assert not any(mine in line.text for line in hub.state.log if "refused" in line.text)


async def test_an_interface_that_is_plugged_in_later(mine: str) -> None:
    """It says where it listens, what hinders it, and starts as soon as the interface is there."""
    clock = SystemClock()
    hub = StateHub(clock)
    watch = FakeWatch(net(ETH1))
    async with turn(), running(Discovery(clock, watch, ("lo",)), hub), announcing(service(mine)):
        state = await until(hub, lambda state: state.listening.problem != "")
        assert state.listening.problem.startswith("lo is not there. Next: ")
        assert state.listening.interfaces == ()
        watch.show(LOOPBACK)
        await found(hub, mine)
        assert (hub.state.listening.interfaces, hub.state.listening.problem) == (("lo",), "")
        watch.show(net(ETH1))
        state = await until(hub, lambda state: state.listening.problem != "")
        node = node_of(state, mine)
        assert node is not None
        assert node.liveness is Liveness.ALIVE, "a cable of the head's own is nobody's goodbye"


async def test_a_new_network_of_the_head_is_taken_into_account(mine: str) -> None:
    """What was heard before the head had its address is looked at again."""
    clock = SystemClock()
    hub = StateHub(clock)
    watch = FakeWatch(net(LO, LO_IP))
    async with turn(), running(Discovery(clock, watch, ("lo",)), hub), announcing(service(mine)):
        await until(hub, lambda state: any(mine in line.text for line in state.log))
        assert node_of(hub.state, mine) is None
        watch.show(LOOPBACK)
        assert (await found(hub, mine)).addresses == ("10.77.0.11",)


def held() -> set[object]:
    """Give descriptors, threads and tasks; of each descriptor what it is, for its number is used again."""
    found: set[object] = {*threading.enumerate(), *asyncio.all_tasks()}
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # the one that lists them
            found.add((descriptor.name, str(descriptor.readlink())))
    return found


async def test_nothing_is_left_when_it_ends(mine: str) -> None:
    """No thread, no socket, no task."""
    before = held()
    async with listening() as hub, announcing(service(mine)):
        await found(hub, mine)
        assert held() - before
    await settled(lambda: not held() - before)  # transports close their sockets in the next turns of the loop


async def test_sockets_are_bound_to_the_interface() -> None:
    """What comes in on another interface is not heard."""
    async with AsyncZeroconf(interfaces=["127.0.0.1"]) as ours:
        await ours.zeroconf.async_wait_for_start()
        assert tune(ours.zeroconf, "lo") == len(ours.zeroconf.engine.readers) > 0
        for reader in ours.zeroconf.engine.readers:
            assert (
                reader.sock.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
            )
            assert reader.sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) >= 200_000
        assert tune(ours.zeroconf, "nosuch0") == 0


def test_another_zeroconf_may_hide_its_sockets(caplog: pytest.LogCaptureFixture) -> None:
    """The sockets are not public: without them discovery works less well, and a debug line says so."""
    with caplog.at_level("DEBUG", "sciabc_tui.head.mdns"):
        assert tune(cast("Zeroconf", SimpleNamespace(engine=object())), "lo") == 0
    assert "out of reach" in caplog.text


async def test_the_question_names_those_that_are_known(mine: str) -> None:
    """Nodes that are known need not answer every ten seconds."""
    async with AsyncZeroconf(interfaces=["127.0.0.1"]) as ours:
        pointer = DNSPointer(SERVICE_TYPE, PTR, IN, 4500, f"{mine}.{SERVICE_TYPE}")
        ours.zeroconf.cache.async_add_records([pointer])
        asked = question(ours.zeroconf)
        assert [q.name for q in asked.questions] == [SERVICE_TYPE]
        assert pointer in [record for record, _ in asked.answers]


async def test_a_record_that_expires_is_no_goodbye(mine: str) -> None:
    """Nobody said anything: the node may well be there, and what the head hears itself decides."""
    async with discovering() as (hub, zeroconf), announcing(service(mine)):
        await found(hub, mine)
        pointer = DNSPointer(SERVICE_TYPE, PTR, IN, 4500, f"{mine}.{SERVICE_TYPE}")
        late = current_time_millis() + 5_000_000
        zeroconf.record_manager.async_updates(late, [RecordUpdate(pointer, pointer)])
        shout(f"{mine}-b", f"{mine}-b.local.", "10.77.0.12")
        await found(hub, f"{mine}-b")
        node = node_of(hub.state, mine)
        assert node is not None
        assert node.liveness is Liveness.ALIVE


def woken(instance: str) -> Callable[[State], bool]:
    """Is it known that the instance was spoken of?"""

    def holds(state: State) -> bool:
        node = node_of(state, instance)
        return node is not None and node.announced_at is not None

    return holds


async def test_whoever_is_spoken_of_while_silent_is_worth_a_try(mine: str) -> None:
    """A node that reboots within the life of its records announces nothing new; its packets wake us."""
    async with listening() as hub:
        shout(mine, f"{mine}.local.", "10.77.0.11")
        node = await found(hub, mine)
        hub.publish([NodeSuspected(node.id, 0.0, "missed 3 readings")])
        assert not woken(mine)(hub.state)
        shout(mine, f"{mine}.local.", "10.77.0.11", txt=b"\x04rm=1")
        await until(hub, woken(mine))


async def test_the_records_of_the_dead_are_forgotten(mine: str) -> None:
    """What a dead node announces is news again, and our next question does not tell it to keep silent."""
    async with discovering() as (hub, zeroconf):
        shout(mine, f"{mine}.local.", "10.77.0.11")
        node = await found(hub, mine)
        hub.publish([NodeLost(node.id, SystemClock().monotonic(), "no answer")])
        await settled(lambda: not zeroconf.cache.async_entries_with_name(f"{mine}.{SERVICE_TYPE}"))
        assert not zeroconf.cache.async_entries_with_name(f"{mine}.local.")
        assert not any(mine in str(record) for record, _ in question(zeroconf).answers)
        shout(mine, f"{mine}.local.", "10.77.0.11", txt=b"\x04rm=1")  # zeroconf skips a packet it just had
        await until(hub, woken(mine))


async def test_an_announcement_in_the_moment_of_death_is_kept(mine: str) -> None:
    """A record that came in after the loss is no memory of the dead: the goodbye to it is heard."""
    async with discovering() as (hub, zeroconf):
        shout(mine, f"{mine}.local.", "10.77.0.11")
        shout(f"{mine}-b", f"{mine}-b.local.", "10.77.0.12")
        node, other = await found(hub, mine), await found(hub, f"{mine}-b")
        lost_at = SystemClock().monotonic()
        shout(mine, f"{mine}.local.", "10.77.0.11", txt=b"\x04rm=1")
        records = partial(zeroconf.cache.async_entries_with_name, f"{mine}.{SERVICE_TYPE}")
        await settled(lambda: "rm=1" in str(records()))
        hub.publish([NodeLost(one.id, lost_at, "no answer") for one in (node, other)])
        await settled(lambda: not zeroconf.cache.async_entries_with_name(f"{mine}-b.{SERVICE_TYPE}"))
        await until(hub, woken(mine))
        hub.publish([NodeReturned(node.id, SystemClock().monotonic(), "stream")])
        shout(mine, f"{mine}.local.", "10.77.0.11", ttl=0)
        await until(hub, lambda state: state.nodes[node.id].liveness is Liveness.LEFT)


async def test_whoever_is_forgotten_is_asked_for_soon(mine: str) -> None:
    """The records are gone: until the next answer its goodbye would not be heard, so that is not far off."""
    async with overhearing() as (hub, ear, _), announcing(service(mine)):
        await found(hub, mine)
        ear._missed = False
        ear.forget({"mdns:nobody": 0.0})
        assert not ear._missed
        ear.forget({handle(mine): 0.0})
        assert ear._missed


async def test_a_renamed_instance_ends_with_its_node(mine: str) -> None:
    """Avahi's `-2`: one host key is one node, and the goodbye of its old name does no harm."""
    key = HostKey("ssh-ed25519", "AAAA", "SHA256:x")
    async with listening() as hub:
        shout(mine, f"{mine}.local.", "10.77.0.11")
        first = await found(hub, mine)
        hub.observe([HostKeyRead(first.id, "10.77.0.11", key)])
        shout(f"{mine}-2", f"{mine}-2.local.", "10.77.0.11")
        second = await found(hub, f"{mine}-2")
        hub.observe([HostKeyRead(second.id, "10.77.0.11", key)])
        node = node_of(hub.state, f"{mine}-2")
        assert node is not None
        assert node.id == first.id
        shout(mine, f"{mine}.local.", "10.77.0.11", ttl=0)
        shout(f"{mine}-3", f"{mine}-3.local.", "10.77.0.13")
        await found(hub, f"{mine}-3")
        assert hub.state.nodes[first.id].liveness is Liveness.ALIVE
        shout(f"{mine}-2", f"{mine}-2.local.", "10.77.0.11", ttl=0)
        await until(hub, lambda state: state.nodes[first.id].liveness is Liveness.LEFT)


async def test_who_could_not_be_resolved_is_asked_again(mine: str) -> None:
    """Only its pointer came through; it leaves the cache, so that it answers the next question in full."""
    name = f"{mine}.{SERVICE_TYPE}"
    async with discovering() as (hub, zeroconf):
        send(DNSPointer(SERVICE_TYPE, PTR, IN, 4500, name))
        pointers = partial(zeroconf.cache.async_entries_with_name, SERVICE_TYPE)
        await settled(lambda: mine in str(pointers()))
        await settled(lambda: mine not in str(pointers()))
        assert node_of(hub.state, mine) is None
        async with announcing(service(mine)):
            await found(hub, mine)
