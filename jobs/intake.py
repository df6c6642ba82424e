"""Take in what a launcher prints: at once what it says now and then, and much of it first as it comes.

To sort much output takes the processors from who prints it. So it is kept in a file for a moment
(``jobs.logspool``): it is sorted in the next pause, or a second later.
"""

import contextlib
import fcntl
import os
import time
from typing import IO

from jobs.allowance import Allowance
from jobs.autogroup import Autogroup
from jobs.logspool import Block, Spool
from jobs.logstore import Stream
from jobs.logwriter import LogWriter
from jobs.sorter import Sorter

# More than the kernel's 64 KiB: a launcher that prints much waits less often for us.
_PIPE_BYTES = 1024 * 1024
# Of more, each buffer would be given back to the kernel and faulted in again. With what was begun before, as
# much as is looked at as a whole: see `jobs.logbulk`.
_CHUNK = 60 * 1024
# What is only kept is read so often in a turn: as much as the pipe holds.
_READS = 16
# After a short read the output gathers for a moment: to be woken for each line costs more than all the rest.
_GATHER_SECONDS = 0.005
# But not when much came just before: 200 MB/s fill the pipe in 5 ms, and the launcher would wait for us.
_SHORT_GATHER_SECONDS = 0.001
_MUCH = 512 * 1024
# Nor after the first few short reads: a job begins with a word of each rank, one soon after the other, and
# somebody may wait for any of them. A pause of so many seconds gives the right to one more, up to so many.
_AT_ONCE = 16
_EARNED_SECONDS = 0.02
# What is kept is sorted when no more than that comes in a turn, when it is so old, or when it is so much or
# takes so long, as far as is known by what was sorted before: a job's end waits for it. In a turn so many
# chunks of it are sorted, and one is read: more would keep us from seeing that the launcher has ended.
_CALM = 16 * 1024
_KEPT_SECONDS = 1.0
_KEPT_BYTES = 32 * 1024 * 1024
_SORTING_SECONDS = 1.0
_SAMPLE_BYTES = 4096
_SAMPLES = 2  # the first one takes several times as long
_FORGETTING = 0.8
_SORTED = 2
# While so much comes in a turn, and so long after it, the job has the processors first.
_HEAVY = 4096
_HEAVY_SECONDS = 0.1
_YIELDING = 19


class Intake:
    """Both output streams of a launcher, from the pipe to the log."""

    def __init__(self, sorter: Sorter, log: LogWriter) -> None:
        """Take in nothing yet.

        Args:
            sorter: Sorts what is taken in.
            log: Into this one.
        """
        self._sorter = sorter
        self._log = log
        self._took = 0
        self._full = self._streamed = False
        now = time.monotonic()
        self._soon = Allowance(_AT_ONCE, 1 / _EARNED_SECONDS, now)
        self._spool: Spool | None = None
        self._may_spool = True
        self._sorting = False
        self._kept_until = now
        self._samples = 0
        self._most_kept = 0.0
        self._share = Autogroup()
        self._yields_until: float | None = None

    def read(self, descriptor: int, stream: Stream) -> bool:
        """Take what there is; False at the end of the stream.

        Args:
            descriptor: Does not block, see ``widened``.
            stream: Which of the two it is.
        """
        reads = 1 if self._spool is None or self._sorting else _READS
        with contextlib.suppress(BlockingIOError):
            for _ in range(reads):
                if not (data := os.read(descriptor, _CHUNK)):
                    return False
                self._took += len(data)
                self._full = len(data) == _CHUNK
                self._keep(self._log.now(), stream, data)
                if not self._full:
                    break
        return True

    def turn(self) -> float:
        """Do what is due after a look at both streams.

        Returns:
            For how many seconds the output may gather now, before it is read again.
        """
        self._log.flush_if_due()
        took, self._took = self._took, 0
        streamed, self._streamed = self._streamed, took > 0 and self._full
        now = time.monotonic()
        self._give_way(took, now)
        if self._spool is not None:
            self._sorting = self._sorting or took < _CALM or self._is_late(self._spool, now)
            if self._sorting:
                self._sort_some(self._spool)
                return 0.0
        elif not took or self._full or self._soon.take(now):
            return 0.0
        return _SHORT_GATHER_SECONDS if streamed or took >= _MUCH else _GATHER_SECONDS

    def due_in(self) -> float | None:
        """Return the seconds until ``turn`` must be called though nothing came; None if it need not be."""
        if self._spool is not None:
            return 0.0
        waits = [] if self._yields_until is None else [max(0.0, self._yields_until - time.monotonic())]
        if (due := self._log.due_in()) is not None:
            waits.append(due)
        return min(waits, default=None)

    def finish(self) -> None:
        """Sort what is left: nothing comes any more."""
        self._share.set(0)
        self._sort_all()
        self._sorter.finish()

    def _keep(self, at: float, stream: Stream, data: bytes) -> None:
        if self._spool is None and self._full and self._may_spool and self._samples >= _SAMPLES:
            self._begin_spool()
        if self._spool is not None:
            try:
                self._spool.put(at, stream, data)
            except OSError:  # no room on the disk: the log will tell, if there is none for it either
                self._may_spool = False
                self._sort_all()
            else:
                return
        self._sort(Block(at, stream, data))

    def _begin_spool(self) -> None:
        begun = self._sorter.begun()
        if begun is None:
            return
        self._log.flush()
        at = self._log.now()
        try:
            blocks = [Block(at, stream, words) for stream, words in begun.items() if words]
            self._spool = Spool(self._log.path, self._log.end, blocks)
        except OSError:
            self._may_spool = False
        else:
            self._kept_until = time.monotonic() + _KEPT_SECONDS

    def _is_late(self, spool: Spool, now: float) -> bool:
        """Tell whether what is kept can't wait for a pause; who goes on printing waits for us then."""
        late = now >= self._kept_until or spool.waiting >= min(_KEPT_BYTES, self._most_kept)
        if late:
            self._share.set(0)
        return late

    def _sort_some(self, spool: Spool) -> None:
        for _ in range(_SORTED):
            block = spool.take()
            if block is None:
                self._log.flush()
                spool.close()
                self._spool = None
                self._sorting = False
                return
            self._sort(block)

    def _sort(self, block: Block) -> None:
        began = time.thread_time()  # without what the job took from us meanwhile
        self._sorter.sort(block)
        if len(block.data) >= _SAMPLE_BYTES:
            speed = len(block.data) / max(1e-6, time.thread_time() - began)
            self._most_kept = max(_SORTING_SECONDS * speed, self._most_kept * _FORGETTING)
            self._samples += 1

    def _sort_all(self) -> None:
        while self._spool is not None:
            self._sort_some(self._spool)

    def _give_way(self, took: int, now: float) -> None:
        if took >= _HEAVY and not self._sorting:
            self._yields_until = now + _HEAVY_SECONDS
            self._share.set(_YIELDING)
        elif self._yields_until is not None and now >= self._yields_until:
            self._yields_until = None if self._share.set(0) else now + _HEAVY_SECONDS


def widened(pipe: IO[bytes]) -> int:
    """Prepare a launcher's output to be read by an ``Intake``; gives its descriptor."""
    descriptor = pipe.fileno()
    os.set_blocking(descriptor, False)
    with contextlib.suppress(OSError):  # beyond what the kernel gives one user: then it stays small
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
    return descriptor
