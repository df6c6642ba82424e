"""Where in a log something was found, and how many lines there are up to a place."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from sciabc_tui.api.messages import LogCount

MOST = 1_000_000
"""Hits that are kept: eight bytes each."""

_NEARLY = 4 * 1024 * 1024


class Hits:
    """The lines in which a search found something: first from a place on, then back from there."""

    def __init__(self) -> None:
        self._after = array("q")
        # negative, so that these grow too
        self._before = array("q")
        self.share = 0.0
        """How much of the log was looked through, from 0 to 1."""
        self.finished = False
        self.stopped = False
        """Whether it ended before all was looked through."""
        self.searched_to = 0

    def __len__(self) -> int:
        return len(self._after) + len(self._before)

    def add(self, offsets: Iterable[int], *, backward: bool) -> None:
        """Take in more; backward they come the last one first."""
        if backward:
            self._before.extend(-offset for offset in offsets)
        else:
            self._after.extend(offsets)

    def after(self, offset: int) -> int | None:
        """Give the first hit behind an offset."""
        before = bisect_left(self._before, -offset)
        if before:
            return -self._before[before - 1]
        index = bisect_right(self._after, offset)
        return self._after[index] if index < len(self._after) else None

    def before(self, offset: int) -> int | None:
        """Give the last hit before an offset."""
        if index := bisect_left(self._after, offset):
            return self._after[index - 1]
        before = bisect_right(self._before, -offset)
        return -self._before[before] if before < len(self._before) else None

    def number(self, offset: int) -> int:
        """Say the how-manieth hit it is, from 1."""
        earlier = len(self._before) - bisect_left(self._before, -offset) if self._before else 0
        return earlier + bisect_right(self._after, offset)


class LineIndex:
    """How many lines stand before some places of a log; grows from the begin of the log."""

    def __init__(self) -> None:
        self._offsets = [0]
        self._lines = [0]
        self._pages: dict[int, int] = {}
        self.size = 0

    @property
    def counted_to(self) -> int:
        """Up to where lines were counted."""
        return self._offsets[-1]

    @property
    def total(self) -> int | None:
        """How many lines the log has; None while there are many more to be counted."""
        return self._lines[-1] if self.size - self.counted_to < _NEARLY else None

    def add(self, count: LogCount, *, every: int) -> None:
        """Take in what was counted from `counted_to` on; a place is kept for about so many bytes."""
        self.size = max(count.size, count.offset)
        if count.offset <= self.counted_to:
            return
        lines = self._lines[-1] + count.lines
        if len(self._offsets) > 1 and count.offset - self._offsets[-2] < every:
            self._offsets[-1], self._lines[-1] = count.offset, lines
        else:
            self._offsets.append(count.offset)
            self._lines.append(lines)

    def nearest(self, offset: int) -> tuple[int, int]:
        """Give the last known place at or before an offset, and how many lines stand before it."""
        index = bisect_right(self._offsets, offset) - 1
        return self._offsets[index], self._lines[index]

    def learn(self, page: int, lines: int) -> None:
        """Keep how many lines stand before a page."""
        if len(self._pages) > 500:
            self._pages.clear()
        self._pages[page] = lines

    def before(self, page: int) -> int | None:
        """Say how many lines stand before a page, if that is known."""
        return 0 if page == 0 else self._pages.get(page)
