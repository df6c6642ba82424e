"""The files of a log: one, or the first part and the newest ones if the log reached its limit.

```
log                    from the begin; the only one as long as the limit is not reached
log.000000536870912    from this offset of all that was ever written
log.000000805306368    and the newest
log.index              see jobs.logindex
```

Offsets count all that was ever written, so that they stay what they are when a part is removed; where a
part is missing the next one follows. ``cat log log.0*`` shows them in order.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from jobs.errors import StoreError

T = TypeVar("T")

_DIGITS = 15


@dataclass(frozen=True, slots=True)
class Part:
    """A file of a log.

    Attributes:
        start: The offset of its first byte.
        path: Where it is.
    """

    start: int
    path: Path


def part_path(path: Path, start: int) -> Path:
    """Give the path of a part; ``path`` is that of the log."""
    return path.with_name(f"{path.name}.{start:0{_DIGITS}}") if start else path


def parts(path: Path) -> tuple[Part, ...]:
    """Return the parts that are there, the first one first; none if there is no log yet.

    Raises:
        StoreError: The folder can't be read.
    """
    begin = path.name + "."
    try:
        names = {entry.name for entry in path.parent.iterdir()}
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise StoreError(f"{path.parent}: {error.strerror}. Next: check the state directory") from error
    starts = [
        int(number)
        for name in names
        if (number := name.removeprefix(begin)) != name and len(number) == _DIGITS and number.isdecimal()
    ]
    first = (Part(0, path),) if path.name in names else ()
    return first + tuple(Part(start, part_path(path, start)) for start in sorted(starts) if start)


def log_size(path: Path) -> int:
    """Return the offset behind the last byte; 0 if there is no log yet."""
    found = parts(path)
    try:
        return found[-1].start + found[-1].path.stat().st_size if found else 0
    except FileNotFoundError:  # removed meanwhile, by the retention
        return 0
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error


def read_bytes(path: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """Read from one part.

    Args:
        path: The log.
        offset: Where to begin; between two parts it means the begin of the next.
        limit: Bytes at most.

    Returns:
        What is there, nothing at the end of the log; and the offset where it begins.

    Raises:
        StoreError: A part is there and can't be read.
    """
    return looked_at(path, lambda: _read(path, offset, limit))


def looked_at(path: Path, look: Callable[[], T]) -> T:
    """Give what a look at the parts of a log finds; the writer may remove one in the midst of it.

    Raises:
        StoreError: A part is there and can't be read.
    """
    try:
        return look()
    except FileNotFoundError:  # the writer removed the part between the two looks: what is there now?
        try:
            return look()
        except OSError as error:
            raise StoreError(f"{path}: {error.strerror}. Next: read it again") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error


def _read(path: Path, offset: int, limit: int) -> tuple[bytes, int]:
    found = parts(path)
    following = [part.start for part in found if part.start > offset]
    for part in reversed(found):
        if part.start <= offset:
            with part.path.open("rb") as file:
                file.seek(offset - part.start)
                data = file.read(limit)
            if data or not following:
                return data, offset
            break
    return _read(path, following[0], limit) if following else (b"", offset)
