"""Search a log: by rank, stream, time and text, in steps of bounded size.

What must hold for a record is asked of whole blocks first, by the index, then by one pass of a pattern.
"""

import re
from bisect import bisect_right
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import StoreError
from jobs.logindex import BLOCK_BYTES, Block, fits, load_index
from jobs.logparts import log_size
from jobs.logstore import Stream, read_from, stamp

_STEP_BYTES = 256 * 1024
_SEARCHED_BYTES = 16 * 1024 * 1024
_STAMP_BYTES = 24
_EVER = (b"", b"~")


@dataclass(frozen=True, slots=True)
class Query:
    """What of a log is wanted.

    Attributes:
        ranks: Only what these wrote; empty means everybody, the launcher too.
        streams: Only what was written there; empty means anywhere.
        since: Only what was read at this time or later, in seconds since 1970.
        until: Only what was read at this time or before.
        grep: Only texts in which this is found; a line that is kept in pieces is looked at piece by piece.
    """

    ranks: frozenset[int] = frozenset()
    streams: frozenset[Stream] = frozenset()
    since: float | None = None
    until: float | None = None
    grep: re.Pattern[bytes] | None = None

    def matching(self, data: bytes) -> bytes:
        """Return the records that are wanted.

        Args:
            data: Whole records.
        """
        if self == Query():
            return data
        earliest, latest = self._times()
        found: list[tuple[bytes, bytes, bytes]] = self._pattern().findall(b"\n" + data)
        grep = self.grep
        return b"".join(
            [
                b"%s%s%s\n" % (at, rest, text)
                for at, rest, text in found
                if earliest <= at <= latest and (grep is None or grep.search(text))
            ]
        )

    def places(self, data: bytes) -> list[int]:
        """Return where in the data the wanted records begin.

        Args:
            data: Whole records.
        """
        earliest, latest = self._times()
        grep = self.grep
        return [
            found.start()
            for found in self._pattern().finditer(b"\n" + data)
            if earliest <= found[1] <= latest and (grep is None or grep.search(found[3]))
        ]

    def may_match(self, block: Block) -> bool:
        """Tell whether a block can hold anything that is wanted."""
        earliest, latest = self._times()
        return (
            block.latest >= earliest
            and block.earliest <= latest
            and any(
                (not self.ranks or rank in self.ranks) and (not self.streams or stream in self.streams)
                for rank, stream in block.speakers
            )
        )

    def _times(self) -> tuple[bytes, bytes]:
        begin, end = _EVER
        return (
            begin if self.since is None else stamp(self.since),
            end if self.until is None else stamp(self.until),
        )

    def _pattern(self) -> re.Pattern[bytes]:
        """Match a wanted record, whatever its time; one of another rank fails at its 26th byte."""
        ranks = b"|".join(b"%d" % rank for rank in sorted(self.ranks)) or rb"\d{1,9}|-"
        streams = b"|".join(stream.encode() for stream in sorted(self.streams)) or b"out|err"
        return re.compile(rb"\n([^\n]{24})( +(?:%s) (?:%s)\+? )([^\n]*)" % (ranks, streams))


def select(path: Path, query: Query, *, offset: int = 0) -> Generator[tuple[bytes, int]]:
    """Give what is wanted of a log, up to its end as it is now.

    Args:
        path: The log.
        query: What is wanted.
        offset: Where to begin: 0, or an offset that came with a record before.

    Yields:
        Whole records, possibly none, and the offset to go on from. Each step reads 256 KiB at most, and so do
        few bytes stand in memory.

    Raises:
        StoreError: The log is there and can't be read.
    """
    size = log_size(path)
    index = load_index(path) if size - offset > BLOCK_BYTES and query != Query() else {}
    starts = sorted(index)
    while True:
        block = index.get(offset)
        if block is not None and not query.may_match(block) and fits(path, block, size):
            offset = block.end
            yield b"", offset
            continue
        following = bisect_right(starts, offset)
        step = starts[following] - offset if following < len(starts) else _STEP_BYTES
        data, beyond = read_from(path, offset, min(step, _STEP_BYTES))
        if beyond == offset:
            return
        offset = beyond
        yield query.matching(data), offset


def read_matching(path: Path, query: Query, offset: int, limit: int) -> tuple[bytes, int]:
    """Read what is wanted, as much as one answer takes; ``jobs.logstore.read_from`` with a query.

    Args:
        path: The log.
        query: What is wanted.
        offset: Where to begin: 0, or what an earlier call returned.
        limit: About how many bytes at most; what one step finds is given as a whole.

    Returns:
        Whole records, and the offset for the next call. There may be none although the log goes on: after
        16 MiB the search makes a pause. At the end of the log the offset stays what it was.

    Raises:
        StoreError: The log is there and can't be read.
    """
    if query == Query():
        return read_from(path, offset, limit)
    found, begin = bytearray(), offset
    for data, beyond in select(path, query, offset=offset):
        found += data
        offset = beyond
        if len(found) >= limit or offset - begin >= _SEARCHED_BYTES:
            break
    return bytes(found), offset


def pattern(text: str) -> re.Pattern[bytes]:
    """Compile what is looked for in the texts of records.

    Raises:
        StoreError: It is no regular expression.
    """
    try:
        return re.compile(text.encode(errors="surrogateescape"))
    except (re.error, OverflowError, RecursionError) as error:
        raise StoreError(f"{text!r} is no regular expression ({error}). Next: mend it") from error
