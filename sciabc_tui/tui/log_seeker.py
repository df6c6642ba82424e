"""A search in a log as its reader sees it: what was found so far, and where to go next."""

import re
import threading

from sciabc_tui.tui.log_desk import LogDesk
from sciabc_tui.tui.log_search import Found, Matcher
from sciabc_tui.tui.present import logs
from sciabc_tui.tui.present.log_hits import Hits
from sciabc_tui.tui.present.log_records import Chosen


class LogSeeker:
    """Answers with the offset of a line to go to, as soon as there is one."""

    def __init__(self) -> None:
        self.hits: Hits | None = None
        self.current: int | None = None
        """Where the hit begins that the reader stands on."""
        self.pattern: re.Pattern[bytes] | None = None
        self.note = ""
        """What is to be said of the last step."""
        self._words = ""
        self._origin = 0
        self._pending = 0
        self._ends: threading.Event | None = None

    @property
    def running(self) -> bool:
        """Is it under way?"""
        return self._ends is not None and self.hits is not None and not self.hits.finished

    def begin(
        self, desk: LogDesk, words: str, pattern: re.Pattern[bytes], chosen: Chosen, origin: int
    ) -> None:
        """Look for something.

        Args:
            desk: Does it.
            words: How it was typed.
            pattern: What it means.
            chosen: Which lines to look at.
            origin: Where in the log the reader is.
        """
        self.stop()
        self.hits, self.current, self.pattern = Hits(), None, pattern
        self._words, self._origin, self._pending, self.note = words, origin, 1, ""
        self._ends = desk.search(Matcher(pattern, chosen), origin)

    def again(self, desk: LogDesk, chosen: Chosen, origin: int) -> None:
        """Look for the same among other lines, if something is looked for."""
        if self.hits is not None and self.pattern is not None:
            self.begin(desk, self._words, self.pattern, chosen, origin)
            self._pending = 0

    def stop(self) -> None:
        """End it; what was found stays."""
        if self._ends is not None:
            self._ends.set()
        if self.hits is not None:
            self.hits.stopped = self.hits.stopped or not self.hits.finished
            self.hits.finished = True
        self._ends, self._pending = None, 0

    def forget(self) -> None:
        """Look for nothing."""
        self.stop()
        self.hits = self.current = self.pattern = None
        self.note = ""

    def take(self, ends: threading.Event, found: Found) -> int | None:
        """Take in what was found by the search that `ends` ends."""
        if ends is not self._ends or self.hits is None:
            return None
        self.hits.add(found.offsets, backward=found.backward)
        self.hits.share, self.hits.finished = found.share, found.finished
        return self._answer(self.hits, back=found.backward or found.finished)

    def step(self, way: int) -> int | None:
        """Go to the next hit (1) or the one before (-1)."""
        if self.hits is None:
            return None
        self._pending = way
        return self._answer(self.hits, back=self.hits.finished)

    def told(self) -> str:
        """Say what is looked for and how far that came."""
        return "" if self.hits is None else logs.told_hits(self._words, self.hits, self.current)

    def _answer(self, hits: Hits, *, back: bool) -> int | None:
        """Give the place that the reader waits for, if it is known by now."""
        if not self._pending:
            return None
        forward, self.note = self._pending > 0, ""
        here = self._origin - forward if self.current is None else self.current
        place = hits.after(here) if forward else hits.before(here)
        if place is None and self.current is None and back:
            place = hits.before(self._origin)  # nothing behind here: the nearest one before it
        if place is None and hits.finished and len(hits):
            self.note = f"the search went on from the {'begin' if forward else 'end'}"
            place = hits.after(-1) if forward else hits.before(2**62)
        if place is not None:
            self.current, self._pending = place, 0
        return place
