"""Own one launcher: start it, write down what it prints, end it when told to, and say how it ended."""

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Self

from jobs import procs
from jobs.attempt import AttemptFiles, AttemptPlan, AttemptStatus, write_status
from jobs.launchers import INSTALL
from jobs.logstore import Stream
from jobs.logwriter import LogWriter
from jobs.outcome import Ending, judge
from jobs.states import JobState
from jobs.tags import Piece, Splitter

_CHUNK = 64 * 1024
# How long the launcher's output is read on after its end, should a process that can't be killed hold it open.
_DRAIN_SECONDS = 1.0
_TAIL_LINES = 200
_TAIL_BYTES = 500


def supervise(folder: Path, plan: AttemptPlan, *, cancel: int, wall: Callable[[], float]) -> AttemptStatus:
    """Run an attempt to its end.

    Args:
        folder: The attempt's folder.
        plan: What to run.
        cancel: A descriptor that becomes readable when the attempt is to be cancelled.
        wall: Says what time it is, in seconds since 1970.

    Returns:
        The final status; it stands on disk by then.
    """
    started_at = wall()
    # written before anything is launched: no status means that nothing of the job ever ran
    write_status(folder, AttemptStatus(JobState.RUNNING, started_at))
    with LogWriter(AttemptFiles(folder).log, wall) as log:
        try:
            process = _started(plan)
        except OSError as error:
            status = AttemptStatus(JobState.FAILED, started_at, error=_no_start(plan, error))
        else:
            running = AttemptStatus(JobState.RUNNING, started_at, launcher_pid=process.pid)
            with Attendance(process, plan, log) as attendance:
                write_status(folder, running)
                attendance.until_the_end(cancel)
                status = _judged(running, attendance.ending())
    problems = "; ".join(filter(None, (status.error, log.problem)))
    status = replace(status, ended_at=wall(), error=problems)
    write_status(folder, status)
    return status


class Attendance:
    """Attend to a running launcher: its output, its end, a wish to cancel, and the deadlines between them."""

    def __init__(self, process: subprocess.Popen[bytes], plan: AttemptPlan, log: LogWriter) -> None:
        self._process = process
        self._plan = plan
        self._log = log
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._selector = selectors.DefaultSelector()
        self._splitters: dict[int, Splitter] = {}
        self._pidfd = os.pidfd_open(process.pid)
        self._cancelled = False
        self._kill_at: float | None = None
        self._leave_at: float | None = None
        for pipe, stream in ((process.stdout, Stream.OUT), (process.stderr, Stream.ERR)):
            self._listen(pipe, Splitter(plan.launcher, stream))

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
        """Return when the launcher is gone, its words are read, and no process of the job is left here."""
        self._selector.register(cancel, selectors.EVENT_READ, self._cancel)
        self._selector.register(self._pidfd, selectors.EVENT_READ, self._exited)
        while not self._over():
            for key, _ in self._selector.select(self._patience()):
                react: Callable[[int], None] = key.data
                react(key.fd)
            self._log.flush_if_due()
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._kill_at = None
                procs.end_all(self._plan.token, self._process.pid)
        for descriptor, splitter in self._splitters.items():
            if descriptor in self._selector.get_map():  # held open by what can't be killed
                with contextlib.suppress(BlockingIOError):
                    self._read(descriptor)
            self._keep(splitter.close())

    def ending(self) -> Ending:
        """Say what is known of the end."""
        code = self._process.wait()
        return Ending(
            job=self._plan.job,
            exit_code=code if code >= 0 else 128 - code,
            signal=-code if code < 0 else None,
            cancelled=self._cancelled,
            tail=tuple(self._tail),
        )

    def _listen(self, pipe: IO[bytes] | None, splitter: Splitter) -> None:
        if pipe is not None:
            os.set_blocking(pipe.fileno(), False)
            self._splitters[pipe.fileno()] = splitter
            self._selector.register(pipe.fileno(), selectors.EVENT_READ, self._read)

    def _over(self) -> bool:
        if self._leave_at is None:
            return False
        silent = not any(descriptor in self._selector.get_map() for descriptor in self._splitters)
        return silent or time.monotonic() >= self._leave_at

    def _patience(self) -> float | None:
        now = time.monotonic()
        waits = [at - now for at in (self._kill_at, self._leave_at) if at is not None]
        if (due := self._log.due_in()) is not None:
            waits.append(due)
        return max(0.0, min(waits)) if waits else None

    def _read(self, descriptor: int) -> None:
        if data := os.read(descriptor, _CHUNK):
            self._keep(self._splitters[descriptor].feed(data))
        else:
            self._selector.unregister(descriptor)

    def _keep(self, pieces: Iterable[Piece]) -> None:
        self._log.add(self._noted(pieces))

    def _noted(self, pieces: Iterable[Piece]) -> Iterator[Piece]:
        for piece in pieces:
            if piece.rank is None or piece.stream is Stream.ERR:
                self._tail.append(piece.text[:_TAIL_BYTES].decode(errors="replace"))
            yield piece

    def _cancel(self, descriptor: int) -> None:
        os.read(descriptor, _CHUNK)
        if not self._cancelled and self._leave_at is None:
            self._cancelled = True
            self._kill_at = time.monotonic() + self._plan.grace
            signal.pidfd_send_signal(self._pidfd, signal.SIGTERM)

    def _exited(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        self._kill_at = None
        self._leave_at = time.monotonic() + _DRAIN_SECONDS
        # A rank's child that ignored the launcher's signals would compute on, and hold the output open.
        procs.end_all(self._plan.token, self._process.pid)


def _started(plan: AttemptPlan) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        plan.argv,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=plan.cwd or None,
        env={**os.environ, **plan.env},
        start_new_session=True,
        bufsize=0,
    )


def _judged(running: AttemptStatus, ending: Ending) -> AttemptStatus:
    verdict = judge(ending)
    return replace(
        running,
        state=verdict.state,
        exit_code=ending.exit_code,
        signal=ending.signal,
        error=verdict.reason,
    )


def _no_start(plan: AttemptPlan, error: OSError) -> str:
    # Popen says in `filename` whether it was the program or the directory.
    if error.filename == plan.cwd and plan.cwd:
        return f"cwd {plan.cwd}: {error.strerror}. Next: make it, or choose another"
    step = "Next: pass fewer arguments" if error.errno == errno.E2BIG else INSTALL
    return f"{plan.launcher.path} did not start: {error.strerror}. {step}"
