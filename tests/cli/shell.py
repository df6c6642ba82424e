"""Runs the commands in processes of their own, with pipes or on a terminal."""

import codecs
import os
import pty
import select
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
COMMAND = (sys.executable, "-m", "sciabc_tui")
ON_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class Shell:
    """A place to run commands in."""

    home: Path

    @property
    def environ(self) -> dict[str, str]:
        """An environment that names only folders of this test."""
        keep = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return keep | {
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT),
            # a real service that a test starts says nothing to this machine's network, and drives nothing
            "SCIABC_CLUSTER_INTERFACES": "lo",
            "SCIABC_PANEL_LAMP": "off",
            "SCIABC_PANEL_LCD": "off",
            "SCIABC_PATHS_RUNTIME": str(self.home / "run"),
            "SCIABC_PATHS_STATE": str(self.home / "state"),
            "TERM": "xterm-256color",
            "TMPDIR": str(self.home),
            "TZ": "UTC",
        }

    def run(self, *args: str, typed: str = "", **environ: str) -> subprocess.CompletedProcess[str]:
        """Run a command with pipes until it ends."""
        return subprocess.run(
            [*COMMAND, *args],
            input=typed,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.home,
            env=self.environ | environ,
            timeout=60,
        )

    def start(self, *args: str, **environ: str) -> subprocess.Popen[str]:
        """Start a command with pipes; its standard input is none."""
        return subprocess.Popen(
            [*COMMAND, *args],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.home,
            env=self.environ | environ,
        )

    def terminal(self, *args: str, **environ: str) -> "Terminal":
        """Start a command on a terminal of its own."""
        return Terminal([*COMMAND, *args], self.home, self.environ | environ)


class Terminal:
    """A command on a pseudo terminal."""

    def __init__(self, command: list[str], cwd: Path, environ: dict[str, str]) -> None:
        self._master, slave = pty.openpty()
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")  # a read may end within a character
        try:
            self.process = subprocess.Popen(
                [sys.executable, "-c", ON_TERMINAL, *command],
                stdin=slave,
                stdout=slave,
                stderr=slave,
                cwd=cwd,
                env=environ,
                start_new_session=True,
            )
        finally:
            os.close(slave)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait(10)
        os.close(self._master)

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def until(self, text: str) -> None:
        """Read until this text was shown, a minute at most."""
        deadline = time.monotonic() + _PATIENCE_S
        while text not in self.text:
            assert self._read(deadline), f"{text!r} is not in {self.text!r}"

    def ended(self) -> int:
        """Read to the end; give the exit status."""
        deadline = time.monotonic() + _PATIENCE_S
        while self._read(deadline):
            pass
        return self.process.wait(10)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        assert ready, f"nothing more came after {self.text!r}"
        try:
            data = os.read(self._master, 65536)
        except OSError:  # EIO: nobody has the other end any more
            return False
        self.text += self._decoder.decode(data)
        return bool(data)
