"""Who may reach the socket, and which service has it."""

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.api.rundir import Claim, prepare
from sciabc_tui.api.server import ApiServer
from sciabc_tui.errors import AlreadyRunning, ConfigError, NotYourService, ServiceUnavailable
from tests.api.scripted import ScriptedBackend

NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o177])
def any_umask(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[None]:
    """Set each umask that somebody may have, for the length of a test; its folder is made before."""
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("any_umask")
async def test_the_socket_is_for_its_owner_only(tmp_path: Path) -> None:
    """Whatever the umask, the directory is 0700 and the socket 0600, and both are ours."""
    path = tmp_path / "run" / "api.sock"
    path.parent.mkdir()
    path.parent.chmod(0o700)  # whatever the umask leaves of it
    async with ApiServer(ScriptedBackend(), path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) & 0o077 == 0
        assert path.stat().st_uid == os.geteuid()
    assert not path.exists()


def test_the_socket_is_never_wider_than_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right after bind, before anything else is done, the mode is 0600 even with an open umask."""
    modes: list[int] = []

    bind = socket.socket.bind

    def observed(wire: socket.socket, path: str) -> None:
        bind(wire, path)
        modes.append(stat.S_IMODE(Path(path).stat().st_mode))

    monkeypatch.setattr(socket, "socket", type("Observed", (socket.socket,), {"bind": observed}))
    before = os.umask(0)
    try:
        Claim(tmp_path / "run" / "api.sock").release()
    finally:
        os.umask(before)
    assert modes == [0o600]


async def test_a_second_service_is_refused(tmp_path: Path) -> None:
    """The second one says what to do, and the first goes on undisturbed."""
    path = tmp_path / "api.sock"
    async with ApiServer(ScriptedBackend(), path):
        with pytest.raises(AlreadyRunning, match=r"runs already.* Next: sciabc-tui status$"):
            async with ApiServer(ScriptedBackend(), path):
                pass
        assert path.is_socket()
    async with ApiServer(ScriptedBackend(), path):
        assert path.is_socket()


def test_one_that_answers_without_our_lock_is_left_alone(tmp_path: Path) -> None:
    """A listener that some other program has there is not taken away from it."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "api.sock"))
        other.listen()
        with pytest.raises(AlreadyRunning):
            Claim(tmp_path / "api.sock")
        assert (tmp_path / "api.sock").is_socket()


async def test_a_dead_service_s_socket_is_replaced(tmp_path: Path) -> None:
    """What a killed service left is no obstacle."""
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(ServiceUnavailable, match="No head service is running"):
        Client(path).state()
    async with ApiServer(ScriptedBackend(), path):
        assert path.is_socket()


def test_a_file_in_the_way_is_not_removed(tmp_path: Path) -> None:
    """Only sockets are replaced."""
    (tmp_path / "api.sock").write_text("precious")
    with pytest.raises(ConfigError, match="no socket"):
        Claim(tmp_path / "api.sock")
    assert (tmp_path / "api.sock").read_text() == "precious"


def test_a_path_that_is_too_long_is_said(tmp_path: Path) -> None:
    """The kernel's limit is explained, and the client finds nobody there."""
    path = tmp_path / ("x" * 120) / "api.sock"
    with pytest.raises(ConfigError, match="107 bytes"):
        Claim(path)
    path.parent.mkdir()
    path.write_text("")
    with pytest.raises(ServiceUnavailable):
        Client(path).state()


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
def test_a_directory_that_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """Others could put a socket of their own there."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(mode)
    with pytest.raises(ConfigError, match=r"paths\.runtime: others may write .* Next: chmod 700"):
        prepare(tmp_path / "run")


def test_a_directory_that_others_may_replace_is_refused(tmp_path: Path) -> None:
    """A parent that everybody may write to is only safe with the sticky bit."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    with pytest.raises(ConfigError, match="others may replace"):
        prepare(shared / "run")
    shared.chmod(0o1777)
    prepare(shared / "run")


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    """Whose target it is can change at any moment."""
    (tmp_path / "run").symlink_to(tmp_path)
    with pytest.raises(ConfigError, match="is no directory"):
        prepare(tmp_path / "run")


def test_a_file_as_the_directory_is_refused(tmp_path: Path) -> None:
    """One line says so."""
    (tmp_path / "run").write_text("")
    with pytest.raises(ConfigError, match="can't be used"):
        prepare(tmp_path / "run")


@needs_root
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """Root too must not serve out of a directory that somebody else controls."""
    (tmp_path / "run").mkdir()
    os.chown(tmp_path / "run", NOBODY, NOBODY)
    with pytest.raises(ConfigError, match="belongs to another user"):
        prepare(tmp_path / "run")


@needs_root
def test_another_user_s_service_is_refused_by_the_client(tmp_path: Path) -> None:
    """Root could connect, and is told whose it is and how to reach it instead."""
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        os.chown(path, NOBODY, NOBODY)
        with pytest.raises(NotYourService, match=r"belongs to nobody\. Next: sudo -u nobody sciabc-tui$"):
            Client(path).state()


@needs_root
def test_a_socket_whose_listener_is_another_user_is_refused(tmp_path: Path) -> None:
    """Who answers counts too, not only whose the file is."""
    path = tmp_path / "api.sock"
    program = (
        "import os, socket, sys\n"
        "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1])\n"
        "os.setuid(65534); s.listen(); print(flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", program, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/") as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"\n"
        with pytest.raises(NotYourService, match="belongs to nobody"):
            Client(path).state()
        other.communicate(b"")
