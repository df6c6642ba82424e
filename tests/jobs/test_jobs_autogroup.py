"""Giving way to the job's session."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.autogroup import OURS, Autogroup


def _refusing(number: int) -> Callable[..., int]:
    def write(_descriptor: int, _data: bytes) -> int:
        raise OSError(number, os.strerror(number))

    return write


def test_each_value_is_given_once(tmp_path: Path) -> None:
    """The kernel takes few of them; the one that it has need not be given."""
    path = tmp_path / "autogroup"
    path.touch()
    group = Autogroup(path)
    group.set(0)
    assert path.read_bytes() == b""
    group.set(19)
    assert path.read_bytes() == b"19"
    path.write_bytes(b"")
    group.set(19)
    assert path.read_bytes() == b""
    group.set(0)
    assert path.read_bytes() == b"0"


def test_what_came_too_early_is_given_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """EAGAIN: ten values a second from all."""
    path = tmp_path / "autogroup"
    path.touch()
    group = Autogroup(path)
    with monkeypatch.context() as patch:
        patch.setattr("jobs.autogroup.os.write", _refusing(errno.EAGAIN))
        assert not group.set(19)
    assert path.read_bytes() == b""
    assert group.set(19)
    assert path.read_bytes() == b"19"


def test_a_kernel_without_them_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file, or one that takes nothing: then all goes on as it was."""
    assert Autogroup(tmp_path / "none").set(19)
    assert not (tmp_path / "none").exists()
    path = tmp_path / "autogroup"
    path.touch()
    monkeypatch.setattr("jobs.autogroup.os.write", _refusing(errno.EIO))
    assert Autogroup(path).set(19)


@pytest.mark.skipif(not OURS.exists(), reason="this kernel has no autogroups: CONFIG_SCHED_AUTOGROUP")
def test_the_kernel_takes_it() -> None:
    """In a process of a session of its own: it is the session's value, not only ours."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.setsid()
        Autogroup().set(7)
        os.write(write, OURS.read_bytes())
        os._exit(0)
    os.close(write)
    os.waitpid(child, 0)
    told = os.read(read, 100)
    os.close(read)
    assert told.endswith(b" nice 7\n")
