"""Switches the power of boards: by programs of the head, or by a packet that wakes them."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from ipaddress import IPv4Interface, ip_interface

from sciabc_tui.cluster.powering_drivers import (
    ClusterHat,
    Driver,
    Turn,
    UsbPort,
    WakeOnLan,
    magic_packet,
    tool,
)
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import SciabcError

TOOL_WITHIN = 30.0
"""Seconds that a program may take to switch a board."""

_DISCARD = 9
"""The UDP port that magic packets are sent to by custom; nobody need listen there."""

_TIMES = 3
"""Magic packets, since nobody confirms one."""

_PATH = "/usr/local/sbin:/usr/sbin:/sbin"
_LONGEST = 200


class SwitchFailed(SciabcError):
    """A board could not be switched.

    Attributes:
        fix: What to do next.
    """

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


class Drivers:
    """Knows what switches which node."""

    def __init__(
        self, drivers: Mapping[str, Driver], worker: Executor, *, within: float = TOOL_WITHIN
    ) -> None:
        """Take what the settings name, by the nodes' names, and threads to wait in."""
        self._drivers = drivers
        self._worker = worker
        self._within = within
        # each reads and writes one register of all its boards or ports: two at once would lose a turn
        self._turns: dict[type[Driver], asyncio.Lock] = {ClusterHat: asyncio.Lock(), UsbPort: asyncio.Lock()}

    def why_not(self, node: str, turn: Turn) -> SwitchFailed | None:
        """Say why a node can't be switched so; None if it can."""
        driver = self._drivers.get(node)
        if driver is None:
            return SwitchFailed(
                "nothing switches its power", "Next: name its driver in power.drivers (docs/power.md)"
            )
        if isinstance(driver, WakeOnLan) and turn == "off":
            return SwitchFailed("wake-on-LAN can only switch on", f"Next: sciabc-tui power off {node}")
        return None

    async def turn(self, node: str, turn: Turn, state: State) -> None:
        """Switch a node on or off; cancelled, the program that does it is ended.

        Raises:
            SwitchFailed: There is no driver for it, or it failed.
        """
        if problem := self.why_not(node, turn):
            raise problem
        driver = self._drivers[node]
        if isinstance(driver, WakeOnLan):
            _wake(driver, state)
            return
        async with self._turns.get(type(driver), contextlib.nullcontext()):
            program = _Program(tool(driver, node, turn), self._within)
            try:
                await asyncio.get_running_loop().run_in_executor(self._worker, program.run)
            finally:
                program.end()


class _Program:
    """A program in a process group of its own. `run` blocks; `end` may be called from another thread."""

    def __init__(self, argv: Sequence[str], within: float) -> None:
        self._argv = tuple(argv)
        self._within = within
        self._lock = threading.Lock()
        self._ended = False
        self._process: subprocess.Popen[bytes] | None = None

    def run(self) -> None:
        name = self._argv[0]
        path = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_PATH}")
        if path is None:
            raise SwitchFailed(f"{name} is not installed", f"Next: install {name} on the head")
        process = self._start(path)
        try:
            said, _ = process.communicate(timeout=self._within)
        except subprocess.TimeoutExpired as error:
            self.end()
            with contextlib.suppress(subprocess.TimeoutExpired):  # a daemon that it left has the pipe
                process.communicate(timeout=1.0)
            raise SwitchFailed(f"{name} took longer than {self._within:g} s", self._again()) from error
        if process.returncode:
            why = _last_line(said) or "it said nothing"
            raise SwitchFailed(f"{name} failed with status {process.returncode}: {why}", self._again())

    def end(self) -> None:
        """End it, and whatever it has started."""
        with self._lock:
            self._ended = True
            if self._process is not None and self._process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._process.pid, signal.SIGKILL)

    def _start(self, path: str) -> "subprocess.Popen[bytes]":
        with self._lock:
            if self._ended:
                raise SwitchFailed("stopped", self._again())
            try:
                self._process = subprocess.Popen(
                    [path, *self._argv[1:]],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            except OSError as error:
                raise SwitchFailed(f"{path} can't be started: {error.strerror}", self._again()) from error
            return self._process

    def _again(self) -> str:
        return f"Next: try it by hand: {' '.join(self._argv)}"


def _last_line(said: bytes) -> str:
    lines = [line for line in said[-4096:].decode("utf-8", "replace").splitlines() if line.strip()]
    return "".join(letter for letter in (lines or [""])[-1] if letter.isprintable()).strip()[:_LONGEST]


def _wake(driver: WakeOnLan, state: State) -> None:
    """Send the magic packet to everybody in the cluster's networks, and to nobody else."""
    networks = [found for text in state.listening.addresses if (found := _network(text)) is not None]
    if not networks:
        raise SwitchFailed("the head has no address in the cluster", "Next: sciabc-tui doctor")
    for network in networks:
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                sender.bind((str(network.ip), 0))
                for _ in range(_TIMES):
                    sender.sendto(
                        magic_packet(driver.mac), (str(network.network.broadcast_address), _DISCARD)
                    )
        except OSError as error:
            raise SwitchFailed(
                f"no packet can be sent from {network.ip}: {error.strerror}", "Next: sciabc-tui doctor"
            ) from error


def _network(text: str) -> IPv4Interface | None:
    try:
        found = ip_interface(text)
    except ValueError:
        return None
    return found if isinstance(found, IPv4Interface) and found.network.prefixlen < 31 else None
