"""What killed ranks and launchers left in /dev/shm and /tmp goes; what anybody uses stays."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.leftovers import remove_unused

_ROOM = Path("/dev/shm")
_KINDS = (
    "/dev/shm/mpich_shm_{}_0",
    "/dev/shm/sm_segment.node01.0.{}.0",
    "/dev/shm/vader_segment.node01.0.{}.0",
    "/tmp/hydra_hwloc_xmlfile_{}",
)
_HOLDER = """
import mmap, os, signal, sys
descriptor = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_EXCL)
os.ftruncate(descriptor, mmap.PAGESIZE)
if sys.argv[2] == "mapped":
    memory = mmap.mmap(descriptor, mmap.PAGESIZE)
    os.close(descriptor)
print("held", flush=True)
signal.pause()
"""


@pytest.fixture(params=_KINDS)
def leftover(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Name a file of each launcher or its ranks; other tests' jobs may remove it while unused."""
    path = Path(str(request.param).format(secrets.token_hex(8)))
    yield path
    path.unlink(missing_ok=True)


def test_what_nobody_uses_goes(leftover: Path) -> None:
    """Whoever made it was killed: no process has it."""
    leftover.touch()
    remove_unused()
    assert not leftover.exists()


@pytest.mark.parametrize("how", ["open", "mapped"])
def test_what_a_process_uses_stays(leftover: Path, how: str) -> None:
    """It was just made, or is in a rank's memory; once that is killed, it goes."""
    command = [sys.executable, "-c", _HOLDER, str(leftover), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            remove_unused()
            assert leftover.exists()
        finally:
            holder.kill()
    remove_unused()
    assert not leftover.exists()


def test_what_has_another_name_stays() -> None:
    """Another program's, and a folder of that name."""
    name = secrets.token_hex(8)
    others = (_ROOM / f"sem.{name}", _ROOM / f"sm_segment_{name}")
    folder = _ROOM / f"mpich_shm_{name}"
    folder.mkdir()
    try:
        for other in others:
            other.touch()
        remove_unused()
        assert all(other.exists() for other in (*others, folder))
    finally:
        folder.rmdir()
        for other in others:
            other.unlink()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to make another's file")
def test_what_is_anothers_stays(leftover: Path) -> None:
    """Whoever it belongs to may have processes that we don't see."""
    with leftover.open("w") as used:
        os.fchown(used.fileno(), 12345, 12345)
    remove_unused()
    assert leftover.exists()
