"""A newcomer's run, timed: from a fresh clone, by what README says, to the first MPI output.

    sudo make bench BENCHES=newcomer

A new user with an empty home, the system's own python3 and no cache of pip types into a terminal of 80x24
what README's "Five minutes" says up to the first job: keys at a person's pace, and a person's look at each
screen before the next word. The clone is of this checkout's last commit. Nothing of it is left behind.
"""

import argparse
import os
import pwd
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]
README = ("git clone <this repository> sciabc-tui && cd sciabc-tui", "make run", "press `n`, type `hello`")
"""What README says and is typed here; the run is refused if it says something else."""

LIMIT = 300.0
"""Seconds: five minutes."""

_KEY = 0.15
"""Seconds between two keys: eighty words a minute, a good typist's."""

_LOOK = 3.0
"""Seconds that a person looks at a new screen before the next key."""

_PIP = ("PIP_CERT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "HTTPS_PROXY", "https_proxy", "SSL_CERT_FILE")
"""What says how this machine reaches a package index; nothing else of the caller's environment is kept."""


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of the way, in seconds."""

    title: str
    took: float


class Person:
    """Types into a terminal, looks, and keeps the time of each part of the way."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._begin = self._last = time.monotonic()
        self.legs: list[Leg] = []

    @property
    def total(self) -> float:
        """Seconds since the begin."""
        return self._last - self._begin

    def type(self, text: str) -> None:
        """Press keys at a person's pace."""
        for key in text:
            self._terminal.press(key.encode())
            self._rest(_KEY)

    def see(self, what: str, within: float, leg: str) -> None:
        """Wait until something is on the screen; that ends a part of the way."""
        self._terminal.until(what, within=within)
        now = time.monotonic()
        self.legs.append(Leg(leg, now - self._last))
        self._last = now

    def look(self) -> None:
        """Take in a new screen."""
        self._rest(_LOOK)

    def _rest(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._terminal.exits(left)  # a rest that a program's end cuts short


@contextmanager
def stranger() -> Generator[tuple[list[str], Path]]:
    """Make a user with a home of their own; give what becomes that user, and the home."""
    name = f"newcomer-{secrets.token_hex(3)}"
    base = Path(tempfile.mkdtemp(prefix="sciabc-"))
    base.chmod(0o755)
    home = base / name
    subprocess.run(
        ["useradd", "--create-home", "--home-dir", home, "--shell", "/bin/bash", "--user-group", name],
        check=True,
    )
    try:
        user = pwd.getpwnam(name)
        ids = [f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--init-groups"]
        yield ["setpriv", *ids, "--", "env", "-i", *_environment(name, home)], home
    finally:
        _wait_for_the_last(name)
        subprocess.run(["userdel", "--force", name], check=True)  # forced: zombies, till init takes them
        shutil.rmtree(base)


def _wait_for_the_last(name: str) -> None:
    """The head service ends after its panel; what is left then is killed: all of it is this user's."""
    try:
        subprocess.run(["pidwait", "-u", name], timeout=30, check=False)
    except subprocess.TimeoutExpired:
        subprocess.run(["pkill", "-KILL", "-u", name], check=False)
        subprocess.run(["pidwait", "-u", name], timeout=10, check=False)


def _environment(name: str, home: Path) -> list[str]:
    kept = [f"{variable}={os.environ[variable]}" for variable in _PIP if variable in os.environ]
    own = [f"HOME={home}", f"USER={name}", f"LOGNAME={name}", "SHELL=/bin/bash", "LANG=C.UTF-8"]
    return [
        *own,
        "PS1=\\W$ ",
        "TERM=xterm-256color",
        "PATH=/usr/local/bin:/usr/bin:/bin",
        "PIP_NO_CACHE_DIR=1",
        *kept,
    ]


def walk(become: Sequence[str], home: Path) -> Person:
    """Go the way of README; give the times of its parts."""
    origin = home.parent / "origin"
    subprocess.run(["git", "clone", "--quiet", "--bare", ROOT, origin], check=True)
    subprocess.run([*become, "git", "config", "--global", "safe.directory", "*"], check=True)
    with Terminal([*become, "bash", "--norc"], size=(80, 24), cwd=home) as terminal:
        terminal.until("$")
        person = Person(terminal)
        person.type(f"git clone {origin} sciabc-tui && cd sciabc-tui\r")
        person.see("sciabc-tui$", 120, "git clone")
        person.type("make run\r")
        person.see("q leave", LIMIT, "make run: set up, and the panel opens")
        person.see("ready", 30, "this machine is ready to compute")
        person.look()
        person.type("n")
        person.see("enter submit", 20, "the form of a new job")
        person.look()
        person.type("hello\r")
        person.see("Hello from rank 0", 60, "the first MPI output")
        person.look()
        terminal.press(b"\x1b")
        terminal.until("Nodes")
        terminal.press(b"q")
        terminal.until("sciabc-tui$", within=20)
        terminal.press(b"exit\r")
        terminal.wait(10)
    return person


def main() -> int:
    """Go the way; give 0 if it took less than five minutes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.parse_args()
    told = (ROOT / "README.md").read_text(encoding="utf-8")
    if lost := [words for words in README if words not in told]:
        print(f"README says no longer: {lost[0]}. Next: go its new way here")
        return 2
    if os.geteuid() != 0:
        print("This makes a user, and removes it again. Next: sudo make bench BENCHES=newcomer")
        return 2
    with stranger() as (become, home):
        person = walk(become, home)
    for leg in person.legs:
        print(f"{leg.took:8.1f} s  {leg.title}")
    print(f"{person.total:8.1f} s  in all; the limit is {LIMIT:.0f} s")
    return 0 if person.total <= LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
