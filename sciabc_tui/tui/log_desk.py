"""Has a log read in threads, one thing of a kind at a time; each ends in one message to the screen."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from textual.message import Message

from sciabc_tui.api.messages import LogCount
from sciabc_tui.errors import NotFound, SciabcError
from sciabc_tui.tui.log_reader import END, Batch, LogReader
from sciabc_tui.tui.log_save import save
from sciabc_tui.tui.log_search import Found, Matcher, search
from sciabc_tui.tui.present.log_pager import Want
from sciabc_tui.tui.present.log_records import Chosen

log = logging.getLogger(__name__)

COUNTED = 8 * 1024 * 1024
"""Bytes whose lines are counted at once: so far apart are the places where it is known."""


class Lane(Enum):
    """What goes on at most once at a time."""

    PAGE = auto()
    COUNT = auto()
    PLACE = auto()
    TIME = auto()
    SEARCH = auto()
    SAVE = auto()


@dataclass
class LogMessage(Message):
    """What came of reading; `desk` is who did it."""

    desk: "LogDesk"
    lane: Lane


@dataclass
class BatchRead(LogMessage):
    """A stretch of the log; `around` is where it was read around, else it is at an end of the window."""

    chosen: Chosen
    batch: Batch
    want: Want | None
    number: int
    around: int = 0


@dataclass
class LinesCounted(LogMessage):
    """More lines were counted."""

    count: LogCount


@dataclass
class PageNumbered(LogMessage):
    """So many lines stand before a page."""

    page: int
    lines: int


@dataclass
class TimeFound(LogMessage):
    """Where the first line of that time or later begins."""

    offset: int


@dataclass
class HitsFound(LogMessage):
    """More was found by the search that `ends` ends."""

    ends: threading.Event
    found: Found


@dataclass
class SaveMoved(LogMessage):
    """So much of the file is written; `lines` when that is all."""

    path: Path
    share: float
    lines: int | None = None


@dataclass
class LogFailed(LogMessage):
    """It could not be done; one line that names the next step."""

    text: str
    removed: bool
    """Whether there is no such log any longer."""
    number: int = 0


class LogDesk:
    """The threads that read the log of one attempt.

    Args:
        reader: Of the log.
        post: Takes the messages; from any thread.
        run: Runs something in a thread.
    """

    def __init__(
        self,
        reader: LogReader,
        post: Callable[[Message], object],
        run: Callable[[Callable[[], None]], object],
    ) -> None:
        self._reader = reader
        self._post = post
        self._run = run
        self._busy: set[Lane] = set()
        self._number = 0

    @property
    def attempt(self) -> int:
        """Which attempt's log it is; 0 is the newest, whichever that is."""
        return self._reader.attempt or 0

    def busy(self, lane: Lane) -> bool:
        """Does that go on now?"""
        return lane in self._busy

    def takes(self, message: LogMessage) -> bool:
        """Take note that something came; tell whether it is wanted still."""
        if isinstance(message, BatchRead | LogFailed) and message.number not in {0, self._number}:
            return False
        self._busy.discard(message.lane)
        return True

    def read(self, want: Want, offset: int, chosen: Chosen, *, anew: bool = False) -> None:
        """Read at an end of the window, if nothing is read now; `anew` drops what is."""
        if Lane.PAGE in self._busy and not anew:
            return
        self._number += 1
        number = self._number

        def work() -> Message:
            match want:
                case Want.TAIL:
                    batch = self._reader.before(END, chosen)
                case Want.BEFORE:
                    batch = self._reader.before(offset, chosen)
                case Want.AFTER:
                    batch = self._reader.after(offset, chosen)
            return BatchRead(self, Lane.PAGE, chosen, batch, want, number)

        self._busy.add(Lane.PAGE)
        self._go(Lane.PAGE, work, number)

    def read_around(self, offset: int, chosen: Chosen) -> None:
        """Read on both sides of an offset, whatever is read now."""
        self._number += 1
        number = self._number

        def work() -> Message:
            batch = self._reader.around(offset, chosen)
            return BatchRead(self, Lane.PAGE, chosen, batch, None, number, around=offset)

        self._busy.add(Lane.PAGE)
        self._go(Lane.PAGE, work, number)

    def count(self, offset: int) -> None:
        """Count some lines from an offset on."""
        self._start(
            Lane.COUNT, lambda: LinesCounted(self, Lane.COUNT, self._reader.count(offset, offset + COUNTED))
        )

    def number(self, page: int, known: tuple[int, int]) -> None:
        """Count the lines before a page, from a place on where that is known."""
        self._start(
            Lane.PLACE,
            lambda: PageNumbered(self, Lane.PLACE, page, self._reader.lines_before(page, known)),
        )

    def find_time(self, since: float) -> None:
        """Look for the first line of a time."""
        self._start(Lane.TIME, lambda: TimeFound(self, Lane.TIME, self._reader.place(since)))

    def search(self, matcher: Matcher, origin: int) -> threading.Event:
        """Look for something in the whole log; give what ends that."""
        stop = threading.Event()

        def work() -> Message | None:
            search(
                self._reader,
                matcher,
                origin,
                stop,
                lambda found: self._post(HitsFound(self, Lane.SEARCH, stop, found)),
            )
            return None

        self._go(Lane.SEARCH, work, ends=stop)
        return stop

    def save(self, chosen: Chosen, path: Path, *, replace: bool) -> threading.Event:
        """Write the output into a file; give what ends that."""
        stop = threading.Event()

        def work() -> Message:
            lines = save(
                self._reader,
                chosen,
                path,
                stop,
                lambda share: self._post(SaveMoved(self, Lane.SAVE, path, share)),
                replace=replace,
            )
            return SaveMoved(self, Lane.SAVE, path, 1.0, lines)

        self._go(Lane.SAVE, work, ends=stop)
        return stop

    def _start(self, lane: Lane, work: Callable[[], Message]) -> None:
        if lane not in self._busy:
            self._busy.add(lane)
            self._go(lane, work)

    def _go(
        self,
        lane: Lane,
        work: Callable[[], Message | None],
        number: int = 0,
        ends: threading.Event | None = None,
    ) -> None:
        def run() -> None:
            try:
                answer = work()
            except SciabcError as error:
                answer = LogFailed(self, lane, str(error), isinstance(error, NotFound), number)
            except Exception as error:
                log.exception("reading the log failed")
                answer = LogFailed(
                    self, lane, f"unexpected error ({type(error).__name__})", removed=False, number=number
                )
            if answer is not None and not (ends is not None and ends.is_set()):
                self._post(answer)

        self._run(run)
