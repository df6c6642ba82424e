"""Telling apart whose words are in what mpirun prints."""

import random
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.launchers import Flavour, Launcher
from jobs.logstore import PIECE_BYTES, Stream
from jobs.tags import Piece, Splitter, is_alone
from tests.jobs.pieces import unfolded

NEW = Launcher(Flavour.OPENMPI, (5, 0, 11), "mpirun")
MPICH = Launcher(Flavour.MPICH, (5, 0, 2), "mpirun")
OLD = Launcher(Flavour.OPENMPI, (4, 1, 4), "mpirun")
_TAG = re.compile(rb"\[\d+,\d+\]<std(out|err|diag|)>:")

Who = tuple[int | None, Stream]


def _split(launcher: Launcher, chunks: Iterable[bytes]) -> list[Piece]:
    splitter = Splitter(launcher, Stream.OUT)
    return unfolded([*(piece for chunk in chunks for piece in splitter.feed(chunk)), *splitter.close()])


def _lines(pieces: Iterable[Piece]) -> dict[Who, list[bytes]]:
    """Put long lines together again; return every speaker's lines."""
    lines: dict[Who, list[bytes]] = defaultdict(list)
    for rank, stream, text, joined in pieces:
        if joined:
            lines[rank, stream][-1] += text
        else:
            lines[rank, stream].append(text)
    return dict(lines)


def _cut(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    ends = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(ends)]


@pytest.mark.parametrize(
    ("launcher", "printed", "expected"),
    [
        (NEW, b"[1,0]<stdout>: hello\n", [Piece(0, Stream.OUT, b"hello", joined=False)]),
        (OLD, b"[1,0]<stdout>:hello\n", [Piece(0, Stream.OUT, b"hello", joined=False)]),
        (OLD, b"[1,12]<stderr>: x\n", [Piece(12, Stream.ERR, b" x", joined=False)]),
        (NEW, b"[1,1]<stdout>: \n", [Piece(1, Stream.OUT, b"", joined=False)]),
        (NEW, b"prterun noticed\n", [Piece(None, Stream.OUT, b"prterun noticed", joined=False)]),
        (
            NEW,  # measured: what two ranks leave at their end without a newline
            b"[1,1]<stdout>: end[1,0]<stdout>: end",
            [Piece(1, Stream.OUT, b"end", joined=False), Piece(0, Stream.OUT, b"end", joined=False)],
        ),
        (
            OLD,  # measured: 4.1 tags what it read, in the middle of lines
            b"[1,1]<stdout>:par[1,0]<stdout>:par[1,1]<stdout>:tial\n[1,0]<stdout>:tial\n",
            [Piece(1, Stream.OUT, b"partial", joined=False), Piece(0, Stream.OUT, b"partial", joined=False)],
        ),
        (
            OLD,  # measured: the newline may come alone
            b"[1,0]<stderr>:No module[1,0]<stderr>:\n",
            [Piece(0, Stream.ERR, b"No module", joined=False)],
        ),
        (
            OLD,
            b"[1,0]<stdout>:nul\0 \xff \x1b[31m\r\n",
            [Piece(0, Stream.OUT, b"nul\0 \xff \x1b[31m\r", joined=False)],
        ),
        (
            MPICH,  # measured: our own tag before each piece of a line that hydra read
            b"[1,1]<std>:par[1,0]<std>:par[1,1]<std>:tial 1\n[1,0]<std>:tial 0\n[1,0]<std>:\n",
            [
                Piece(1, Stream.OUT, b"partial 1", joined=False),
                Piece(0, Stream.OUT, b"partial 0", joined=False),
                Piece(0, Stream.OUT, b"", joined=False),
            ],
        ),
        (
            MPICH,  # measured: its own words have no tag
            b"[mpiexec@vm] Exit codes: [vm] 0,1792\n",
            [Piece(None, Stream.OUT, b"[mpiexec@vm] Exit codes: [vm] 0,1792", joined=False)],
        ),
        (NEW, b"[1,0]<stderr>: \0", []),  # measured: the end of Open MPI's own message
    ],
)
def test_what_launchers_print(launcher: Launcher, printed: bytes, expected: list[Piece]) -> None:
    """What was measured is told apart, whole and byte by byte."""
    assert _split(launcher, [printed]) == expected
    assert _split(launcher, [bytes([byte]) for byte in printed]) == expected


_text = st.binary(max_size=30).map(lambda text: _TAG.sub(b"", text.replace(b"\n", b"")))
_who = st.tuples(st.integers(0, 20), st.sampled_from(Stream))


def _tagged(launcher: Launcher, who: tuple[int, Stream], text: bytes) -> bytes:
    if launcher is MPICH:
        return b"[1,%d]<std>:%s" % (who[0], text)
    space = b" " if launcher is NEW else b""
    return b"[1,%d]<std%s>:%s%s" % (who[0], who[1].encode(), space, text)


@given(
    launcher=st.sampled_from([NEW, OLD]),
    lines=st.lists(st.tuples(_who, _text.filter(lambda text: b"[" not in text and text != b"\0"))),
    cuts=st.lists(st.integers(0, 10_000)),
)
def test_chunks_make_no_difference(
    launcher: Launcher, lines: list[tuple[tuple[int, Stream], bytes]], cuts: list[int]
) -> None:
    """However the output is cut, every line comes in order, with its rank, its stream and all its bytes."""
    printed = b"".join(_tagged(launcher, who, text) + b"\n" for who, text in lines)
    pieces = _split(launcher, _cut(printed, cuts))
    assert [((rank, stream), text) for rank, stream, text, _ in pieces] == lines


@given(
    fragments=st.lists(
        st.tuples(_who, _text.filter(lambda text: b"[" not in text), st.booleans()), max_size=30
    ),
    cuts=st.lists(st.integers(0, 10_000)),
)
def test_interleaved_fragments_find_their_line(
    fragments: list[tuple[tuple[int, Stream], bytes, bool]], cuts: list[int]
) -> None:
    """4.1's fragments, in any order and cut anywhere, add up to every rank's own lines."""
    printed = b"".join(_tagged(OLD, who, text) + b"\n" * ended for who, text, ended in fragments)
    expected: dict[Who, list[bytes]] = defaultdict(list)
    begun: dict[Who, bytes] = {}
    for who, text, ended in fragments:
        begun[who] = begun.get(who, b"") + text
        if ended:
            expected[who].append(begun.pop(who))
    for who, text in begun.items():
        if text and not (text == b"\0" and who[1] is Stream.ERR):
            expected[who].append(text)
    assert _lines(_split(OLD, _cut(printed, cuts))) == expected


def _as_read(launcher: Launcher, rank: int, text: bytes, size: int) -> list[bytes]:
    """Tag a rank's words as 4.1 and MPICH do: at each line's begin, and where it read on."""
    who = (rank, Stream.OUT)
    read = [text[at : at + size] for at in range(0, len(text), size)]
    return [
        b"".join(_tagged(launcher, who, line) for line in each.splitlines(keepends=True)) for each in read
    ]


@pytest.mark.parametrize("launcher", [OLD, MPICH])
@pytest.mark.parametrize("size", [512, 4096])
def test_lines_of_many_ranks_that_break_off_are_taken_at_once(launcher: Launcher, size: int) -> None:
    """Each rank's lines are whole and in order, and nearly none was looked at by itself."""
    order = random.Random(size)
    expected = {rank: [b"rank %d line %d" % (rank, line) for line in range(5000)] for rank in range(5)}
    waiting = {
        rank: _as_read(launcher, rank, b"".join(line + b"\n" for line in lines), size)
        for rank, lines in expected.items()
    }
    printed: list[bytes] = []
    while left := [rank for rank, blocks in waiting.items() if blocks]:
        printed.append(waiting[order.choice(left)].pop(0))
    data = b"".join(printed)
    chunks = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
    splitter = Splitter(launcher, Stream.OUT)
    found = [*(piece for chunk in chunks for piece in splitter.feed(chunk)), *splitter.close()]
    assert _lines(unfolded(found)) == {(rank, Stream.OUT): lines for rank, lines in expected.items()}
    assert sum(isinstance(piece, Piece) for piece in found) < 50


@given(
    data=st.binary(max_size=300),
    launcher=st.sampled_from([NEW, OLD, MPICH]),
    cuts=st.lists(st.integers(0, 300)),
)
def test_no_bytes_are_too_strange(data: bytes, launcher: Launcher, cuts: list[int]) -> None:
    """Any bytes at all give the same lines whole or in pieces, and never an error."""
    assert _lines(_split(launcher, _cut(data, cuts))) == _lines(_split(launcher, [data]))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=20), st.booleans()), max_size=40),
    st.sampled_from([NEW, OLD, MPICH]),
    st.lists(st.integers(0, 10_000), max_size=6),
)
def test_another_goes_on_where_one_stands(
    words: list[tuple[int, bytes, bool]], launcher: Launcher, cuts: list[int]
) -> None:
    """Fed what one has begun, a new one makes the same of all that comes."""
    form = {NEW: b"[1,%d]<stdout>: ", OLD: b"[1,%d]<stdout>:", MPICH: b"[1,%d]<std>:"}[launcher]
    printed = b"".join(form % rank + text + (b"\n" if ends else b"") for rank, text, ends in words)
    splitter, pieces = Splitter(launcher, Stream.OUT), list[Piece]()
    for chunk in _cut(printed, cuts):
        pieces += unfolded(splitter.feed(chunk))
        if (begun := splitter.begun()) is not None:
            splitter = Splitter(launcher, Stream.OUT)
            assert unfolded(splitter.feed(begun)) == []
            assert splitter.begun() == begun
    assert _lines([*pieces, *splitter.close()]) == _lines(_split(launcher, [printed]))


def test_what_is_begun_may_not_be_told() -> None:
    """Of a line that is too long, or where it would not be known whose words come next."""
    splitter = Splitter(OLD, Stream.OUT)
    assert splitter.begun() == b""
    unfolded(splitter.feed(b"[1,0]<stdout>:par[1,1]<stdout>:tial\n[1,2]<std"))
    assert splitter.begun() == b"[1,0]<stdout>:par[1,2]<std"
    unfolded(splitter.feed(b"out>:\n"))
    assert splitter.begun() is None
    alone = Splitter(OLD, Stream.OUT, alone=True)
    unfolded(alone.feed(b"a\nb"))
    assert alone.begun() == b"b"
    unfolded(alone.feed(b"x" * (PIECE_BYTES + 1)))
    assert alone.begun() is None


def test_mpichs_stream_is_the_one_that_it_came_by() -> None:
    """Hydra marks both streams alike and keeps them apart."""
    splitter = Splitter(MPICH, Stream.ERR)
    pieces = unfolded([*splitter.feed(b"[1,2]<std>:oh\nown\n[1,0]<std>:end"), *splitter.close()])
    assert [(rank, stream, text) for rank, stream, text, _ in pieces] == [
        (2, Stream.ERR, b"oh"),
        (None, Stream.ERR, b"own"),
        (0, Stream.ERR, b"end"),
    ]


@pytest.mark.parametrize("launcher", [NEW, OLD, MPICH])
def test_long_lines_come_in_pieces(launcher: Launcher) -> None:
    """A line of 10 MB is whole when its pieces are joined, and no piece is long."""
    long = bytes(range(32, 127)) * 110_000
    printed = _tagged(launcher, (3, Stream.OUT), long) + b"\n" + _tagged(launcher, (0, Stream.OUT), b"x\n")
    pieces = _split(launcher, [printed[at : at + 65536] for at in range(0, len(printed), 65536)])
    assert _lines(pieces) == {(3, Stream.OUT): [long], (0, Stream.OUT): [b"x"]}
    assert max(len(piece.text) for piece in pieces) <= PIECE_BYTES


def test_a_tag_across_the_edge_of_a_long_line_is_found() -> None:
    """4.1 tags a long line each 4 KiB: not one of the tags gets into the text, wherever a chunk ends."""
    printed = b"".join(_tagged(OLD, (0, Stream.OUT), b"x" * 4000) for _ in range(100)) + b"\n"
    for size in (65_536, 65_537, 70_001, 99_991):
        pieces = _split(OLD, [printed[at : at + size] for at in range(0, len(printed), size)])
        assert _lines(pieces) == {(0, Stream.OUT): [b"x" * 400_000]}


@given(
    lines=st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b""))),
    cuts=st.lists(st.integers(0, 10_000)),
)
def test_a_rank_that_is_alone_needs_no_tags(lines: list[bytes], cuts: list[int]) -> None:
    """All on standard output is its words, what looks like a tag too; on standard error nobody knows."""
    printed = b"".join(text + b"\n" for text in lines)
    for stream, rank in ((Stream.OUT, 0), (Stream.ERR, None)):
        splitter = Splitter(OLD, stream, alone=True)
        fed = [piece for chunk in _cut(printed, cuts) for piece in splitter.feed(chunk)]
        pieces = unfolded([*fed, *splitter.close()])
        assert [(piece.rank, piece.stream, piece.text) for piece in pieces] == [
            (rank, stream, text) for text in lines
        ]


def test_a_rank_that_is_alone_may_print_long_lines() -> None:
    """And leave the last one without its end."""
    long = b"[1,3]<stdout>:" * 100_000
    splitter = Splitter(OLD, Stream.OUT, alone=True)
    chunks = _cut(long + b"\nshort\nend", range(65_536, len(long), 65_536))
    pieces = unfolded([*(piece for chunk in chunks for piece in splitter.feed(chunk)), *splitter.close()])
    assert _lines(pieces) == {(0, Stream.OUT): [long, b"short", b"end"]}
    assert max(len(piece.text) for piece in pieces) <= PIECE_BYTES


@pytest.mark.parametrize(
    ("launcher", "argv", "alone"),
    [
        (OLD, ("mpirun", "-n", "1", "seq"), True),
        (OLD, ("mpirun", "--tag-output", "-n", "1", "seq"), False),  # as older plans have it
        (OLD, ("mpirun", "--tag-output", "-n", "2", "head", "-n", "1"), False),
        (NEW, ("mpirun", "--output", "tag", "-n", "1", "seq"), False),
        (MPICH, ("mpirun", "-n", "1", "seq"), False),
        (OLD, ("mpirun",), False),
    ],
)
def test_who_is_alone_stands_in_the_command_line(
    launcher: Launcher, argv: tuple[str, ...], alone: bool
) -> None:
    """Only Open MPI 4.1 leaves out tags, and only for one rank."""
    assert is_alone(launcher, argv) is alone
