"""Reads how far the running jobs are from the ends of their logs.

Only what was written last is looked at, twice a second for all jobs together: a job that prints 100,000
lines a second costs no more than 1 MiB in which a mark is sought, and the newest word counts. A program may
print anything: of marked lines the newest are read, so many and no more.
"""

from collections import deque
from dataclasses import dataclass, field, replace
from pathlib import Path

from jobs.attempt import AttemptFiles
from jobs.errors import StoreError
from jobs.logparts import log_size, read_bytes
from jobs.logstore import LogLine, Stream, parse_line
from jobs.progress import LONGEST, MARK, Frame, Metric, Progress, Told, told
from jobs.store import JobRecord
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.job_events import JobProgressed
from sciabc_tui.cluster.job_progress import JobMetric, JobProgress, ends_at
from sciabc_tui.head.ledger import Ledger
from sciabc_tui.head.ports import Hub

LOOK = 0.5
"""Seconds between two looks: the state changes no more often by them."""

TAIL = 1024 * 1024
"""Bytes of a log that one look reads at most: the newest."""

MOST_LINES = 200
"""Marked lines that one look reads at most: the newest."""

MOST_METRICS = 6
"""Of a job: those that it told first."""

SERIES = 24
"""Values of a metric that are kept."""

_PACE = 120
"""Looks over which the pace is measured."""

_MARKED = b" out " + MARK
_PICTURE = MARK + b"frame "
_BEFORE = 64
"""Bytes: no mark stands further behind the begin of its record."""

_RECORD = LONGEST + _BEFORE


@dataclass(slots=True)
class _Heard:
    """What one attempt told so far."""

    attempt: int
    log: Path
    offset: int = 0
    progress: JobProgress | None = None
    metrics: dict[str, JobMetric] = field(default_factory=dict[str, JobMetric])
    pace: deque[tuple[float, int]] = field(default_factory=lambda: deque[tuple[float, int]](maxlen=_PACE))

    def look(self) -> bool:
        """Read what was written since the last look; tell whether that says anything. Blocks."""
        try:
            size = log_size(self.log)
            if size <= self.offset:
                return False
            data, start = read_bytes(self.log, max(self.offset, size - TAIL), TAIL)
        except StoreError:  # whoever opens the log is told why
            return False
        end = data.rfind(b"\n") + 1
        if not end and len(data) < TAIL:
            return False
        self.offset = start + (end or len(data))
        return self._take(newest(data[:end]))

    def _take(self, lines: dict[str, tuple[float, Told]]) -> bool:
        for at, word in lines.values():
            if isinstance(word, Progress):
                self._moved(at, word)
            elif isinstance(word, Metric):
                self._measured(word)
        return bool(lines)

    def _moved(self, at: float, word: Progress) -> None:
        before = self.progress
        if before is not None and (before.total != word.total or before.done > word.done):
            self.pace.clear()  # another part of the work, with a pace of its own
        self.pace.append((at, word.done))
        self.progress = JobProgress(word.done, word.total, ends_at(self.pace, word.total))

    def _measured(self, word: Metric) -> None:
        before = self.metrics.get(word.name)
        if before is None and len(self.metrics) >= MOST_METRICS:
            return
        series = before.series if before is not None and before.unit == word.unit else ()
        self.metrics[word.name] = JobMetric(word.name, word.value, word.unit, (*series, word.value)[-SERIES:])


class ProgressReader:
    """Knows what running jobs told."""

    def __init__(self, hub: Hub, ledger: Ledger) -> None:
        self._hub = hub
        self._ledger = ledger
        self._heard: dict[JobId, _Heard] = {}

    async def look(self, *records: JobRecord) -> None:
        """Read what these jobs wrote since the last look, and publish what that says."""
        heard = [(JobId(record.id), self._of(record)) for record in records if record.dir]
        news = await self._ledger.on_disk(lambda: [(job, one) for job, one in heard if one.look()])
        jobs = self._hub.state.jobs
        self._hub.publish(
            [JobProgressed(_told(jobs[job], one)) for job, one in news if _is_of(jobs.get(job), one)]
        )

    def forget(self, job: JobId) -> None:
        """Keep nothing of a job whose attempt is over."""
        self._heard.pop(job, None)

    def _of(self, record: JobRecord) -> _Heard:
        job = JobId(record.id)
        known = self._heard.get(job)
        if known is None or known.attempt != record.attempt:
            known = self._heard[job] = _Heard(record.attempt, AttemptFiles(Path(record.dir)).log)
        return known


def newest(data: bytes) -> dict[str, tuple[float, Told]]:
    """Give the newest progress and the newest value of each metric in whole records, by kind and name.

    With it goes when that was printed, in seconds since 1970. Pictures are not for the state.
    """
    found: dict[str, tuple[float, Told]] = {}
    at = len(data)
    for _ in range(MOST_LINES):
        if (at := data.rfind(_MARKED, 0, at)) < 0:
            break
        begin, end = data.rfind(b"\n", max(0, at - _BEFORE), at) + 1, data.find(b"\n", at, at + _RECORD)
        line = _line(data[begin:end]) if end >= 0 and at - begin < _BEFORE else None
        word = None if line is None else told(line.text)
        if line is None or word is None or isinstance(word, Frame):
            continue
        found.setdefault(word.name if isinstance(word, Metric) else "", (line.at, word))
    return dict(reversed(found.items()))


def _line(record: bytes) -> LogLine | None:
    """Read a record that may be a marked line; what has the mark elsewhere in its text is none."""
    try:
        line = parse_line(record)
    except StoreError:
        return None
    plain = line.stream is Stream.OUT and not line.joined and line.text.startswith(MARK)
    return line if plain and not line.text.startswith(_PICTURE) else None


def _is_of(job: Job | None, heard: _Heard) -> bool:
    return job is not None and job.state is JobState.RUNNING and job.attempt == heard.attempt


def _told(job: Job, heard: _Heard) -> Job:
    return replace(job, progress=heard.progress, metrics=tuple(heard.metrics.values()))
