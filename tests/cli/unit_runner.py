"""Runs the command lines of a unit file as systemd does, without systemd: its environment, its results."""

import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

_PATIENCE_S = 30.0


def directives(text: str, key: str) -> list[str]:
    """Give all values of a directive."""
    return [line.partition("=")[2] for line in text.splitlines() if line.startswith(f"{key}=")]


class UnitRunner:
    """One service; `start` begins it, and what systemd would do at its end is `stop_post`."""

    def __init__(self, unit: str, folder: Path, more: Mapping[str, str], *, watchdog: float) -> None:
        """Start nothing yet.

        Args:
            unit: The text of the unit.
            folder: For the notification socket; with a short name.
            more: Beside the environment that systemd gives.
            watchdog: Seconds, in place of `WatchdogSec=`.
        """
        self._unit = unit
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(folder / "notify"))
        self._environ = {
            "LANG": "C.UTF-8",
            "PATH": os.environ["PATH"],
            "INVOCATION_ID": "0" * 32,
            "NOTIFY_SOCKET": str(folder / "notify"),
            **dict(value.split("=", 1) for value in directives(unit, "Environment")),
            **more,
        }
        self._watchdog = watchdog
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "log"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._socket.close()

    @property
    def pid(self) -> int:
        """Of the service's process."""
        assert self._process is not None
        return self._process.pid

    @property
    def log(self) -> str:
        """What the service and its last command said."""
        return self._log.read_text(encoding="utf-8")

    def start(self) -> None:
        """Run `ExecStart=`."""
        (line,) = directives(self._unit, "ExecStart")
        watchdog = {"WATCHDOG_USEC": str(round(self._watchdog * 1e6))}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _with_own_pid(shlex.split(line)),
                cwd=directives(self._unit, "WorkingDirectory")[0],
                env=self._environ | watchdog,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def until_told(self, word: str, within: float = _PATIENCE_S) -> bool:
        """Wait for a message of the service to systemd; tell whether it came."""
        deadline = time.monotonic() + within
        while (left := deadline - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                if self._socket.recv(4096).decode() == word:
                    return True
            except TimeoutError:
                break
        return False

    def forget_messages(self) -> None:
        """Drop what was told so far."""
        self._socket.settimeout(0.0)
        try:
            while self._socket.recv(4096):
                pass
        except BlockingIOError:
            pass

    def send(self, number: signal.Signals) -> None:
        """Send the service's process a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Stop the service's process by SIGSTOP, and wait until all its threads stand."""
        self.send(signal.SIGSTOP)
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def stop_post(self, result: str = "") -> tuple[str, str, str]:
        """Wait for the end, and run `ExecStopPost=` with what systemd tells it; give that.

        Args:
            result: Where systemd knows more than the exit status says: `watchdog`, for example.
        """
        assert self._process is not None
        status = self._process.wait(_PATIENCE_S)
        if status < 0:
            told = (result or "signal", "killed", signal.Signals(-status).name.removeprefix("SIG"))
        else:
            told = (result or ("exit-code" if status else "success"), "exited", str(status))
        names = ("SERVICE_RESULT", "EXIT_CODE", "EXIT_STATUS")
        (line,) = directives(self._unit, "ExecStopPost")
        with self._log.open("ab") as log:
            done = subprocess.run(
                shlex.split(line),
                cwd=directives(self._unit, "WorkingDirectory")[0],
                env=self._environ | dict(zip(names, told, strict=True)),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                check=False,
                timeout=_PATIENCE_S,
            )
        assert done.returncode == 0, self.log
        return told


def _with_own_pid(command: Sequence[str]) -> list[str]:
    """Set `$WATCHDOG_PID`, which is known only after the fork."""
    return ["sh", "-c", 'WATCHDOG_PID=$$; export WATCHDOG_PID; exec "$@"', "sh", *command]
