"""Attend to a running launcher: its output, its end, orders to end it, and the deadlines between them."""

import contextlib
import fcntl
import os
import select
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Self

from jobs import procs
from jobs.allowance import Allowance
from jobs.attempt import AttemptPlan, Order
from jobs.cuts import Cuts
from jobs.launchers import Flavour
from jobs.logbulk import Tagged
from jobs.logstore import Stream
from jobs.logwriter import LogWriter
from jobs.mpich import untold
from jobs.outcome import Ending
from jobs.states import JobState
from jobs.tags import Piece, Splitter, cuts_output, is_alone

# More than the kernel's 64 KiB: a launcher that prints much waits less often for us.
_PIPE_BYTES = 1024 * 1024
# Of more, each buffer would be given back to the kernel and faulted in again. With what was begun before, as
# much as is looked at as a whole: see `jobs.logbulk`.
_CHUNK = 60 * 1024
# After a short read the output gathers for a moment: to be woken for each line costs more than all the rest.
_TRICKLE_BYTES = _CHUNK
_GATHER_SECONDS = 0.005
# But not when much came just before: 200 MB/s fill the pipe in 5 ms, and the launcher would wait for us.
_SHORT_GATHER_SECONDS = 0.001
# Nor after the first few short reads: a job begins with a word of each rank, one soon after the other, and
# somebody may wait for any of them. A pause of so many seconds gives the right to one more, up to so many.
_AT_ONCE = 16
_EARNED_SECONDS = 0.02
# How long the launcher's output is read on after its end, should a process that can't be killed hold it open.
_DRAIN_SECONDS = 1.0
# How long a launcher may take that lost a node, whose end must stand in 3 s. MPICH's is gone within 20 ms.
# Open MPI's never is, it waits for the lost daemon: this is what the other ranks have for their last words.
_SHORT_GRACE = 0.3
# What Open MPI says itself of an abort. 5.0.11 may wait for ever then, with no rank left (seen on a machine
# without a free core): after the grace it is ended.
_ABORTED = b"MPI_ABORT was invoked on rank "
# Of a few hundred nodes' exit codes, behind the last line of a rank.
_LAST_BYTES = 16 * 1024
_TAIL_LINES = 200
_TAIL_BYTES = 500


class Attendance:
    """Own a launcher from its start to its end; a context, so that nothing of the job stays behind.

    Attributes:
        order: Why the launcher was ended; None as long as nobody wanted it.
        ordered_at: When that was, by the monotonic clock.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        plan: AttemptPlan,
        log: LogWriter,
        *,
        why: Callable[[], Order],
    ) -> None:
        """Take over a launcher that was just started.

        Args:
            process: The launcher, with pipes for its output, the leader of a session.
            plan: What it was started for.
            log: Where its words go.
            why: Says, when somebody asks for the end, why.
        """
        self._process = process
        self._plan = plan
        self._log = log
        self._why = why
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._selector = selectors.DefaultSelector()
        self._splitters: dict[int, Splitter] = {}
        self._cuts: dict[int, Cuts] = {}
        self._last_words = b""
        self._trickles = False
        self._streams = False
        self._soon = Allowance(_AT_ONCE, 1 / _EARNED_SECONDS, time.monotonic())
        self._hung = False
        self._pidfd = os.pidfd_open(process.pid)
        limit = plan.time_limit
        self._limit_at = None if limit is None else time.monotonic() + limit
        self._kill_at: float | None = None
        self._leave_at: float | None = None
        self.order: Order | None = None
        self.ordered_at: float | None = None
        alone = is_alone(plan.launcher, plan.argv)
        for pipe, stream in ((process.stdout, Stream.OUT), (process.stderr, Stream.ERR)):
            self._listen(pipe, Splitter(plan.launcher, stream, alone=alone))
            if pipe is not None and not alone and cuts_output(plan.launcher):
                self._cuts[pipe.fileno()] = Cuts()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # After a failure of ours too, nothing of the job stays behind.
        procs.end_all(self._plan.token, self._process.pid)
        self._process.wait()
        self._selector.close()
        os.close(self._pidfd)
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def until_the_end(self, cancel: int) -> None:
        """Return when the launcher is gone, its words are read, and no process of the job is left here.

        Args:
            cancel: A descriptor that becomes readable when somebody wants the end.
        """
        self._selector.register(cancel, selectors.EVENT_READ, self._asked)
        self._selector.register(self._pidfd, selectors.EVENT_READ, self._exited)
        while not self._over():
            self._trickles = False
            streamed = self._streams
            for key, _ in self._selector.select(self._patience()):
                react: Callable[[int], None] = key.data
                react(key.fd)
            self._log.flush_if_due()
            self._keep_deadlines()
            if self._trickles and not self._soon.take(time.monotonic()):
                gather = _SHORT_GATHER_SECONDS if streamed else _GATHER_SECONDS
                select.select([cancel, self._pidfd], [], [], gather)
        for descriptor, splitter in self._splitters.items():
            if descriptor in self._selector.get_map():  # held open by what can't be killed
                with contextlib.suppress(BlockingIOError):
                    self._read(descriptor)
            self._keep(splitter.close())

    @property
    def problem(self) -> str:
        """Say why the ranks' words are not complete; empty as far as we know of nothing."""
        if not any(cuts.found for cuts in self._cuts.values()):
            return ""
        lost = f"{self._plan.launcher.title} left out lines: many short ones came at once"
        return f"{lost}. Next: print longer ones, or use Open MPI 5"

    def ending(self) -> Ending:
        """Say what is known of the end."""
        code = self._process.wait()
        return Ending(
            job=self._plan.job,
            exit_code=code if code >= 0 else 128 - code,
            signal=-code if code < 0 and not self._hung else None,  # ours says nothing of why it failed
            tail=tuple(self._tail),
            untold=self._untold(),
        )

    def _untold(self) -> int:
        mpich = self._plan.launcher.flavour is Flavour.MPICH
        return untold(self._last_words, self._plan.ranks) if mpich else 0

    def _listen(self, pipe: IO[bytes] | None, splitter: Splitter) -> None:
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            with contextlib.suppress(OSError):  # beyond what the kernel gives one user: then it stays small
                fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
            self._splitters[pipe.fileno()] = splitter
            self._selector.register(pipe.fileno(), selectors.EVENT_READ, self._read)

    def _over(self) -> bool:
        if self._leave_at is None:
            return False
        silent = not any(descriptor in self._selector.get_map() for descriptor in self._splitters)
        return silent or time.monotonic() >= self._leave_at

    def _patience(self) -> float | None:
        now = time.monotonic()
        deadlines = (self._limit_at, self._kill_at, self._leave_at)
        waits = [at - now for at in deadlines if at is not None]
        if (due := self._log.due_in()) is not None:
            waits.append(due)
        return max(0.0, min(waits)) if waits else None

    def _keep_deadlines(self) -> None:
        now = time.monotonic()
        if self._limit_at is not None and now >= self._limit_at:
            limit = f"time limit of {_duration(self._plan.time_limit or 0.0)} reached"
            self._end(Order(JobState.TIMEOUT, f"{limit}. Next: give --time more"))
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._hung = self.order is None
            procs.end_all(self._plan.token, self._process.pid)

    def _read(self, descriptor: int) -> None:
        if data := os.read(descriptor, _CHUNK):
            self._trickles = len(data) < _TRICKLE_BYTES
            self._streams = not self._trickles
            if self._process.stdout is not None and descriptor == self._process.stdout.fileno():
                self._last_words = (self._last_words + data[-_LAST_BYTES:])[-_LAST_BYTES:]
            if cuts := self._cuts.get(descriptor):
                cuts.feed(data)
            self._keep(self._splitters[descriptor].feed(data))
        else:
            self._selector.unregister(descriptor)

    def _keep(self, pieces: Iterable[Piece | Tagged]) -> None:
        self._log.add(self._noted(pieces))

    def _noted(self, pieces: Iterable[Piece | Tagged]) -> Iterator[Piece | Tagged]:
        for piece in pieces:
            if isinstance(piece, Tagged):
                self._tail.extend(_text(line) for line in piece.errors(_TAIL_LINES))
            elif piece.rank is None or piece.stream is Stream.ERR:
                self._tail.append(_text(piece.text))
                if piece.rank is None and piece.text.startswith(_ABORTED) and self._kill_at is None:
                    self._kill_at = time.monotonic() + self._plan.grace
            yield piece

    def _asked(self, descriptor: int) -> None:
        os.read(descriptor, _CHUNK)
        if self.order is None and self._leave_at is None:
            self._end(self._why())

    def _end(self, order: Order) -> None:
        """End the launcher, by force after a grace; it need not be there any more."""
        now = time.monotonic()
        patient = order.state in {JobState.CANCELLED, JobState.TIMEOUT}
        self.order = order
        self.ordered_at = now
        self._limit_at = None
        self._kill_at = now + (self._plan.grace if patient else min(self._plan.grace, _SHORT_GRACE))
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)

    def _exited(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        self._limit_at = None
        self._kill_at = None
        self._leave_at = time.monotonic() + _DRAIN_SECONDS
        # A rank's child that ignored the launcher's signals would compute on, and hold the output open.
        procs.end_all(self._plan.token, self._process.pid)


def _duration(seconds: float) -> str:
    """Write a duration as people say it, such as ``1 h 30 min``."""
    minutes, left = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    parts = ((hours, "h"), (minutes, "min"), (left, "s"))
    return " ".join(f"{count:g} {unit}" for count, unit in parts if count) or "0 s"


def _text(line: bytes) -> str:
    return line[:_TAIL_BYTES].decode(errors="replace")
