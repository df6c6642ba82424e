"""The end of a log whose writer was cut short."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.logparts import part_path
from jobs.logrepair import Repaired, repair
from jobs.logstore import PIECE_BYTES, LogLine, Stream, format_line, parse_line, read_from

FIRST = format_line(LogLine(1_795_269_791.0, 0, Stream.OUT, b"first"))
LAST = format_line(LogLine(1_795_269_792.0, 12, Stream.ERR, b"last \xff words", joined=True))


@pytest.mark.parametrize("kept", range(len(LAST)))
def test_a_log_that_was_cut_ends_with_a_whole_record(tmp_path: Path, kept: int) -> None:
    """Wherever the cut was: what a rank wrote stays, and a begin without text goes."""
    path = tmp_path / "log"
    path.write_bytes(FIRST + LAST[:kept])
    done = repair(path)
    lines = [parse_line(record) for record in path.read_bytes().split(b"\n")[:-1]]
    assert path.read_bytes().endswith(b"\n")
    assert lines[0].text == b"first"
    if done.ended:
        assert done.cut == 0
        assert b"last \xff words".startswith(lines[1].text)
        assert lines[1].rank == 12
    else:
        assert done.cut == kept
        assert len(lines) == 1
    assert read_from(path, 0, 1000) == (path.read_bytes(), path.stat().st_size)
    assert repair(path) == Repaired()


@settings(deadline=None)
@given(zeros=st.integers(1, 200_000), kept=st.integers(0, len(LAST)))
def test_zeros_after_a_power_cut_go(tmp_path_factory: pytest.TempPathFactory, zeros: int, kept: int) -> None:
    """A file system may give a file its length before its content; no record is lost over that."""
    path = tmp_path_factory.mktemp("log") / "log"
    path.write_bytes(FIRST + LAST[:kept] + b"\0" * zeros)
    done = repair(path)
    assert done.cut >= zeros
    assert path.read_bytes().startswith(FIRST)
    assert path.read_bytes().endswith(b"\n")
    assert b"\0" not in path.read_bytes()


def test_a_whole_log_is_left_alone(tmp_path: Path) -> None:
    """Not even its time of change moves; a log that is empty or not there is whole."""
    path = tmp_path / "log"
    assert repair(path) == Repaired()
    assert not path.exists()
    path.touch()
    assert repair(path) == Repaired()
    path.write_bytes(FIRST + LAST)
    before = path.stat().st_mtime_ns
    assert repair(path) == Repaired()
    assert (path.read_bytes(), path.stat().st_mtime_ns) == (FIRST + LAST, before)
    path.write_bytes(b"\0" * 100_000)
    assert repair(path) == Repaired(cut=100_000)
    assert path.read_bytes() == b""


def test_a_long_record_is_ended_too(tmp_path: Path) -> None:
    """The longest there may be."""
    path = tmp_path / "log"
    long = format_line(LogLine(0.0, 999_999_999, Stream.OUT, b"x" * PIECE_BYTES, joined=True))
    path.write_bytes(FIRST + long[:-1])
    assert repair(path) == Repaired(ended=True)
    assert path.read_bytes() == FIRST + long


def test_every_part_is_repaired(tmp_path: Path) -> None:
    """A log that reached its limit has several; a power cut may shorten each."""
    path = tmp_path / "log"
    path.write_bytes(FIRST + LAST[:10])
    part_path(path, 1000).write_bytes(FIRST[:-1])
    assert repair(path) == Repaired(cut=10, ended=True)
    assert read_from(path, 0, 1000) == (FIRST, len(FIRST))
    assert read_from(path, len(FIRST), 1000) == (FIRST, 1000 + len(FIRST))
