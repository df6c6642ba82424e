"""Reads a job's log over the API, page by page in either direction; each call blocks for a bounded time."""

from dataclasses import dataclass
from typing import Protocol

from sciabc_tui.api.messages import LogChunk, LogCount, LogFilter, LogPlace
from sciabc_tui.cluster.job import JobId
from sciabc_tui.tui.present.log_records import Chosen, Record, read_page

PAGE = 64 * 1024
"""Bytes that are read at once for the screen."""

END = 2**53
"""The end of the log, whatever its size."""

_LEAST = 400
"""Records that a read gives if there are so many."""

_ENOUGH = 512 * 1024
"""Bytes of records that are enough however few they are."""

_LOOKED = 8 * 1024 * 1024
"""Bytes in which nothing was found, after which a read makes a pause."""


class LogSource(Protocol):
    """The head service, seen by a reader of logs. Each call raises `sciabc_tui.errors.SciabcError`."""

    def log(
        self, job: JobId, /, *, offset: int, limit: int, wanted: LogFilter, before: bool = False
    ) -> LogChunk:
        """Read whole lines from a byte offset on, or those that end there."""
        ...

    def seek_log(self, job: JobId, /, *, offset: int, wanted: LogFilter, backward: bool = False) -> LogPlace:
        """Find the next wanted line from an offset on, or the last one before it."""
        ...

    def count_log(self, job: JobId, /, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        """Count the lines between two offsets."""
        ...


@dataclass(frozen=True, slots=True)
class Batch:
    """A stretch of the log, with what is wanted of it.

    Attributes:
        start: Where it begins.
        end: Where it ends.
        records: The wanted ones in between.
        size: The offset behind the last byte that the log has now.
        ended: Whether nothing will come behind `end`.
        first: Whether nothing stands before `start`.
        last: Whether nothing that can be read stands behind `end` now.
    """

    start: int
    end: int
    records: tuple[Record, ...]
    size: int
    ended: bool
    first: bool = False
    last: bool = False


class LogReader:
    """The log of one attempt of a job."""

    def __init__(self, source: LogSource, job: JobId, attempt: int) -> None:
        """Read nothing yet.

        Args:
            source: Gives it.
            job: Whose.
            attempt: Which; 0 is the newest, whichever that is.
        """
        self._source = source
        self._job = job
        self.attempt = attempt or None
        self._all = LogFilter(attempt=self.attempt)

    def chunk(self, offset: int, limit: int, *, before: bool = False) -> LogChunk:
        """Read whole lines, whoever wrote them."""
        return self._source.log(self._job, offset=offset, limit=limit, wanted=self._all, before=before)

    def after(self, offset: int, chosen: Chosen) -> Batch:
        """Read on from an offset, until there is enough for a screen."""
        records: list[Record] = []
        end = offset
        while True:
            chunk = self.chunk(end, PAGE)
            records += read_page(chunk.data, chunk.start, chosen)
            moved, end = chunk.next_offset > end, chunk.next_offset
            last = not moved or end >= chunk.size
            if last or _enough(records) or end - offset >= _LOOKED:
                return Batch(
                    offset, end, tuple(records), chunk.size, chunk.ended, first=offset == 0, last=last
                )
            if not records and chosen.by_service:
                end = self._sought(end, chosen)

    def before(self, offset: int, chosen: Chosen) -> Batch:
        """Read back from an offset, until there is enough for a screen."""
        chunk = self.chunk(offset, PAGE, before=True)
        end, size, ended = chunk.next_offset, chunk.size, chunk.ended
        last = offset >= size
        records: list[Record] = []
        while chunk.data:
            records[:0] = read_page(chunk.data, chunk.start, chosen)
            start = chunk.start
            if start == 0 or _enough(records) or end - start >= _LOOKED:
                return Batch(start, end, tuple(records), size, ended, first=start == 0, last=last)
            if not records and chosen.by_service:
                start = self._sought_back(start, chosen)
            chunk = self.chunk(start, PAGE, before=True)
        return Batch(0, end, tuple(records), size, ended, first=True, last=last)

    def around(self, offset: int, chosen: Chosen) -> Batch:
        """Read what stands before an offset and behind it."""
        before, after = self.before(offset, chosen), self.after(offset, chosen)
        records = (*before.records, *after.records)
        return Batch(before.start, after.end, records, after.size, after.ended, before.first, after.last)

    def place(self, since: float) -> int:
        """Find the first line that was written at this time or later; the end of the log if there is none.

        Args:
            since: In seconds since 1970.
        """
        wanted, offset = LogFilter(since=max(0.0, since), attempt=self.attempt), 0
        while True:
            place = self._source.seek_log(self._job, offset=offset, wanted=wanted)
            if place.found or place.offset == offset:
                return place.offset
            offset = place.offset

    def count(self, offset: int, to: int = END) -> LogCount:
        """Count the lines between two offsets, as many as can be counted at once."""
        return self._source.count_log(self._job, offset=offset, to=to, wanted=self._all)

    def lines_before(self, offset: int, known: tuple[int, int]) -> int:
        """Count the lines before an offset.

        Args:
            offset: Where a line begins.
            known: An offset before that, and how many lines stand before it.
        """
        at, lines = known
        while at < offset:
            count = self.count(at, offset)
            lines += count.lines
            if count.offset <= at:
                break
            at = count.offset
        return lines

    def _sought(self, offset: int, chosen: Chosen) -> int:
        return self._source.seek_log(self._job, offset=offset, wanted=chosen.filter(self.attempt)).offset

    def _sought_back(self, offset: int, chosen: Chosen) -> int:
        place = self._source.seek_log(
            self._job, offset=offset, wanted=chosen.filter(self.attempt), backward=True
        )
        # what is read backwards ends behind the line that was found
        return self.chunk(place.offset, 1).next_offset if place.found else place.offset


def _enough(records: list[Record]) -> bool:
    return len(records) >= _LEAST or (
        bool(records) and records[-1].end - records[0].offset >= _ENOUGH and _size(records) >= _ENOUGH
    )


def _size(records: list[Record]) -> int:
    return sum(len(record.text) for record in records)
