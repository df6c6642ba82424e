"""Where in a log the reader is: a window of records around the lines that are seen, and what it needs next.

Of a log of any size only the window is in memory. It grows at the end towards which the reader moves, and is
cut at the other; a jump replaces it.
"""

from bisect import bisect_left
from collections.abc import Callable
from enum import Enum, auto

from sciabc_tui.tui.log_reader import Batch
from sciabc_tui.tui.present.log_records import Record

_KEPT = 3000
"""Records in the window, if the screen has not room for more."""

_KEPT_BYTES = 2 * 1024 * 1024

_CONTEXT = 3
"""A jump leaves this part of the screen above what it goes to."""


class Want(Enum):
    """What the window needs."""

    TAIL = auto()
    BEFORE = auto()
    AFTER = auto()


class LogPager:
    """The window, and the reader's place in it: a record, and a row of it where long ones are wrapped.

    Args:
        rows: Says how many rows a record takes.
    """

    def __init__(self, rows: Callable[[Record], int]) -> None:
        self._rows = rows
        self.records: list[Record] = []
        self.begin: int = 0
        self.end: int = 0
        self.size: int = 0
        self.first = False
        """Whether nothing stands before the window."""
        self.last = False
        """Whether nothing stands behind the window, as far as is known."""
        self.read = False
        """Whether anything was read yet."""
        self.ended = False
        """Whether nothing will come behind the window."""
        self.following = True
        self.height = 1
        self._top = 0
        self._row = 0

    @property
    def top(self) -> int:
        """Which record is at the top of the screen, from 0."""
        return self._top

    @property
    def anchor(self) -> int:
        """The offset of what is at the top."""
        return self.records[self._top].offset if self.records else self.begin

    def begin_anew(self) -> None:
        """Show another log, of which nothing is known."""
        self.forget()
        self.begin = self.end = self.size = 0

    def forget(self) -> None:
        """Read anew: what comes next replaces the window."""
        self.records.clear()
        self.read = self.first = self.last = self.ended = False
        self._top = self._row = 0

    def put(self, batch: Batch, offset: int | None) -> None:
        """Replace the window.

        Args:
            batch: What is in it from now on.
            offset: What to show at the top, or the first record behind that; None for the end.
        """
        self.forget()
        self.records = list(batch.records)
        self.begin, self.first = batch.start, batch.first
        self._take_end(batch)
        if offset is not None:
            self._top = bisect_left(self.records, offset, key=lambda record: record.offset)
        self._settle(at_end=offset is None)

    def append(self, batch: Batch) -> None:
        """Take in what stands behind the window."""
        if batch.start != self.end:
            return
        self.records += batch.records
        self._take_end(batch)
        self._settle(at_end=self.following)
        spare = self._spare(self.records)
        if spare := min(spare, self._top):
            del self.records[:spare]
            self._top -= spare
            self.begin, self.first = self.records[0].offset, False

    def prepend(self, batch: Batch) -> None:
        """Take in what stands before the window."""
        if batch.end > self.begin:
            return
        self.records[:0] = batch.records
        self._top += len(batch.records)
        self.begin, self.first, self.size = batch.start, batch.first, max(self.size, batch.size)
        self._settle(at_end=self.following)
        behind = self._shown_to()
        if spare := min(self._spare(self.records[::-1]), len(self.records) - behind):
            del self.records[-spare:]
            self.end, self.last, self.ended = self.records[-1].end, False, False

    def _take_end(self, batch: Batch) -> None:
        self.end, self.size = batch.end, max(self.size, batch.size)
        self.last, self.ended, self.read = batch.last, batch.ended, True

    def grown(self, size: int) -> None:
        """Take note of how long the log is now."""
        if size > self.size:
            self.size, self.last = size, False

    def _spare(self, records: list[Record]) -> int:
        """Count how many of the first of these are too many."""
        kept = max(_KEPT, 8 * self.height)
        spare = max(0, len(records) - kept)
        size = sum(len(record.text) for record in records[spare:])
        while spare < len(records) and size > _KEPT_BYTES:
            size -= len(records[spare].text)
            spare += 1
        return spare

    def wants(self) -> Want | None:
        """Say what is to be read now, so that the next move finds it there."""
        if not self.read:
            return Want.TAIL
        margin = max(100, 3 * self.height)
        if not self.first and self._top < margin and self._little(self.records[: self._top]):
            return Want.BEFORE
        behind = self.records[self._shown_to() :]
        if not self.last and (self.following or (len(behind) < margin and self._little(behind))):
            return Want.AFTER
        return None

    @staticmethod
    def _little(records: list[Record]) -> bool:
        """Are these few bytes? A hundred records may be many."""
        return sum(len(record.text) for record in records) < _KEPT_BYTES // 4

    def seen(self) -> list[tuple[int, int]]:
        """Give what is on the screen: for each line which record, and which row of it."""
        found: list[tuple[int, int]] = []
        index, row = self._top, self._row
        while index < len(self.records) and len(found) < self.height:
            rows = self._rows(self.records[index])
            found += [(index, number) for number in range(row, rows)][: self.height - len(found)]
            index, row = index + 1, 0
        return found

    def _shown_to(self) -> int:
        """Give the number of the record behind the last one that is seen."""
        seen = self.seen()
        return seen[-1][0] + 1 if seen else self._top

    def resize(self, height: int) -> None:
        """Show so many lines; also after rows have become more or fewer."""
        self.height = max(1, height)
        self._settle(at_end=self.following)

    def follow(self, *, following: bool) -> None:
        """Stay at the end, or here."""
        self.following = following
        self._settle(at_end=following)

    def move(self, by: int) -> bool:
        """Move by rows; tell whether that came to an end of the window.

        Upwards the reader follows no longer; at the end of the log it follows.
        """
        if by < 0:
            self.following = False
        index, row = self._top, self._row + by
        while row < 0 and index > 0:
            index -= 1
            row += self._rows(self.records[index])
        while index < len(self.records) and row >= (rows := self._rows(self.records[index])):
            index, row = index + 1, row - rows
        wanted = (index, max(0, row))
        self._top, self._row = min(wanted, self._bottom())
        at_end = by > 0 and wanted >= self._bottom()
        if at_end and self.last:
            self.following = True
        return at_end or (by < 0 and (self._top, self._row) == (0, 0))

    def show(self, index: int, *, anew: bool) -> None:
        """Bring a record onto the screen, below some others; if it is there nothing moves, but `anew`."""
        if not anew and any(seen == index for seen, _ in self.seen()):
            return
        self.following = False
        self._top, self._row = index, 0
        self.move(-(self.height // _CONTEXT))

    def put_on_top(self, index: int) -> None:
        """Show a record at the top, or as near to it as the end of the log allows."""
        self.following = False
        self._top, self._row = min((index, 0), self._bottom())

    def keep_in_sight(self, index: int) -> None:
        """Scroll as little as is needed to see a record."""
        if index < self._top:
            self.put_on_top(index)
        while index >= self._shown_to() and (self._top, self._row) < self._bottom():
            self._top, self._row = self._top + 1, 0

    def find(self, offset: int) -> int | None:
        """Give the number of the record that begins at an offset, if it is in the window."""
        index = bisect_left(self.records, offset, key=lambda record: record.offset)
        there = index < len(self.records) and self.records[index].offset == offset
        return index if there else None

    def _settle(self, *, at_end: bool) -> None:
        bottom = self._bottom()
        self._top, self._row = bottom if at_end else min((self._top, self._row), bottom)

    def _bottom(self) -> tuple[int, int]:
        """Give the last place where the screen is full."""
        left = self.height
        for index in range(len(self.records) - 1, -1, -1):
            rows = self._rows(self.records[index])
            if left <= rows:
                return index, rows - left
            left -= rows
        return 0, 0
