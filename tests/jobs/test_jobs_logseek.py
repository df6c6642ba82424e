"""Places in a log: backwards, from record to record, and counted; also where its middle was dropped."""

import random
from pathlib import Path

import pytest

from jobs.logparts import parts
from jobs.logquery import Query
from jobs.logseek import count_lines, read_before, seek
from jobs.logstore import LogLine, Speaker, Stream, format_line, read_from
from jobs.logwriter import LogWriter
from jobs.tags import Piece

RANKS: tuple[Speaker, ...] = ((0, Stream.OUT), (1, Stream.OUT), (1, Stream.ERR), (None, Stream.ERR))


def _written(path: Path, count: int, *, limit: int | None = None, longest: int = 200) -> bytes:
    """Write a log, a batch a record; give what is there of it."""
    random_ = random.Random(count)
    seconds = iter(range(count))
    with LogWriter(path, lambda: 1000.0 + next(seconds), limit=limit) as log:
        for number in range(count):
            rank, stream = RANKS[number % 4]
            text = b"%d " % number + b"x" * random_.randrange(longest)
            log.add([Piece(rank, stream, text, joined=False)])
            log.flush()
    return b"".join(part.path.read_bytes() for part in parts(path))


@pytest.mark.parametrize("longest", [200, 60_000])
@pytest.mark.parametrize("limit", [None, 40_000])
@pytest.mark.parametrize("piece", [1, 100, 5000])
def test_backwards_gives_every_record_once(
    tmp_path: Path, limit: int | None, piece: int, longest: int
) -> None:
    """Page by page from the end to the begin: the same records as forward, over parts and gaps."""
    path = tmp_path / "log"
    whole = _written(path, 300 if longest == 200 else 30, limit=limit, longest=longest)
    found, offset = b"", 2**53
    while True:
        data, start = read_before(path, offset, piece)
        if not data:
            break
        assert data.endswith(b"\n")
        assert read_from(path, start, len(data)) == (data, start + len(data))
        found, offset = data + found, start
    assert found == whole


def test_before_an_offset_within_a_record_comes_the_record_before(tmp_path: Path) -> None:
    """What stands across the offset is not given, and a record that is still written neither."""
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr")
    assert read_before(path, 99, 100) == (b"one\ntwo\n", 0)
    assert read_before(path, 99, 4) == (b"two\n", 4)
    assert read_before(path, 6, 100) == (b"one\n", 0)
    assert read_before(path, 3, 100) == (b"", 0)
    assert read_before(tmp_path / "none", 9, 9) == (b"", 0)


@pytest.mark.parametrize("limit", [None, 40_000])
def test_seek_finds_what_a_reader_of_all_finds(tmp_path: Path, limit: int | None) -> None:
    """From record to record, both ways, the wanted ones are found and no other."""
    path = tmp_path / "log"
    _written(path, 300, limit=limit)
    query = Query(ranks=frozenset({1}), streams=frozenset({Stream.ERR}))
    expected: list[int] = []
    offset = 0
    while True:
        data, beyond = read_from(path, offset, 1)
        if not data:
            break
        if query.matching(data):
            expected.append(beyond - len(data))
        offset = beyond
    forward: list[int] = []
    place = seek(path, query, 0)
    while place[1]:
        forward.append(place[0])
        place = seek(path, query, place[0] + 1 + len(read_from(path, place[0], 1)[0]) - 1)
    assert forward == expected
    backward: list[int] = []
    place = seek(path, query, 2**53, backward=True)
    while place[1]:
        backward.append(place[0])
        place = seek(path, query, place[0], backward=True)
    assert backward == expected[::-1]


def test_seek_leaves_out_blocks_by_their_index(tmp_path: Path) -> None:
    """In a log of many blocks the one that holds a rank is found from either end in one call."""
    path = tmp_path / "log"
    times = iter(range(10_000))
    block = [Piece(0, Stream.OUT, b"x" * 1000, joined=False)] * 100
    with LogWriter(path, lambda: float(next(times))) as log:
        for _ in range(200):
            log.add(block)
        log.flush()
        log.add([Piece(7, Stream.ERR, b"here", joined=False)])
        log.flush()
        for _ in range(200):
            log.add(block)
    query = Query(ranks=frozenset({7}))
    offset, found = seek(path, query, 0)
    assert found
    assert b"here" in read_from(path, offset, 1)[0]
    assert seek(path, query, 2**53, backward=True) == (offset, True)
    assert seek(path, Query(since=150.0), 0)[1]


def test_lines_are_counted_over_parts(tmp_path: Path) -> None:
    """The pieces of a count add up to the lines that are there; what was left out counts nothing."""
    path = tmp_path / "log"
    whole = _written(path, 300, limit=40_000)
    lines, offset = count_lines(path, 0, 2**53)
    assert lines == whole.count(b"\n")
    half, middle = count_lines(path, 0, offset // 2)
    assert half + count_lines(path, middle, 2**53)[0] == lines
    assert count_lines(path, offset, 2**53) == (0, offset)


def test_one_record_longer_than_the_limit_is_given(tmp_path: Path) -> None:
    """Each piece of a very long line is a page of its own."""
    path = tmp_path / "log"
    long = format_line(LogLine(1.0, 0, Stream.OUT, b"x" * 64 * 1024))
    path.write_bytes(long * 3)
    assert read_before(path, 3 * len(long), 10) == (long, 2 * len(long))
