"""The login to a node: which command line, who is refused, and what is seen when ssh fails."""

import os
import pty
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from sciabc_tui.cli.shell import NodeShells, login
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import HostKey, Node, Origin, Trust
from sciabc_tui.cluster.state import Head, State
from sciabc_tui.config import ClusterSettings, PathSettings, Settings
from sciabc_tui.errors import CommandRefused, NotFound

NODE = Node(
    NodeId("node03"),
    "node03",
    Origin.MDNS,
    addresses=("10.0.0.13",),
    port=2222,
    trust=Trust.TRUSTED,
    host_key=HostKey("ssh-ed25519", "AAAA", "SHA256:x"),
)


class Knows:
    """Knows one state."""

    def __init__(self, *nodes: Node, simulated: bool = False) -> None:
        head = Head("head", "pi", "1", 0.0, simulated=simulated)
        self._state = State(nodes={node.id: node for node in nodes}, head=head)

    def state(self) -> State:
        """Give it."""
        return self._state


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Give settings with a state directory in which a host key is approved, and a home without keys."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "known_hosts").write_text("node03 ssh-ed25519 AAAA\n")
    return Settings(paths=PathSettings(state=str(tmp_path)), cluster=ClusterSettings(user="pi"))


def test_it_is_ssh_with_the_approved_keys(settings: Settings, tmp_path: Path) -> None:
    """As whom the head logs in, to the address it knows, trusting what was approved and nothing else."""
    with login(NODE, settings, simulated=False) as command:
        assert command[0] == "ssh"
        assert command[-1] == "10.0.0.13"
        path = Path(command[command.index("-F") + 1])
        text = path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    assert not path.exists()
    for line in (
        "HostKeyAlias node03",
        "Port 2222",
        "User pi",
        f'UserKnownHostsFile "{tmp_path / "known_hosts"}"',
        "GlobalKnownHostsFile /dev/null",
        "StrictHostKeyChecking yes",
        "ForwardAgent no",
    ):
        assert f"  {line}\n" in text


def test_the_head_itself_needs_no_ssh(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """There it is the user's own shell."""
    monkeypatch.setenv("SHELL", "/bin/dash")
    with login(replace(NODE, origin=Origin.LOCAL), settings, simulated=False) as command:
        assert command == ("/bin/dash",)


@pytest.mark.parametrize("trust", [Trust.UNKNOWN, Trust.CHANGED])
def test_only_approved_boards(settings: Settings, trust: Trust) -> None:
    """All others are refused with the next step; nothing is sent there."""
    with (
        pytest.raises(CommandRefused, match="Next: sciabc-tui nodes approve node03"),
        login(replace(NODE, trust=trust), settings, simulated=False),
    ):
        raise AssertionError


def test_what_stands_in_the_way(settings: Settings, tmp_path: Path) -> None:
    """A simulated board, host keys that can't be read, an address that is none."""
    with pytest.raises(CommandRefused, match="simulated"), login(NODE, settings, simulated=True):
        raise AssertionError
    nowhere = replace(NODE, addresses=("-oProxyCommand=x",))
    with pytest.raises(CommandRefused, match="Next"), login(nowhere, settings, simulated=False):
        raise AssertionError
    missing = structs.replace(settings, paths=PathSettings(state=str(tmp_path / "none")))
    with pytest.raises(CommandRefused, match="can't be read"), login(NODE, missing, simulated=False):
        raise AssertionError


def test_a_node_that_is_gone(settings: Settings) -> None:
    """Who was forgotten meanwhile is not found."""
    with pytest.raises(NotFound, match="Next: sciabc-tui nodes"):
        NodeShells(Knows(), settings).open(NodeId("node03"))


@pytest.fixture
def stub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program called ssh before all others; it is to be written."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return folder / "ssh"


def test_its_status(settings: Settings, stub: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """What the shell there ends with is given at once; one line says how one comes back."""
    stub.write_text("#!/bin/sh\nexit 3\n")
    stub.chmod(0o755)
    assert NodeShells(Knows(NODE), settings).open(NODE.id) == 3
    assert capfd.readouterr().out == "on node03: exit returns to sciabc-tui\n"


def test_a_failure_stays_to_be_read(
    settings: Settings, stub: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """When ssh itself fails its message stays until Enter."""
    stub.write_text("#!/bin/sh\necho no route to host >&2\nexit 255\n")
    stub.chmod(0o755)
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr(sys, "stdin", terminal)
        ended = threading.Event()
        shells = NodeShells(Knows(NODE), settings)
        thread = threading.Thread(target=lambda: (shells.open(NODE.id), ended.set()))
        thread.start()
        assert not ended.wait(0.5)
        os.write(ours, b"\n")
        assert ended.wait(10)
        thread.join()
    os.close(ours)
    told = capfd.readouterr()
    assert "no route to host" in told.err
    assert "ssh to node03 ended with 255. enter returns to sciabc-tui" in told.out


def test_it_can_be_ended(settings: Settings, stub: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Closed from another thread the login ends at once, and no other is opened."""
    stub.write_text(f"#!/bin/sh\necho there\n: > {stub}.runs\nexec sleep 60\n")
    stub.chmod(0o755)
    shells = NodeShells(Knows(NODE), settings)
    status: list[int] = []
    thread = threading.Thread(target=lambda: status.append(shells.open(NODE.id)))
    thread.start()
    # what is written while capfd is read may be lost: it is read once, at the end
    while not stub.with_name("ssh.runs").exists():
        assert thread.is_alive()
        thread.join(0.01)
    shells.close()
    shells.close()
    thread.join(10)
    assert not thread.is_alive()
    assert status == [-15]
    assert "there" in capfd.readouterr().out
    assert shells.open(NODE.id) == 0
