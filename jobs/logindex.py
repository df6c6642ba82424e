"""A sparse index beside a log: what each MiB of it holds, so that a search leaves out what can't match.

One line a block, written after the block itself::

    0 1048613 2026-11-21T14:03:11.123Z 2026-11-21T14:03:12.456Z -e,0o,3o 1b2c3d4e 9f8e7d6c

from, to, earliest and latest time, who wrote there (rank or ``-``, on standard ``o``utput or ``e``rror), a
checksum of the block's first bytes, and one of the line itself. A line that is damaged, or does not fit the
log as it is, is as good as none: then that block is read.
"""

import contextlib
import os
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jobs.logparts import read_bytes
from jobs.logstore import Bytes, Speaker, Stream

BLOCK_BYTES = 1024 * 1024
_PROOF_BYTES = 48
_FIELDS = 7


@dataclass(frozen=True, slots=True)
class Block:
    """What a piece of a log holds.

    Attributes:
        start: Its first byte, an offset of the log.
        end: The offset behind it.
        earliest: The smallest time of its records, as ``stamp`` writes it.
        latest: The greatest.
        speakers: Who wrote in it.
        proof: The checksum of its first bytes.
    """

    start: int
    end: int
    earliest: bytes
    latest: bytes
    speakers: frozenset[Speaker]
    proof: int


class IndexWriter:
    """Gather what is written into a log, and append a line to the index now and then."""

    def __init__(self, path: Path, start: int) -> None:
        """Begin at an offset of the log; an index that can't be written is left out."""
        self._descriptor: int | None = None
        with contextlib.suppress(OSError):
            _forget_beyond(path, start)
            self._descriptor = os.open(
                index_path(path), os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        self._start = self._end = start
        self._times: list[bytes] = []
        self._speakers: set[Speaker] = set()
        self._begin = b""

    def close(self) -> None:
        """Write the last block."""
        self.cut()
        if self._descriptor is not None:
            os.close(self._descriptor)

    def wrote(self, data: Bytes, earliest: bytes, latest: bytes, speakers: Iterable[Speaker]) -> None:
        """Take in what stands in the log by now, behind what stood there before."""
        self._begin += data[: _PROOF_BYTES - len(self._begin)]
        self._end += len(data)
        self._times += earliest, latest
        self._speakers.update(speakers)
        if self._end - self._start >= BLOCK_BYTES:
            self.cut()

    def cut(self) -> None:
        """End the block here: the log goes on in another file, or not at all."""
        if self._descriptor is not None and self._times:
            block = Block(
                self._start,
                self._end,
                min(self._times),
                max(self._times),
                frozenset(self._speakers),
                zlib.crc32(self._begin),
            )
            with contextlib.suppress(OSError):
                os.write(self._descriptor, _line(block))
        self._start = self._end
        self._times.clear()
        self._speakers.clear()
        self._begin = b""


def index_path(path: Path) -> Path:
    """Give the path of a log's index."""
    return path.with_name(path.name + ".index")


def load_index(path: Path) -> dict[int, Block]:
    """Read the index of a log: its blocks by their starts; empty if there is none."""
    try:
        lines = index_path(path).read_bytes().split(b"\n")
    except OSError:
        return {}
    found = (_block(line) for line in lines)
    return {block.start: block for block in found if block}


def fits(path: Path, block: Block, size: int) -> bool:
    """Tell whether the log, which has so many bytes, holds that block."""
    if block.end > size:
        return False
    data, start = read_bytes(path, block.start, _PROOF_BYTES)
    if start != block.start or zlib.crc32(data[: block.end - block.start]) != block.proof:
        return False
    return read_bytes(path, block.end - 1, 1) == (b"\n", block.end - 1)


def _forget_beyond(path: Path, size: int) -> None:
    """Drop blocks that a log of this size has lost: what is written there from now on is something else."""
    blocks = load_index(path).values()
    if any(block.end > size for block in blocks):
        index_path(path).write_bytes(b"".join(_line(block) for block in blocks if block.end <= size))


def _line(block: Block) -> bytes:
    names = ",".join(
        sorted(f"{'-' if rank is None else rank}{stream.value[0]}" for rank, stream in block.speakers)
    )
    times = f"{block.earliest.decode()} {block.latest.decode()}"
    line = f"{block.start} {block.end} {times} {names} {block.proof:08x}".encode()
    return b"%s %08x\n" % (line, zlib.crc32(line))


def _block(line: bytes) -> Block | None:
    content, _, checksum = line.rpartition(b" ")
    fields = line.split(b" ")
    if len(fields) != _FIELDS or checksum != b"%08x" % zlib.crc32(content):
        return None
    start, end, earliest, latest, names, proof, _ = fields
    speakers = frozenset(_speaker(name) for name in names.split(b","))
    return Block(int(start), int(end), earliest, latest, speakers, int(proof, 16))


def _speaker(name: bytes) -> Speaker:
    rank = name[:-1]
    return (None if rank == b"-" else int(rank)), Stream.ERR if name.endswith(b"e") else Stream.OUT
