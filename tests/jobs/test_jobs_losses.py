"""Hosts that the head has given up: the end of an attempt does not wait for them, and does not go there."""

import os
import select
import socket
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles, AttemptStatus, Order, read_unswept, write_order
from jobs.detach import cancel, launch
from jobs.hostfile import Host
from jobs.logstore import parse_line
from jobs.losses import Losses
from jobs.sshconfig import ssh_config
from jobs.states import JobState
from tests.jobs.conftest import Patience

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]
StartPython = Callable[..., tuple[int, Path]]
Attempt = Callable[[str], Path]

_FOREVER = "import signal; print('up'); signal.pause()"
_LOST = Order(JobState.NODE_FAIL, "node02 was lost. Next: sciabc-tui nodes", lost=("node02",))


@pytest.fixture
def silent() -> Generator[socket.socket]:
    """A host that takes connections and never says a word."""
    with socket.create_server(("127.0.0.2", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def attempt(start_python: StartPython, patience: Patience, tmp_path: Path, silent: socket.socket) -> Attempt:
    """Prepare an attempt of these lines of Python, on the head and the host that is silent for a minute."""

    def prepared(code: str) -> Path:
        patience(60.0)
        hosts = (
            Host("head", "127.0.0.1", 1, local=True),
            Host("node02", "127.0.0.2", 1, port=silent.getsockname()[1]),
        )
        _, folder = start_python(code, launched=False, hosts=hosts)
        known = tmp_path / "known_hosts"
        known.touch()
        AttemptFiles(folder).ssh_config.write_text(ssh_config(hosts, known_hosts=known, identity=None))
        return folder

    return prepared


def _up(folder: Path) -> bool:
    path = AttemptFiles(folder).log
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return any(parse_line(line).text == b"up" for line in lines)


def test_nobody_goes_to_a_host_that_is_lost(
    attempt: Attempt, end_of: EndOf, until: Until, silent: socket.socket
) -> None:
    """It is unswept at once, and no connection to it was tried."""
    folder = attempt(_FOREVER)
    pid = launch(folder)
    until(lambda: _up(folder))
    status = _ordered(_LOST, folder, lambda: end_of(pid, folder))
    assert (status.state, status.error) == (_LOST.state, _LOST.reason)
    assert read_unswept(folder) == ("node02",)
    with pytest.raises(BlockingIOError):
        silent.accept()


def _ordered(order: Order, folder: Path, end: Callable[[], AttemptStatus]) -> AttemptStatus:
    """Order an attempt's end, which comes soon."""
    write_order(folder, order)
    began = time.monotonic()
    cancel(folder)
    status = end()
    assert time.monotonic() - began < 30.0  # to wait for the silent host would take a minute
    return status


def _told_while_it_waits(folder: Path, silent: socket.socket, end_of: EndOf, until: Until) -> AttemptStatus:
    """Run an attempt, and order its end when it has gone to the silent host; it waits there no longer."""
    pid = launch(folder)
    until(lambda: bool(select.select([silent], [], [], 0.0)[0]))
    return _ordered(_LOST, folder, lambda: end_of(pid, folder))


def test_a_host_that_is_lost_meanwhile_is_waited_for_no_longer(
    attempt: Attempt, end_of: EndOf, until: Until, silent: socket.socket
) -> None:
    """The launcher noticed first, and its nodes are being cleaned when the head has decided: that ends it."""
    folder = attempt("raise SystemExit(3)")
    status = _told_while_it_waits(folder, silent, end_of, until)
    assert (status.state, status.exit_code, status.error) == (_LOST.state, 3, _LOST.reason)
    assert read_unswept(folder) == ("node02",)


def test_a_host_that_is_slow_is_cleaned_later(attempt: Attempt, end_of: EndOf, until: Until) -> None:
    """Another node was lost: nobody waits for one whose ssh takes long, but it is remembered."""
    folder = attempt(_FOREVER)
    pid = launch(folder)
    until(lambda: _up(folder))
    other = Order(JobState.NODE_FAIL, "node03 was lost", lost=("node03",))
    status = _ordered(other, folder, lambda: end_of(pid, folder))
    assert (status.state, status.error) == (JobState.NODE_FAIL, "node03 was lost")
    assert read_unswept(folder) == ("node02",)


def test_a_host_that_is_lost_is_not_asked_about_memory_either(
    attempt: Attempt, end_of: EndOf, until: Until, silent: socket.socket
) -> None:
    """A rank was killed there, as far as the launcher knows: the kernel of a lost node tells nobody why."""
    words = "process rank 1 with PID 0 on node node02 exited on signal 9 (Killed)."
    code = f"import sys; print({words!r}, file=sys.stderr); raise SystemExit(137)"
    folder = attempt(code)
    status = _told_while_it_waits(folder, silent, end_of, until)
    assert (status.state, status.exit_code, status.error) == (_LOST.state, 137, _LOST.reason)


def test_an_attempt_that_makes_room_for_the_next_says_so(
    start_python: StartPython, end_of: EndOf, until: Until
) -> None:
    """What the order says of another launch stands in the final status, so that a new head knows it too."""
    pid, folder = start_python(_FOREVER)
    until(lambda: _up(folder))
    write_order(folder, Order(JobState.CANCELLED, "node05 joined, 12 ranks", again=True))
    cancel(folder)
    status = end_of(pid, folder)
    assert (status.state, status.error, status.again) == (JobState.CANCELLED, "node05 joined, 12 ranks", True)


@pytest.mark.parametrize("text", [None, '{"state":', '{"state": "cancelled"}'])
def test_an_order_that_names_nobody_loses_nobody(tmp_path: Path, text: str | None) -> None:
    """No order, a damaged one, and one of a version that knew no lost hosts; what was said is taken in."""
    if text is not None:
        AttemptFiles(tmp_path).order.write_text(text)
    reading, writing = os.pipe()
    try:
        os.write(writing, b"cc")
        losses = Losses(tmp_path, reading)
        assert losses.names() == frozenset()
        os.set_blocking(reading, False)
        with pytest.raises(BlockingIOError):
            os.read(losses.fileno(), 1)
    finally:
        os.close(reading)
        os.close(writing)
