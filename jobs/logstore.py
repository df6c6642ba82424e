"""The log of an attempt: one record a line, made to be read by ``less`` as well as by us.

```
2026-11-21T14:03:11.123Z   0 out the text as the rank wrote it
2026-11-21T14:03:11.124Z   - err mpirun's own words
2026-11-21T14:03:11.125Z   1 out+ more of a line that was too long for one record
```

The text is kept byte for byte, control characters and invalid UTF-8 included: whoever shows it makes it
harmless.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from jobs.errors import StoreError
from jobs.logparts import read_bytes

PIECE_BYTES = 64 * 1024
"""The longest text of one record; a longer line is kept as several, none of it lost."""

_RECORD_BYTES = PIECE_BYTES + 64
_RECORD = re.compile(rb"(\S{24}) +(\d{1,9}|-) (out|err)(\+?) (.*)", re.DOTALL)


class Stream(StrEnum):
    """Where a rank wrote the line."""

    OUT = "out"
    ERR = "err"


Speaker = tuple[int | None, Stream]
"""Who wrote, and where: the rank (None is the launcher itself) and the stream."""


Bytes = bytes | memoryview
"""Records as they are written: a million lines are not copied only to leave one out at an end."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record.

    Attributes:
        at: When the line was read from the launcher, in seconds since 1970; kept to the millisecond.
        rank: Who wrote it; None means the launcher itself.
        stream: Where it was written.
        text: What was written, without its newline.
        joined: Whether this goes on with the line of the record before of the same rank and stream.
    """

    at: float
    rank: int | None
    stream: Stream
    text: bytes
    joined: bool = False


def stamp(at: float) -> bytes:
    """Write a time, given in seconds since 1970, as UTC to the millisecond."""
    moment = datetime.fromtimestamp(round(at * 1000) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").removesuffix("+00:00").encode() + b"Z"


def head_of(at: bytes, who: Speaker, *, joined: bool = False) -> bytes:
    """Write what stands before the text of a record; ``at`` comes from ``stamp``, once for many lines."""
    rank, stream = who
    name = b"  -" if rank is None else b"%3d" % rank
    return b"%s %s %s%s " % (at, name, stream.encode(), b"+" if joined else b"")


def format_line(line: LogLine) -> bytes:
    """Write one record, newline included."""
    return head_of(stamp(line.at), (line.rank, line.stream), joined=line.joined) + line.text + b"\n"


def parse_line(record: bytes) -> LogLine:
    """Read one record back.

    Raises:
        StoreError: This is none.
    """
    found = _RECORD.fullmatch(record.removesuffix(b"\n"))
    if found is None:
        raise StoreError(f"Not a line of a job log: {record[:60]!r}. Next: read the log file itself")
    try:
        at = datetime.fromisoformat(found[1].decode()).timestamp()
    except ValueError as error:
        raise StoreError(f"Not a time of a job log: {found[1]!r}. Next: read the log file itself") from error
    rank = None if found[2] == b"-" else int(found[2])
    return LogLine(at, rank, Stream(found[3].decode()), found[5], joined=found[4] == b"+")


def read_from(path: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """Read whole records from an offset on; a record that is still being written waits for the next call.

    Args:
        path: The log; one that is not there yet is empty.
        offset: Where to begin, in bytes: 0, or what an earlier call returned. What was removed there, because
            the log reached its limit, is left out.
        limit: About how many bytes at most; one record is given even if it is longer.

    Returns:
        The records, and the offset for the next call.

    Raises:
        StoreError: The log is there and can't be read.
    """
    data, offset = read_bytes(path, offset, max(limit, _RECORD_BYTES))
    end = data.rfind(b"\n", 0, limit) + 1 or data.find(b"\n") + 1
    return data[:end], offset + end


def line_start(path: Path, offset: int) -> int:
    """Return the first offset from this one on where a record begins; the end if there is none."""
    if offset <= 0:
        return 0
    offset -= 1
    while True:
        data, offset = read_bytes(path, offset, _RECORD_BYTES)
        end = data.find(b"\n") + 1
        if end or not data:
            return offset + (end or 1)
        offset += len(data)
