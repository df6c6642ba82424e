"""Nodes whose addresses are held by others: foreign machines, and copies of their card."""

import asyncio
import getpass
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.cluster.evidence import TWIN_MENDED_BY, evidence
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import HostKey, Node, Origin, Trust
from sciabc_tui.cluster.observations import Remembered, Sighted
from sciabc_tui.cluster.roster import REMEMBERED_HANDLE
from sciabc_tui.head import twin_watch as twin_watch_module
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.contacts import Contacts
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ssh import Credentials
from sciabc_tui.head.users import Users
from tests.head.fakes import until
from tests.head.servers import LOOPBACK, Sshd, running, running_sshd, wait_for
from tests.lab.keys import KeyPair, new_key

NODE = NodeId("n-old")
ELSEWHERE = "127.0.0.2"
NOBODY = "127.0.0.3"
ANOTHER_BOOT = "11111111-2222-3333-4444-555555555555"


@pytest.fixture
def sshd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Sshd]:
    """A real sshd that lets us in; no agent."""
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    with running_sshd(tmp_path) as server:
        yield server


@asynccontextmanager
async def contacts(credentials: Credentials) -> AsyncGenerator[StateHub]:
    """Run the contacts beside a hub; they end with the block."""
    hub = StateHub(SystemClock())
    service = Contacts(
        credentials=credentials, clock=SystemClock(), post=hub.from_thread, users=Users(getpass.getuser())
    )
    task = asyncio.ensure_future(service.run(hub))
    try:
        yield hub
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@contextmanager
def second(first: Sshd, folder: Path, keys: KeyPair, boot_id: str = "") -> Generator[Sshd]:
    """Run another server on the first one's port, elsewhere; it would let the same login in."""
    folder.mkdir()
    server = Sshd(folder, port=first.port, keys=keys, address=ELSEWHERE, boot_id=boot_id)
    (folder / "authorized_keys").write_text((first.folder / "authorized_keys").read_text())
    with running(server):
        yield server


def remembered(server: Sshd, *addresses: str) -> Remembered:
    """Make the node that was approved before, at these addresses."""
    login = server.login
    return Remembered(NODE, "node01", login.host_key, addresses, server.port, login.user)


def node_of(hub: StateHub) -> Node:
    """Give the one node."""
    return hub.state.nodes[NODE]


async def test_a_foreign_machine_at_an_old_address_changes_nothing(sshd: Sshd, tmp_path: Path) -> None:
    """The node is met where it shows the approved key; the machine with another key gets no login."""
    with second(sshd, tmp_path / "foreign", new_key()) as foreign:
        async with contacts(sshd.credentials) as hub:
            hub.observe([remembered(sshd, ELSEWHERE, LOOPBACK)])
            state = await until(hub, lambda state: state.nodes[NODE].schedulable)
            assert state.nodes[NODE].contact == LOOPBACK
            assert not [entry.text for entry in state.log if "changed" in entry.text]
        await asyncio.to_thread(wait_for, lambda: 21 in foreign.received(), "its key was read")
        assert not foreign.asked_to_authenticate()


async def test_a_foreign_key_counts_when_no_address_shows_the_approved_one(
    sshd: Sshd, tmp_path: Path
) -> None:
    """While the node is away everything to it stops; back at its other address it is trusted as before."""
    with second(sshd, tmp_path / "foreign", new_key()) as foreign:
        await asyncio.to_thread(sshd.stop)
        async with contacts(sshd.credentials) as hub:
            hub.observe([remembered(sshd, ELSEWHERE, NOBODY, LOOPBACK)])
            state = await until(hub, lambda state: state.nodes[NODE].trust is Trust.CHANGED)
            assert state.nodes[NODE].offered_key == foreign.login.host_key
            await asyncio.to_thread(sshd.start)
            state = await until(hub, lambda state: state.nodes[NODE].schedulable)
            assert state.nodes[NODE].contact == LOOPBACK
        assert not foreign.asked_to_authenticate()


async def test_two_foreign_machines_are_one_change(sshd: Sshd, tmp_path: Path) -> None:
    """The first of several foreign keys is told, and told once."""
    login = replace(remembered(sshd, ELSEWHERE, LOOPBACK), host_key=_other_key(sshd))
    with second(sshd, tmp_path / "foreign", new_key()) as foreign:
        async with contacts(sshd.credentials) as hub:
            hub.observe([login])
            state = await until(hub, lambda state: state.nodes[NODE].trust is Trust.CHANGED)
            assert state.nodes[NODE].offered_key == foreign.login.host_key
            assert len([entry for entry in state.log if "host key changed" in entry.text]) == 1
        assert not foreign.asked_to_authenticate()
    assert not sshd.asked_to_authenticate()


async def test_a_node_that_shows_the_key_of_another_one_is_its_copy(sshd: Sshd, tmp_path: Path) -> None:
    """A second trusted node that was flashed with the first one's card is told as a twin of that."""
    reflashed = Remembered(NodeId("n-two"), "node02", _other_key(sshd), (ELSEWHERE,), sshd.port)
    async with contacts(sshd.credentials) as hub:
        hub.observe([remembered(sshd, LOOPBACK)])
        await until(hub, lambda state: state.nodes[NODE].schedulable)
        with second(sshd, tmp_path / "copy", sshd.keys, ANOTHER_BOOT):
            hub.observe([reflashed])
            state = await until(hub, lambda state: bool(state.nodes[NODE].twin))
            assert state.nodes[NODE].twin == ELSEWHERE
            assert state.nodes[reflashed.node].heard_how == "ssh answers with the host key of node01"
            assert not state.nodes[reflashed.node].schedulable


def _other_key(server: Sshd) -> HostKey:
    return replace(server, keys=new_key()).login.host_key


async def test_copies_that_became_one_row_before_the_login_are_told(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row's other address is another board: it says so with both commands, until the copy is gone."""
    monkeypatch.setattr(twin_watch_module, "ROUND", 0.05)
    monkeypatch.setattr(twin_watch_module, "TWIN_PERIOD", 0.1)
    monkeypatch.setattr(twin_watch_module, "MISSED_FOR", 0.5)
    async with contacts(sshd.credentials) as hub:
        with second(sshd, tmp_path / "copy", sshd.keys, ANOTHER_BOOT):
            hub.observe([remembered(sshd, LOOPBACK, ELSEWHERE)])
            state = await until(hub, lambda state: bool(state.nodes[NODE].twin))
            node = state.nodes[NODE]
            assert node.twin == ELSEWHERE
            assert not node.schedulable
            assert node.streaming
            for text in (evidence(node, state.at), state.log[-1].text):
                assert "sudo rm /etc/ssh/ssh_host_*" in text
                assert "sudo ssh-keygen -A" in text
                assert TWIN_MENDED_BY in text
        state = await until(hub, lambda state: not state.nodes[NODE].twin)
        assert len([entry for entry in state.log if "is there twice" in entry.text]) == 1
        await until(hub, lambda state: state.nodes[NODE].schedulable)


async def test_the_boards_own_second_address_is_looked_at_once(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same boot id there: nobody is called a twin, and the board is spared a login every round."""
    monkeypatch.setattr(twin_watch_module, "ROUND", 0.05)
    async with contacts(sshd.credentials) as hub:
        with second(sshd, tmp_path / "second", sshd.keys) as other:
            hub.observe([remembered(sshd, LOOPBACK, ELSEWHERE)])
            state = await until(hub, lambda state: state.nodes[NODE].reading is not None)
            first = state.nodes[NODE].reading
            state = await until(
                hub, lambda state: other.asked_to_authenticate() and state.nodes[NODE].reading != first
            )
            again = state.nodes[NODE].reading
            await until(hub, lambda state: state.nodes[NODE].reading != again)
            assert other.received().count(20) == 1
            assert not node_of(hub).twin
            assert node_of(hub).schedulable


async def test_an_address_that_swapped_goes_to_the_board_that_answers_there(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two clones came back under each other's name: one streams, the other has no address that is known."""
    monkeypatch.setattr(twin_watch_module, "ROUND", 0.05)
    keys = new_key()
    with second(sshd, tmp_path / "other", keys) as other:
        lost = Remembered(NodeId("n-two"), "node02", other.login.host_key, (), sshd.port, sshd.login.user)
        async with contacts(sshd.credentials) as hub:
            hub.observe([remembered(sshd, LOOPBACK), lost])
            await until(hub, lambda state: state.nodes[NODE].schedulable)
            hub.observe(
                [Sighted(f"{REMEMBERED_HANDLE}{NODE}", Origin.MDNS, "node01", (ELSEWHERE,), sshd.port)]
            )
            state = await until(hub, lambda state: state.nodes[lost.node].schedulable)
            assert state.nodes[lost.node].contact == ELSEWHERE
            assert (state.nodes[NODE].contact, state.nodes[NODE].streaming) == (LOOPBACK, True)
            assert ELSEWHERE not in state.nodes[NODE].addresses
