"""The script that halts a board, in real shells, with stand-ins for what would really do it."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from sciabc_tui.head.power_scripts import power

SECRET = "hunter2 'quoted\" $HOME"

_SUDO = """#!/bin/sh
echo "$@" >> "$log"
case $1 in
  -n) shift; [ "$rule" = free ] || { echo "sudo: a password is required" >&2; exit 1; } ;;
  -S) read -r given; [ "$given" = "$expected" ] || { echo "Sorry, try again." >&2
      echo "sudo: 1 incorrect password attempt" >&2; exit 1; }; shift 5 ;;
esac
become=root "$@"
"""

_TOOL = """#!/bin/sh
echo "${0##*/} $* as ${become:-$user}" >> "$log"
[ "${become:-$user}" = root ] || { echo "Call to PowerOff failed: Access denied" >&2; exit 1; }
[ -z "$broken" ] || { echo "Failed: $broken" >&2; exit 1; }
"""


@dataclass(slots=True)
class Board:
    """A place where nothing but stand-ins is found before the script adds its own places to PATH."""

    folder: Path
    shell: tuple[str, ...]

    def run(self, script: str, **variables: str) -> tuple[list[str], str]:
        """Run a script; give its words, and what was called."""
        log = self.folder / "log"
        log.unlink(missing_ok=True)
        done = subprocess.run(
            [shutil.which(self.shell[0]) or "", *self.shell[1:]],
            input=script,
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            env={"PATH": f"{self.folder}:/usr/bin:/bin", "log": str(log), "user": "pi"} | variables,
        )
        words = [line.removeprefix("@sciabc ") for line in done.stdout.splitlines() if line]
        assert SECRET not in done.stdout + done.stderr
        return words, log.read_text() if log.exists() else ""


@pytest.fixture(params=["sh", "bash", "busybox"])
def board(request: pytest.FixtureRequest, tmp_path: Path) -> Board:
    """Give a board whose every way to halt is a stand-in: this machine must outlive the test."""
    shell: str = request.param
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    for name in ("systemctl", "poweroff", "reboot", "busybox"):
        _program(tmp_path, name, _TOOL)
    _program(tmp_path, "sudo", _SUDO)
    _program(tmp_path, "id", '#!/bin/sh\n[ "$user" = root ] && echo 0 || echo 1000\n')
    words = {"sh": ("sh", "-s"), "bash": ("bash", "-s"), "busybox": ("busybox", "sh", "-s")}
    return Board(tmp_path, words[shell])


def _program(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.write_text(text)
    path.chmod(0o755)


def test_root_does_it_at_once(board: Board) -> None:
    """No sudo is needed, nor asked."""
    words, called = board.run(power("poweroff", ""), user="root")
    assert words == ["trying", "going"]
    assert "poweroff" in called
    assert "sudo" not in called
    words, called = board.run(power("reboot", ""), user="root")
    assert words == ["trying", "going"]
    assert "reboot" in called


def test_sudo_without_a_password(board: Board) -> None:
    """As Raspberry Pi OS sets its first user up."""
    words, called = board.run(power("poweroff", ""), rule="free")
    assert words == ["trying", "going"]
    assert "as root" in called


def test_sudo_with_a_password(board: Board) -> None:
    """It is read from standard input; in no argument is anything of it."""
    words, called = board.run(power("poweroff", SECRET), expected=SECRET)
    assert words == ["trying", "going"]
    assert "as root" in called
    assert "hunter2" not in called


def test_a_wrong_password_is_told(board: Board) -> None:
    """In sudo's own words."""
    words, _ = board.run(power("poweroff", "wrong"), expected=SECRET)
    assert words == ["trying", "denied sudo: 1 incorrect password attempt"]


def test_no_password_is_told(board: Board) -> None:
    """And nothing was done."""
    words, called = board.run(power("poweroff", ""))
    assert words == ["trying", "denied sudo: a password is required"]
    assert "as root" not in called


def test_a_system_that_refuses_is_told(board: Board) -> None:
    """What it said last."""
    words, _ = board.run(power("poweroff", ""), user="root", broken="a transaction is destructive")
    assert words == ["trying", "failed Failed: a transaction is destructive"]


def test_the_stand_ins_were_first(board: Board) -> None:
    """Nothing of this machine's own could have been found before them."""
    found = subprocess.run(
        ["sh", "-c", "command -v systemctl poweroff reboot sudo id"],
        env={"PATH": f"{board.folder}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert all(line.startswith(str(board.folder)) for line in found.stdout.split())
