"""Noticing what Open MPI 4.1 left out. Here it is played as its source has it: 4 KiB in, 8 KiB out."""

import itertools
import os
import shutil
import subprocess

import pytest

from jobs.cuts import Cuts

_READ = 4096
_BLOCK = 8192
_MPIRUN = "/usr/bin/mpirun.openmpi"


def _block(rank: int, words: bytes) -> tuple[bytes, bool]:
    """Return what the launcher makes of a read, and whether it left something out."""
    tag = b"[1,%d]<stdout>:" % rank
    whole = tag + words[:-1].replace(b"\n", b"\n" + tag) + words[-1:]
    return whole[:_BLOCK], len(whole) > _BLOCK


def _blocks(rank: int, text: bytes, read: int = _READ) -> list[tuple[bytes, bool]]:
    return [_block(rank, text[at : at + read]) for at in range(0, len(text), read)]


def _found(chunks: list[bytes]) -> bool:
    cuts = Cuts()
    for chunk in chunks:
        cuts.feed(chunk)
    return cuts.found


def _numbers(count: int) -> bytes:
    return b"".join(b"%d\n" % number for number in range(count))


@pytest.mark.parametrize("gathered", [1, 3, 1000])
@pytest.mark.parametrize("rank", [0, 12, 104])
def test_a_burst_of_short_lines_is_noticed(rank: int, gathered: int) -> None:
    """However many blocks come by one read of ours."""
    blocks = _blocks(rank, _numbers(3000))
    assert any(cut for _, cut in blocks)
    parts = [block for block, _ in blocks]
    chunks = [b"".join(parts[at : at + gathered]) for at in range(0, len(parts), gathered)]
    assert _found([b"[1,0]<stdout>:before\n", *chunks])


def test_several_ranks_at_once_are_noticed() -> None:
    """Their blocks come in turn."""
    turns = zip(*(_blocks(rank, _numbers(5000)) for rank in range(3)), strict=True)
    assert _found([b"".join(block for turn in turns for block, _ in turn)])


def test_a_cut_at_the_very_end_is_noticed() -> None:
    """There is no next tag to see it by."""
    block, cut = _block(0, _numbers(2000)[:_READ])
    assert cut
    assert _found([block])


@pytest.mark.parametrize("read", [100, 1000, 1024, 2000, _READ])
def test_what_is_complete_is_not_complained_about(read: int) -> None:
    """Lines of any length, in reads that leave nothing out, gathered in any way: never a false word."""
    complete = 0
    for length in range(1, 40):
        blocks = _blocks(0, (b"x" * length + b"\n") * (60_000 // length), read)
        if any(cut for _, cut in blocks):
            continue
        complete += 1
        parts = [block for block, _ in blocks]
        for gathered in (1, 2, 7, len(parts)):
            assert not _found([b"".join(parts[at : at + gathered]) for at in range(0, len(parts), gathered)])
    assert complete > 20


def test_lines_that_come_one_by_one_are_complete() -> None:
    """As of a program that flushes each, and half ones now and then."""
    for half in (b"", b"..."):
        lines = (
            b"[1,0]<stdout>:%d\n" % number + (b"[1,0]<stdout>:" + half) * (number % 9 == 0)
            for number in range(5000)
        )
        assert not _found([b"".join(itertools.chain(lines))])


@pytest.mark.mpi
@pytest.mark.parametrize(("form", "lost"), [("%.0f", True), ("a line number %.0f", False)])
def test_the_real_one(form: str, lost: bool) -> None:
    """What Debian's mpirun does to short lines is noticed; longer ones are all there and nobody complains."""
    if shutil.which(_MPIRUN) is None:
        pytest.skip(f"no {_MPIRUN}: sudo apt install openmpi-bin")
    root = {**os.environ, "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    argv = [_MPIRUN, "--tag-output", "--oversubscribe", "-n", "2", "seq", "-f", form, "20000"]
    cuts = Cuts()
    lines = 0
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=root, bufsize=0
    ) as mpirun:
        assert mpirun.stdout is not None
        while chunk := mpirun.stdout.read(256 * 1024):
            lines += chunk.count(b"\n")
            cuts.feed(chunk)
    assert (cuts.found, lines < 40_000) == (lost, lost)
