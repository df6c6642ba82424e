"""Searching a log, with its index and without."""

import os
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import StoreError
from jobs.logindex import BLOCK_BYTES, index_path, load_index
from jobs.logquery import Query, pattern, read_matching, select
from jobs.logstore import LogLine, Stream, format_line, parse_line
from jobs.logwriter import LogWriter
from jobs.tags import Piece

BEGIN = 1_795_269_791.0

_LINES = st.lists(
    st.builds(
        LogLine,
        at=st.integers(0, 20).map(lambda seconds: BEGIN + seconds),
        rank=st.none() | st.integers(0, 12),
        stream=st.sampled_from(Stream),
        text=st.sampled_from([b"", b"plain", b"  1 out tricky", b"\r\x00\xff", b"error: 7", b"a\x1b[31m"]),
        joined=st.booleans(),
    ),
    max_size=40,
)
_QUERIES = st.builds(
    Query,
    ranks=st.frozensets(st.integers(0, 12), max_size=3),
    streams=st.frozensets(st.sampled_from(Stream), max_size=2),
    since=st.none() | st.integers(0, 20).map(lambda seconds: BEGIN + seconds),
    until=st.none() | st.integers(0, 20).map(lambda seconds: BEGIN + seconds),
    grep=st.sampled_from([None, pattern("error"), pattern("^ "), pattern("$"), pattern("out")]),
)


def _wanted(query: Query, line: LogLine) -> bool:
    """Say the same as a query, slowly."""
    return (
        (not query.ranks or line.rank in query.ranks)
        and (not query.streams or line.stream in query.streams)
        and (query.since is None or line.at >= query.since)
        and (query.until is None or line.at <= query.until)
        and (query.grep is None or query.grep.search(line.text) is not None)
    )


def _found(path: Path, query: Query) -> bytes:
    return b"".join(data for data, _ in select(path, query))


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a log of six blocks: rank n speaks in block n, the fourth has a warning and is dated back."""
    path = tmp_path_factory.mktemp("big") / "log"
    now = BEGIN
    with LogWriter(path, lambda: now) as log:
        for rank, minutes in enumerate((0, 10, 20, 5, 40, 50)):
            now = BEGIN + 60 * minutes
            piece = Piece(rank, Stream.OUT, b"x" * 30_000, joined=False)
            log.add([piece] * 34)
            if rank == 3:
                log.add([Piece(None, Stream.ERR, b"a warning", joined=False)])
            log.add([piece] * 2)
    return path


@settings(deadline=None)
@given(lines=_LINES, query=_QUERIES)
def test_a_query_gives_what_it_says(
    tmp_path_factory: pytest.TempPathFactory, lines: list[LogLine], query: Query
) -> None:
    """Exactly the records that fit, byte for byte, in their order."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(format_line(line) for line in lines))
    assert _found(path, query) == b"".join(format_line(line) for line in lines if _wanted(query, line))


@settings(deadline=None)
@given(lines=_LINES, query=_QUERIES, limit=st.integers(1, 300), cut=st.integers(0, 5))
def test_answer_by_answer_nothing_is_lost_or_doubled(
    tmp_path_factory: pytest.TempPathFactory, lines: list[LogLine], query: Query, limit: int, cut: int
) -> None:
    """From offset to offset comes what one search gives; a record in the making waits."""
    path = tmp_path_factory.mktemp("log") / "log"
    whole = b"".join(format_line(line) for line in lines)
    path.write_bytes(whole + b"2026-"[:cut])
    offset, found = 0, b""
    while True:
        data, beyond = read_matching(path, query, offset, limit)
        found += data
        if beyond == offset:
            break
        offset = beyond
    assert found == _found(path, query)
    assert offset == len(whole)


QUERIES = [
    Query(ranks=frozenset({5})),
    Query(ranks=frozenset({0, 3})),
    Query(ranks=frozenset({77})),
    Query(streams=frozenset({Stream.ERR})),
    Query(since=BEGIN + 45 * 60),
    Query(until=BEGIN + 6 * 60),
    Query(since=BEGIN + 4 * 60, until=BEGIN + 6 * 60),
    Query(grep=pattern("warning")),
]


@pytest.mark.parametrize("query", QUERIES)
def test_the_index_changes_nothing_but_the_time(big: Path, query: Query) -> None:
    """With it, without it, and with the clock set back in between, the same is found."""
    lines = [parse_line(record) for record in big.read_bytes().split(b"\n")[:-1]]
    expected = b"".join(format_line(line) for line in lines if _wanted(query, line))
    assert _found(big, query) == expected
    saved = index_path(big).read_bytes()
    index_path(big).unlink()
    assert _found(big, query) == expected
    index_path(big).write_bytes(saved)


def test_the_index_leaves_out_what_can_not_match(big: Path) -> None:
    """Blocks of other ranks are not read: one step each, where reading takes several."""
    index = load_index(big)
    assert len(index) >= 5
    steps = [offset for data, offset in select(big, Query(ranks=frozenset({77}))) if not data]
    assert len(steps) <= len(index) + 1
    assert steps[-1] == big.stat().st_size


@pytest.mark.parametrize("damage", ["cut", "zeros", "garbage", "another log's", "half a line", "older"])
def test_a_bad_index_only_costs_time(big: Path, tmp_path: Path, damage: str) -> None:
    """Whatever stands in the index: the log is what counts."""
    path = tmp_path / "log"
    data = big.read_bytes()
    index = index_path(big).read_bytes()
    match damage:
        case "cut":  # the power went before the log itself was on the disk
            data = data[: len(data) // 2]
            data = data[: data.rfind(b"\n") + 1]
        case "zeros":
            index = b"\0" * len(index)
        case "garbage":
            index = index.replace(b"o ", b"e ").replace(b"1", b"2") + b"\xff" * 99 + b"\n1 2 3 4 5 6 7\n"
        case "another log's":
            lines = data.split(b"\n")[:-1]
            data = b"".join(line + b"\n" for line in reversed(lines))
        case "half a line":
            index = index[:-30]
        case _:
            data += b"".join(
                format_line(LogLine(BEGIN, 77, Stream.ERR, b"late", joined=False)) for _ in range(9)
            )
    path.write_bytes(data)
    index_path(path).write_bytes(index)
    lines = [parse_line(record) for record in data.split(b"\n")[:-1]]
    for query in QUERIES:
        assert _found(path, query) == b"".join(format_line(line) for line in lines if _wanted(query, line))


def test_a_log_that_goes_on_is_indexed_on(tmp_path: Path) -> None:
    """A second writer begins its own blocks where it begins."""
    path = tmp_path / "log"
    for rank in (0, 1):
        with LogWriter(path, lambda: BEGIN) as log:
            log.add([Piece(rank, Stream.OUT, b"x" * 30_000, joined=False)] * 36)
    assert min(load_index(path)) == 0
    assert max(block.end for block in load_index(path).values()) == path.stat().st_size
    assert _found(path, Query(ranks=frozenset({1}))).count(b"\n") == 36


def test_what_was_lost_is_not_searched_for(tmp_path: Path) -> None:
    """The index may be on the disk when the power goes, and the log not: what comes then counts."""
    path = tmp_path / "log"
    with LogWriter(path, lambda: BEGIN) as log:
        log.add([Piece(0, Stream.OUT, b"x" * 30_000, joined=False)] * 36)
    size = path.stat().st_size
    record = size // 36
    os.truncate(path, 20 * record)
    with LogWriter(path, lambda: BEGIN) as log:
        log.add([Piece(1, Stream.OUT, b"x" * 30_000, joined=False)] * 16)
    assert path.stat().st_size == size
    assert _found(path, Query(ranks=frozenset({1}))).count(b"\n") == 16
    assert _found(path, Query(ranks=frozenset({0}))).count(b"\n") == 20


def test_parts_of_a_full_log_are_searched(tmp_path: Path) -> None:
    """Over the gap too, with the index of parts that are gone."""
    path = tmp_path / "log"
    with LogWriter(path, lambda: BEGIN, limit=4 * BLOCK_BYTES) as log:
        for number in range(400):
            log.add([Piece(number % 2, Stream.OUT, b"%05d" % number + b"x" * 30_000, joined=False)])
            log.flush()
    found = [
        parse_line(record).text[:5] for record in _found(path, Query(ranks=frozenset({1}))).split(b"\n")[:-1]
    ]
    assert found[0] == b"00001"
    assert found[-1] == b"00399"
    assert 50 < len(found) < 200


def test_records_that_are_damaged_are_no_answer(tmp_path: Path) -> None:
    """What is no record has no rank; without a question it is given as it is."""
    path = tmp_path / "log"
    path.write_bytes(b"\0\0\0\nnonsense\n2026-11-21T14:03:11.123Z   0 out text\n\n")
    assert _found(path, Query(ranks=frozenset({0}))) == b"2026-11-21T14:03:11.123Z   0 out text\n"
    assert _found(path, Query()) == path.read_bytes()


def test_a_long_search_makes_pauses(big: Path, tmp_path: Path) -> None:
    """One answer reads 16 MiB at most: the head has others to answer too."""
    path = tmp_path / "log"
    path.write_bytes(big.read_bytes() * 4)
    data, offset = read_matching(path, Query(ranks=frozenset({77})), 0, 65536)
    assert data == b""
    assert 16 * 2**20 <= offset < path.stat().st_size


def test_what_is_no_expression_is_refused() -> None:
    """The text names what is wrong; bytes that are no UTF-8 can be looked for."""
    with pytest.raises(StoreError, match=re.escape("'(' is no regular expression")):
        pattern("(")
    assert pattern("\udcff").search(b"a\xffb")
