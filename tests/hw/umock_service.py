"""The real head service in a world of emulated devices."""

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from sciabc_tui.api.client import Client
from sciabc_tui.cluster.state import State
from tests.hw.umock import ROOT

_PATIENCE_S = 60.0


class Service:
    """A head service with the cluster on loopback; it serves when this is made."""

    def __init__(self, folder: Path, world: Mapping[str, str], **settings: str) -> None:
        """Start it.

        Args:
            folder: For its state, its socket and its log; made if it is not there.
            world: The environment of its devices, as `Umock.env`.
            settings: As in the environment, without `SCIABC_`: `PANEL_SIZE="20x4"`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._log = folder / "log"
        reading, writing = os.pipe()
        chosen = {
            "CLUSTER_INTERFACES": "lo",
            "PATHS_STATE": f"{folder}/state",
            "PATHS_RUNTIME": f"{folder}/run",
            **settings,
        }
        env = {
            "HOME": str(folder),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "TZ": "UTC",
            "XDG_CONFIG_HOME": str(folder),
            **{f"SCIABC_{name}": text for name, text in chosen.items()},
            **world,
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "sciabc_tui.cli.daemon", "--ready-fd", str(writing)],
                cwd=folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                pass_fds=(writing,),
            )
        os.close(writing)
        with os.fdopen(reading) as pipe:
            ready, _, _ = select.select([pipe], [], [], _PATIENCE_S)
            word = pipe.readline() if ready else "silence"
        if word != "READY\n":
            self._process.kill()
            self._process.communicate()
            raise AssertionError(f"the service does not stand: {word!r} {self.log[-2000:]}")
        self.client = Client(folder / "run" / "api.sock")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What it wrote to its log so far."""
        return self._log.read_text(encoding="utf-8")

    def until(self, condition: Callable[[State], bool], *, within: float = _PATIENCE_S) -> State:
        """Ask for the state until a condition holds on it; give it.

        Raises:
            AssertionError: It does not come to hold; the text tells the panel and the log.
        """
        deadline = time.monotonic() + within
        pause = threading.Event()
        while not condition(state := self.client.state()):
            assert time.monotonic() < deadline, f"not within {within:g} s: {state.panel} {self.log[-1000:]}"
            pause.wait(0.02)
        return state

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send it a signal and wait for its end; give its exit status and what it wrote to stdout."""
        self._process.send_signal(number)
        said, _ = self._process.communicate(timeout=_PATIENCE_S)
        return self._process.returncode, said.decode()
