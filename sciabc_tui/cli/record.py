"""`sciabc-tui record`: write down a session of states and log lines, for demos, bug reports and tests."""

import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from msgspec import Struct

from sciabc_tui.api.client import Client
from sciabc_tui.api.recording import MOST_LOG
from sciabc_tui.api.recording_writer import FLUSH_EVERY, RecordingWriter
from sciabc_tui.cli.complete import job_numbers
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.interrupts import Interrupts
from sciabc_tui.cli.output import emit, hint, say
from sciabc_tui.cli.session import session
from sciabc_tui.cli.values import AsJson, duration
from sciabc_tui.cli.work import Status
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused, NotFound, ServiceUnavailable

EXAMPLES = """\b
What is recorded is what the API shows: the states of the cluster, and what running jobs print. Nothing that
opens a door is in it: no passwords, no private keys. Programs' arguments and output are.

\b
Examples:
  sciabc-tui record session.rec
  sciabc-tui record demo.rec --for 10m
  sciabc-tui record nbody.rec --job 7
  sciabc-tui replay session.rec"""

MOST_OF_A_JOB = 16 * 2**20
"""Bytes of one job's log that are recorded."""

BEFORE = 2**20
"""Bytes of the log of a job that runs already, from before the recording."""

_LOOK = 1.0
"""Seconds between two looks at a log."""

_PIECE = 256 * 1024


class Recorded(Struct, frozen=True):
    """What came of a recording."""

    file: str
    seconds: float
    states: int
    log_bytes: int
    bytes: int


def record(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file.")],
    *,
    within: Annotated[
        str, typer.Option("--for", metavar="DURATION", help="End after 90s, 10m or 1h30m.")
    ] = "",
    job: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="End when this job ends, and record its log only.",
            show_default=False,
            autocompletion=job_numbers,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Record what the cluster does, until Ctrl-C: states, and what running jobs print."""
    seconds = duration(within) if within else None
    with connected(session(context), start=False) as client:
        first = client.state()
        if job is not None:
            client.job(JobId(job))
        with RecordingWriter(file, program=f"sciabc-tui {first.head.version}", began=first.wall) as writer:
            recorder = Recorder(client, writer, None if job is None else JobId(job))
            gone = recorder.run(seconds)
            done = recorder.close(file)
    if as_json:
        emit(done)
    else:
        say(
            f"recorded {span(done.seconds)}: {done.states:,} states, {_size(done.log_bytes)} of logs, in "
            f"{_size(done.bytes)}. Next: sciabc-tui replay {file}"
        )
    if gone:
        raise ServiceUnavailable(f"The head service went away; {file} ends there. Next: sciabc-tui status")


@dataclass(slots=True)
class _Log:
    """How far the log of an attempt is recorded."""

    attempt: int
    offset: int
    due: float = 0.0
    taken: int = 0
    over: bool = False


class Recorder:
    """Takes down states as they come, and looks at the logs of jobs in between."""

    def __init__(self, client: Client, writer: RecordingWriter, only: JobId | None) -> None:
        self._client = client
        self._writer = writer
        self._only = only
        self._began = time.monotonic()
        self._states = 0
        self._logs: dict[JobId, _Log] = {}
        self._logged = 0
        self._status = Status()

    def run(self, seconds: float | None) -> bool:
        """Record until Ctrl-C, for so many seconds, or until the job ended; tell whether the service went."""
        watcher = self._client.apart()
        self._began = time.monotonic()
        with Interrupts() as interrupts, _ending(watcher, seconds) as in_time, _flushing(self._writer):
            try:
                with closing(watcher.watch()) as states:
                    for state in states:
                        with interrupts.whole():
                            over = self._take(state)
                        if over:
                            return False
            except KeyboardInterrupt:
                return False
            except ServiceUnavailable:
                return True
        return not in_time.is_set()

    def close(self, file: Path) -> Recorded:
        """Finish the file."""
        self._status.clear()
        seconds = self._now()
        self._writer.end(seconds)
        return Recorded(str(file), seconds, self._states, self._logged, self._writer.size)

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _take(self, state: State) -> bool:
        """Take down a state and what is new in logs; tell whether this is all."""
        now = self._now()
        self._writer.state(now, state)
        for job in state.jobs.values():
            if self._only in {None, job.id}:
                self._look(job, first=not self._states)
        self._states += 1
        self._status.show(f"recording {span(now)}, {_size(self._writer.size)}; Ctrl-C ends it")
        wanted = None if self._only is None else state.jobs.get(self._only)
        return self._only is not None and (wanted is None or wanted.state.ended)

    def _look(self, job: Job, *, first: bool) -> None:
        """Take down what a job printed; not of one that was over before the recording, unless it is named."""
        if job.state is JobState.PENDING:
            return
        log = self._logs.get(job.id)
        if log is None or log.attempt != job.attempt:
            ran = first and self._only is None
            log = _Log(job.attempt, -BEFORE if ran else 0, over=ran and job.state.ended)
            self._logs[job.id] = log
        if not log.over and (job.state.ended or self._now() >= log.due):
            log.due = self._now() + _LOOK
            self._read(job, log)

    def _read(self, job: Job, log: _Log) -> None:
        """Read on to the end as it is now."""
        while not log.over:
            try:
                chunk = self._client.log(job.id, offset=log.offset, limit=_PIECE)
            except (NotFound, CommandRefused):
                log.over = True
                return
            moved, log.offset = chunk.next_offset != log.offset, chunk.next_offset
            if chunk.data:
                self._writer.log(self._now(), job.id, chunk.data)
                log.taken += len(chunk.data)
                self._logged += len(chunk.data)
            log.over = chunk.ended and not chunk.data
            if log.taken > MOST_OF_A_JOB or self._logged > MOST_LOG - 2 * _PIECE:
                log.over = True
                self._status.clear()
                hint(f"job {job.id} prints too much: its log is recorded up to here only")
            if not chunk.data and not moved:
                return


@contextmanager
def _ending(watcher: Client, seconds: float | None) -> Generator[threading.Event, None, None]:
    """End the watch after so many seconds; the event says that it was this that ended it."""
    in_time = threading.Event()

    def end() -> None:
        in_time.set()
        watcher.close_watch()

    timer = threading.Timer(seconds or 0.0, end)
    timer.daemon = True
    if seconds is not None:
        timer.start()
    try:
        yield in_time
    finally:
        timer.cancel()


@contextmanager
def _flushing(writer: RecordingWriter) -> Generator[None, None, None]:
    """Let what was recorded be in the file soon, also where nothing follows: of a head that hangs."""
    over = threading.Event()

    def flush() -> None:
        while not over.wait(FLUSH_EVERY):
            with suppress(CommandRefused):  # the next write fails, too, where somebody hears it
                writer.flush()

    thread = threading.Thread(target=flush, name="flush", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _size(amount: int) -> str:
    if amount < 1000:
        return f"{amount} B"
    return f"{amount / 1000:.0f} kB" if amount < 1_000_000 else f"{amount / 1e6:.1f} MB"
