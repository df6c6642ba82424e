"""A Slurm of our own on loopback: munged, slurmctld and a slurmd for each node, none of the machine's.

Debian's packages, with a configuration, keys, ports and state of their own in one folder: nothing in /etc is
read or changed. slurmd starts jobs as any user, so it must be root's.
"""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PACKAGES = "slurmctld slurmd slurm-client munge"
NODES = ("sl1", "sl2")
CPUS = 2
_TOOLS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "scancel")
_PORTS = (20_000, 30_000)
_WITHIN = 40.0
_CONFIG = """\
ClusterName=sciabc
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool-%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SwitchType=switch/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
KillWait=2
MinJobAge=86400
SchedulerParameters=sched_min_interval=0,batch_sched_delay=0
{nodes}
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"""


@dataclass(slots=True)
class SlurmSite:
    """The daemons, and the folder in which all of theirs is."""

    folder: Path
    _daemons: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict[str, subprocess.Popen[bytes]])

    @property
    def config(self) -> Path:
        """What SLURM_CONF must name."""
        return self.folder / "slurm.conf"

    @property
    def environment(self) -> Mapping[str, str]:
        """Ours, and where this Slurm is."""
        return {**os.environ, "SLURM_CONF": str(self.config)}

    def start(self) -> None:
        """Start all, and wait until the nodes are idle."""
        for name in ("state", *(f"spool-{node}" for node in NODES)):
            (self.folder / name).mkdir()
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(1024))
        key.chmod(0o400)
        host = socket.gethostname().partition(".")[0]
        port, *ports = free_ports(1 + len(NODES))
        nodes = "\n".join(
            f"NodeName={node} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} State=UNKNOWN"
            for node, port in zip(NODES, ports, strict=True)
        )
        self.config.write_text(_CONFIG.format(folder=self.folder, host=host, port=port, nodes=nodes))
        self._start_munged()
        self.start_controller()
        for node in NODES:
            self.start_node(node)
        self.until_idle()

    def start_controller(self) -> None:
        """Start slurmctld; with what it knew before, if it ran before."""
        self._start("slurmctld", "slurmctld", "-D", "-L", str(self.folder / "slurmctld.log"))

    def stop_controller(self) -> None:
        """End slurmctld: no command of Slurm's is answered then."""
        self._end("slurmctld")

    def start_node(self, node: str) -> None:
        """Start the slurmd of a node."""
        self._start(node, "slurmd", "-D", "-N", node, "-L", str(self.folder / f"{node}.log"))

    def ask(self, *command: str) -> str:
        """Run a command of Slurm's; give what it says."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def fails(self, node: str) -> None:
        """Let Slurm take a node for lost."""
        self.ask("scontrol", "update", f"nodename={node}", "state=down", "reason=pulled")

    def mend(self, node: str) -> None:
        """Let Slurm use a node again."""
        command = ("scontrol", "update", f"nodename={node}", "state=resume")

        def mended() -> bool:
            if not self._idle():  # nor is it back by itself
                subprocess.run(command, env=self.environment, capture_output=True, check=False)
            return self._idle()

        wait_for(mended, f"{node} takes jobs")

    def states(self) -> dict[int, str]:
        """Give the state of each job that Slurm knows."""
        rows = (line.split() for line in self.ask("squeue", "-h", "-t", "all", "-o", "%i %T").splitlines())
        return {int(number): state for number, state in rows}

    def until_idle(self) -> None:
        """Wait until no node has anything to do."""
        wait_for(self._idle, f"all nodes idle: {self.folder}")

    def stop(self) -> None:
        """End all; no process of it is left."""
        with contextlib.suppress(AssertionError, subprocess.TimeoutExpired):
            self.ask("scancel", "--signal=KILL", "--full", "--user=root")
            self.until_idle()
        for name in (*NODES, "slurmctld", "munged"):
            self._end(name)
        for pid in self.processes():  # a slurmstepd outlives its slurmd
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def processes(self) -> list[int]:
        """Give the processes that were started with this Slurm's configuration, but for ours."""
        mark = f"SLURM_CONF={self.config}".encode()
        return [int(entry.name) for entry in Path("/proc").iterdir() if _carries(entry, mark)]

    def _idle(self) -> bool:
        told = subprocess.run(
            ["sinfo", "-h", "-N", "-o", "%T"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        return told.stdout.split() == ["idle"] * len(NODES)

    def _start_munged(self) -> None:
        files = {
            "key-file": "key",
            "socket": "sock",
            "pid-file": "pid",
            "log-file": "log",
            "seed-file": "seed",
        }
        options = [f"--{option}={self.folder}/munge.{name}" for option, name in files.items()]
        # --force: the folder is nobody's but ours, whatever stands above it
        self._start("munged", "munged", "--foreground", "--force", "--num-threads=1", *options)
        wait_for((self.folder / "munge.sock").exists, "munged listens")

    def _start(self, name: str, *command: str) -> None:
        self._daemons[name] = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=self.folder,
            start_new_session=True,
        )

    def _end(self, name: str) -> None:
        daemon = self._daemons.pop(name, None)
        if daemon is None:
            return
        daemon.terminate()
        try:
            daemon.wait(10.0)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()


@contextlib.contextmanager
def running_slurm(folder: Path) -> Generator[SlurmSite]:
    """Run a Slurm of our own; skip, or fail under SCIABC_REQUIRE_ALL=1, where that can't be."""
    lacks = _lacks()
    if lacks:
        if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            pytest.fail(lacks, pytrace=False)
        pytest.skip(lacks)
    site = SlurmSite(folder)
    try:
        site.start()
        yield site
    finally:
        site.stop()


def wait_for(holds: Callable[[], bool], what: str, within: float = _WITHIN) -> None:
    """Wait until something is so; fail after the deadline."""
    deadline = time.monotonic() + within
    never = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {within:g} s: {what}")
        never.wait(0.05)


def free_ports(count: int) -> list[int]:
    """Give ports that nobody listens on, each another one.

    They are below those that the kernel gives to who asks for any (ip(7), `ip_local_port_range`): else one of
    these could be a neighbour's when a daemon begins, or begins again.
    """
    with contextlib.ExitStack() as stack:
        ports: list[int] = []
        while len(ports) < count:
            port = secrets.choice(range(*_PORTS))
            with contextlib.suppress(OSError):
                stack.enter_context(socket.create_server(("127.0.0.1", port)))
                ports.append(port)
        return ports


def _lacks() -> str:
    if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
        return f"no {missing[0]}: sudo apt install --no-install-recommends {PACKAGES}"
    if os.geteuid() != 0:
        return "slurmd must be root's: sudo -E .venv/bin/pytest tests/jobs"
    return ""


def _carries(entry: Path, mark: bytes) -> bool:
    if not entry.name.isdigit() or int(entry.name) == os.getpid():
        return False
    try:
        return mark in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False
