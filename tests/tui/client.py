"""A client that gives what it was told to give, and captures what it is asked."""

import threading
from collections.abc import Callable, Iterator
from itertools import count

from typing_extensions import override

from jobs.logquery import Query
from jobs.logstore import Stream
from sciabc_tui.api.messages import (
    JobAttempt,
    JobDetail,
    JobPreview,
    LogChunk,
    LogCount,
    LogFilter,
    LogPlace,
    PreflightBegun,
    PreflightReport,
    PreflightRow,
    PreflightWish,
    SubmitJob,
)
from sciabc_tui.api.works import Over, Part, Wish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.series import Series
from sciabc_tui.cluster.state import LogEntry, State
from sciabc_tui.errors import ServiceUnavailable
from tests.tui.dry_runs import dry_run
from tests.tui.states import job, load_of


class CapturingClient:
    """Fits `ClusterClient`: gives what it was told to give, and keeps what it was asked."""

    def __init__(self, *states: State, log: bytes = b"") -> None:
        self.asked: list[tuple[object, ...]] = []
        self.log_data = log
        self.ended = False
        self.past: tuple[LogEntry, ...] = ()
        self.refusal: Exception | None = None
        self.load: Series | None = None
        self.attempts: tuple[JobAttempt, ...] = ()
        self.report: PreflightReport | None = None
        self.previewed: list[SubmitJob] = []
        self.preview_refusal: Exception | None = None
        self.parts: tuple[PreflightBegun | PreflightRow, ...] = ()
        self.preview_given: JobPreview | None = None
        self.told: dict[type[Wish], list[Part]] = {}
        self.cancelled: list[Wish] = []
        self._stoppers: list[object] = []
        self._sent = State()
        self._states = list(states)
        self._news = threading.Condition()
        self._closed = False
        self.stops = 0
        self._gone: Exception | None = None

    def send(self, state: State) -> None:
        """Let every watcher see this state."""
        with self._news:
            self._gone = None
            self._states.append(state)
            self._news.notify_all()

    def go_away(self, error: Exception | None = None) -> None:
        """End the watch, and refuse the next."""
        with self._news:
            self._gone = error or ServiceUnavailable("no head service answers. Next: sciabc-tui head")
            self._news.notify_all()

    def watch(self) -> Iterator[State]:
        """Give the states that were told, and wait for more."""
        while True:
            with self._news:
                self._news.wait_for(lambda: self._states or self._closed or self._gone)
                if self._closed:
                    return
                if self._gone is not None:
                    raise self._gone
                state = self._sent = self._states.pop(0)
            yield state

    def close_watch(self) -> None:
        """End the watch for good."""
        with self._news:
            self._closed = True
            self._news.notify_all()

    def _take(self, *asked: object) -> None:
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal

    def job_detail(self, wanted: JobId, /) -> JobDetail:
        """Give a job with the attempts that were laid ready."""
        self._take("detail", wanted)
        return JobDetail(job(wanted, "nbody", JobState.RUNNING), self.attempts, ("OMP_NUM_THREADS=1",))

    def submit(self, request: SubmitJob, /) -> Job:
        """Take a job."""
        self._take("submit", request)
        return job(42, "nbody", JobState.PENDING)

    def preview(self, request: SubmitJob, /) -> JobPreview:
        """Give the preview that was laid ready, else what the newest state allows."""
        self.previewed.append(request)
        if self.preview_refusal is not None:
            raise self.preview_refusal
        return self.preview_given or dry_run(self._sent, request)

    def preflight(
        self, wish: PreflightWish, /, tell: Callable[[PreflightBegun | PreflightRow], object]
    ) -> PreflightReport:
        """Give the report that was laid ready; until there is one, wait for it or for the stop.

        What of it came already is told before.
        """
        begun = self.stops  # before anybody can see that it was asked: a stop after that is for this one
        for part in self.parts:
            tell(part)
        self._take("preflight", wish)
        with self._news:
            self._news.wait_for(lambda: self.report or self.stops != begun or self._closed)
            if self.report is None:
                raise ServiceUnavailable("The head service went away. Next: sciabc-tui status")
            return self.report

    def answer(self, report: PreflightReport) -> None:
        """Lay a report ready, also for those who wait for one."""
        with self._news:
            self.report = report
            self._news.notify_all()

    def stop_preflight(self) -> None:
        """End the wait for a report."""
        with self._news:
            self.stops += 1
            self._news.notify_all()

    def work(self, wish: Wish, tell: Callable[[Part], object], /) -> None:
        """Tell the parts that were laid ready for such a wish, and those that come until it is over."""
        self._work(wish, tell, self)

    def _work(self, wish: Wish, tell: Callable[[Part], object], stopper: object) -> None:
        self._take("work", wish)
        for number in count():
            part = self._part(wish, number, stopper)
            tell(part)
            if isinstance(part, Over):
                return

    def _part(self, wish: Wish, number: int, stopper: object) -> Part:
        with self._news:
            parts = self.told.setdefault(type(wish), [])
            self._news.wait_for(lambda: len(parts) > number or stopper in self._stoppers or self._closed)
            if stopper in self._stoppers or self._closed:
                self.cancelled.append(wish)
                self._news.notify_all()
                raise ServiceUnavailable("The head service went away. Next: sciabc-tui status")
            return parts[number]

    def tell(self, kind: type[Wish], *parts: Part) -> None:
        """Lay parts ready for works of a kind, also for those who wait for some."""
        with self._news:
            self.told.setdefault(kind, []).extend(parts)
            self._news.notify_all()

    def stop_works(self) -> None:
        """Cancel what is done by this one itself."""
        self.stop(self)

    def stop(self, stopper: object) -> None:
        """Cancel the works of one client."""
        with self._news:
            self._stoppers.append(stopper)
            self._news.notify_all()

    def was_cancelled(self, within: float) -> list[Wish]:
        """Give what was cancelled; waits for it for so many seconds at most."""
        with self._news:
            self._news.wait_for(lambda: self.cancelled, within)
            return self.cancelled

    def apart(self) -> "Apart":
        """Give a client whose works are stopped by themselves."""
        return Apart(self)

    def cancel(self, number: JobId, /) -> None:
        """Take a cancel."""
        self._take("cancel", number)

    def hold(self, number: JobId, /) -> None:
        """Take a hold."""
        self._take("hold", number)

    def release(self, number: JobId, /) -> None:
        """Take a release."""
        self._take("release", number)

    def requeue(self, number: JobId, /) -> None:
        """Take a requeue."""
        self._take("requeue", number)

    def log(
        self, number: JobId, /, *, offset: int, limit: int, wanted: LogFilter, before: bool = False
    ) -> LogChunk:
        """Give whole lines of the log, whoever wrote them."""
        self._take("log", number, offset)
        log = self.log_data
        if before:
            end = log.rfind(b"\n", 0, offset) + 1
            start = log.find(b"\n", max(0, end - limit - 1), end - 1) + 1 if end > limit else 0
        else:
            start = offset
            end = log.rfind(b"\n", start, start + limit) + 1 or log.find(b"\n", start) + 1 or start
        return LogChunk(log[start:end], end, self.ended and end >= len(log), start, len(log))

    def seek_log(
        self, number: JobId, /, *, offset: int, wanted: LogFilter, backward: bool = False
    ) -> LogPlace:
        """Find the next line of the ranks, the streams and the time that are wanted."""
        self._take("log", number, offset)
        query = Query(frozenset(wanted.ranks), frozenset(map(Stream, wanted.streams)), wanted.since)
        if backward:
            places = query.places(self.log_data[:offset])
            return LogPlace(places[-1], found=True) if places else LogPlace(0, found=False)
        places = query.places(self.log_data[offset:])
        return LogPlace(offset + places[0] if places else len(self.log_data), found=bool(places))

    def count_log(self, number: JobId, /, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        """Count lines."""
        self._take("log", number, offset)
        log = self.log_data
        return LogCount(log.count(b"\n", offset, to), min(to, len(log)), len(log))

    def events(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Give what happened."""
        self._take("events", since)
        return tuple(entry for entry in self.past if entry.seq > since)[-limit:]

    def history(self, node: NodeId, span: int, /) -> Series:
        """Give a made-up load."""
        self._take("history", node, span)
        return self.load or load_of(span)

    def approve(self, node: NodeId, fingerprint: str, /) -> None:
        """Take an approval."""
        self._take("approve", node, fingerprint)

    def forget(self, node: NodeId, /) -> None:
        """Take a forget."""
        self._take("forget", node)

    def drain(self, node: NodeId, reason: str, /) -> None:
        """Take a drain."""
        self._take("drain", node, reason)

    def resume(self, node: NodeId, /) -> None:
        """Take a resume."""
        self._take("resume", node)


class Apart(CapturingClient):
    """Another client of the same service: what it is asked is captured by the first one."""

    def __init__(self, first: CapturingClient) -> None:
        super().__init__()
        self._first = first

    @override
    def work(self, wish: Wish, tell: Callable[[Part], object], /) -> None:
        """Have the first one do it."""
        self._first._work(wish, tell, self)

    @override
    def stop_works(self) -> None:
        """Cancel its own works."""
        self._first.stop(self)
