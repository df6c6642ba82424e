"""Fetches wheels by pip, on a head with internet, for boards of any kind. It blocks."""

import fcntl
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.wheels import Kind, Need, Shelf

_GLIBC = range(28, 16, -1)
"""The minor versions of glibc 2 whose wheels are taken: Debian 10 has 2.28, and what is newer runs them."""

_OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|ProxyError|Max retries|Retrying \("
)
_NO_SUCH = re.compile(r"No matching distribution found for (\S+)")
_ERROR = re.compile(r"^ERROR: (.*)", re.MULTILINE)
_DOWNLOADING = re.compile(r"^\s*Downloading (\S+-\S+\.whl)(?:\.metadata)?(?: \((.*)\))?$")
_END_WITHIN = 5.0


def fetch(shelf: Shelf, kind: Kind, needs: Sequence[Need], tell: Callable[[str], None]) -> bool:
    """Fetch what is needed for a kind of board; from the package index that pip is configured for.

    What is on the shelf and whole is not fetched again. Ctrl-C ends pip, and leaves the shelf as it was.

    Args:
        shelf: Where it is kept.
        kind: For whom.
        needs: What.
        tell: Told what is under way.

    Returns:
        Whether anything had to be fetched.

    Raises:
        CommandRefused: It could not be had; the text says why.
    """
    if _holds(shelf, kind, needs):
        return False
    try:
        shelf.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        with _alone(shelf.folder):
            return _fetch(shelf, kind, needs, tell)
    except OSError as error:
        raise CommandRefused(f"{shelf.folder}: {error.strerror}. Next: see df -h {shelf.folder}") from error


def _holds(shelf: Shelf, kind: Kind, needs: Sequence[Need]) -> bool:
    held = shelf.wheels(kind)
    return all(wheel.whole for wheel in held) and all(need.met(held) for need in needs)


@contextmanager
def _alone(folder: Path) -> Generator[None]:
    """Wait until nobody else fetches into a folder: flock(2), which ends with its process."""
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _fetch(shelf: Shelf, kind: Kind, needs: Sequence[Need], tell: Callable[[str], None]) -> bool:
    if _holds(shelf, kind, needs):  # another one fetched it meanwhile
        return False
    with tempfile.TemporaryDirectory(prefix=".new-", dir=shelf.folder, ignore_cleanup_errors=True) as new:
        folder, links = Path(new, "wheels"), Path(new, "held")
        folder.mkdir()
        links.mkdir()
        for wheel in shelf.wheels(kind):
            if wheel.whole:
                (links / wheel.path.name).hardlink_to(wheel.path)
        _pip(arguments(kind, needs, folder, links), kind, tell)
        shelf.put(kind, folder)
    return True


def arguments(kind: Kind, needs: Sequence[Need], folder: Path, links: Path) -> list[str]:
    """Write pip's command line."""
    tags = [f"manylinux_2_{minor}_{kind.machine}" for minor in _GLIBC]
    tags.insert(_GLIBC.index(17), f"manylinux2014_{kind.machine}")
    platforms = [word for tag in tags for word in ("--platform", tag)]
    python = ".".join(map(str, kind.python))
    how = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python, *platforms]
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar", "off", "--retries", "2"]
    places = ["--dest", str(folder), "--find-links", str(links)]
    wanted = [need.requirement for need in needs]
    return [sys.executable, "-m", "pip", "download", *quiet, *how, *places, *wanted]


def _pip(argv: Sequence[str], kind: Kind, tell: Callable[[str], None]) -> None:
    tell(f"{kind.title}: asking the package index")
    with _running(argv) as pip:
        said = ""
        for line in pip.stdout or ():
            said = f"{said}{line}"[-20_000:]
            if found := _DOWNLOADING.match(line.rstrip()):
                size = f" ({found[2]})" if found[2] else ""
                tell(f"{kind.title}: {found[1]}{size}")
    if pip.returncode:
        raise CommandRefused(_why(said, kind))


@contextmanager
def _running(argv: Sequence[str]) -> "Generator[subprocess.Popen[str]]":
    """Run a program in a session of its own: at Ctrl-C it is ended, and has ended, before we go on."""
    with subprocess.Popen(
        argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
    ) as process:
        try:
            yield process
            process.wait()
        except BaseException:
            process.terminate()
            try:
                process.wait(_END_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
            raise


def _why(said: str, kind: Kind) -> str:
    if "No module named pip" in said:
        return f"{sys.executable} has no pip. Next: {sys.executable} -m ensurepip"
    if _OFFLINE.search(said):
        return "no package index answers. Next: fetch where there is internet, before class"
    if found := _NO_SUCH.search(said):
        return (
            f"there is no wheel of {found[1]} for {kind.title}. "
            "Next: another system on the boards, or MPI by packages: apt install openmpi-bin python3-mpi4py"
        )
    if "No space left" in said:
        return "the disk of the head is full. Next: df -h"
    errors = _ERROR.findall(said)
    return (
        f"pip failed: {errors[-1] if errors else 'it says nothing'}. Next: pip download mpi4py, to see more"
    )
