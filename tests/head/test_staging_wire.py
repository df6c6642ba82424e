"""What staging does on a node, through a real sshd: scripts, files, and an end at any moment."""

import asyncio
import hashlib
import os
import signal
import socket
import threading
import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs.staging import Item
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.head import staging_wire
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.sessions import Sessions
from sciabc_tui.head.ssh import Stream, open_stream
from sciabc_tui.head.staging_wire import FileRefused, Wire, Wires
from tests.head.servers import Sshd, running_sshd, wait_for

ONE = NodeId("n-1")


@pytest.fixture
def sshd(tmp_path: Path) -> Generator[Sshd]:
    """Give a running sshd that admits us."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with running_sshd(folder) as server:
        yield server


@pytest.fixture
def stream(sshd: Sshd) -> Generator[Stream]:
    """Give the stream of readings of a node, as the head has it open."""
    opened = open_stream(connected_to(sshd), sshd.login, sshd.credentials)
    yield opened
    opened.end()


@pytest.fixture
def wire(stream: Stream) -> Generator[Wire]:
    """Give the way to that node."""
    found = Wire(stream.session)
    yield found
    found.end()


def connected_to(sshd: Sshd) -> socket.socket:
    """Give a connection."""
    return socket.create_connection((sshd.address, sshd.port), 5)


def item(path: Path, data: bytes, *, executable: bool = False) -> Item:
    """Write a file of the head."""
    path.write_bytes(data)
    os.utime(path, (1e9, 1e9))
    return Item(path, path.name, len(data), 1e9, executable)


def test_a_script_is_read_and_answers(wire: Wire, sshd: Sshd) -> None:
    """As often as asked, beside the readings; what it says on standard error stops nobody."""
    assert wire.ask("echo $HOME; pwd >/dev/null") == f"{sshd.folder}\n".encode()
    assert b"end\n" in wire.ask("dd if=/dev/zero bs=1000 count=300 >&2; echo end")


def test_the_shell_waits_for_the_next_script(wire: Wire, stream: Stream) -> None:
    """To begin one takes longer than to ask; of one script nothing is left for another, of any job."""
    clean = wire.ask("pwd; umask; echo $said; echo seen >&2")
    said = wire.ask("echo $PPID $$; cd /; umask 777; said=much; exec 2>/dev/null")
    wire.end()
    other = Wire(stream.session)
    assert other.ask("echo $PPID $$; cd /; umask 777; said=much; exec 2>/dev/null") == said
    assert other.ask("pwd; umask; echo $said; echo seen >&2") == clean
    assert stream.session.shell.qsize() == 1


def test_a_shell_that_is_gone_is_replaced(wire: Wire, stream: Stream) -> None:
    """The kernel of a small board may have killed it; so may a script."""
    first = int(wire.ask("echo $$"))
    os.kill(first, signal.SIGKILL)
    waiting = stream.session.shell.queue[0]
    wait_for(waiting.exit_status_ready, "its end is known")
    assert int(wire.ask("echo $$")) != first
    assert wire.ask("echo half; kill -9 $$") == b"half\n"
    assert wire.ask("echo whole") == b"whole\n"


def test_a_waiting_shell_that_does_not_answer_is_not_waited_for_long(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has nothing to begin; what a script does may take minutes."""
    shell = int(wire.ask("echo $$"))
    monkeypatch.setattr(staging_wire, "_OPEN_WITHIN", 0.5)
    assert wire.ask("sleep 1; echo late") == b"late\n"
    os.kill(shell, signal.SIGSTOP)
    try:
        with pytest.raises(ContactFailed, match="does not answer"):
            wire.ask("echo")
    finally:
        os.kill(shell, signal.SIGKILL)
    wire.end()
    assert int(Wire(wire.transport).ask("echo $$")) != shell


def test_of_shells_that_were_used_at_once_one_waits(stream: Stream) -> None:
    """Each job has its own as long as it asks; sshd allows ten channels."""

    def asked(_: int) -> bytes:
        return Wire(stream.session).ask("echo $$; sleep 1")

    with ThreadPoolExecutor(3) as threads:
        said = set(threads.map(asked, range(3)))
    assert len(said) == 3
    assert Wire(stream.session).ask("echo $$") in said
    assert stream.session.shell.qsize() == 1


def test_a_node_that_talks_without_end_is_left(wire: Wire) -> None:
    """It could fill the memory."""
    with pytest.raises(ContactFailed, match="talks without end"):
        wire.ask("yes")
    wire.end()
    assert wire.transport.shell.empty()


@pytest.mark.parametrize("size", [0, 1, 32 * 1024, 1_000_001])
def test_a_copy_has_content_rights_and_time(wire: Wire, tmp_path: Path, size: int) -> None:
    """And what is on its way is told; it can be read back where nothing there knows checksums."""
    told: list[int] = []
    data = os.urandom(size)
    source = item(tmp_path / "a b", data, executable=True)
    target = tmp_path / "copy"
    wire.write(source, str(target), told.append)
    assert (target.read_bytes(), sum(told)) == (data, size)
    assert (target.stat().st_mode & 0o777, target.stat().st_mtime) == (0o700, 1e9)
    wire.write(item(tmp_path / "c", data), str(target), told.append)
    assert target.stat().st_mode & 0o777 == 0o600
    assert wire.checksum(str(target)) == hashlib.sha256(data).hexdigest()


def test_a_refusal_is_not_a_lost_connection(wire: Wire, tmp_path: Path) -> None:
    """The node's words for a file it does not take; the way goes on being of use."""
    source = item(tmp_path / "a", b"x")
    with pytest.raises(FileRefused, match="No such file"):
        wire.write(source, str(tmp_path / "none" / "a"), lambda _: None)
    with pytest.raises(FileRefused, match="No such file"):
        wire.checksum(str(tmp_path / "none"))
    wire.write(source, str(tmp_path / "b"), lambda _: None)
    source.path.unlink()
    with pytest.raises(FileNotFoundError):
        wire.write(source, str(tmp_path / "b"), lambda _: None)


def test_a_server_without_sftp_says_what_it_lacks(tmp_path: Path) -> None:
    """An sshd may be configured so; a script still runs there."""
    folder = tmp_path / "sshd"
    folder.mkdir()
    with running_sshd(folder) as sshd:
        sshd.stop()
        sshd.sftp = False
        sshd.start()
        stream = open_stream(connected_to(sshd), sshd.login, sshd.credentials)
        wire = Wire(stream.session)
        with pytest.raises(FileRefused, match="Subsystem sftp"):
            wire.write(item(tmp_path / "a", b"x"), str(tmp_path / "b"), lambda _: None)
        assert wire.ask("echo x") == b"x\n"
        wire.end()
        stream.end()


def test_an_end_stops_what_is_under_way_at_once(wire: Wire, stream: Stream) -> None:
    """From another thread; the stream of readings goes on, and nothing new begins."""
    failed: list[ContactFailed] = []
    begun = threading.Event()

    def ask() -> None:
        begun.set()
        try:
            wire.ask("sleep 60")
        except ContactFailed as error:
            failed.append(error)

    thread = threading.Thread(target=ask)
    thread.start()
    assert begun.wait(10)
    wait_for(lambda: bool(wire._channels), "a channel is open")
    at = time.monotonic()
    wire.end()
    thread.join(10)
    assert time.monotonic() - at < 5
    assert len(failed) == 1
    assert stream.session.is_active()
    with pytest.raises(ContactFailed):
        wire.ask("echo")


def test_a_lost_connection_is_told(wire: Wire, sshd: Sshd, tmp_path: Path) -> None:
    """Whatever is tried then."""
    wire.ask("echo")
    sshd.hang_up()
    with pytest.raises(ContactFailed):
        wire.ask("echo")
    with pytest.raises(ContactFailed):
        wire.write(item(tmp_path / "a", b"x"), str(tmp_path / "b"), lambda _: None)


async def test_the_newest_session_of_a_node_is_the_way(stream: Stream) -> None:
    """Who asks before there is one waits; an old one that ends late takes nothing away."""
    sessions = Sessions()
    wires = Wires(sessions)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        waiting = group.create_task(wires.to(ONE))
        other = group.create_task(wires.to(NodeId("n-2")))
        await asyncio.sleep(0)
        old = Stream(stream.session, stream._channel)
        sessions.opened(ONE, old)
        await waiting
        sessions.opened(ONE, stream)
        sessions.closed(ONE, old)
        assert await sessions.of(ONE) is stream
        assert not other.done()
        sessions.opened(NodeId("n-2"), stream)
    sessions.closed(ONE, stream)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await sessions.of(ONE)


async def test_a_session_that_was_cut_off_is_not_the_way(stream: Stream, sshd: Sshd) -> None:
    """Who lost a session waits for another one, although the old one is not yet told as closed."""
    sessions = Sessions()
    wires = Wires(sessions)
    sessions.opened(ONE, stream)
    old = await wires.to(ONE)
    newer = open_stream(connected_to(sshd), sshd.login, sshd.credentials)
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        waiting = group.create_task(wires.to(ONE, old))
        await asyncio.sleep(0)
        assert not waiting.done()
        sessions.opened(ONE, newer)
    assert waiting.result().transport is newer.session
    newer.end()
