"""What is kept for a moment beside the log, and what becomes of it when the runner is killed."""

import os
import resource
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.attempt import AttemptPlan
from jobs.launchers import Flavour, Launcher
from jobs.logparts import parts
from jobs.logrepair import cut_back
from jobs.logrescue import rescue
from jobs.logspool import Block, Left, Spool, left_behind, spool_path
from jobs.logstore import Stream, parse_line
from jobs.logwriter import LogWriter
from jobs.sorter import Sorter
from jobs.tags import Piece

PLAN = AttemptPlan(
    job=7,
    attempt=1,
    launcher=Launcher(Flavour.OPENMPI, (4, 1, 4), "mpirun"),
    argv=("mpirun",),
    env={},
    cwd="",
    token="0" * 32,
    grace=1.0,
)
BEGUN = [Block(1.0, Stream.OUT, b"[1,0]<stdout>:be")]
BLOCKS = [
    Block(2.5, Stream.OUT, b"gun\n[1,1]<stdout>:a\n[1,0]<stdout>:b"),
    Block(2.5, Stream.ERR, b"[1,1]<stderr>:\0\xff\nmpirun's\n"),
    Block(3.125, Stream.OUT, b"c\n[1,1]<stdout>:\n"),
]
TEXTS = [b"before", b"begun", b"a", b"\0\xff", b"mpirun's", b"bc", b""]


def _texts(log: Path) -> list[bytes]:
    records = b"".join(part.path.read_bytes() for part in parts(log)).split(b"\n")[:-1]
    return [parse_line(record).text for record in records]


def _begun(log: Path) -> int:
    """Write a log of one line."""
    with LogWriter(log, lambda: 0.5) as writer:
        writer.add([Piece(0, Stream.OUT, b"before", joined=False)])
        writer.flush()
        return writer.end


def _poured(log: Path) -> Spool:
    spool = Spool(log, _begun(log), BEGUN)
    for block in BLOCKS:
        spool.put(*block)
    return spool


def test_blocks_come_back_in_their_order(tmp_path: Path) -> None:
    """Also those that are put while others are taken; what was begun before is not given."""
    spool = Spool(tmp_path / "log", 43, BEGUN)
    assert spool.take() is None
    spool.put(*BLOCKS[0])
    spool.put(*BLOCKS[1])
    assert spool.waiting > len(BLOCKS[0].data) + len(BLOCKS[1].data)
    assert spool.take() == BLOCKS[0]
    spool.put(*BLOCKS[2])
    assert [spool.take(), spool.take(), spool.take()] == [*BLOCKS[1:], None]
    assert spool.waiting == 0
    assert left_behind(tmp_path / "log") == Left(43, [*BEGUN, *BLOCKS])
    assert spool_path(tmp_path / "log").stat().st_mode & 0o777 == 0o600
    spool.close()
    assert left_behind(tmp_path / "log") is None


def test_what_has_no_room_leaves_nothing(tmp_path: Path) -> None:
    """A disk that is full, or nearly: the file ends with the last whole block, or is not there."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    spool = Spool(tmp_path / "log", 0, [])
    spool.put(*BLOCKS[0])
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            spool.put(4.0, Stream.OUT, b"x" * 2000)
        with pytest.raises(OSError, match="too large"):
            Spool(tmp_path / "other", 0, [Block(4.0, Stream.OUT, b"x" * 2000)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    spool.put(*BLOCKS[1])
    assert [spool.take(), spool.take(), spool.take()] == [*BLOCKS[:2], None]
    spool.close()
    assert [*tmp_path.iterdir()] == []


@settings(deadline=None)
@given(st.integers(0, len(BLOCKS)), st.booleans())
def test_a_killed_runner_s_output_is_sorted_once(
    tmp_path_factory: pytest.TempPathFactory, sorted_of_them: int, flushed: bool
) -> None:
    """However much of it was in the log: every line stands there, and none twice."""
    log = tmp_path_factory.mktemp("job") / "log"
    spool = _poured(log)
    with LogWriter(log, lambda: 9.0) as writer:
        sorter = Sorter(PLAN, writer)
        sorter.sort(BEGUN[0])
        for _ in range(sorted_of_them):
            block = spool.take()
            assert block is not None
            sorter.sort(block)
        if flushed:
            writer.flush()
    rescue(log, PLAN)
    assert _texts(log) == TEXTS
    assert not spool_path(log).exists()
    rescue(log, PLAN)
    assert _texts(log) == TEXTS


def test_a_rescue_that_was_cut_short_is_done_again(tmp_path: Path) -> None:
    """The head may be killed as well: what the first one wrote does not count."""
    log = tmp_path / "log"
    _poured(log)
    kept = spool_path(log).read_bytes()
    rescue(log, PLAN)
    with log.open("ab") as file:
        file.write(b"half a rec")
    spool_path(log).write_bytes(kept)
    rescue(log, PLAN)
    assert _texts(log) == TEXTS


@pytest.mark.parametrize("missing", range(1, len(BLOCKS[-1].data) + 13))
def test_of_a_block_that_was_half_written_the_half_is_kept(tmp_path: Path, missing: int) -> None:
    """It was printed; the blocks before it are whole, and its own begin may be missing too."""
    log = tmp_path / "log"
    _poured(log)
    path = spool_path(log)
    os.truncate(path, path.stat().st_size - missing)
    rescue(log, PLAN)
    kept = BLOCKS[-1].data[:-missing]
    texts = _texts(log)
    assert texts[:5] == TEXTS[:5]
    assert texts[5] == (b"bc" if kept else b"b")
    assert len(texts) <= 7


def test_another_boot_s_file_says_nothing(tmp_path: Path) -> None:
    """After a power cut it may be older than the log, which stays as it is, as beside a damaged one."""
    log = tmp_path / "log"
    _poured(log)
    path = spool_path(log)
    other = b"00000000-0000-0000-0000-000000000000" + path.read_bytes()[36:]
    for content in (other, b"", b"\0" * 4096, b"nonsense\n"):
        path.write_bytes(content)
        rescue(log, PLAN)
        assert _texts(log) == [b"before"]
        assert not path.exists()


def test_where_the_disk_is_full_the_file_stays(tmp_path: Path) -> None:
    """What is missing in the log can be had from there."""
    log = tmp_path / "log"
    _poured(log)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size + 60, limits[1]))
    try:
        rescue(log, PLAN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert _texts(log) == TEXTS[:2]
    assert spool_path(log).exists()


def test_a_log_is_cut_over_its_parts(tmp_path: Path) -> None:
    """Later parts go, and the one in which the offset lies is shortened; beyond the end nothing happens."""
    log = tmp_path / "log"

    def written() -> dict[str, int]:
        with LogWriter(log, lambda: 0.0, limit=4096) as writer:
            for number in range(60):
                writer.add([Piece(0, Stream.OUT, b"line %05d" % number, joined=False)])
                writer.flush()
        return {part.path.name: part.path.stat().st_size for part in parts(log)}

    sizes = written()
    (_, first), (name, second) = sizes.items()
    cut_back(log, first + second + 5)
    assert {part.path.name: part.path.stat().st_size for part in parts(log)} == sizes
    cut_back(log, first + 100)
    assert {part.path.name: part.path.stat().st_size for part in parts(log)} == {"log": first, name: 100}
    cut_back(log, first)
    assert {part.path.name: part.path.stat().st_size for part in parts(log)} == {"log": first}
    cut_back(log, 10)
    assert {part.path.name: part.path.stat().st_size for part in parts(log)} == {"log": 10}
