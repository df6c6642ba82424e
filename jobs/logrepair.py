"""Mend the end of a log whose writer was killed, or whose machine lost its power, within a record."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from jobs.errors import StoreError
from jobs.logparts import Part, parts
from jobs.logstore import PIECE_BYTES

_TAIL_BYTES = PIECE_BYTES + 4096
_HEAD = re.compile(rb"\S{24} +(?:\d{1,9}|-) (?:out|err)\+? ")


@dataclass(frozen=True, slots=True)
class Repaired:
    """What was done to a log.

    Attributes:
        cut: How many bytes were removed: zeros that were never written, a record's begin without any text.
        ended: Whether the last record got the newline that it lacked; its text may have been longer.
    """

    cut: int = 0
    ended: bool = False


def repair(path: Path) -> Repaired:
    """Let a log end with a whole record, so that readers get its last words; does nothing to one that does.

    Nobody may write to the log meanwhile.

    Args:
        path: The log; one that is not there is left so.

    Raises:
        StoreError: It can't be read or written.
    """
    done = [_repaired(part) for part in parts(path)]
    return Repaired(sum(each.cut for each in done), any(each.ended for each in done))


def cut_back(path: Path, end: int) -> None:
    """Remove what stands in a log from an offset on. Nobody may write to it meanwhile.

    Raises:
        StoreError: It can't be written.
    """
    try:
        for part in reversed(parts(path)):
            if part.start and part.start >= end:
                part.path.unlink(missing_ok=True)
            elif part.path.stat().st_size > end - part.start:
                os.truncate(part.path, end - part.start)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error


def _repaired(part: Part) -> Repaired:
    try:
        with part.path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            written = _without_zeros(file.fileno(), size)
            if written == size and (not size or os.pread(file.fileno(), 1, size - 1) == b"\n"):
                return Repaired()
            begin = max(0, written - _TAIL_BYTES)
            tail = os.pread(file.fileno(), written - begin, begin)
            last = tail[tail.rfind(b"\n") + 1 :]
            # what a rank wrote stays, even if there was more of it
            ended = _HEAD.match(last) is not None
            keep = written if ended else written - len(last)
            file.truncate(keep)
            if ended:
                file.seek(keep)
                file.write(b"\n")
            return Repaired(size - keep, ended)
    except FileNotFoundError:
        return Repaired()
    except OSError as error:
        raise StoreError(f"{part.path}: {error.strerror}. Next: check the state directory") from error


def _without_zeros(descriptor: int, size: int) -> int:
    """Give the size without the zeros at the end, which a file system may leave there after a power cut."""
    while size:
        begin = max(0, size - _TAIL_BYTES)
        if kept := len(os.pread(descriptor, size - begin, begin).rstrip(b"\0")):
            return begin + kept
        size = begin
    return 0
