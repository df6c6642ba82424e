"""The switch: the lab's outermost namespaces, with the bridges and the memory that all else hangs on."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.lab.errors import BootFailed
from tests.lab.needs import SEARCH_PATH
from tests.lab.procs import expect, only_child, signal_quietly

_STORE = "/mnt"
_START_TIMEOUT_S = 20.0


class Switch:
    """Namespaces that hold the bridges `cluster` and `outside` and, below /mnt, every machine's files.

    It ends, and all machines with it, when `close` is called or the process that made it dies.
    """

    def __init__(self, marker: str) -> None:
        script = Path(__file__).with_name("switch.sh").read_text(encoding="utf-8")
        new = ["unshare", "--mount", "--net", "--pid", "--mount-proc", "--fork", "--"]
        self._process = subprocess.Popen(
            [*new, "sh", "-c", script, marker],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "SCIABC_LAB": marker},
        )
        self.marker = marker
        try:
            expect(self._process, "switched-on", timeout=_START_TIMEOUT_S)
            self.pid = _child_of(self._process)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Cut the power of everything; return when the kernel has ended every process."""
        for pipe in (self._process.stdin, self._process.stdout):
            _close(pipe)
        self._process.wait()

    def store(self, *parts: str) -> Path:
        """Return the host's way to a file below the store, which no other process of the host sees."""
        return Path(f"/proc/{self.pid}/root{_STORE}", *parts)

    def inside(self, *parts: str) -> str:
        """Return the same file's path as the switch and the mount commands know it."""
        return "/".join((_STORE, *parts))

    def shell(self, script: str) -> None:
        """Run a shell script with the switch's mounts.

        Raises:
            BootFailed: A command in it failed.
        """
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--pid", "--"]
        _checked([*enter, "sh", "-eu", "-c", f"umask 022\n{script}"])

    def ip(self, *lines: str) -> None:
        """Run lines of `ip -batch` in the switch's network.

        Raises:
            BootFailed: The kernel refused one.
        """
        ip_in(self.pid, *lines)

    def forwards(self, port: str) -> bool:
        """Return whether a bridge passes on what comes from a port: not at once when a link comes up."""
        shown = run_in(self.pid, ["ip", "-details", "-oneline", "link", "show", "dev", port])
        return "state forwarding" in shown

    def start(self, argv: Sequence[str], env: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        """Start a program in new namespaces below the switch's; its first process is number 1 in there."""
        enter = ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--"]
        new = ["unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork", "--"]
        return subprocess.Popen(
            [*enter, *new, *argv],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "SCIABC_LAB": self.marker, **env},
        )


def first_process(started: "subprocess.Popen[bytes]") -> int:
    """Return the host's number of the process 1 that `Switch.start` made: nsenter -> unshare -> it."""
    unshare = _child_of(started)
    child = only_child(unshare)
    if child is None:
        raise BootFailed(f"process {unshare} (unshare) has no child: it ended while booting")
    return child


def end_unfinished(started: "subprocess.Popen[bytes]") -> None:
    """End what `Switch.start` made, however far it came."""
    unshare = only_child(started.pid)
    child = only_child(unshare) if unshare is not None else None
    signal_quietly(child or unshare or started.pid, signal.SIGKILL)


def ip_in(pid: int, *lines: str) -> None:
    """Run lines of `ip -batch` in the network of a process.

    Raises:
        BootFailed: The kernel refused one.
    """
    run_in(pid, ["ip", "-batch", "-"], "\n".join(lines) + "\n")


def run_in(pid: int, argv: Sequence[str], text: str = "") -> str:
    """Run a program of the host in the network of a process, with its stdin; return what it printed.

    Raises:
        BootFailed: It failed.
    """
    return _checked(["nsenter", "--target", str(pid), "--net", "--", *argv], text)


def _checked(argv: Sequence[str], text: str = "") -> str:
    done = subprocess.run(
        argv, input=text, env={"PATH": SEARCH_PATH}, capture_output=True, text=True, timeout=30, check=False
    )
    if done.returncode != 0:
        raise BootFailed(f"{argv[-1]!r} with {text!r} failed: {done.stderr.strip()!r}")
    return done.stdout


def _child_of(process: "subprocess.Popen[bytes]") -> int:
    child = only_child(process.pid)
    if child is None:
        raise BootFailed(f"process {process.pid} has no child: it ended while booting")
    return child


def _close(pipe: IO[bytes] | None) -> None:
    if pipe is not None:
        pipe.close()
