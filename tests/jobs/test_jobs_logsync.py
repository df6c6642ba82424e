"""Forcing a log onto the card: seldom, and without anybody waiting for it."""

import errno
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import pytest

from jobs.logstore import Stream
from jobs.logsync import EVERY, Syncer, sync_data
from jobs.logwriter import LogWriter
from jobs.tags import Piece
from tests.head.servers import wait_for

_LINE = [Piece(0, Stream.OUT, b"x" * 70, joined=False)]


@dataclass(slots=True)
class Card:
    """A device that counts what is forced onto it, and is as slow as a test wants."""

    ready: threading.Event = field(default_factory=threading.Event)
    error: OSError | None = None
    synced: list[tuple[float, Path, int]] = field(default_factory=list[tuple[float, Path, int]])
    """When, which file, and how long it was."""

    def sync(self, path: Path) -> None:
        """Wait until ready, and remember what was there before."""
        size = path.stat().st_size
        assert self.ready.wait(10)
        if self.error:
            raise self.error
        self.synced.append((time.monotonic(), path, size))


@pytest.fixture
def card() -> Iterator[Card]:
    """A fast one."""
    made = Card()
    made.ready.set()
    _threads_end()  # another test's may still wait for the real disk
    yield made
    made.ready.set()
    _threads_end()


def _threads_end() -> None:
    """Wait for the last sync: a closed log waits for it but a moment."""
    wait_for(lambda: not [each for each in threading.enumerate() if each.name == "log-sync"], "threads end")


def test_a_short_job_costs_one_sync(tmp_path: Path, card: Card) -> None:
    """However many lines: all of them are on the card at the end."""
    path = tmp_path / "log"
    with LogWriter(path, lambda: 0.0, syncer=Syncer(card.sync)) as log:
        for _ in range(100):
            log.add(_LINE)
            log.flush()
        assert card.synced == []
    _threads_end()
    assert [(where, size) for _, where, size in card.synced] == [(path, path.stat().st_size)]


def test_a_log_without_lines_costs_none(tmp_path: Path, card: Card) -> None:
    """No thread is started for it either: a launcher is forked by a process of one thread."""
    with LogWriter(tmp_path / "log", lambda: 0.0, syncer=Syncer(card.sync)):
        assert "log-sync" not in [each.name for each in threading.enumerate()]
    assert card.synced == []


def test_while_lines_come_it_is_synced_now_and_then(tmp_path: Path, card: Card) -> None:
    """Never twice within the time that was agreed on; what was written before that is on the card."""
    every, written = 0.1, list[tuple[float, int]]()
    path = tmp_path / "log"
    began = time.monotonic()
    with LogWriter(path, lambda: 0.0, syncer=Syncer(card.sync, every=every)) as log:
        while len(card.synced) < 4:
            log.add(_LINE)
            log.flush()
            written.append((time.monotonic(), path.stat().st_size))
            threading.Event().wait(0.002)
    _threads_end()
    times = [at for at, _, _ in card.synced]
    # the last one is that of the end
    assert all(later - earlier >= every for earlier, later in pairwise(times[:-1]))
    assert times[0] - began >= every
    for at, _, size in card.synced[:-1]:
        assert all(end <= size for when, end in written if when < at - every)
    assert card.synced[-1][2] == path.stat().st_size


def test_nobody_waits_for_a_slow_card(tmp_path: Path, card: Card) -> None:
    """While a sync takes its time lines are written on, and the end waits but a moment."""
    path = tmp_path / "log"
    card.ready.clear()
    with LogWriter(path, lambda: 0.0, syncer=Syncer(card.sync, every=0.0)) as log:
        log.add(_LINE)
        log.flush()
        before = path.stat().st_size
        log.add(_LINE * 2000)
        log.flush()
        assert path.stat().st_size > before + 100_000
        began = time.monotonic()
    assert time.monotonic() - began < 8.0  # the card would take 10 s
    assert card.synced == []
    card.ready.set()
    wait_for(lambda: bool(card.synced) and card.synced[-1][2] == path.stat().st_size, "it is on the card")


def test_each_part_is_synced(tmp_path: Path, card: Card) -> None:
    """A log that reached its limit goes on in other files; those that are there still are on the card."""
    path = tmp_path / "log"
    with LogWriter(path, lambda: 0.0, limit=20_000, syncer=Syncer(card.sync)) as log:
        for _ in range(1000):
            log.add(_LINE)
            log.flush()
    _threads_end()
    there = {each for each in tmp_path.iterdir() if "index" not in each.name}
    assert len(there) > 2
    assert {where for _, where, _ in card.synced} >= there


@pytest.mark.parametrize(
    ("number", "problem"),
    [
        (errno.EIO, "the log may not be complete: Input/output error. Next: check the disk"),
        (errno.EINVAL, ""),
    ],
)
def test_a_card_that_fails_is_told(tmp_path: Path, card: Card, number: int, problem: str) -> None:
    """The job goes on; what is no disk at all is no failure."""
    card.error = OSError(number, os.strerror(number))
    with LogWriter(tmp_path / "log", lambda: 0.0, syncer=Syncer(card.sync)) as log:
        log.add(_LINE)
    _threads_end()
    assert log.problem == problem


def test_the_real_thing_syncs(tmp_path: Path) -> None:
    """A file can be forced onto its disk by its path; one that is gone is told by an error."""
    (tmp_path / "log").write_bytes(b"x")
    sync_data(tmp_path / "log")
    with pytest.raises(FileNotFoundError):
        sync_data(tmp_path / "gone")
    assert EVERY >= 5.0
