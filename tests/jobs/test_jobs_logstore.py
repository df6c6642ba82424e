"""The log of an attempt, written and read."""

import os
import resource
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.errors import StoreError
from jobs.logbulk import Tagged
from jobs.logstore import LogLine, Stream, format_line, parse_line, read_from
from jobs.logwriter import LogWriter
from jobs.tags import Piece

_LINES = st.builds(
    LogLine,
    at=st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds / 1000),
    rank=st.none() | st.integers(0, 999_999),
    stream=st.sampled_from(Stream),
    text=st.binary().map(lambda text: text.replace(b"\n", b"")),
    joined=st.booleans(),
)


def test_a_record_is_a_line_for_less() -> None:
    """Time, rank, stream, text: as the documentation says."""
    line = LogLine(1795269791.123, 0, Stream.OUT, b"text")
    assert format_line(line) == b"2026-11-21T14:03:11.123Z   0 out text\n"
    own = LogLine(1795269791.9996, None, Stream.ERR, b"", joined=True)
    assert format_line(own) == b"2026-11-21T14:03:12.000Z   - err+ \n"


@given(_LINES)
def test_records_come_back_as_they_were(line: LogLine) -> None:
    """Writing and reading changes nothing, whatever the bytes."""
    record = format_line(line)
    assert record.count(b"\n") == 1
    assert parse_line(record) == line


@pytest.mark.parametrize("record", [b"", b"hello", b"2026-13-41T14:03:11.123Z   0 out text\n"])
def test_what_is_no_record_is_refused(record: bytes) -> None:
    """A damaged log is told, not guessed at."""
    with pytest.raises(StoreError, match="job log"):
        parse_line(record)


@settings(deadline=None)
@given(lines=st.lists(_LINES, max_size=20), limit=st.integers(1, 200))
def test_following_gives_every_record_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[LogLine], limit: int
) -> None:
    """From offset to offset, whatever the limit, whole records come, each once."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(b"".join(format_line(line) for line in lines))
    offset, read = 0, b""
    while True:
        data, offset = read_from(path, offset, limit)
        if not data:
            break
        assert data.endswith(b"\n")
        read += data
    assert [parse_line(record + b"\n") for record in read.split(b"\n")[:-1]] == lines


def test_a_record_in_the_making_waits(tmp_path: Path) -> None:
    """What has no newline yet is not given, and the offset stays before it."""
    path = tmp_path / "log"
    assert read_from(path, 0, 100) == (b"", 0)
    path.write_bytes(b"whole\npar")
    assert read_from(path, 0, 100) == (b"whole\n", 6)
    assert read_from(path, 6, 100) == (b"", 6)
    path.write_bytes(b"whole\npartial\n")
    assert read_from(path, 6, 100) == (b"partial\n", 14)
    assert read_from(path, 9999, 100) == (b"", 9999)


def test_small_lines_are_flushed_together_after_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first eight after a silence are due at once; what follows them together, at most 100 ms later."""
    path = tmp_path / "log"
    now = 100.0
    monkeypatch.setattr("jobs.logwriter.time", SimpleNamespace(monotonic=lambda: now))
    with LogWriter(path, lambda: 0.0) as log:
        assert log.due_in() is None
        for number in range(8):  # the ranks of a job that begins
            log.add([Piece(number, Stream.OUT, b"up", joined=False)])
            log.flush_if_due()
            assert path.read_bytes().count(b"\n") == number + 1
        log.add([Piece(0, Stream.OUT, b"a", joined=False)])
        log.add([Piece(1, Stream.OUT, b"b", joined=False)])
        due = log.due_in()
        assert due is not None
        assert 0.0 < due <= 0.1
        now += due - 0.001
        log.flush_if_due()
        assert path.read_bytes().count(b"\n") == 8
        now += 0.002
        log.flush_if_due()
        assert path.read_bytes().count(b"\n") == 10
        assert log.due_in() is None


def test_who_prints_all_the_time_is_flushed_ten_times_a_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither much that was written by its size nor a long silence counts for more than it should."""
    now = 100.0
    monkeypatch.setattr("jobs.logwriter.time", SimpleNamespace(monotonic=lambda: now))
    with LogWriter(tmp_path / "log", lambda: 0.0) as log:
        for _ in range(100):
            log.add([Piece(0, Stream.OUT, b"x" * 65536, joined=False)])
        log.add([Piece(0, Stream.OUT, b"small", joined=False)])
        assert log.due_in() == pytest.approx(0.1)
        now += 1000.0
        flushed = 0
        for _ in range(1000):  # a line each millisecond
            now += 0.001
            if log.due_in() == 0.0:
                log.flush()
                flushed += 1
            log.add([Piece(0, Stream.OUT, b"line", joined=False)])
        assert 16 <= flushed <= 18


def test_much_is_flushed_at_once(tmp_path: Path) -> None:
    """64 KiB don't wait for the time to pass."""
    with LogWriter(tmp_path / "log", lambda: 0.0) as log:
        log.add([Piece(0, Stream.OUT, b"x" * 65536, joined=False)])
        assert (tmp_path / "log").stat().st_size > 65536


def test_the_log_goes_on_after_a_restart(tmp_path: Path) -> None:
    """What stands there stays, and only its owner may read it."""
    path = tmp_path / "log"
    for text in (b"a", b"b"):
        with LogWriter(path, lambda: 0.0) as log:
            log.add([Piece(0, Stream.OUT, text, joined=False)])
    assert [parse_line(record).text for record in path.read_bytes().splitlines()] == [b"a", b"b"]
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "lines",
    [
        [Piece(0, Stream.OUT, b"x" * 50, joined=False)] * 30,
        [Tagged((b"x" * 50 + b"\n") * 30, {b"": (0, Stream.OUT)})],
    ],
    ids=["one by one", "at once"],
)
def test_a_disk_that_fills_within_a_record_leaves_whole_ones(
    tmp_path: Path, lines: list[Piece | Tagged]
) -> None:
    """A begin without its end would be waited for by whoever follows."""
    path = tmp_path / "log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with LogWriter(path, lambda: 0.0) as log:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
        try:
            log.add(lines)
            log.flush()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert log.problem.startswith("the log is not complete: ")
        log.add([Piece(0, Stream.OUT, b"more", joined=False)])
    kept = path.read_bytes()
    assert 900 < len(kept) <= 1000
    assert kept.endswith(b"x\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full: Linux only")
def test_a_full_disk_is_told_and_ends_nothing() -> None:
    """The job goes on; that its log is not complete is known."""
    with LogWriter(Path("/dev/full"), lambda: 0.0) as log:
        log.add([Piece(0, Stream.OUT, b"x" * 70_000, joined=False)])
        log.add([Piece(0, Stream.OUT, b"more", joined=False)])
        assert log.problem.startswith(f"the log is not complete: {os.strerror(28)}. Next: ")
