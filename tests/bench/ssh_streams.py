"""What real streams cost the head service: N sshd on loopback, each with a host key of its own.

    python tests/bench/ssh_streams.py [--nodes 8 64 750] [--seconds 25] [--profile FILE]

For each size: CPU in % of one core and memory while nothing happens; then every sshd and every session is
killed and started again, as by a switch that lost its power: seconds until all nodes are schedulable, and
what that cost. The nodes run on the same machine, so seconds are upper bounds; CPU is the service's own.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from sciabc_tui.api.client import Client
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.observations import Remembered
from sciabc_tui.cluster.roster import node_id
from sciabc_tui.errors import SciabcError
from sciabc_tui.head.keys import host_key
from tests.lab.keys import KeyPair, new_key

PORT = 2222
PAUSE = threading.Event()

_SSHD = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {top}/authorized_keys
AuthenticationMethods publickey
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
LogLevel ERROR
SetEnv HOME={folder}
"""

_CONFIG = """
[cluster]
interfaces = ["lo"]
identity = "{top}/id_ed25519"
nodes = [{nodes}]
[panel]
lcd = "off"
lamp = "off"
[paths]
state = "{top}/state"
runtime = "{top}/run"
"""


@dataclass(slots=True)
class Board:
    """One sshd."""

    address: str
    folder: Path
    key: KeyPair = field(default_factory=new_key)
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def id(self) -> NodeId:
        """Its id in the state."""
        return node_id(f"static:{self.address}")

    def start(self) -> None:
        """Listen."""
        command = ["/usr/sbin/sshd", "-D", "-f", str(self.folder / "config")]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class Briefcase:
    """All boards."""

    def __init__(self, top: Path, size: int) -> None:
        self.top = top
        self.boards = [
            Board(f"127.0.{1 + number // 250}.{1 + number % 250}", top / f"b{number}")
            for number in range(size)
        ]
        login = new_key()
        secret(top / "id_ed25519", login.private)
        (top / "authorized_keys").write_text(login.public + "\n")
        for board in self.boards:
            board.folder.mkdir()
            secret(board.folder / "host_key", board.key.private)
            text = _SSHD.format(address=board.address, port=PORT, folder=board.folder, top=top)
            (board.folder / "config").write_text(text)

    def start(self) -> None:
        """Power on."""
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for board in self.boards:
            board.start()

    def stop(self) -> None:
        """Power off: listeners and sessions at once."""
        roots = {board.process.pid for board in self.boards if board.process}
        for pid in (*roots, *descendants(roots)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for board in self.boards:
            if board.process:
                board.process.wait(timeout=20)

    def write_trust(self, folder: Path) -> None:
        """Write down the keys as approved."""
        known: list[Remembered] = []
        for board in self.boards:
            kind, blob = board.key.public.split()
            name = "ip-" + board.address.replace(".", "-")
            known.append(Remembered(board.id, name, host_key(kind, blob), (board.address,), PORT))
        folder.mkdir(mode=0o700, parents=True)
        (folder / "nodes.json").write_bytes(msgspec.json.encode(tuple(known)))


def secret(path: Path, text: str) -> None:
    """Write what only we may read."""
    path.touch(mode=0o600)
    path.write_text(text)


def descendants(roots: set[int]) -> set[int]:
    """Give all that these processes started."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found: set[int] = set()
    fresh = roots
    while fresh:
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
        found |= fresh
    return found


def cpu(pid: int) -> float:
    """Give the seconds of CPU that a process used."""
    parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def rss(pid: int) -> float:
    """Give its memory in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


def threads(pid: int) -> int:
    """Count its threads."""
    return sum(1 for _ in Path(f"/proc/{pid}/task").iterdir())


@contextlib.contextmanager
def head_service(briefcase: Briefcase) -> Generator[tuple[int, Client]]:
    """Run a head service with directories of its own."""
    top = briefcase.top
    briefcase.write_trust(top / "state")
    nodes = ", ".join(f'"{board.address}:{PORT}"' for board in briefcase.boards)
    (top / "config.toml").write_text(_CONFIG.format(top=top, nodes=nodes))
    (top / "run").mkdir(mode=0o700)
    environment = {**os.environ, "SCIABC_CONFIG": str(top / "config.toml")}
    environment.pop("SSH_AUTH_SOCK", None)
    with (top / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "sciabc_tui", "head"], env=environment, stdout=log, stderr=log
        )
        try:
            socket = top / "run"
            wait_for(lambda: any(socket.glob("*sock*")), "the service's socket", 30)
            yield process.pid, Client(next(socket.glob("*sock*")))
        finally:
            process.terminate()
            process.wait(timeout=30)


def wait_for(holds: Callable[[], bool], what: str, within: float) -> float:
    """Wait until a condition holds; give the seconds it took."""
    began = time.monotonic()
    while time.monotonic() - began < within:
        if holds():
            return time.monotonic() - began
        PAUSE.wait(0.5)
    raise SystemExit(f"not within {within:g} s: {what}")


def count(client: Client, size: int, *, schedulable: bool) -> bool:
    """Tell whether all nodes (or none) are schedulable."""
    try:
        nodes = [node for node in client.state().nodes.values() if node.id != "head"]
    except SciabcError:
        return False
    ready = sum(node.schedulable for node in nodes)
    return ready == (size if schedulable else 0)


def measure(size: int, seconds: float, profile: str, top: Path) -> None:
    """Print one line for a size."""
    briefcase = Briefcase(top, size)
    try:
        briefcase.start()
        with head_service(briefcase) as (pid, client):
            came = wait_for(lambda: count(client, size, schedulable=True), "all are ready", 180)
            joined = cpu(pid)
            PAUSE.wait(15)  # what a period that changed renews, and caches
            began, used = time.monotonic(), cpu(pid)
            recorder = record(pid, profile, seconds) if profile else None
            PAUSE.wait(seconds)
            steady = 100 * (cpu(pid) - used) / (time.monotonic() - began)
            if recorder:
                recorder.wait(timeout=60)
            memory, lives = rss(pid), threads(pid)
            print(f"{size} nodes: joined in {came:.1f} s with {joined:.1f} s of CPU", flush=True)
            print(f"{size} nodes: {steady:.2f} % of a core, {memory:.0f} MB, {lives} threads", flush=True)
            used = cpu(pid)
            briefcase.stop()
            PAUSE.wait(15)
            away = cpu(pid) - used
            used, began = cpu(pid), time.monotonic()
            recorder = record(pid, f"{profile}.return", 40) if profile else None
            briefcase.start()
            powered = time.monotonic() - began
            wait_for(lambda: count(client, size, schedulable=True), "all are back", 240)
            took = time.monotonic() - began
            spent = cpu(pid) - used
            if recorder:
                recorder.wait(timeout=60)
            print(
                f"{size} nodes: back {took:.1f} s after power (the last sshd started after {powered:.1f} s), "
                f"{spent:.1f} s of CPU; {away:.1f} s while they were away; {rss(pid):.0f} MB",
                flush=True,
            )
    finally:
        briefcase.stop()


def record(pid: int, profile: str, seconds: float) -> "subprocess.Popen[bytes]":
    """Let py-spy, if it is on PATH, write down where the service spends its time."""
    spy = shutil.which("py-spy")
    if spy is None:
        raise SystemExit("no py-spy on PATH. Next: pip install py-spy")
    duration = str(round(seconds))
    command = [
        spy,
        "record",
        "-p",
        str(pid),
        "-d",
        duration,
        "-f",
        "raw",
        "-o",
        profile,
        "-r",
        "100",
        "--gil",
        "--nonblocking",
    ]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description="What real streams cost the head service.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[8, 64, 750])
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--profile", default="", help="a file for py-spy's raw stacks")
    options = parser.parse_args()
    for size in options.nodes:
        top = Path(tempfile.mkdtemp(prefix="sciabc-streams-"))
        try:
            measure(size, options.seconds, options.profile, top)
        finally:
            shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
