"""A log that reached its limit: what is kept, and how it is read."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.logparts import log_size, parts
from jobs.logstore import Stream, line_start, parse_line, read_from
from jobs.logwriter import LogWriter
from jobs.tags import Piece

LIMIT = 4096


def _text(number: int) -> bytes:
    return b"line %05d" % number


def _write(path: Path, numbers: range, *, limit: int | None = LIMIT) -> str:
    with LogWriter(path, lambda: 0.0, limit=limit) as log:
        for number in numbers:
            log.add([Piece(0, Stream.OUT, _text(number), joined=False)])
            log.flush()
        return log.problem


def _read(path: Path, limit: int = 1000) -> list[bytes]:
    offset, found = 0, b""
    while True:
        data, beyond = read_from(path, offset, limit)
        if beyond == offset:
            return found.split(b"\n")[:-1]
        assert data.endswith(b"\n")
        found, offset = found + data, beyond


def _bytes(path: Path) -> int:
    return sum(part.path.stat().st_size for part in parts(path))


def test_a_log_below_its_limit_is_one_file(tmp_path: Path) -> None:
    """As it always was: `log`, and nothing left out."""
    path = tmp_path / "log"
    assert _write(path, range(20)) == ""
    assert [part.path for part in parts(path)] == [path]
    assert log_size(path) == path.stat().st_size


@settings(deadline=None)
@given(count=st.integers(1, 400), limit=st.integers(1, 500))
def test_first_and_newest_lines_are_kept_and_the_gap_is_told(
    tmp_path_factory: pytest.TempPathFactory, count: int, limit: int
) -> None:
    """Never more than the limit is on disk; every line that is missing lies behind the line that says so."""
    path = tmp_path_factory.mktemp("log") / "log"
    problem = _write(path, range(count))
    assert _bytes(path) <= LIMIT
    lines = [parse_line(record) for record in _read(path, limit)]
    kept = [line.text for line in lines if line.rank == 0]
    notes = [line.text for line in lines if line.rank is None]
    assert kept[0] == _text(0)
    assert kept[-1] == _text(count - 1)
    assert kept == sorted(kept)
    missing = count - len(kept)
    assert ("left out" in problem) == bool(missing)
    assert any(b"left out" in note for note in notes) == bool(missing)
    if missing:
        begin = next(at for at, line in enumerate(lines) if line.rank is None)
        assert lines[begin].text.endswith(b"only the newest part of the log is kept")
        assert [line.text for line in lines[:begin]] == [_text(number) for number in range(begin)]
        newest = kept[begin:]
        assert newest == [_text(number) for number in range(count - len(newest), count)]


def test_offsets_hold_when_a_part_goes(tmp_path: Path) -> None:
    """Who follows goes on where he was; who was left behind goes on with what is there."""
    path = tmp_path / "log"
    _write(path, range(60))
    offset = log_size(path)
    _write(path, range(60, 75))
    data, _ = read_from(path, offset, 100_000)
    assert _text(60) in data
    _write(path, range(75, 400))
    data, beyond = read_from(path, offset, 100_000)
    assert data.count(b"\n") > 1
    assert parse_line(data.split(b"\n")[0]).text.startswith(b"jobs.log_limit: the log goes on at byte ")
    assert beyond <= log_size(path)


def test_the_end_is_found_from_behind(tmp_path: Path) -> None:
    """`line_start` gives whole records for any offset, those in the gap and behind the end too."""
    path = tmp_path / "log"
    _write(path, range(300))
    for offset in range(0, log_size(path), 7):
        begin = line_start(path, offset)
        assert begin >= offset
        data, _ = read_from(path, begin, 100)
        parse_line(data.split(b"\n")[0] if data else b"1970-01-01T00:00:00.000Z   0 out ")
    assert line_start(path, log_size(path)) == log_size(path)
    assert line_start(tmp_path / "none", 0) == 0


def test_names_sort_as_the_parts_do(tmp_path: Path) -> None:
    """`cat log log.0*` shows them in order, and the index is none of them."""
    path = tmp_path / "log"
    _write(path, range(300))
    names = sorted(entry.name for entry in tmp_path.iterdir() if not entry.name.endswith(".index"))
    assert names == [part.path.name for part in parts(path)]
    assert len(names) == 3
    (tmp_path / "log.txt").touch()
    (tmp_path / "log.00000000000000x").touch()
    assert len(parts(path)) == 3
