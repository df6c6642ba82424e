"""In tmux, with a shell below it: job control, the size, and what is left on the screen."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


class Tmux:
    """A tmux server of the test's own with one shell in it."""

    def __init__(self, folder: Path) -> None:
        self._socket = folder / "tmux"
        self._environ = {
            **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            "LC_ALL": "C.UTF-8",
            "TERM": "xterm-256color",
            "TZ": "UTC",
            "PYTHONPATH": str(ROOT),
        }
        self(
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "-c",
            str(ROOT),
            "exec env 'PS1=shell> ' bash --norc --noprofile -i",
        )

    def __call__(self, *words: str) -> str:
        """Run a command of tmux."""
        command = ["tmux", "-f", "/dev/null", "-S", str(self._socket), *words]
        done = subprocess.run(
            command, env=self._environ, capture_output=True, text=True, check=True, timeout=20
        )
        return done.stdout

    @property
    def text(self) -> str:
        """What the pane shows."""
        return self("capture-pane", "-p")

    def shown(self, what: str) -> str:
        """Give a format's value for the pane."""
        return self("display-message", "-p", what).strip()

    def type(self, *keys: str) -> None:
        """Press keys, as tmux names them."""
        self("send-keys", *keys)

    def until(self, condition: Callable[[str], object], within: float = 30.0) -> None:
        """Wait until what the pane shows is so."""
        deadline = time.monotonic() + within
        while not condition(self.text):
            assert time.monotonic() < deadline, self.text

    def end(self) -> None:
        """End the server and all in it."""
        self("kill-server")


@pytest.fixture
def tmux(tmp_path: Path) -> Generator[Tmux, None, None]:
    """Give a shell in tmux that has opened the scripted cluster."""
    if shutil.which("tmux") is None:
        if os.environ.get("SCIABC_REQUIRE_ALL") == "1":
            pytest.fail("tmux is missing")
        pytest.skip("tmux is missing. Next: apt-get install tmux")
    made = Tmux(tmp_path)
    try:
        made.until(lambda text: "shell>" in text)
        made.type(f"{sys.executable} -m tests.tui.play running", "Enter")
        made.until(lambda text: "nbody" in text and "q leave" in text)
        yield made
    finally:
        made.end()


def test_leaving_restores_the_shell(tmux: Tmux) -> None:
    """After q the shell's lines are there as before, with cursor and title, and a line says what goes on."""
    tmux.until(lambda _: tmux.shown("#{pane_title}").startswith("sciabc briefcase: 4/4 up"))
    assert tmux.shown("#{alternate_on}") == "1"
    tmux.type("q")
    tmux.until(lambda text: text.count("shell>") == 2)
    assert "tests.tui.play running" in tmux.text
    assert "job 42 nbody goes on" in " ".join(tmux.text.split())
    assert tmux.shown("#{alternate_on} #{cursor_flag} #{mouse_any_flag}") == "0 1 0"
    assert not tmux.shown("#{pane_title}").startswith("sciabc briefcase")


def test_ctrl_z_and_fg(tmux: Tmux) -> None:
    """Ctrl-Z gives the shell back, fg the screen; keys work after it."""
    tmux.type("C-z")
    tmux.until(lambda text: "Stopped" in text and text.count("shell>") >= 2)
    assert tmux.shown("#{alternate_on} #{cursor_flag}") == "0 1"
    tmux.type("C-u", "fg", "Enter")  # a late answer to the program would be on the shell's line
    tmux.until(lambda text: "nbody" in text and "q leave" in text)
    tmux.type("Tab", "Enter")
    tmux.until(lambda text: "step" in text)
    tmux.type("q")
    tmux.until(lambda text: "goes on" in text)


def test_window_is_resized(tmux: Tmux) -> None:
    """A window that shrinks and grows has what belongs to its size."""
    tmux("resize-window", "-x", "50", "-y", "12")
    tmux.until(lambda text: "needs 60x20, this is 50x12" in text)
    tmux("resize-window", "-x", "140", "-y", "40")
    tmux.until(lambda text: "Front panel" in text and "nbody" in text)


def test_killed_program_leaves_a_shell(tmux: Tmux) -> None:
    """SIGKILL can be answered by nobody, but the shell goes on and `reset` gives everything back."""
    pid = tmux.shown("#{pane_pid}")
    child = subprocess.run(["pgrep", "-P", pid], capture_output=True, text=True, check=True).stdout.strip()
    os.kill(int(child), 9)
    tmux.until(lambda text: "Killed" in text)
    tmux.type("C-u", "reset", "Enter")  # what tmux answered to the program, unread, is on the shell's line
    # the prompt of before is there until `reset` has cleared the screen
    tmux.until(lambda text: "shell>" in text and tmux.shown("#{cursor_flag}") == "1")
