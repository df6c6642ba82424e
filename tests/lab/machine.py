"""A machine of the lab: the head or a node, its power switch, its cable and a way to run things in it."""

import dataclasses
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Interface
from pathlib import Path

from tests.lab.bare import ailment
from tests.lab.cable import Cable, External
from tests.lab.errors import BootFailed, CommandFailed, NoSuchMachine, NoSuchProcess
from tests.lab.image import HOME, USER, USER_ID, Plan, show_script
from tests.lab.needs import SEARCH_PATH
from tests.lab.procs import Process, carriers, expect, is_still, members, namespace, signal_quietly, until
from tests.lab.running import Running
from tests.lab.switch import Switch, end_unfinished, first_process, ip_in

_BOOT_TIMEOUT_S = 30.0
_SETTLE_TIMEOUT_S = 30.0


class Machine:
    """One computer. What it has on its card (host key, home, logs) lasts from power-on to power-on."""

    def __init__(self, switch: Switch, plan: Plan, external: External | None = None) -> None:
        self._switch = switch
        self.plan = plan
        mac = "02:00:" + ":".join(f"{byte:02x}" for byte in plan.address.ip.packed)
        self._cable = Cable(switch, bridge="cluster", port=f"p-{plan.name}", interface="eth0", mac=mac)
        self._external = external
        self._boot: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self._programs: list[Running] = []

    @property
    def name(self) -> str:
        """Its host name."""
        return self.plan.name

    @property
    def address(self) -> str:
        """Its IPv4 address in the cluster (also while it is off)."""
        return str(self.plan.address.ip)

    @property
    def host_key_fingerprint(self) -> str:
        """Its SSH host key as `SHA256:...`."""
        return self.plan.host_key.fingerprint

    @property
    def on(self) -> bool:
        """Whether it has power."""
        return self._boot is not None

    @property
    def plugged(self) -> bool:
        """Whether its cable is in the switch."""
        return self._cable.plugged

    @property
    def pid(self) -> int:
        """The host's number of its process 1.

        Raises:
            NoSuchMachine: It is off.
        """
        if self._boot is None:
            raise NoSuchMachine(f"{self.name} is off: power_on() first")
        return self._pid

    def path(self, path: str) -> Path:
        """Return the host's way to a file in the machine that is on: read and write it from a test."""
        return Path(f"/proc/{self.pid}/root", path.lstrip("/"))

    @property
    def boot_id(self) -> str:
        """What the kernel says which boot this is (random(4)); another one after each power-on."""
        return self.path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()

    def processes(self) -> tuple[int, ...]:
        """Return the host's numbers of all its processes."""
        return members(namespace(self.pid, "pid") or "")

    def carrying(self, token: str) -> tuple[Process, ...]:
        """Return its processes that have `token` anywhere in their environment, frozen ones too."""
        return carriers(self.processes(), token)

    def kill(self, pid: int, number: int = signal.SIGKILL) -> None:
        """Send one of its processes a signal, SIGKILL if none is named.

        Args:
            pid: The host's number of it, as `processes`, `carrying` and `Running.pid` give it.
            number: The signal's.

        Raises:
            NoSuchProcess: None in this machine has that number (any more).
        """
        if namespace(pid, "pid") != namespace(self.pid, "pid"):
            raise NoSuchProcess(f"{self.name} has no process {pid} (the host's number)")
        signal_quietly(pid, number)

    # -------------------------------------------------------------- power and cable

    def power_on(self, address: str | None = None) -> None:
        """Switch it on and return when its sshd listens (mDNS follows 1-2 s later).

        It has another boot id than before, and announces its address by ARP if its cable is plugged.

        Args:
            address: A new address in the cluster's network from now on; None: the same as before.

        Raises:
            BootFailed: It didn't come up.
        """
        if self.on:
            return
        if address is not None:
            interface = IPv4Interface(f"{address}/{self.plan.address.network.prefixlen}")
            self.plan = dataclasses.replace(self.plan, address=interface)
        script = Path(__file__).with_name("boot.sh").read_text(encoding="utf-8")
        self._boot = self._switch.start(
            ["sh", "-c", script, f"{self._switch.marker}:{self.name}"],
            {
                "LAB_NAME": self.name,
                "LAB_ROOT": self._switch.inside(self.name, "root"),
                "LAB_SERVICES": self.plan.services,
                "LAB_SHOW": show_script(self._switch, self.plan),
                **ailment(self.plan.bare),
            },
        )
        try:
            self._come_up(self._boot)
        except BaseException:
            self.power_off()
            raise

    def power_off(self) -> None:
        """Cut its power: the link first, so that no dying process says goodbye on the wire, then all."""
        self._cable.cut()
        if self._external is not None:
            self._external.cut()
        boot, self._boot = self._boot, None
        if boot is None:
            return
        if self._pid:
            signal_quietly(self._pid, signal.SIGKILL)  # the kernel ends all others in there
        else:
            end_unfinished(boot)
        for pipe in (boot.stdin, boot.stdout):
            if pipe is not None:
                pipe.close()
        self._wait_for_the_end(boot)
        self._pid = 0
        for program in self._programs:
            program.close()
        self._programs.clear()

    def goodbye(self) -> None:
        """Shut it down in order: avahi says goodbye, SSH sessions are closed; then it is off."""
        others = tuple(pid for pid in self.processes() if pid != self._pid)
        for pid in others:
            signal_quietly(pid, signal.SIGTERM)
        until(lambda: all(is_still(pid) for pid in others), timeout=_SETTLE_TIMEOUT_S)
        self.power_off()

    def unplug(self) -> None:
        """Pull its cable: silent to all others from now on; itself, it sees that the carrier is gone."""
        self._cable.unplug()

    def plug(self) -> None:
        """Put its cable back; no ARP announcement, as after a short cut: its DHCP client slept through it."""
        self._cable.plug()

    def freeze(self) -> None:
        """Stop every process; its kernel still answers ARP, ping and TCP handshakes.

        Raises:
            BootFailed: A process could not be stopped (it waits in the kernel).
        """

        def stopped() -> bool:
            moving = tuple(pid for pid in self.processes() if not is_still(pid))
            for pid in moving:
                signal_quietly(pid, signal.SIGSTOP)
            return not moving

        if not until(stopped, timeout=_SETTLE_TIMEOUT_S):
            raise BootFailed(f"{self.name}: a process did not stop in {_SETTLE_TIMEOUT_S:g} s")

    def thaw(self) -> None:
        """Let every process go on."""
        for pid in self.processes():
            signal_quietly(pid, signal.SIGCONT)
        for program in self._programs:
            program.wake()

    # -------------------------------------------------------------- running things

    def argv(
        self,
        command: Sequence[str],
        *,
        user: str = USER,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
    ) -> list[str]:
        """Return the host's command line that runs `command` in here as `user` (pi or root).

        The environment is that of a login, with the venv's programs first in PATH, and `env` over it.
        """
        home, number = (HOME, USER_ID) if user == USER else ("/root", 0)
        variables = {
            "HOME": home,
            "LANG": "C.UTF-8",
            "LOGNAME": user,
            "PATH": f"{sys.prefix}/bin:{SEARCH_PATH}",
            "SHELL": "/bin/bash",
            "USER": user,
            "XDG_RUNTIME_DIR": f"/run/user/{number}",
            **(env or {}),
        }
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--uts", "--ipc", "--net", "--pid", "--"]
        become = ["setpriv", f"--reuid={number}", f"--regid={number}", "--init-groups", "--"]
        # as after a login: who started the tests in the background may ignore Ctrl-C, which is inherited
        heeds = "--default-signal=INT,QUIT"
        clean = ["env", "--ignore-environment", heeds, f"--chdir={cwd or home}"]
        return [*enter, *become, *clean, *(f"{key}={value}" for key, value in variables.items()), *command]

    def popen(
        self,
        command: Sequence[str],
        *,
        user: str = USER,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        stderr: int = subprocess.STDOUT,
    ) -> Running:
        """Start a program with pipes; stderr comes in stdout unless `stderr=subprocess.PIPE`."""
        outer = subprocess.Popen(
            self.argv(command, user=user, env=env, cwd=cwd),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            # A group of its own: should we be killed while it is stopped, the kernel ends it (SIGHUP to a
            # group orphaned with a stopped member), so that it can't hold up the end of the machine.
            process_group=0,
        )
        program = Running(outer)
        self._programs.append(program)
        return program

    def run(
        self,
        command: Sequence[str],
        *,
        user: str = USER,
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        text: str | None = None,
        check: bool = True,
        timeout: float = 30.0,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a program to its end; `text` is its stdin.

        Raises:
            CommandFailed: `check` is set and its exit status is not 0.
            subprocess.TimeoutExpired: It ran longer than `timeout` seconds; it has been ended.
        """
        program = self.popen(command, user=user, env=env, cwd=cwd, stderr=subprocess.PIPE)
        try:
            out, err = program.communicate(text, timeout)
            status = program.wait()
        finally:
            self._programs.remove(program)
            program.close()
        if check and status != 0:
            raise CommandFailed(f"{self.name}: {list(command)} ended with {status}: {(out + err)[-2000:]!r}")
        return subprocess.CompletedProcess(list(command), status, out, err)

    # -------------------------------------------------------------- inner workings

    def _wait_for_the_end(self, boot: "subprocess.Popen[bytes]") -> None:
        """Wait until the kernel has ended process 1, which it does when all others have been reaped."""

        def ended() -> bool:
            for program in self._programs:
                program.wake()
            return boot.poll() is not None

        if not until(ended, timeout=_SETTLE_TIMEOUT_S):
            raise BootFailed(f"{self.name}: a process did not end in {_SETTLE_TIMEOUT_S:g} s")

    def _come_up(self, boot: "subprocess.Popen[bytes]") -> None:
        expect(boot, "cabled?", timeout=_BOOT_TIMEOUT_S)
        self._pid = first_process(boot)
        self._cable.connect(self._pid)
        ip_in(self._pid, f"address add {self.plan.address} dev eth0")
        self._cable.announce(self._pid, self.plan.address.ip)
        if self._external is not None:
            self._external.connect(self._pid)
        assert boot.stdin is not None
        boot.stdin.write(b"yes\n")
        expect(boot, "booted", timeout=_BOOT_TIMEOUT_S)
