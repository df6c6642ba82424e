"""A client that gives what it was told to give, and captures what it is asked."""

import threading
from collections.abc import Iterator

from sciabc_tui.api.messages import LogChunk, PreflightReport, PreflightWish, SubmitJob
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.state import LogEntry, State
from sciabc_tui.errors import ServiceUnavailable
from tests.tui.states import job


class CapturingClient:
    """Fits `ClusterClient`: gives what it was told to give, and keeps what it was asked."""

    def __init__(self, *states: State, log: bytes = b"") -> None:
        self.asked: list[tuple[object, ...]] = []
        self.log_data = log
        self.ended = False
        self.past: tuple[LogEntry, ...] = ()
        self.refusal: Exception | None = None
        self.report: PreflightReport | None = None
        self._states = list(states)
        self._news = threading.Condition()
        self._closed = False
        self._stopped = False
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
                state = self._states.pop(0)
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

    def submit(self, request: SubmitJob, /) -> Job:
        """Take a job."""
        self._take("submit", request)
        return job(42, "nbody", JobState.PENDING)

    def preflight(self, wish: PreflightWish, /) -> PreflightReport:
        """Give the report that was laid ready; until there is one, wait for it or for the stop."""
        self._take("preflight", wish)
        with self._news:
            self._stopped = False
            self._news.wait_for(lambda: self.report or self._stopped or self._closed)
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
            self._stopped = True
            self.stops += 1
            self._news.notify_all()

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

    def log(self, number: JobId, /, *, offset: int, limit: int) -> LogChunk:
        """Give the log's bytes."""
        self._take("log", number, offset)
        start = max(0, len(self.log_data) + offset) if offset < 0 else offset
        data = self.log_data[start : start + limit]
        return LogChunk(data, start + len(data), self.ended)

    def events(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Give what happened."""
        self._take("events", since)
        return tuple(entry for entry in self.past if entry.seq > since)[-limit:]

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
