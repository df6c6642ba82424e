"""Two network namespaces with a cable between them: a head service, and whatever a test wants to meet it.

Nothing of it touches the machine's own network, and all of it is gone with the processes that hold it.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import SciabcError
from tests.head.servers import SSHD, need, wait_for
from tests.lab.keys import new_key

ROOT = Path(__file__).parents[2]

_SSHD_CONFIG = """
Port 22
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PidFile none
LogLevel DEBUG3
MaxStartups 500
SetEnv HOME={folder}
"""


@dataclass(slots=True)
class End:
    """A network namespace, for as long as the process that holds it lives."""

    holder: "subprocess.Popen[bytes]"
    started: list["subprocess.Popen[bytes]"] = field(default_factory=list["subprocess.Popen[bytes]"])

    def enter(self, *command: str) -> list[str]:
        """Give the command line that runs a command in here."""
        return ["nsenter", f"--net=/proc/{self.holder.pid}/ns/net", "--", *command]

    def run(self, *commands: str) -> None:
        """Run commands in here, each to its end."""
        for command in commands:
            done = subprocess.run(self.enter(*command.split()), capture_output=True, timeout=30, check=False)
            assert done.returncode == 0, f"{command}: {done.stderr.decode()}"

    def index(self, interface: str) -> str:
        """Give the number of an interface in here."""
        command = self.enter("ip", "-o", "link", "show", interface)
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.partition(":")[0]

    def start(
        self, *command: str, env: dict[str, str] | None = None, log: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        """Start a program in here; it is ended with the wire. Its stdin is a pipe."""
        with (log or Path(os.devnull)).open("ab") as out:
            process = subprocess.Popen(
                self.enter(*command), stdin=subprocess.PIPE, stdout=out, stderr=out, env=env, cwd=ROOT
            )
        self.started.append(process)
        return process

    def close(self) -> None:
        """End all, then the namespace."""
        for process in (*self.started, self.holder):
            if process.stdin:
                process.stdin.close()
            process.kill()
            process.wait(timeout=10)


@dataclass(slots=True)
class Wire:
    """A head's end with `eth1`, a far end with `eth0`, and a cable between them."""

    folder: Path
    head: End
    far: End

    def sshd(self, address: str, name: str, *, admits: str = "") -> Path:
        """Run an sshd at an address of the far end, which admits that key; give its log, packet by packet."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "host_key").touch(mode=0o600)
        (folder / "host_key").write_text(new_key().private)
        (folder / "authorized_keys").write_text(admits)
        (folder / "config").write_text(_SSHD_CONFIG.format(folder=folder) + f"ListenAddress {address}\n")
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = folder / "log"
        self.far.start(SSHD, "-D", "-f", str(folder / "config"), "-E", str(log))
        wait_for(
            lambda: log.exists() and "Server listening" in log.read_text(errors="replace"),
            f"sshd at {address}",
        )
        return log

    def give_key(self) -> str:
        """Give the head's user a key to log in with; give its public part."""
        key, folder = new_key(), self.folder / "head" / ".ssh"
        folder.mkdir(parents=True, mode=0o700)
        (folder / "id_ed25519").touch(mode=0o600)
        (folder / "id_ed25519").write_text(key.private)
        return key.public

    def far_program(self, *arguments: str, log: str = "far.log") -> "subprocess.Popen[bytes]":
        """Start `tests.head.wire_far` on the far end."""
        return self.far.start(sys.executable, "-m", "tests.head.wire_far", *arguments, log=self.folder / log)


def waited_for_cpu(thread: str = "thread-self") -> float:
    """Give how many seconds a thread was ready to run while the CPUs were given to others.

    Args:
        thread: Of /proc; schedstat there is told of in the kernel's Documentation/scheduler/sched-stats.rst.
    """
    return int(Path(f"/proc/{thread}/schedstat").read_text().split()[1]) / 1e9


@dataclass(slots=True)
class HeadProcess:
    """A head service of its own, on the head's end of a wire."""

    process: "subprocess.Popen[bytes]"
    client: Client
    log: Path

    def until(self, holds: Callable[[State], bool], what: str, within: float = 60.0) -> State:
        """Wait until the state is as a test wants it."""
        found: list[State] = []

        def look() -> bool:
            with contextlib.suppress(SciabcError):
                state = self.client.state()
                found.append(state)
                return holds(state)
            return False

        wait_for(look, what, within)
        return found[-1]

    @property
    def rss(self) -> int:
        """Its resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    @property
    def waited(self) -> float:
        """Seconds for which its loop was ready to run, and had to wait for a CPU."""
        return waited_for_cpu(f"{self.process.pid}/task/{self.process.pid}")

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def wire(folder: Path) -> Generator[Wire]:
    """Lay a cable between two namespaces."""
    if os.geteuid() != 0:
        pytest.skip("network namespaces need root here. Next: run it as root")
    need("nsenter", "util-linux")
    need(SSHD, "openssh-server")
    with _end() as head, _end() as far:
        head.run(
            "ip link set lo up",
            f"ip link add eth1 type veth peer name eth0 netns {far.holder.pid}",
        )
        far.run("ip link set lo up")
        yield Wire(folder, head, far)


@contextlib.contextmanager
def _end() -> Generator[End]:
    holder = subprocess.Popen(["unshare", "--net", "cat"], stdin=subprocess.PIPE)
    own = Path("/proc/self/ns/net").readlink()
    end = End(holder)
    try:
        wait_for(lambda: Path(f"/proc/{holder.pid}/ns/net").readlink() != own, "a network namespace")
        yield end
    finally:
        end.close()


@contextlib.contextmanager
def running_head(laid: Wire) -> Generator[HeadProcess]:
    """Run a head service on the head's end: own folders, no panel."""
    home = laid.folder / "head"
    (home / "run").mkdir(parents=True, mode=0o700, exist_ok=True)
    log = laid.folder / "head.log"
    env = {
        **os.environ,
        "HOME": str(home),
        "SCIABC_CLUSTER_INTERFACES": "eth1",
        "SCIABC_PATHS_STATE": str(home / "state"),
        "SCIABC_PATHS_RUNTIME": str(home / "run"),
        "SCIABC_PANEL_LCD": "off",
        "SCIABC_PANEL_LAMP": "off",
    }
    process = laid.head.start(sys.executable, "-m", "sciabc_tui", "head", env=env, log=log)
    running = HeadProcess(process, Client(home / "run" / "api.sock"), log)
    try:
        running.until(lambda state: len(state.nodes) > 0, "a head service: " + str(log))
        yield running
        assert process.poll() is None, log.read_text(errors="replace")[-2000:]
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=15)


def node_named(state: State, name: str) -> Node | None:
    """Give the node of that name."""
    return next((node for node in state.nodes.values() if node.name == name), None)
