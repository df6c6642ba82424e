"""What killed ranks left in /dev/shm goes; what anybody uses stays."""

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.shared_memory import remove_unused

_ROOM = Path("/dev/shm")
_KINDS = ("mpich_shm_{}_0", "sm_segment.node01.0.{}.0", "vader_segment.node01.0.{}.0")
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
def segment(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Name a file of shared memory of each launcher's ranks; other tests' jobs may remove it while unused."""
    path = _ROOM / str(request.param).format(secrets.token_hex(8))
    yield path
    path.unlink(missing_ok=True)


def test_what_nobody_uses_goes(segment: Path) -> None:
    """Its rank was killed: no process has it."""
    segment.touch()
    remove_unused()
    assert not segment.exists()


@pytest.mark.parametrize("how", ["open", "mapped"])
def test_what_a_rank_uses_stays(segment: Path, how: str) -> None:
    """Its rank has just made it, or has it in its memory; once that is killed, it goes."""
    command = [sys.executable, "-c", _HOLDER, str(segment), how]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "held\n"
            remove_unused()
            assert segment.exists()
        finally:
            holder.kill()
    remove_unused()
    assert not segment.exists()


def test_what_is_no_segment_stays() -> None:
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
def test_what_is_anothers_stays(segment: Path) -> None:
    """Whoever it belongs to may have processes that we don't see."""
    with segment.open("w") as used:
        os.fchown(used.fileno(), 12345, 12345)
    remove_unused()
    assert segment.exists()
