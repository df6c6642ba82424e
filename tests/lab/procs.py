"""Processes as the host sees them: who is in a namespace, who is whose child, and waiting for a word."""

import os
import select
import subprocess
import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import BootFailed

KINDS = ("pid", "net", "mnt", "uts", "ipc")
"""The namespaces that each machine of a lab has for itself."""

_LOOK_AGAIN_S = 0.01


@dataclass(frozen=True, slots=True)
class Process:
    """A process as it was when it was looked at."""

    pid: int
    """The host's number of it."""
    command: str
    """Its command line, words separated by blanks."""


def until(condition: Callable[[], bool], *, timeout: float) -> bool:
    """Look at `condition` until it holds or `timeout` seconds are over; return whether it held."""
    deadline = time.monotonic() + timeout
    pause = threading.Event()
    while not condition():
        if time.monotonic() > deadline:
            return False
        pause.wait(_LOOK_AGAIN_S)
    return True


def namespace(pid: int, kind: str) -> str | None:
    """Return the identity of a process's namespace (`pid:[4026532201]`), or None when it is gone."""
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:
        return None


def members(identity: str, kind: str = "pid") -> tuple[int, ...]:
    """Return the host's numbers of all processes in the namespace with that identity."""
    everyone = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return tuple(pid for pid in everyone if namespace(pid, kind) == identity)


@contextmanager
def hold(*pids: int, kinds: Sequence[str] = KINDS) -> Generator[set[tuple[str, str]]]:
    """Give kind and identity of the namespaces of processes, which no others get while the context lasts.

    The kernel numbers namespaces anew as soon as they are gone: what is asked of `members` after the end of a
    machine would be told of one that boots beside it.
    """
    with ExitStack() as held:
        for pid in pids:
            for kind in kinds:
                held.enter_context(Path(f"/proc/{pid}/ns/{kind}").open("rb"))
        yield {(kind, identity) for pid in pids for kind in kinds if (identity := namespace(pid, kind))}


def carriers(pids: Iterable[int], token: str) -> tuple[Process, ...]:
    """Return those of these processes that have `token` in their environment (as it was at their exec)."""
    return tuple(process for pid in pids if (process := _carrier(pid, token.encode())) is not None)


def _carrier(pid: int, token: bytes) -> Process | None:
    entry = Path(f"/proc/{pid}")
    try:
        if token not in (entry / "environ").read_bytes():
            return None
        words = (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:  # it ended meanwhile
        return None
    return Process(pid, " ".join(word.decode(errors="replace") for word in words if word))


def is_still(pid: int) -> bool:
    """Return whether a process is stopped, dead or gone: it will not do anything by itself."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    except OSError:
        return True
    return after_name.split()[0] in "TtZX"


def only_child(pid: int) -> int | None:
    """Return the one child of a process, or None while it has none."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return None
    return int(children[0]) if children else None


def signal_quietly(pid: int, number: int) -> None:
    """Send a signal; a process that is already gone is no error."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def expect(process: subprocess.Popen[bytes], word: str, *, timeout: float) -> None:
    """Read a booting process's output until a line is `word`.

    Raises:
        BootFailed: It ended or was silent too long; the text holds what it printed.
    """
    assert process.stdout is not None
    deadline = time.monotonic() + timeout
    heard = b""
    while word.encode() not in heard.splitlines():
        left = deadline - time.monotonic()
        ready = left > 0 and select.select([process.stdout], [], [], left)[0]
        chunk = os.read(process.stdout.fileno(), 65536) if ready else b""
        if not chunk:
            why = "ended" if ready else f"said nothing for {timeout:g} s"
            raise BootFailed(f"waiting for {word!r}: it {why}: {heard.decode(errors='replace').strip()!r}")
        heard += chunk
