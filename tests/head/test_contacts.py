"""Contact with nodes, from the first host key to the end of the stream, against real servers."""

import asyncio
import getpass
import socket
import threading
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from sciabc_tui.cluster import roster
from sciabc_tui.cluster.events import NodeLost, NodeSuspected
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Liveness, Node, Origin, Readiness, Reading, Trust
from sciabc_tui.cluster.observations import (
    ApproveHostKey,
    FactsRead,
    ForgetNode,
    Heard,
    Observation,
    ReadingTaken,
    Remembered,
    Sighted,
    StreamClosed,
    StreamOpened,
)
from sciabc_tui.head import collector as collector_module
from sciabc_tui.head import contact as contact_module
from sciabc_tui.head import contacts as contacts_module
from sciabc_tui.head import keys as keys_module
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.collector import Collector, Ended
from sciabc_tui.head.contacts import Contacts
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import ContactFailed, Unreachable
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.readings import MARKER
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.users import UserRule, Users
from tests.head.fakes import FakeClock, until
from tests.head.servers import LOOPBACK, Sshd, alive, free_port, impostor, running, running_sshd, wait_for
from tests.lab.keys import new_key

NODE = roster.node_id("static:node01")
OWN = Users(getpass.getuser())


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Sshd]:
    """A real sshd that lets us in; no agent."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with running_sshd(tmp_path) as server:
        yield server


def sighted(port: int, *addresses: str) -> Sighted:
    """Make the sighting of the one node."""
    return Sighted("static:node01", Origin.STATIC, "node01", addresses or (LOOPBACK,), port)


@pytest.fixture
def slow_beat(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what waits for the next contact come much too late for `until`."""
    monkeypatch.setattr(contact_module, "CONTACT_PERIOD", 300.0)


@asynccontextmanager
async def contacts(credentials: Credentials, users: Users = OWN) -> AsyncGenerator[StateHub]:
    """Run the contacts beside a hub; they end with the block, and no handshake (8 s) is waited for."""
    before = set(threading.enumerate())
    hub = StateHub(SystemClock())
    running = Contacts(credentials=credentials, clock=SystemClock(), post=hub.from_thread, users=users).run(
        hub
    )
    async with asyncio.TaskGroup() as group:
        task = group.create_task(running)
        try:
            yield hub
        finally:
            began = time.monotonic()
            task.cancel()
            await asyncio.wait([task])
            assert time.monotonic() - began < 6.0
    # those of the test's own servers stay; executors' threads end in the moment after their shutdown
    await asyncio.to_thread(wait_for, lambda: not _left(before), "all threads of the contacts end")


def _left(before: set[threading.Thread]) -> list[threading.Thread]:
    ours = ("sciabc-", "Thread-")
    return [t for t in threading.enumerate() if t not in before and t.name.startswith(ours)]


def node_of(hub: StateHub) -> Node:
    """Give the one node."""
    return hub.state.nodes[NODE]


async def approved(hub: StateHub, server: Sshd) -> None:
    """Bring the node in and approve the key that it shows."""
    hub.observe([sighted(server.port)])
    await until(hub, lambda state: state.nodes[NODE].host_key is not None)
    hub.obey(ApproveHostKey(NODE, server.login.host_key.fingerprint, "ada"))


async def program_of(server: Sshd) -> set[int]:
    """Give the one process that prints readings; what it starts looks the same until its exec."""
    seen: list[set[int]] = []

    def one() -> bool:
        seen.append(server.programs())
        return len(seen[-1]) == 1

    await asyncio.to_thread(wait_for, one, "one program prints readings")
    return seen[-1]


async def ready(hub: StateHub, server: Sshd) -> None:
    """Bring the node in until it sends readings."""
    await approved(hub, server)
    await until(hub, lambda state: state.nodes[NODE].schedulable)


@pytest.mark.usefixtures("slow_beat")
async def test_an_unapproved_node_shows_its_key_and_gets_no_login(sshd: Sshd) -> None:
    """The key is read at once, the fingerprint is the server's, and nobody asks to authenticate."""
    async with contacts(sshd.credentials) as hub:
        hub.observe([sighted(sshd.port)])
        await until(hub, lambda state: state.nodes[NODE].host_key is not None)
        assert node_of(hub).host_key == sshd.login.host_key
        assert node_of(hub).trust is Trust.UNKNOWN
        assert node_of(hub).contact == LOOPBACK
    assert not sshd.asked_to_authenticate()


@pytest.mark.usefixtures("slow_beat")
async def test_approval_brings_readings_at_once(sshd: Sshd) -> None:
    """Approved to schedulable takes less than the slow beat; facts are there, and the load moves."""
    async with contacts(sshd.credentials) as hub:
        await approved(hub, sshd)
        await until(hub, lambda state: state.nodes[NODE].schedulable)
        await until(hub, lambda state: len(state.nodes[NODE].trend) >= 1)
        node = node_of(hub)
        assert node.streaming
        assert node.facts is not None
        assert node.slots == node.facts.cores >= 1
        assert node.reading is not None
        assert 0 <= time.monotonic() - node.reading.at < 3
        programs = await program_of(sshd)
    await asyncio.to_thread(wait_for, lambda: not alive(programs), "the program there ends")


@pytest.mark.usefixtures("slow_beat")
async def test_a_broken_stream_makes_suspect_and_a_new_one_heals(sshd: Sshd) -> None:
    """The end of the stream is seen at once, and the node is back within the back-off's first step."""
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        await asyncio.to_thread(sshd.hang_up)
        state = await until(hub, lambda state: state.nodes[NODE].liveness is Liveness.SUSPECT)
        assert "stream closed" in state.nodes[NODE].probe
        await until(hub, lambda state: state.nodes[NODE].schedulable)


async def test_a_refused_connection_is_an_answer(sshd: Sshd) -> None:
    """A node whose sshd is gone but whose kernel refuses is stalled, and comes back with its sshd."""
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        await asyncio.to_thread(sshd.stop)
        state = await until(hub, lambda state: state.nodes[NODE].answered_at is not None)
        assert state.nodes[NODE].probe == "connection refused"
        await asyncio.to_thread(sshd.start)
        await until(hub, lambda state: state.nodes[NODE].schedulable)


async def test_a_changed_key_stops_everything(sshd: Sshd) -> None:
    """With another host key at the old place no login is tried; both keys are kept for the explanation."""
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        old = node_of(hub).host_key
        await asyncio.to_thread(sshd.stop)
        sshd.log.write_text("")
        sshd.keys = new_key()
        await asyncio.to_thread(sshd.start)
        await until(hub, lambda state: state.nodes[NODE].trust is Trust.CHANGED)
        assert node_of(hub).host_key == old
        assert node_of(hub).offered_key == sshd.login.host_key
    assert not sshd.asked_to_authenticate()


async def test_a_refused_login_is_told_and_tried_again(sshd: Sshd) -> None:
    """The row names the next step; once the key is let in the node is ready without further ado."""
    sshd.refuse()
    async with contacts(sshd.credentials) as hub:
        await approved(hub, sshd)
        await until(hub, lambda state: bool(state.nodes[NODE].readiness_reason))
        node = node_of(hub)
        assert node.liveness is Liveness.ALIVE
        assert node.readiness is Readiness.UNPROVISIONED
        assert "ssh-copy-id" in node.readiness_reason
        sshd.admit()
        await until(hub, lambda state: state.nodes[NODE].schedulable)


async def test_a_forgotten_node_is_let_go_at_once(sshd: Sshd) -> None:
    """Trust taken back ends the stream and the program on the node."""
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        programs = await program_of(sshd)
        hub.obey(ForgetNode(NODE, "ada"))
        await asyncio.to_thread(wait_for, lambda: not alive(programs), "the program there ends")


async def test_the_other_addresses_are_tried_too(sshd: Sshd) -> None:
    """A node that announces an address where nobody is gets reached at its second one."""
    async with contacts(sshd.credentials) as hub:
        hub.observe([sighted(sshd.port, "127.0.0.99", LOOPBACK)])
        await until(hub, lambda state: state.nodes[NODE].host_key is not None)
        assert node_of(hub).address == LOOPBACK


@pytest.mark.usefixtures("slow_beat")
async def test_a_new_address_is_tried_at_once(sshd: Sshd) -> None:
    """An announcement with another address does not wait for the slow beat."""
    async with contacts(sshd.credentials) as hub:
        hub.observe([sighted(sshd.port, "127.0.0.99")])
        await until(hub, lambda state: state.nodes[NODE].heard_how != "announced")
        hub.observe([sighted(sshd.port, LOOPBACK)])
        await until(hub, lambda state: state.nodes[NODE].host_key is not None)


async def test_tarpits_delay_nobody_and_end_with_the_service(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Strangers that accept and never speak take no room from members; a stop does not wait for them."""
    monkeypatch.setattr(keys_module, "HANDSHAKE_WITHIN", 300.0)  # the room's own deadline is 20 s
    async with contacts(sshd.credentials) as hub:
        with ExitStack() as stack:
            for number in range(12):
                port = stack.enter_context(impostor(None))
                hub.observe(
                    [Sighted(f"static:tar{number}", Origin.STATIC, f"tar{number}", (LOOPBACK,), port)]
                )
            hub.observe([_remembered(sshd)])
            began = time.monotonic()
            await until(hub, lambda state: state.nodes[NodeId("n-old")].schedulable)
            assert time.monotonic() - began < 15


async def test_the_loop_is_never_blocked(sshd: Sshd) -> None:
    """Joining, streaming, breaking and healing make no blocking call on the loop."""
    with blockbuster_ctx("sciabc_tui"):
        async with contacts(sshd.credentials) as hub:
            await ready(hub, sshd)
            await asyncio.to_thread(sshd.hang_up)
            await until(hub, lambda state: state.nodes[NODE].liveness is Liveness.SUSPECT)
            await until(hub, lambda state: state.nodes[NODE].schedulable)


def _remembered(server: Sshd) -> Observation:
    key, user = server.login.host_key, server.login.user
    return Remembered(NodeId("n-old"), "old", key, (LOOPBACK,), server.port, user)


def _silent(node: Node) -> float:
    return time.monotonic() - node.reading.at if node.reading else 0.0


@contextmanager
def deaf() -> Generator[int]:
    """Listen on a port whose queue is full: a connection there gets no answer."""
    with socket.create_server((LOOPBACK, 0), backlog=0) as listener, ExitStack() as stack:
        port = int(listener.getsockname()[1])
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex((LOOPBACK, port))
        yield port


async def test_a_dial_says_what_it_found() -> None:
    """A refusal is an answer, silence is none, and what is no address is said to be none."""
    with pytest.raises(Unreachable, match=r"^connection refused$") as refused:
        await dial(LOOPBACK, free_port(), within=1)
    assert refused.value.answered
    with deaf() as port, pytest.raises(Unreachable, match=r"^no answer in 0.2 s$") as silent:
        await dial(LOOPBACK, port, within=0.2)
    assert not silent.value.answered
    for wrong in ("node01", "", "-oProxyCommand=x", "fe80::1%nowhere", "999.1.1.1"):
        with pytest.raises(Unreachable, match="is no address"):
            await dial(wrong, 22, within=1)


class Scripted:
    """A stream that gives what a test wrote down."""

    def __init__(self, *pieces: bytes | ContactFailed) -> None:
        self._pieces = list(pieces)

    def read(self) -> bytes:
        """Give the next piece."""
        piece = self._pieces.pop(0) if self._pieces else b""
        if isinstance(piece, ContactFailed):
            raise piece
        return piece


@pytest.fixture
def posted() -> list[Observation]:
    """What a collector posted."""
    return []


def collector_of(posted: list[Observation], clock: FakeClock) -> Collector:
    """Make a collector whose thread a test plays."""

    def post(batch: Sequence[Observation]) -> None:
        posted.extend(batch)

    return Collector(clock, post)


def test_readings_are_stamped_with_the_heads_clock_on_receipt(posted: list[Observation]) -> None:
    """What a node claims about time plays no part; the order is opened, facts, reading, closed."""
    clock, ended = FakeClock(500.0), list[Ended]()
    start = f"{MARKER}\nF\t4\ta\tb\tc\td\te\t\t\n".encode()
    stream = Scripted(start, b"R\t\t\t0.5\t\t\t\t9\t\t\t\n", ContactFailed("gone"))
    collector = collector_of(posted, clock)
    collector.add(NODE, stream, ended.append)
    for _ in range(4):
        clock.now += 1
        collector._look()
    opened, facts, reading, closed = posted
    assert opened == StreamOpened(NODE)
    assert isinstance(facts, FactsRead)
    assert reading == ReadingTaken(NODE, Reading(502.0, load1=0.5, uptime=9.0))
    assert closed == StreamClosed(NODE, "gone")
    assert ended == [Ended(started=True, reason="gone")]


def test_a_login_that_prints_no_reading_ends(posted: list[Observation]) -> None:
    """A shell that hangs before the first reading is given up, and was never a stream."""
    clock, ended = FakeClock(500.0), list[Ended]()
    collector = collector_of(posted, clock)
    collector.add(NODE, Scripted(b"Welcome\n"), ended.append)
    collector._look()
    clock.now += collector_module.START_WITHIN
    collector._look()
    assert ended == []
    clock.now += 1
    collector._look()
    assert [how.started for how in ended] == [False]
    assert posted == []


def test_a_stream_that_was_taken_away_is_not_reported(posted: list[Observation]) -> None:
    """Whoever removes a stream hears nothing more of it."""
    ended = list[Ended]()
    collector = collector_of(posted, FakeClock())
    stream = Scripted(ContactFailed("gone"))
    collector.add(NODE, stream, ended.append)
    collector.remove(stream)
    collector._look()
    assert (ended, posted) == ([], [])


async def test_a_stalled_node_is_probed_once_a_second(sshd: Sshd) -> None:
    """While its userland hangs its kernel answers each probe; thawed, the old stream goes on."""
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        programs = await program_of(sshd)
        await asyncio.to_thread(sshd.freeze)
        await asyncio.to_thread(wait_for, lambda: _silent(node_of(hub)) > 1.5, "no reading comes any more")
        hub.publish([NodeSuspected(NODE, time.monotonic(), "missed 3 readings")])
        await until(hub, lambda state: state.nodes[NODE].answered_at is not None)
        assert node_of(hub).probe == "ssh port answers"
        first = node_of(hub).answered_at or 0.0
        await until(hub, lambda state: (state.nodes[NODE].answered_at or 0.0) > first)
        assert 0.8 < (node_of(hub).answered_at or 0.0) - first < 5
        assert node_of(hub).liveness is Liveness.SUSPECT
        await asyncio.to_thread(sshd.freeze, thaw=True)
        await until(hub, lambda state: state.nodes[NODE].liveness is Liveness.ALIVE)
        assert alive(programs) == programs


async def test_a_node_that_was_declared_dead_is_dialled_anew(sshd: Sshd) -> None:
    """Its old stream, which may be half open, is dropped; the new one brings it back to life."""
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        programs = await program_of(sshd)
        hub.publish([NodeLost(NODE, time.monotonic(), "no answer")])
        await until(hub, lambda state: state.nodes[NODE].schedulable)
        assert node_of(hub).streaming
        await asyncio.to_thread(wait_for, lambda: not alive(programs), "the old program ends")


async def test_being_spoken_of_wakes_the_contact_at_once(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dead node that is announced is dialled in that moment, however long it rests."""
    for rest in ("SHORTEST_REST", "LONGEST_REST"):
        monkeypatch.setattr(contact_module, rest, 300.0)
    sshd.stop()
    async with contacts(sshd.credentials) as hub:
        hub.observe([_remembered(sshd), replace(sighted(sshd.port), handle="mdns:old")])
        old = NodeId("n-old")
        hub.publish([NodeLost(old, time.monotonic(), "no answer")])
        await until(hub, lambda state: state.nodes[old].liveness is Liveness.DEAD)
        await asyncio.to_thread(sshd.start)
        hub.observe([Heard("remembered:n-old")])
        await until(hub, lambda state: state.nodes[old].schedulable)


async def test_a_period_that_the_size_asks_for_is_taken_up_without_a_gap(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the cluster outgrows the period its streams are opened anew; nobody is suspect for that."""
    monkeypatch.setattr(contacts_module, "PERIOD_SETTLES", 0.2)
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        assert node_of(hub).beat == 1.0
        programs = await program_of(sshd)
        key = node_of(hub).host_key
        assert key
        hub.observe([Remembered(NodeId(f"n-{n}"), f"far{n}", replace(key, blob=f"{n}")) for n in range(64)])
        state = await until(hub, lambda state: state.nodes[NODE].beat == 2.0)
        assert state.nodes[NODE].liveness is Liveness.ALIVE
        assert not [entry.text for entry in state.log if "suspect" in entry.text]
        await asyncio.to_thread(wait_for, lambda: not alive(programs), "the old program ends")
        await program_of(sshd)


async def test_the_user_of_a_pattern_is_logged_in_as(sshd: Sshd) -> None:
    """What the settings say for a node outranks who runs the head."""
    users = Users("nobody-here", rules=(UserRule("node0?", getpass.getuser()),))
    async with contacts(sshd.credentials, users) as hub:
        await ready(hub, sshd)


@contextmanager
def second_board(first: Sshd, folder: Path, boot_id: str) -> Generator[Sshd]:
    """Run a server with the same host key at another address; it lets the same key in."""
    folder.mkdir()
    second = Sshd(folder, port=first.port, keys=first.keys, address="127.0.0.2", boot_id=boot_id)
    (folder / "authorized_keys").write_text((first.folder / "authorized_keys").read_text())
    with running(second):
        yield second


async def test_a_copied_card_is_told_and_so_is_its_end(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another boot id under the same host key is another board, told until it is gone; both rows stay."""
    monkeypatch.setattr(contact_module, "GONE_AFTER", 0.0)
    twin = roster.node_id("static:node02")
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        with second_board(sshd, tmp_path / "second", "11111111-2222-3333-4444-555555555555"):
            hub.observe([Sighted("static:node02", Origin.STATIC, "node02", ("127.0.0.2",), sshd.port)])
            state = await until(hub, lambda state: bool(state.nodes[NODE].twin))
            assert state.nodes[NODE].twin == "127.0.0.2"
            assert not state.nodes[NODE].schedulable
            assert state.nodes[twin].heard_how == "ssh answers with the host key of node01"
            assert state.nodes[twin].host_key is None
        hub.observe([Sighted("static:node02", Origin.STATIC, "node02", ("127.0.0.3",), sshd.port)])
        await until(hub, lambda state: not state.nodes[NODE].twin)
        assert node_of(hub).schedulable


async def test_a_board_with_two_addresses_is_one_node(sshd: Sshd, tmp_path: Path) -> None:
    """The same boot id under the same host key: the second row dissolves and nobody is called a twin."""
    second = roster.node_id("static:node02")
    async with contacts(sshd.credentials) as hub:
        await ready(hub, sshd)
        with second_board(sshd, tmp_path / "second", ""):
            hub.observe([Sighted("static:node02", Origin.STATIC, "node02", ("127.0.0.2",), sshd.port)])
            state = await until(hub, lambda state: second not in state.nodes)
        assert state.nodes[NODE].twin == ""
        assert state.nodes[NODE].schedulable


async def test_a_node_that_waits_for_approval_is_asked_for_its_key_once(
    sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two readings of the key the open port is enough of a sign of life, and no handshake is made."""
    monkeypatch.setattr(contact_module, "CONTACT_PERIOD", 0.2)
    async with contacts(sshd.credentials) as hub:
        hub.observe([sighted(sshd.port)])
        await until(hub, lambda state: state.nodes[NODE].heard_how == "ssh port answers")
        heard = node_of(hub).heard_at
        await until(hub, lambda state: state.nodes[NODE].heard_at > heard)
    assert sshd.received().count(20) == 1
    assert not sshd.asked_to_authenticate()
