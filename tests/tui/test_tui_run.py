"""In a terminal of its own: what reaches it, and that it is given back."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.run import run_tui
from tests.tui.client import CapturingClient

ROOT = Path(__file__).parents[2]
IN, OUT = b"\x1b[?1049h", b"\x1b[?1049l"


class Terminal:
    """A program in a pseudo-terminal."""

    def __init__(self, *words: str) -> None:
        self._master, slave = pty.openpty()
        self.seen = b""
        environ = {
            **os.environ,
            "TERM": "xterm-256color",
            "LC_ALL": "C.UTF-8",
            "COLUMNS": "80",
            "LINES": "24",
        }
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.tui.play", *words],
            cwd=ROOT,
            env=environ,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def until(self, wanted: bytes) -> None:
        """Read until this was written."""
        deadline = time.monotonic() + 30
        while wanted not in self.seen:
            assert time.monotonic() < deadline, self.seen[-2000:]
            ready, _, _ = select.select([self._master], [], [], 0.1)
            if ready:
                try:
                    self.seen += os.read(self._master, 65536)
                except OSError:  # the program ended, and with it the terminal's other side
                    assert wanted in self.seen, self.seen[-2000:]

    def press(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self._master, keys)

    def close(self) -> None:
        """End the program, if it did not."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(10)
        os.close(self._master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """Play a running cluster."""
    made = Terminal("running")
    yield made
    made.close()


@pytest.mark.parametrize("how", ["q", "SIGTERM", "SIGHUP"])
def test_terminal_is_given_back(terminal: Terminal, how: str) -> None:
    """Leaving, SIGTERM and SIGHUP all leave the alternate screen, turn no mouse on, and end with status 0."""
    terminal.until(b"nbody")
    assert IN in terminal.seen
    if how == "q":
        terminal.press(b"q")
    else:
        terminal.process.send_signal(signal.Signals[how])
    terminal.until(OUT)
    assert terminal.process.wait(30) == 0
    assert b"\x1b[?1003h" not in terminal.seen
    assert b"Traceback" not in terminal.seen


def test_leaving_says_what_goes_on(terminal: Terminal) -> None:
    """The last line names the job that goes on."""
    terminal.until(b"nbody")
    terminal.press(b"q")
    terminal.until(b"job 42 nbody goes on")


def test_no_screen_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal that can't show a screen is refused in one line with the next step."""
    monkeypatch.setenv("TERM", "dumb")
    with pytest.raises(SciabcError, match=r"TERM=dumb.*Next: sciabc-tui status"):
        run_tui(CapturingClient)


def test_imports_stay_light() -> None:
    """The screen starts fast: nothing that only the head service needs is imported."""
    code = "import sys, sciabc_tui.tui.run; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"aiohttp", "paramiko", "zeroconf", "pyroute2", "psutil", "numpy", "httpx", "typer", "sqlite3"}
    assert heavy & set(out.stdout.split()) == set()


FIRST = """
import json
import os
import sys
from pathlib import Path
from sciabc_tui.cli.attachment import Attachment
from sciabc_tui.tui.app import ClusterApp
from sciabc_tui.tui.run import run_tui

def ready(app):
    os.write(1, json.dumps(list(sys.modules)).encode())
    app.exit()

ClusterApp.on_ready = ready
run_tui(Attachment(Path("/nonexistent"), lambda: None).client)
"""

DIET = {
    "sciabc_tui.cluster": {"durations", "ids"},
    "sciabc_tui.api": set[str](),
    "sciabc_tui.tui.present": {"blank", "cells", "glyphs", "layout", "view"},
    "sciabc_tui.tui.screens": {"base", "dashboard", "too_small"},
    "sciabc_tui.tui.widgets": {"lines", "moves", "paint", "rows", "table"},
}
"""What of these packages the first frame may wait for; a further one takes a millisecond or more."""


def test_first_frame_waits_for_nothing_else() -> None:
    """No domain, no client and no other screen is loaded before the first frame is there."""
    master, child = os.openpty()
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    process = subprocess.Popen(
        [sys.executable, "-c", FIRST],
        cwd=ROOT,
        env=environ,
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=child,
    )
    os.close(child)
    drain = threading.Thread(target=_drained, args=[master])
    drain.start()
    said, _ = process.communicate(timeout=60)
    drain.join()
    os.close(master)
    loaded = set[str](json.loads(said))
    assert not loaded & {"http.client", "email", "aiohttp", "paramiko", "typer"}
    for package, wanted in DIET.items():
        found = {name.removeprefix(f"{package}.") for name in loaded if name.startswith(f"{package}.")}
        assert found == wanted


def _drained(terminal: int) -> None:
    with suppress(OSError):  # EIO: nobody has it open any more
        while os.read(terminal, 65536):
            pass
