"""The event log: what it keeps, and what it does to the disk."""

import asyncio
import errno
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from sciabc_tui.cluster.changes import SightingRefused, UplinkChanged
from sciabc_tui.cluster.state import LOG_LENGTH, LogEntry, Severity, State, Uplink
from sciabc_tui.head import eventlog
from sciabc_tui.head.eventlog import EventLog
from sciabc_tui.head.hub import StateHub
from tests.head.fakes import FakeClock
from tests.head.nets import running


@pytest.fixture
def disk() -> Iterator[ThreadPoolExecutor]:
    """Give a thread for the disk."""
    with ThreadPoolExecutor(1) as executor:
        yield executor


def texts(entries: tuple[LogEntry, ...]) -> list[str]:
    """Give what happened."""
    return [entry.text for entry in entries]


def happen(hub: StateHub, *what: str) -> None:
    """Let things happen, one revision each."""
    for text in what:
        hub.publish([SightingRefused(text)])


def sizes_in(folder: Path) -> dict[str, int]:
    """Give the size of each file."""
    return {path.name: path.stat().st_size for path in folder.iterdir()}


async def until(condition: Callable[[], object]) -> None:
    """Wait for a file to be as the test wants it."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)


async def recorded(log: EventLog, hub: StateHub, *what: str) -> None:
    """Run the log while things happen."""
    async with running(log, hub):
        await asyncio.sleep(0)
        happen(hub, *what)


async def test_events_outlive_the_service(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """What happened is there after a restart, and the numbers go on."""
    log = EventLog(tmp_path, disk)
    assert log.load() == ()
    await recorded(log, StateHub(FakeClock()), "one", "two")
    again = EventLog(tmp_path, disk)
    hub = StateHub(FakeClock(), State(log=again.load()))
    await recorded(again, hub, "three")
    last = EventLog(tmp_path, disk).load()
    assert [(entry.seq, entry.text) for entry in last] == [(1, "one"), (2, "two"), (3, "three")]
    assert last == hub.state.log
    assert (tmp_path / "events.jsonl").stat().st_mode & 0o777 == 0o600


async def test_a_batch_is_written_while_it_runs(
    tmp_path: Path, disk: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that come together are one write, some time after the first; an idle head writes nothing."""
    monkeypatch.setattr(eventlog, "BATCH", 0.05)
    log, hub = EventLog(tmp_path, disk), StateHub(FakeClock())
    writes: list[int] = []
    append = log._append

    def counting(entries: tuple[LogEntry, ...]) -> None:
        append(entries)
        writes.append(len(entries))

    monkeypatch.setattr(log, "_append", counting)
    async with running(log, hub):
        await asyncio.sleep(0)
        happen(hub, "a", "b", "c")
        await until(lambda: writes)
        for _ in range(20):
            hub.publish([UplinkChanged(Uplink("203.0.113.1", "eth1"))] if not writes else [])
        await asyncio.sleep(0.2)
        assert writes == [3]
        happen(hub, "d")
        await until(lambda: len(writes) == 2)
    assert writes == [3, 1]


async def test_a_torn_line_costs_itself_alone(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """After a power cut the torn line is skipped, and what comes next is a line of its own."""
    await recorded(EventLog(tmp_path, disk), StateHub(FakeClock()), "one", "two", "three")
    file = tmp_path / "events.jsonl"
    file.write_bytes(file.read_bytes()[:-20] + b"\0\0\xff")
    log = EventLog(tmp_path, disk)
    hub = StateHub(FakeClock(), State(log=log.load()))
    assert texts(hub.state.log) == ["one", "two"]
    await recorded(log, hub, "four")
    assert texts(EventLog(tmp_path, disk).load()) == ["one", "two", "four"]


async def test_the_files_are_bounded(
    tmp_path: Path, disk: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much happens there are two files of at most the limit, and the newest is in them."""
    monkeypatch.setattr(eventlog, "FILE_LIMIT", 4000)
    log = EventLog(tmp_path, disk)
    hub = StateHub(FakeClock())
    for turn in range(30):
        await recorded(log, hub, *(f"event {turn}.{number}" for number in range(10)))
    sizes = sizes_in(tmp_path)
    assert set(sizes) == {"events.jsonl", "events.old.jsonl"}
    assert max(sizes.values()) <= 4000
    kept = EventLog(tmp_path, disk).load()
    assert [entry.seq for entry in kept] == list(range(301 - len(kept), 301))
    assert len(kept) > 50


async def test_a_storm_between_two_looks_is_kept_as_far_as_the_state_does(
    tmp_path: Path, disk: ThreadPoolExecutor
) -> None:
    """Of more at once than a state carries the newest are kept, and the numbers show the gap."""
    await recorded(EventLog(tmp_path, disk), StateHub(FakeClock()), *(f"event {n}" for n in range(500)))
    kept = EventLog(tmp_path, disk).load()
    assert [entry.seq for entry in kept] == list(range(301, 501))
    assert len(kept) == LOG_LENGTH


async def test_read_joins_files_and_memory(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """What is on the disk, what waits to be written and what the state carries come once each, in order."""
    log = EventLog(tmp_path, disk)
    hub = StateHub(FakeClock())
    for start in range(0, 300, 100):
        await recorded(log, hub, *(f"event {n}" for n in range(start, start + 100)))
    async with running(log, hub):
        await asyncio.sleep(0)
        happen(hub, "not yet written")
        for since, limit, numbers in (
            (0, 1000, range(1, 302)),
            (0, 5, range(297, 302)),
            (299, 1000, range(300, 302)),
            (50, 251, range(51, 302)),
            (301, 10, range(0)),
        ):
            found = await log.read(since, limit, hub.state.log)
            assert [entry.seq for entry in found] == list(numbers), (since, limit)


async def test_a_state_that_reaches_back_needs_no_disk(tmp_path: Path, disk: ThreadPoolExecutor) -> None:
    """Who follows does not make the head read files."""
    log = EventLog(tmp_path / "nowhere", disk)
    disk.shutdown()  # whatever would go there now raises
    recent = tuple(LogEntry(n, 0.0, Severity.INFO, "x") for n in range(101, 301))
    assert [entry.seq for entry in await log.read(298, 10_000, recent)] == [299, 300]
    assert [entry.seq for entry in await log.read(0, 2, recent)] == [299, 300]


async def test_a_full_disk_is_told_once_and_nothing_is_lost(
    tmp_path: Path, disk: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What can't be written waits, the failure is one event, and later all of it is there."""
    monkeypatch.setattr(eventlog, "BATCH", 0.02)
    log, hub = EventLog(tmp_path, disk), StateHub(FakeClock())
    append = log._append
    tries: list[int] = []

    def full(entries: tuple[LogEntry, ...]) -> None:
        tries.append(len(entries))
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(log, "_append", full)
    async with running(log, hub):
        await asyncio.sleep(0)
        happen(hub, "one")
        await until(lambda: tries)
        happen(hub, "two")
        await until(lambda: len(tries) >= 3)
        monkeypatch.setattr(log, "_append", append)
    told = f"events not saved: No space left on device. Next: check {tmp_path}"
    assert sorted(texts(EventLog(tmp_path, disk).load())) == sorted(["one", "two", told])


async def test_a_log_that_can_t_be_read_is_no_reason_not_to_start(
    tmp_path: Path, disk: ThreadPoolExecutor
) -> None:
    """The service comes first."""
    (tmp_path / "events.jsonl").mkdir()
    assert EventLog(tmp_path, disk).load() == ()
