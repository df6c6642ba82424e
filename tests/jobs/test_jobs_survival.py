"""The program that stands between mpirun and the daemon of a node, with the test as both of these."""

import re
import shlex
import socket
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from jobs import prrte
from jobs.attempt import AttemptFiles
from jobs.errors import LauncherRefused
from jobs.survival import launch_of
from jobs.survivors import agent_script
from tests.jobs.conftest import Until

_DAEMONS = "prterun-head-39@0"
_ADDRESS = "10.77.0.12"
_RANKS = (1, 2)
_EXIT = b"\x02\x01\x02\x07"
_SECONDS = 20.0

_IDENT = prrte.killed(_DAEMONS, 2, ())
"""A whole message of the daemon, whatever it says."""


class Play:
    """An agent that was started, and what it is between."""

    def __init__(self, folder: Path, until: Until, *, ssh: str) -> None:
        self.folder = folder
        self.folder.mkdir()
        self.said = folder / "said"
        AttemptFiles(folder).hostfile.write_text(f"127.0.0.1 slots=1\n{_ADDRESS} slots=2\n")
        program = folder / "ssh"
        program.write_text(
            f'#!/bin/sh\ncd {shlex.quote(str(folder))}; echo "$4" >new; mv new {self.said.name}; {ssh}\n'
        )
        program.chmod(0o755)
        agent = folder / "agent"
        agent.write_text(agent_script(folder))
        self._mpirun = socket.create_server(("127.0.0.1", 0))
        self._mpirun.settimeout(_SECONDS)
        port = self._mpirun.getsockname()[1]
        self._until = until
        uri = f'"{_DAEMONS}.0;tcp://127.0.0.1,203.0.113.2:{port}:8,24"'
        self.agent = subprocess.Popen(
            ["/bin/sh", str(agent), _ADDRESS, "prted", "--prtemca", "prte_hnp_uri", uri],
            env={"PATH": f"{folder}:/usr/bin:/bin"},
            stderr=subprocess.PIPE,
        )
        self._open: list[socket.socket] = [self._mpirun]

    def daemon(self) -> socket.socket:
        """Be the daemon: connect to where the command says that mpirun is."""
        self._until(self.said.exists)
        found = re.search(r":([0-9]+):8,24", self.said.read_text())
        assert found is not None
        return self._kept(socket.create_connection(("127.0.0.1", int(found[1]))))

    def mpirun(self) -> socket.socket:
        """Be mpirun: take the connection."""
        return self._kept(self._mpirun.accept()[0])

    def end(self) -> tuple[int, str]:
        """Wait for the agent's end; give its status and words."""
        _, words = self.agent.communicate(timeout=_SECONDS)
        return self.agent.returncode, words.decode()

    def close(self) -> None:
        """Leave nothing behind."""
        self.agent.kill()
        self.agent.communicate()
        for wire in self._open:
            wire.close()

    def _kept(self, wire: socket.socket) -> socket.socket:
        wire.settimeout(_SECONDS)
        self._open.append(wire)
        return wire


@pytest.fixture
def play(tmp_path: Path, until: Until) -> Generator[Play]:
    """An agent whose ssh waits for its end."""
    playing = Play(tmp_path / "attempt 1", until, ssh="exec sleep 60 2>/dev/null")
    yield playing
    playing.close()


def test_messages_pass_both_ways_and_the_end_is_no_loss(play: Play) -> None:
    """What mpirun orders reaches the daemon, what that answers mpirun; after the order to end it may go."""
    node, mpirun = _met(play)
    order = _order(b"something")
    mpirun.sendall(order)
    assert _read(node, len(order)) == order
    mpirun.sendall(_order(_EXIT))
    _read(node, len(_order(_EXIT)))
    node.close()
    assert mpirun.recv(1) == b""
    assert play.end() == (0, "")
    assert not list(play.folder.glob("lost-*"))


def test_a_lost_node_is_told_as_killed_ranks(play: Play) -> None:
    """Mpirun hears that these ranks were killed, keeps its connection, and ends it by its order."""
    node, mpirun = _met(play)
    node.sendall(_IDENT[:300])  # half a message is not passed on
    node.close()
    told = prrte.killed(_DAEMONS, 2, _RANKS)
    assert _read(mpirun, len(told)) == told
    assert (play.folder / f"lost-{_ADDRESS}").exists()
    mpirun.sendall(_order(b"something"))
    mpirun.setblocking(False)
    with pytest.raises(BlockingIOError):
        mpirun.recv(1)
    mpirun.settimeout(_SECONDS)
    mpirun.sendall(_order(_EXIT))
    assert mpirun.recv(1) == b""
    assert play.end() == (0, f"{_ADDRESS} was lost: the other ranks go on without 1, 2\n")


def test_a_node_lost_before_all_ranks_are_up_ends_the_job(play: Play) -> None:
    """The others would wait for it in MPI_Init for ever: mpirun sees the loss, and says so."""
    node, mpirun = _met(play, meetings=1)
    node.close()
    assert mpirun.recv(1) == b""
    assert play.end() == (0, "")
    assert not list(play.folder.glob("lost-*"))


def test_without_mpirun_the_daemon_is_let_go(play: Play) -> None:
    """It sees its connection closed, and ends its ranks; so does the agent."""
    node, mpirun = _met(play)
    mpirun.close()
    assert node.recv(1) == b""
    assert play.end() == (0, "")


def test_strangers_take_no_daemons_place(play: Play) -> None:
    """Who says nothing, or says what no daemon of this mpirun does, is hung up on; the daemon still comes."""
    silent = play.daemon()
    for words in (b"GET / HTTP/1.1\r\n\r\n".ljust(prrte.HEADER_BYTES), prrte.killed("other@0", 2, ())):
        stranger = play.daemon()
        stranger.sendall(words)
        assert stranger.recv(1) == b""
    _, mpirun = _met(play)
    mpirun.close()
    status, words = play.end()
    assert (status, words.count("none that is known")) == (0, 1)
    silent.close()


def test_a_refused_login_is_mpiruns_to_tell(tmp_path: Path, until: Until) -> None:
    """No daemon comes: the agent ends as its ssh did."""
    playing = Play(tmp_path / "1", until, ssh="echo Permission denied >&2; exit 255")
    try:
        assert playing.end() == (255, "Permission denied\n")
    finally:
        playing.close()


def test_an_unknown_launch_is_refused() -> None:
    """A command that does not say where mpirun is can't be led through; it says so, with what to do."""
    for command in ("prted", 'prted "x@0.0;tcp://10.77.0.1:0:24"', 'prted "x@0.0;tcp://10.77.0.1:99999:24"'):
        with pytest.raises(LauncherRefused, match=r"in no known way\. Next: "):
            launch_of(command)


def _met(play: Play, *, meetings: int = 2) -> tuple[socket.socket, socket.socket]:
    """Let the daemon and mpirun meet; then all its ranks are up."""
    node = play.daemon()
    node.sendall(_IDENT)
    mpirun = play.mpirun()
    assert _read(mpirun, len(_IDENT)) == _IDENT
    meeting = _with(_IDENT, tag=33)
    for _ in range(meetings):
        node.sendall(meeting)
        assert _read(mpirun, len(meeting)) == meeting
    return node, mpirun


def _order(payload: bytes) -> bytes:
    """Write what mpirun sends to all daemons."""
    header = bytearray(_with(_IDENT, tag=15)[: prrte.HEADER_BYTES])
    header[528:532] = len(payload).to_bytes(4, "big")
    return bytes(header) + payload


def _with(message: bytes, *, tag: int) -> bytes:
    return message[:520] + tag.to_bytes(4, "big") + message[524:]


def _read(wire: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (more := wire.recv(count - len(data))):
        data += more
    return data
