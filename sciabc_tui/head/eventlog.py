"""The event log: what happened and why, kept across restarts.

Two files of JSON lines in the state directory: `events.jsonl` grows to `FILE_LIMIT` and becomes
`events.old.jsonl`, whose predecessor is dropped. An idle head writes nothing, a busy one once in `BATCH`
seconds. A line that a power cut tore is skipped; the next write begins a line of its own.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from sciabc_tui.cluster.changes import PartFailed
from sciabc_tui.cluster.state import LOG_LENGTH, LogEntry
from sciabc_tui.head.ports import Hub

log = logging.getLogger(__name__)

FILE_LIMIT = 1024 * 1024
"""Bytes of one of the two files; about eight thousand events."""

BATCH = 5.0
"""Seconds for which events are collected before they are written."""

PENDING_LIMIT = 4096
"""Events that wait at most, while the disk is slow or full; the oldest go first."""

_decoder = msgspec.json.Decoder(LogEntry)


class EventLog:
    """Writes down what the state's log says.

    Args:
        folder: Where the two files are; must exist before `run`.
        disk: Runs what touches the disk, but for `load`.
    """

    def __init__(self, folder: Path, disk: Executor) -> None:
        self._file = folder / "events.jsonl"
        self._old = folder / "events.old.jsonl"
        self._disk = disk
        self._taken = 0
        self._pending: deque[LogEntry] = deque(maxlen=PENDING_LIMIT)
        self._told = False

    def load(self) -> tuple[LogEntry, ...]:
        """Read the newest entries for the first state, so that numbers go on from there. Blocks.

        A log that can't be read is no reason not to start: there are none then.
        """
        try:
            entries = self._read(0, LOG_LENGTH)
        except OSError as error:
            log.warning("%s can't be read: %s", self._file, error.strerror)
            return ()
        self._taken = entries[-1].seq if entries else 0
        return entries

    async def read(self, since: int, limit: int, recent: tuple[LogEntry, ...]) -> tuple[LogEntry, ...]:
        """Give the newest `limit` entries with a number above `since`, the oldest first.

        Args:
            since: The number of an entry that is known; 0 for all.
            limit: How many at most.
            recent: The log of the present state; the files are read only if it does not reach back so far.

        Raises:
            OSError: The files can't be read.
        """
        known = {entry.seq: entry for entry in recent}
        reaches = recent and (recent[0].seq <= since + 1 or len(recent) >= limit)
        if not reaches:
            waiting = tuple(self._pending)  # before the files are read: what is written meanwhile is in one
            loop = asyncio.get_running_loop()
            older = await loop.run_in_executor(self._disk, self._read, since, limit)
            known = {entry.seq: entry for entry in (*older, *waiting)} | known
        return tuple(known[seq] for seq in sorted(known) if seq > since)[-limit:]

    async def run(self, hub: Hub) -> None:
        """Follow the log of the state; what is left is written at the end."""
        loop = asyncio.get_running_loop()
        seen, due = -1, None
        try:
            while True:
                try:
                    async with asyncio.timeout_at(due):
                        seen = (await hub.changed(seen)).revision
                except TimeoutError:
                    due = None
                    await self._flush(hub)
                self._take(hub.state.log)
                if self._pending and due is None:
                    due = loop.time() + BATCH
        finally:
            self._take(hub.state.log)
            await self._flush(hub)

    def _take(self, entries: tuple[LogEntry, ...]) -> None:
        if not entries or entries[-1].seq <= self._taken:
            return
        self._pending.extend(entry for entry in entries if entry.seq > self._taken)
        self._taken = entries[-1].seq

    async def _flush(self, hub: Hub) -> None:
        """Write what waits. What can't be written waits on, and is told once."""
        batch = tuple(self._pending)
        if not batch:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, self._append, batch)
        except OSError as error:
            if not self._told:
                self._told = True
                hub.publish(
                    [PartFailed(f"events not saved: {error.strerror}. Next: check {self._file.parent}")]
                )
            return
        self._told = False
        while self._pending and self._pending[0].seq <= batch[-1].seq:
            self._pending.popleft()

    def _append(self, entries: Iterable[LogEntry]) -> None:
        data = b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)
        if self._file.exists() and self._file.stat().st_size + len(data) > FILE_LIMIT:
            self._file.replace(self._old)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(self._file, flags, 0o600), "r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
                data = b"\n" + data
            file.write(data)
            os.fsync(file.fileno())

    def _read(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Read backwards, and no more than is wanted."""
        newest: list[LogEntry] = []
        for path in (self._file, self._old):
            try:
                lines = path.read_bytes().split(b"\n")
            except FileNotFoundError:
                continue
            for line in reversed(lines):
                entry = _decoded(line)
                if entry is None or (newest and entry.seq >= newest[-1].seq):
                    continue  # torn, or written twice by a service that was stopped while it wrote
                if entry.seq <= since or len(newest) == limit:
                    return tuple(reversed(newest))
                newest.append(entry)
        return tuple(reversed(newest))


def _decoded(line: bytes) -> LogEntry | None:
    if not line:
        return None
    try:
        return _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
