"""Boards that blink, halt, restart and are switched: real SSH, sudo and liveness; the lab is their power."""

import subprocess
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.lab.conftest import LabFactory
from tests.lab.errors import NoSuchMachine
from tests.lab.flight import Flight
from tests.lab.image import HOME, REPOSITORY, USER
from tests.lab.machine import Machine
from tests.lab.procs import until

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

_WISHES = "/home/.power"
"""Where a machine writes that it wants to be switched: a file on its card, which the lab looks at."""

_HALT = f'#!/bin/sh\n[ "$(id -u)" = 0 ] || exit 1\necho "${{0##*/}}" >> {_WISHES}\n'
_PDU = f'#!/bin/sh\necho "$@" >> {_WISHES}\n'
_SECRET = "xq7-not-to-be-seen"
_THERE = """any(
    node.name == 'node01' and (node.liveness, node.readiness, node.streaming) == ('alive', 'ready', True)
    for node in state.nodes.values()
)"""
_DRIVERS = "node[01-03]=command /usr/local/bin/pdu {action} {node}"


def put(machine: Machine, path: str, text: str, mode: int = 0o755) -> None:
    """Write a file of root's on a machine's card."""
    file = machine.path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def furnish(machine: Machine) -> None:
    """Give a machine what halts it, and let pi use that."""
    for name in ("poweroff", "reboot"):
        put(machine, f"/usr/local/sbin/{name}", _HALT)
    put(machine, "/etc/sudoers.d/010_pi", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    put(machine, _WISHES, "", 0o666)


@dataclass(slots=True)
class Mains:
    """The power supply: does what machines wrote down that they want.

    Attributes:
        head_wants: What the head wrote, which is only noted: who asked runs on it.
        done: What was switched.
    """

    flight: Flight
    head_wants: list[str] = field(default_factory=list[str])
    done: list[str] = field(default_factory=list[str])
    _over: threading.Event = field(default_factory=threading.Event)
    _seen: dict[str, int] = field(default_factory=dict[str, int])

    def run(self) -> None:
        """Look after all machines until it is over."""
        while not self._over.wait(0.05):
            for node in self.flight.lab.nodes:
                for wish in self._read(node):
                    self._obey(node, wish)
            for wish in self._read(self.flight.lab.head):
                action, _, name = wish.partition(" ")
                if name:
                    self.done.append(wish)
                    self._switch(self.flight.lab.node(name), action)
                else:
                    self.head_wants.append(wish)

    def stop(self) -> None:
        """End it."""
        self._over.set()

    def _read(self, machine: Machine) -> list[str]:
        try:
            wishes = machine.path(_WISHES).read_text().splitlines()
        except (NoSuchMachine, OSError):
            return []
        seen = self._seen.get(machine.name, 0)
        self._seen[machine.name] = len(wishes)  # nothing is taken away: another wish may just be written
        return wishes[seen:]

    def _obey(self, node: Machine, wish: str) -> None:
        node.goodbye()
        if wish == "reboot":
            node.power_on()

    def _switch(self, node: Machine, action: str) -> None:
        if action == "on":
            node.power_on()
        else:
            node.power_off()


@contextmanager
def mains(flight: Flight) -> Generator[Mains]:
    """Look after the power of a lab's machines."""
    for machine in (flight.lab.head, *flight.lab.nodes):
        furnish(machine)
    put(flight.lab.head, "/usr/local/bin/pdu", _PDU)
    supply = Mains(flight)
    thread = threading.Thread(target=supply.run, name="mains")
    thread.start()
    try:
        yield supply
    finally:
        supply.stop()
        thread.join()


@pytest.fixture
def flight(lab: LabFactory) -> Callable[[int], Flight]:
    """Give a head that knows some boards, and what switches them."""

    def make(nodes: int) -> Flight:
        made = Flight(lab(nodes=nodes), {"SCIABC_POWER_DRIVERS": _DRIVERS})
        made.up()
        return made

    return make


def told(flight: Flight, *words: str, timeout: float = 200.0) -> "subprocess.CompletedProcess[str]":
    """Type a command as pi on the head."""
    command = [*flight.service[:-1], *words]
    return flight.lab.head.run(command, env=flight.env, check=False, timeout=timeout)


def test_boards_restart_and_halt_and_are_switched(flight: Callable[[int], Flight]) -> None:
    """Each is seen to do what it was asked for; nobody is drained afterwards."""
    made = flight(2)
    node = made.lab.node("node01")
    with mains(made) as supply:
        before = node.boot_id
        done = told(made, "power", "reboot", "node01", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "node01: back after " in done.stdout
        assert node.boot_id != before
        made.until("all(words[name] == 'ready' for name in ('node01', 'node02'))")

        done = told(made, "power", "off", "node[01-02]", "--yes")
        assert done.stdout.count(": off after ") == 2, done.stdout + done.stderr
        assert not node.on
        made.until("words['node01'] == words['node02'] == 'left'")
        assert "down" not in made.run("status")

        done = told(made, "power", "on", "node[01-02]")
        assert done.stdout.count(": on, heard after ") == 2, done.stdout + done.stderr
        made.until("words['node01'] == words['node02'] == 'ready'")

        before = node.boot_id
        done = told(made, "power", "cycle", "node01", "--yes")
        assert "node01: back after " in done.stdout, done.stdout + done.stderr
        assert node.boot_id != before
        done = told(made, "power", "cut", "node01", "--yes")
        assert "node01: off after " in done.stdout, done.stdout + done.stderr
        made.until("words['node01'] == 'down'")
        assert sorted(supply.done[:2]) == ["on node01", "on node02"]
        assert supply.done[2:] == ["off node01", "on node01", "off node01"]
    assert "drained" not in made.run("nodes")


def test_what_hinders_is_told_and_the_others_go(flight: Callable[[int], Flight]) -> None:
    """A board that wants a password, one that has no sudo at all, one that goes."""
    made = flight(3)
    with mains(made):
        one, two = made.lab.node("node01"), made.lab.node("node02")
        one.run(["sh", "-c", f"echo '{USER}:{_SECRET}' | chpasswd"], user="root")
        put(one, "/etc/sudoers.d/010_pi", f"{USER} ALL=(ALL) ALL\n", 0o440)
        two.path("/etc/sudoers.d/010_pi").unlink()
        done = told(made, "power", "off", "node[01-03]", "--yes")
        assert done.returncode == 1
        lines = done.stdout.splitlines()
        assert "node01: FAILED sudo there wants a password" in lines, done.stdout
        assert any(line.startswith("node02: FAILED ") for line in lines), done.stdout
        assert any(line.startswith("node03: off after ") for line in lines), done.stdout
        assert done.stderr.endswith("node[01-02]: failed\n")
        made.until("words['node01'] == words['node02'] == 'ready'")

        command = [*made.service[:-1], "power", "off", "node01", "--yes", "--password"]
        done = made.lab.head.run(command, env=made.env, check=False, timeout=200.0, text="wrong\n")
        assert "sudo there refuses the password" in done.stdout, done.stdout
        control = made.lab.head.popen(["sleep", "60"], env={"CONTROL": _SECRET})
        # while a process becomes another program neither file says anything
        assert until(lambda: bool(list(_told_by(control.pid, "control"))), timeout=30.0)
        control.kill()
        control.wait(10.0)
        with searched(made) as seen:
            done = made.lab.head.run(command, env=made.env, check=False, timeout=200.0, text=f"{_SECRET}\n")
        assert "node01: off after " in done.stdout, done.stdout + done.stderr
        assert seen == set()
        written = made.lab.head.run(["grep", "-rl", _SECRET, HOME, "/tmp", "/var/log"], check=False)
        # this file has it, and the checkout may be below /tmp
        assert [line for line in written.stdout.splitlines() if not line.startswith(str(REPOSITORY))] == []
        assert _SECRET not in made.run("events") + done.stdout + done.stderr


@contextmanager
def searched(made: Flight) -> Generator[set[str]]:
    """Look for the password in the arguments and variables of every process of the lab, again and again."""
    found: set[str] = set()
    over = threading.Event()
    looks = 0

    def look() -> None:
        nonlocal looks
        while not over.wait(0.01):
            looks += 1
            for machine in (made.lab.head, *made.lab.nodes):
                with suppress(NoSuchMachine, OSError):
                    for pid in machine.processes():
                        found.update(_told_by(pid, machine.name))

    thread = threading.Thread(target=look, name="search")
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
    assert looks > 10


def _told_by(pid: int, name: str) -> Generator[str]:
    for file in ("cmdline", "environ"):
        with suppress(OSError):
            if _SECRET.encode() in Path(f"/proc/{pid}/{file}").read_bytes():
                yield f"{name}: {pid} {file}"


def test_the_briefcase_is_packed_and_unpacked(flight: Callable[[int], Flight]) -> None:
    """Nodes are off, each seen gone; the head stays and says so; with power they come back to work."""
    made = flight(2)
    with mains(made) as supply:
        done = told(made, "pack", "--keep-head", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout.count(": off after ") == 2
        assert not any(node.on for node in made.lab.nodes)
        made.until("state.packing is not None and state.packing.ended and len(state.packing.off) == 2")
        assert "NODES OFF" in panel(made)

        made.lab.node("node01").power_on()
        made.until(_THERE)
        done = told(made, "unpack", "--within", "15s")
        assert done.returncode == 1, done.stdout
        assert "1 of 2 nodes are there; missing: node02" in done.stdout
        made.lab.node("node02").power_on()
        done = told(made, "unpack", "--within", "60s")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "All 2 nodes are there." in done.stdout
        made.until("words['node01'] == words['node02'] == words['head'] == 'ready'")

        assert supply.head_wants == []
        done = told(made, "pack", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "head: halts now" in done.stdout
        assert until(lambda: supply.head_wants == ["poweroff"], timeout=30.0)


def panel(made: Flight) -> str:
    """Read the glass for a turn of its pages."""
    texts: list[str] = []

    def shown() -> bool:
        texts.append(made.run("panel", "--once"))
        return "NODES OFF" in texts[-1]

    until(shown, timeout=60.0)
    return texts[-1]


_LED = """
mountpoint -q /sys/class || mount -t tmpfs leds /sys/class
mkdir -p /sys/class/leds/ACT
printf 'none [mmc0] timer heartbeat' > /sys/class/leds/ACT/trigger
echo 0 > /sys/class/leds/ACT/brightness
"""


def led(node: Machine) -> None:
    """Show an LED as the kernel does; a file does not keep the list of triggers when one is chosen."""
    node.run(["sh", "-c", _LED], user="root")


def trigger(node: Machine) -> str:
    """Give what a board's LED does."""
    return node.path("/sys/class/leds/ACT/trigger").read_text().strip()


def test_boards_blink_and_stop(flight: Callable[[int], Flight]) -> None:
    """For their time; at Ctrl-C; and when the service is killed. A board without an LED says so."""
    made = flight(2)
    one, two = made.lab.node("node01"), made.lab.node("node02")
    led(one)
    two.run(["sh", "-c", "mount -t tmpfs none /sys/class"], user="root")
    done = told(made, "identify", "node01", "--for", "2s")
    assert "only root may switch its LED ACT" in done.stdout, done.stdout
    put(one, "/etc/sudoers.d/010_pi", f"{USER} ALL=(ALL) NOPASSWD: ALL\n", 0o440)
    done = told(made, "identify", "node[01-02]", "--for", "2s")
    assert "node01: blinked: ACT" in done.stdout, done.stdout
    assert "node02: FAILED it has no activity LED" in done.stdout
    assert trigger(one) == "mmc0"

    led(one)
    command = [*made.service[:-1], "identify", "node01", "--for", "10m"]
    blinking = made.lab.head.popen(command, env=made.env)
    assert until(lambda: trigger(one) == "timer", timeout=60.0)
    blinking.signal(2)
    assert blinking.wait(60.0) == 130
    assert until(lambda: trigger(one) == "mmc0", timeout=60.0)

    led(one)
    made.lab.head.popen(command, env=made.env)
    assert until(lambda: trigger(one) == "timer", timeout=60.0)
    made.kill()
    assert until(lambda: trigger(one) == "mmc0", timeout=60.0)
