"""Find places in a log: what stands before an offset, the next wanted record, how many lines there are.

Every call does a bounded amount of work; who wants more asks again from where it came to.
"""

from pathlib import Path

from jobs.logindex import Block, fits, load_index
from jobs.logparts import log_size, looked_at, parts, read_bytes
from jobs.logquery import Query
from jobs.logstore import PIECE_BYTES, read_from

_RECORD_BYTES = PIECE_BYTES + 64
_STEP_BYTES = 256 * 1024
_SEARCHED_BYTES = 16 * 1024 * 1024
_SKIPPED_BYTES = 64 * 1024
"""What it costs to leave a block out, as if so much was read."""
_COUNTED_BYTES = 32 * 1024 * 1024
_AT_ONCE = 1024 * 1024


def read_before(path: Path, offset: int, limit: int) -> tuple[bytes, int]:
    """Read whole records that end at an offset, or before it where a record stands across it.

    Args:
        path: The log; one that is not there yet is empty.
        offset: Where to end; any number beyond the log means its end.
        limit: About how many bytes at most; one record is given even if it is longer.

    Returns:
        The records of one part, and the offset of the first; none if there are none before.

    Raises:
        StoreError: The log is there and can't be read.
    """
    return looked_at(path, lambda: _before(path, offset, limit))


def _before(path: Path, offset: int, limit: int) -> tuple[bytes, int]:
    for part in reversed(parts(path)):
        if part.start >= offset:
            continue
        with part.path.open("rb") as file:
            end = min(offset - part.start, file.seek(0, 2))
            begin = max(0, end - max(limit, _RECORD_BYTES) - _RECORD_BYTES)
            file.seek(begin)
            data = file.read(end - begin)
        stop = data.rfind(b"\n") + 1
        # the record that begins within the limit; else the last one
        first = data.find(b"\n", max(0, stop - limit - 1), stop - 1) + 1 if stop > limit or begin else 0
        first = first or (data.rfind(b"\n", 0, stop - 1) + 1 if stop > limit or begin else 0)
        if stop:
            return data[first:stop], part.start + begin + first
    return b"", 0


def seek(path: Path, query: Query, offset: int, *, backward: bool = False) -> tuple[int, bool]:
    """Find the next record that is wanted.

    Args:
        path: The log.
        query: What is wanted.
        offset: Where to begin: 0, or where a record begins or ends.
        backward: Look for the last record before the offset, not for the first one from it on.

    Returns:
        Where the record begins, and True; or how far was looked, and False. That was all there is if the
        offset is the same as before, else 16 MiB made it pause.

    Raises:
        StoreError: The log is there and can't be read.
    """
    size = log_size(path)
    blocks = load_index(path).values()
    if backward:
        return _seek_back(path, query, min(offset, size), {block.end: block for block in blocks})
    return _seek_on(path, query, offset, {block.start: block for block in blocks})


def _seek_on(path: Path, query: Query, offset: int, index: dict[int, Block]) -> tuple[int, bool]:
    size, looked = log_size(path), 0
    while looked < _SEARCHED_BYTES:
        block = index.get(offset)
        if block is not None and not query.may_match(block) and fits(path, block, size):
            offset, looked = block.end, looked + _SKIPPED_BYTES
            continue
        data, beyond = read_from(path, offset, _STEP_BYTES)
        if not data:
            return beyond, False
        start = beyond - len(data)
        if places := query.places(data):
            return start + places[0], True
        ends = [block.start for block in index.values() if start < block.start < beyond]
        # the next block may be one to leave out: go on at its begin
        offset = min(ends) if ends else beyond
        looked += offset - start
    return offset, False


def _seek_back(path: Path, query: Query, offset: int, index: dict[int, Block]) -> tuple[int, bool]:
    size, looked = log_size(path), 0
    while looked < _SEARCHED_BYTES:
        block = index.get(offset)
        if block is not None and not query.may_match(block) and fits(path, block, size):
            offset, looked = block.start, looked + _SKIPPED_BYTES
            continue
        data, start = read_before(path, offset, _STEP_BYTES)
        if not data:
            return start, False
        if places := query.places(data):
            return start + places[-1], True
        begins = [block.end for block in index.values() if start < block.end < start + len(data)]
        looked += len(data)
        offset = max(begins) if begins else start
    return offset, False


def count_lines(path: Path, offset: int, to: int) -> tuple[int, int]:
    """Count the lines between two offsets.

    Args:
        path: The log.
        offset: Where to begin.
        to: Where to end; what is beyond the log counts nothing.

    Returns:
        How many lines end there, and how far was counted: 32 MiB at most.

    Raises:
        StoreError: The log is there and can't be read.
    """
    lines, begin = 0, offset
    while offset < to and offset - begin < _COUNTED_BYTES:
        data, start = read_bytes(path, offset, min(_AT_ONCE, to - offset))
        if not data:
            return lines, offset
        if start + len(data) > to:  # what lay between was left out
            data = data[: max(0, to - start)]
        lines += data.count(b"\n")
        offset = max(offset, min(to, start + len(data)))
    return lines, offset
