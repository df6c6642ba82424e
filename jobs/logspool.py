"""What a launcher prints faster than it can be sorted: kept as it came, for a moment, beside the log.

``log.spool`` begins with a line that names the boot of this machine and the end of the log; then come blocks,
each behind a line with its time, its stream and its length::

    1d3f0a52-9c1f-4b8e-8f47-1a2b3c4d5e6f 43008
    1795269791.123 out 61440

It is written before anything of it is in the log, and removed when all of it is. Should the runner be killed
in between, the log is cut to that end, and the whole is sorted again. It is not forced onto the disk: what
another boot has left says nothing.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from jobs.logstore import Stream

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_HEAD_BYTES = 64
_FIRST = re.compile(rb"([0-9a-f-]{1,40}) (\d{1,19})\n")
_BLOCK = re.compile(rb"(\d{1,12}\.\d{3}) (out|err) (\d{1,9})\n")


class Block(NamedTuple):
    """What was read at once.

    Attributes:
        at: When, in seconds since 1970.
        stream: Where the launcher printed it.
        data: What it printed.
    """

    at: float
    stream: Stream
    data: bytes


class Spool:
    """Blocks in a file, in the order in which they came: written at its end, read from its begin.

    Every method but ``close`` may raise what the file system does.
    """

    def __init__(self, log: Path, end: int, begun: Iterable[Block]) -> None:
        """Begin a file; one that is there is lost.

        Args:
            log: Beside which log.
            end: How much of that stands before what comes.
            begun: What of it is not in the log, though it was taken before; it is not given by ``take``.
        """
        self._path = spool_path(log)
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = self._taken = 0
        try:
            self._size = os.write(self._descriptor, f"{_boot()} {end}\n".encode())
            for block in begun:
                self.put(*block)
        except OSError:
            self.close()
            raise
        self._taken = self._size

    @property
    def waiting(self) -> int:
        """How many bytes are there that nobody took."""
        return self._size - self._taken

    def put(self, at: float, stream: Stream, data: bytes) -> None:
        """Write a block; if that fails nothing of it stays.

        Args:
            at: When it was read, in seconds since 1970.
            stream: Where it was printed.
            data: At least one byte.
        """
        head = b"%.3f %s %d\n" % (at, stream.encode(), len(data))
        size = len(head) + len(data)
        try:
            written = os.writev(self._descriptor, (head, data))
            while written < size:
                written += os.write(self._descriptor, (head + data)[written:])
        except OSError:
            os.ftruncate(self._descriptor, self._size)
            raise
        self._size += size

    def take(self) -> Block | None:
        """Give the next block; None if there is none."""
        found = _block_at(self._descriptor, self._taken)
        if found is None:
            return None
        block, self._taken = found
        return block

    def close(self) -> None:
        """Remove the file: all of it is in the log."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


class Left(NamedTuple):
    """What a killed runner has left: where its log ended before, and the blocks."""

    end: int
    blocks: list[Block]


def spool_path(log: Path) -> Path:
    """Give the path of a log's spool."""
    return log.with_name(f"{log.name}.spool")


def left_behind(log: Path) -> Left | None:
    """Read what a killed runner has left beside its log; None if there is nothing of this boot."""
    with contextlib.suppress(FileNotFoundError), spool_path(log).open("rb", buffering=0) as file:
        first = _FIRST.match(os.pread(file.fileno(), _HEAD_BYTES, 0))
        if first is None or first[1] != _boot().encode():
            return None
        blocks: list[Block] = []
        at = first.end()
        while found := _block_at(file.fileno(), at):
            block, at = found
            blocks.append(block)
        return Left(int(first[2]), blocks)
    return None


def _block_at(descriptor: int, at: int) -> tuple[Block, int] | None:
    """Read a block, or what a killed writer has left of it, and say where the next one begins."""
    head = _BLOCK.match(os.pread(descriptor, _HEAD_BYTES, at))
    if head is None:
        return None
    start, size = at + head.end(), int(head[3])
    data = os.pread(descriptor, size, start)
    return (Block(float(head[1]), Stream(head[2].decode()), data), start + size) if data else None


def _boot() -> str:
    return _BOOT.read_text().strip()
