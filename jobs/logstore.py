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

PIECE_BYTES = 64 * 1024
"""The longest text of one record; a longer line is kept as several, none of it lost."""

_RECORD_BYTES = PIECE_BYTES + 64
_RECORD = re.compile(rb"(\S{24}) +(\d{1,9}|-) (out|err)(\+?) (.*)", re.DOTALL)


class Stream(StrEnum):
    """Where a rank wrote the line."""

    OUT = "out"
    ERR = "err"


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


def format_record(at: bytes, rank: int | None, stream: Stream, text: bytes, *, joined: bool) -> bytes:
    """Write one record, newline included; ``at`` comes from ``stamp``, once for many lines."""
    who = b"  -" if rank is None else b"%3d" % rank
    return b"%s %s %s%s %s\n" % (at, who, stream.encode(), b"+" if joined else b"", text)


def format_line(line: LogLine) -> bytes:
    """Write one record, newline included."""
    return format_record(stamp(line.at), line.rank, line.stream, line.text, joined=line.joined)


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
        offset: Where to begin, in bytes: 0, or what an earlier call returned.
        limit: About how many bytes at most; one record is given even if it is longer.

    Returns:
        The records, and the offset for the next call.

    Raises:
        StoreError: The log is there and can't be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(max(limit, _RECORD_BYTES))
    except FileNotFoundError:
        return b"", offset
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error
    end = data.rfind(b"\n", 0, limit) + 1 or data.find(b"\n") + 1
    return data[:end], offset + end
