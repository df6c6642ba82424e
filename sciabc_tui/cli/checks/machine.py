"""The machine that is looked at: its files, and what its programs say. Nothing is changed."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ANSWERS_WITHIN = 1.5
"""Seconds that a program may take to answer."""

_MOST_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Said:
    """What a program said, on both outputs; `status` is None if it did not end, or is not there."""

    status: int | None
    text: str = ""


def ask(
    command: tuple[str, ...], environ: Mapping[str, str] | None = None, within: float = ANSWERS_WITHIN
) -> Said:
    """Run a program that only tells something; one that does not end is killed.

    Args:
        command: The program and its arguments.
        environ: Added to the environment.
        within: Seconds that it may take.
    """
    try:
        asked = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=within,
            check=False,
            cwd="/",  # what lies in the user's folder is not meant
            env={**os.environ, "LC_ALL": "C.UTF-8", **(environ or {})},
        )
    except (OSError, subprocess.TimeoutExpired):
        return Said(None)
    return Said(asked.returncode, asked.stdout[:_MOST_BYTES].decode(errors="replace").strip())


def end_what_hangs() -> None:
    """Kill the programs that were asked and do not answer: whoever waited for them is about to end."""
    for task in Path("/proc/self/task").iterdir():
        with suppress(OSError):
            for pid in (task / "children").read_text(encoding="ascii").split():
                # not waited for, so that the number is still that child's
                os.kill(int(pid), signal.SIGKILL)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look.

    Attributes:
        root: Above /proc, /sys, /dev, /etc and so on.
        ask: Runs a program.
        which: Finds a program; None if it is not there.
    """

    root: Path = Path("/")
    ask: Callable[..., Said] = ask
    which: Callable[[str], str | None] = shutil.which

    def path(self, place: str) -> Path:
        """Give the path of a place such as `/proc/meminfo`."""
        return self.root / place.lstrip("/")

    def text(self, place: str) -> str:
        """Read a file; empty if it can't be read. What follows its first 256 KiB is not read."""
        try:
            with self.path(place).open("rb") as file:
                return file.read(_MOST_BYTES).decode(errors="replace").strip("\0\n ")
        except OSError:
            return ""

    @property
    def model(self) -> str:
        """The board's name; empty where there is no device tree."""
        return self.text("/proc/device-tree/model")

    @property
    def is_pi(self) -> bool:
        """Tell whether it is a Raspberry Pi."""
        return self.model.startswith("Raspberry Pi")


def existing(path: Path) -> Path:
    """Give a path, or what is there of the way to it."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def can_be_made(path: Path) -> bool:
    """Tell whether this user may make a folder there, which is not there yet."""
    return os.access(existing(path), os.W_OK | os.X_OK)
