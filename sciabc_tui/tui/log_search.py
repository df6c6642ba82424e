"""Searches a log of any size, piece by piece: first from a place to the end, then back from there."""

import re
import threading
import time
from array import array
from collections.abc import Callable
from dataclasses import dataclass

from sciabc_tui.tui.log_reader import LogReader
from sciabc_tui.tui.present.ansi import without_escapes
from sciabc_tui.tui.present.log_hits import MOST
from sciabc_tui.tui.present.log_records import EVERYTHING, Chosen, read_page

_PIECE = 1024 * 1024
"""Bytes that are read at once."""

_AT_ONCE = 128 * 1024
"""Bytes in which is looked at once: as long no other thread may do anything."""

_TELL_EVERY = 0.1

_HEAD = re.compile(rb"\S{24} +(?:\d{1,9}|-) (?:out|err)\+? ")
# what asks for more than the text that it matches: the place in the line, or what stands beside
_ANCHORED = re.compile(rb"(?<!\[)\^|\\[ABZ]|\(\?")


@dataclass(frozen=True, slots=True)
class Found:
    """What was found since this was told last.

    Attributes:
        offsets: Of the lines; backward the last one first.
        backward: Whether the search goes back.
        share: How much of the log was looked through, from 0 to 1.
        to: Up to where it was looked, forward.
        finished: Whether that is all.
    """

    offsets: "array[int]"
    backward: bool
    share: float
    to: int
    finished: bool = False


class Matcher:
    """Finds the lines in whose text something stands."""

    def __init__(self, pattern: re.Pattern[bytes], chosen: Chosen) -> None:
        """Take what is looked for.

        Args:
            pattern: As `read_pattern` gives it.
            chosen: Only lines that are shown are looked at.
        """
        self._pattern = pattern
        self._chosen = chosen
        # of one case a search is ten times faster
        self._lower = bool(pattern.flags & re.IGNORECASE)
        flags = (pattern.flags & ~re.IGNORECASE) | re.MULTILINE
        simple = chosen == EVERYTHING and not _ANCHORED.search(pattern.pattern)
        self._quick = re.compile(pattern.pattern, flags) if simple else None

    def hits(self, data: bytes, start: int) -> list[int]:
        """Give the offsets of the lines in whole lines from an offset on."""
        found: list[int] = []
        begin = 0
        while begin < len(data):
            end = data.rfind(b"\n", begin, begin + _AT_ONCE) + 1 or data.find(b"\n", begin) + 1 or len(data)
            piece = data[begin:end]
            if self._quick is None or b"\x1b" in piece:
                found += self._slowly(piece, start + begin)
            else:
                found += self._quickly(piece, start + begin, self._quick)
            begin = end
        return found

    def _slowly(self, data: bytes, start: int) -> list[int]:
        search = self._pattern.search
        return [
            record.offset
            for record in read_page(data, start, self._chosen)
            if search(without_escapes(record.text))
        ]

    def _quickly(self, data: bytes, start: int, pattern: re.Pattern[bytes]) -> list[int]:
        """Look at those lines only in which it is found: in their text, or in what stands before it."""
        data = data.lower() if self._lower else data
        found: list[int] = []
        at = 0
        while (match := pattern.search(data, at)) is not None:
            begin = data.rfind(b"\n", 0, match.start()) + 1
            end = data.find(b"\n", match.start())
            if end < 0:
                break
            head = _HEAD.match(data, begin, end)
            text = head.end() if head else begin
            if (match.start() >= text and match.end() <= end) or pattern.search(data, text, end):
                found.append(start + begin)
            at = end + 1
        return found


def search(
    reader: LogReader, matcher: Matcher, origin: int, stop: threading.Event, tell: Callable[[Found], object]
) -> None:
    """Look through the log until it is at its end, or is stopped.

    Args:
        reader: Gives the log.
        matcher: Says in which lines it is found.
        origin: Where to begin; what stands before it is looked at afterwards.
        stop: Ends it from another thread.
        tell: Is told what was found, some ten times a second.
    """
    count, size = 0, origin
    found = array("q")
    due = time.monotonic() + _TELL_EVERY
    at, backward = origin, False
    while not stop.is_set() and count < MOST:
        chunk = reader.chunk(at, _PIECE, before=backward)
        size = max(size, chunk.size)
        offsets = matcher.hits(chunk.data, chunk.start)
        found.extend(offsets[::-1] if backward else offsets)
        count += len(offsets)
        moved = bool(chunk.data)
        at = at if not moved else chunk.start if backward else chunk.next_offset
        to = size if backward else at
        if not moved and backward:
            break
        done = (size - origin + origin - at) if backward else at - origin
        if not moved or time.monotonic() >= due or (found and count == len(found)):
            tell(Found(found, backward, min(1.0, done / max(1, size)), to))
            found, due = array("q"), time.monotonic() + _TELL_EVERY
        if not moved:
            at, backward = origin, True
    if not stop.is_set():
        tell(Found(found, backward, 1.0, size, finished=True))
