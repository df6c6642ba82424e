"""Real SSH servers on loopback, and hosts that only pretend to be one."""

import contextlib
import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sciabc_tui.head.keys import host_key
from sciabc_tui.head.readings import MARKER
from sciabc_tui.head.ssh import Credentials, Login
from tests.lab.keys import KeyPair, new_key

SSHD = "/usr/sbin/sshd"
LOOPBACK = "127.0.0.1"

_CONFIG = """
ListenAddress {address}
Port {port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
LogLevel DEBUG3
MaxStartups 200
SetEnv HOME={folder}
"""

_SFTP = "Subsystem sftp internal-sftp\n"

_ANOTHER_BOARD = """
ForceCommand sed 's#/proc/sys/kernel/random/boot_id#{folder}/boot_id#' | sh
"""


def wait_for(holds: Callable[[], bool], what: str, within: float = 30.0) -> None:
    """Wait until a condition holds."""
    pause = threading.Event()
    for _ in range(round(within / 0.02)):
        if holds():
            return
        pause.wait(0.02)
    pytest.fail(f"not within {within:g} s: {what}")


def need(tool: str, package: str) -> str:
    """Give the path of a program, or skip; under SCIABC_REQUIRE_ALL=1 fail instead."""
    found = shutil.which(tool)
    if found:
        return found
    reason = f"no {tool} on this machine: sudo apt install {package}"
    if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


_KEPT: list[socket.socket] = []


def free_port() -> int:
    """Give a port that nobody listens on, and that the kernel gives to nobody while this process lives.

    It is bound here, but not listened on: connections are refused, and a server that sets SO_REUSEADDR, as
    sshd does, may listen there as often as it likes.
    """
    kept = socket.socket()
    kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    kept.bind(("", 0))  # on all addresses: a test may have a second server with the same port
    _KEPT.append(kept)
    return int(kept.getsockname()[1])


@dataclass(slots=True)
class Sshd:
    """A real sshd of our own; starts and stops as often as a test wants, on one port."""

    folder: Path
    port: int = field(default_factory=free_port)
    keys: KeyPair = field(default_factory=new_key)
    address: str = LOOPBACK
    boot_id: str = ""
    """Of the board that it plays; empty: this machine's own."""
    sftp: bool = True
    """Whether it takes files."""
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def log(self) -> Path:
        """All that it logged, packet by packet."""
        return self.folder / "log"

    @property
    def credentials(self) -> Credentials:
        """A key that it lets in while `admit()` holds."""
        return Credentials(self.folder / "id_ed25519", self.folder)

    @property
    def login(self) -> Login:
        """A login that works."""
        kind, blob = self.keys.public.split()
        return Login(self.address, self.port, getpass.getuser(), host_key(kind, blob))

    def start(self) -> None:
        """Listen."""
        _write_secret(self.folder / "host_key", self.keys.private)
        config = self.folder / "config"
        text = _CONFIG + (_SFTP if self.sftp else "") + (_ANOTHER_BOARD if self.boot_id else "")
        (self.folder / "boot_id").write_text(self.boot_id)
        config.write_text(text.format(address=self.address, port=self.port, folder=self.folder))
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        command = [SSHD, "-D", "-f", str(config), "-E", str(self.log)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        wait_for(self._listens, f"{SSHD} listens: {self.log}")

    def admit(self) -> None:
        """Let the credentials' key in."""
        key = new_key()
        _write_secret(self.folder / "id_ed25519", key.private)
        (self.folder / "authorized_keys").write_text(key.public + "\n")

    def refuse(self) -> None:
        """Let no key in."""
        (self.folder / "authorized_keys").write_text("")

    def sessions(self) -> set[int]:
        """Give the processes that serve connections, and all that they started."""
        return _descendants(self._process.pid) if self._process else set()

    def programs(self) -> set[int]:
        """Give the processes that print readings."""
        return {pid for pid in self.sessions() if f"marker={MARKER}" in _command_line(pid)}

    def hang_up(self) -> None:
        """Kill every session; sshd's processes first, so that none of them can tell of the others' end."""
        for pid in sorted(self.sessions(), key=lambda pid: not _command_line(pid).startswith("sshd")):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def freeze(self, *, thaw: bool = False) -> None:
        """Stop every process, as a hung userland does; the kernel goes on accepting connections."""
        for pid in {*self.sessions(), self._process.pid} if self._process else ():
            with contextlib.suppress(ProcessLookupError):  # what a program had just started ended meanwhile
                os.kill(pid, signal.SIGCONT if thaw else signal.SIGSTOP)

    def stop(self) -> None:
        """Be gone, with every session."""
        if self._process:
            self._hold()
            self.hang_up()
            self._process.kill()
            self._process.wait(timeout=10)
            self._process = None

    def _hold(self) -> None:
        """Let it begin no more sessions: a client whose session was killed may dial again at once."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        with contextlib.suppress(ChildProcessError):  # it ended by itself
            os.waitid(os.P_PID, self._process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def received(self) -> list[int]:
        """Give the types of all SSH messages that were received, in the clear or not."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return [int(number) for number in re.findall(r"receive packet: type (\d+)", text)]

    def asked_to_authenticate(self) -> bool:
        """Tell whether any client sent a service request (5) or any message of RFC 4252 (50 to 79)."""
        return any(kind == 5 or 50 <= kind <= 79 for kind in self.received())

    def _listens(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self.address, self.port), 1) as probe:
            return bool(probe.recv(4))
        return False


@contextlib.contextmanager
def running_sshd(folder: Path) -> Generator[Sshd]:
    """Run an sshd for a test, in a folder of its own."""
    server = Sshd(folder)
    server.admit()
    with running(server):
        yield server


@contextlib.contextmanager
def running(server: Sshd) -> Generator[Sshd]:
    """Run this sshd."""
    need(SSHD, "openssh-server")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def impostor(greeting: bytes | None) -> Generator[int]:
    """Listen on a port; greet whoever comes with these bytes and hang up, or with None say nothing at all."""
    guests: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                guest, _ = listener.accept()
                guests.append(guest)
                if greeting is not None:
                    with guest:
                        guest.sendall(greeting)

    with socket.create_server((LOOPBACK, 0)) as listener:
        thread = threading.Thread(target=serve, name="impostor")
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
            for guest in guests:
                guest.close()


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def _descendants(root: int) -> set[int]:
    parents = {int(entry.name): _parent(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    found: set[int] = set()
    fresh = {root}
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def _parent(entry: Path) -> int:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def alive(pids: set[int]) -> set[int]:
    """Give those of the processes that print readings still."""
    return {pid for pid in pids if f"marker={MARKER}" in _command_line(pid)}
