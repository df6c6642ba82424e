"""What srun writes into files, on its way into the log: pure, and with files of our own."""

import os
import tempfile
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jobs.logparts import parts
from jobs.logstore import Stream, parse_line
from jobs.logwriter import LogWriter
from jobs.slurm_attempt import SlurmFiles
from jobs.slurm_output import Labels, Output, resume
from jobs.tags import Piece

_LINES = st.lists(st.tuples(st.integers(0, 11), st.binary(max_size=40)), max_size=30)


def labelled(rank: int, line: bytes, width: int = 2) -> bytes:
    """Write a line as srun does: in pieces of 1,024 bytes, each behind its label."""
    pieces = [line[start : start + 1024] for start in range(0, len(line) + 1, 1024)]
    return b"".join(b"%*d: %s\n" % (width, rank, piece) for piece in pieces)


def wall() -> float:
    """Say that it is always the same time."""
    return 1_795_000_000.0


def fed(data: bytes, cuts: Sequence[int] = ()) -> list[Piece]:
    """Feed what srun wrote, cut into chunks."""
    labels = Labels(Stream.OUT)
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    found: list[Piece] = []
    for start, end in pairwise(edges):
        found += labels.feed(data[start:end])
    return [*found, *labels.close()]


@given(_LINES, st.lists(st.integers(0, 2000), max_size=5))
def test_lines_come_out_as_they_went_in_however_they_are_cut(
    lines: list[tuple[int, bytes]], cuts: list[int]
) -> None:
    """A rank's text may hold anything but a newline, also what looks like a label."""
    wanted = [(rank, text.replace(b"\n", b" ")) for rank, text in lines]
    found = fed(b"".join(labelled(rank, text) for rank, text in wanted), cuts)
    assert [(piece.rank, piece.text) for piece in found] == wanted
    assert not any(piece.joined for piece in found)


@pytest.mark.parametrize("length", [0, 1, 1023, 1024, 1025, 2047, 2048, 2049, 70_000])
def test_a_long_line_is_joined_again(length: int) -> None:
    """Between its pieces others may speak; the next line of that rank is its own."""
    first, *rest = labelled(0, b"x" * length).splitlines(keepends=True)
    found = fed(first + labelled(1, b"between") + b"".join(rest) + labelled(0, b"next"))
    mine = [piece for piece in found if piece.rank == 0]
    assert b"".join(piece.text for piece in mine[:-1]) == b"x" * length
    assert [piece.joined for piece in mine] == [False] + [True] * (len(mine) - 2) + [False]


def test_sruns_own_words_are_nobodys() -> None:
    """What has no label is told as the launcher's."""
    (piece,) = fed(b"srun: error: sl2: task 1: Killed\n")
    assert piece == Piece(None, Stream.OUT, b"srun: error: sl2: task 1: Killed", joined=False)


def test_a_line_without_end_does_not_fill_the_memory() -> None:
    """It comes out in parts of 64 KiB, and nothing of it is lost or taken for a label."""
    labels = Labels(Stream.ERR)
    data = b"y" * 200_000 + b"\n3: done\n"
    found = [piece for start in range(0, len(data), 999) for piece in labels.feed(data[start : start + 999])]
    assert b"".join(piece.text for piece in found[:-1]) == b"y" * 200_000
    assert max(len(piece.text) for piece in found) <= 64 * 1024
    assert found[-1] == Piece(3, Stream.ERR, b"done", joined=False)


@pytest.fixture(scope="module")
def stack() -> Generator[ExitStack]:
    """Close the logs of runners that were killed when nobody looks at them any more."""
    with ExitStack() as closing:
        yield closing


def reading(folder: Path, stack: ExitStack, *, limit: int | None = None) -> tuple[Output, LogWriter]:
    """Go on with an attempt's log where it is, as a runner does."""
    files = SlurmFiles(folder)
    log = folder / "log"
    before = resume(log, files.read)
    writer = stack.enter_context(LogWriter(log, wall, limit=limit))
    return Output(writer, files.papers, files.read, before), writer


def texts(log: Path) -> list[tuple[int | None, Stream, bytes]]:
    """Read a log back."""
    records = b"".join(part.path.read_bytes() for part in parts(log)).splitlines()
    return [(line.rank, line.stream, line.text) for line in map(parse_line, records)]


@example(list("etwmctmc"), 2)  # a mark of what a power cut took
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from("wemftkc"), min_size=5, max_size=60), st.integers(0, 2**32))
def test_runners_that_are_killed_anywhere_leave_each_line_once(steps: list[str], seed: int) -> None:
    """Write, read, flush, mark, die, lose the end of the log, in any order: each line stands once."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        papers = SlurmFiles(folder).papers
        output, writer = reading(folder, stack)
        count, now = 0, 100.0
        for step in steps:
            now += 10.0
            match step:
                case "w" | "e":
                    with (papers.out if step == "w" else papers.err).open("ab") as file:
                        file.write(labelled(count % 3, b"line %d" % count))
                    count += 1
                case "m":
                    output.mark(now)
                case "f":
                    writer.flush()
                case "t":
                    output.look()
                case _:
                    # what was not flushed dies with the runner; a power cut takes more
                    size = (folder / "log").stat().st_size
                    if step == "c":
                        os.truncate(folder / "log", size - seed % (size + 1))
                    output, writer = reading(folder, stack)
        output.finish()
        found = [int(text.split()[1]) for _, _, text in texts(folder / "log")]
    assert sorted(found) == list(range(count))


def test_a_log_that_was_cut_back_is_written_again_byte_by_byte(tmp_path: Path, stack: ExitStack) -> None:
    """Who follows it by offset sees no difference."""
    papers = SlurmFiles(tmp_path).papers
    output, writer = reading(tmp_path, stack)
    papers.out.write_bytes(labelled(0, b"one"))
    output.look()
    output.mark(100.0)
    with papers.out.open("ab") as file:
        file.write(labelled(1, b"two") + labelled(0, b"three"))
    output.look()
    writer.flush()
    before = (tmp_path / "log").read_bytes()
    output, writer = reading(tmp_path, stack)
    assert len((tmp_path / "log").read_bytes()) < len(before)
    output.finish()
    assert (tmp_path / "log").read_bytes() == before


def test_a_log_that_reached_its_limit_is_gone_on_with(tmp_path: Path, stack: ExitStack) -> None:
    """Then a mark may lie in a part that is gone: the newest part is kept as it is."""
    papers = SlurmFiles(tmp_path).papers
    papers.out.write_bytes(b"".join(labelled(0, b"line %d" % number) for number in range(2000)))
    output, writer = reading(tmp_path, stack, limit=20_000)
    while output.look():
        writer.flush()
    output.mark(100.0)
    with papers.out.open("ab") as file:
        file.write(labelled(0, b"last"))
    output, writer = reading(tmp_path, stack, limit=20_000)
    output.finish()
    words = [text for rank, _, text in texts(tmp_path / "log") if rank == 0]
    assert (words[-1], words.count(b"last")) == (b"last", 1)


def test_the_files_go_when_the_log_has_all_of_them_and_stay_if_not(tmp_path: Path, stack: ExitStack) -> None:
    """A disk that is full must not cost what was printed."""
    papers = SlurmFiles(tmp_path).papers
    papers.out.write_bytes(labelled(0, b"x" * 900) * 50)
    output, writer = reading(tmp_path, stack, limit=4096)
    while output.look():
        writer.flush()
    output.finish()
    for _ in range(40):
        with papers.err.open("ab") as file:
            file.write(labelled(0, b"y" * 900))
        output.look()
        writer.flush()
    assert writer.problem
    output.forget()
    assert papers.out.exists()
    (tmp_path / "other").mkdir()
    papers = SlurmFiles(tmp_path / "other").papers
    papers.out.write_bytes(labelled(0, b"all"))
    output, _ = reading(tmp_path / "other", stack)
    output.finish()
    output.forget()
    assert not papers.out.exists()
