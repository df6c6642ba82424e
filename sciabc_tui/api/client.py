"""The API's client: blocking, and of the standard library, because commands must start fast.

`Client` fits `sciabc_tui.tui.ports.ClusterClient`. Each call has a connection of its own, so any number of
threads may use one client. Foreign errors become those of `sciabc_tui.errors` here, once.
"""

import socket
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from sciabc_tui.api.http1 import HTTPConnection, HTTPException
from sciabc_tui.api.messages import (
    EVERY_LINE,
    VERSION,
    AddNode,
    ApproveKey,
    Drain,
    JobDetail,
    JobPreview,
    Jobs,
    LogChunk,
    LogCount,
    LogFilter,
    LogPlace,
    PreflightBegun,
    PreflightReport,
    PreflightRow,
    PreflightWish,
    Priority,
    SubmitJob,
    Submitted,
    job_path,
)
from sciabc_tui.api.wire import (
    ask,
    connect,
    encoded,
    gone,
    hang_up,
    mapped,
    other_version,
    read_as,
    read_line,
    read_piece,
    silent,
)
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId

if TYPE_CHECKING:
    from sciabc_tui.api.works import Part, Wish
    from sciabc_tui.cluster.series import Series
    from sciabc_tui.cluster.state import LogEntry, State

ANSWER_WITHIN = 30.0
"""Seconds in which the service must answer a request."""

SILENT_FOR = 15.0
"""Seconds of silence after which a watch is given up: three keep-alives were missed."""

MOST_EVENTS = 20_000
"""Events that the server gives at once; more than it keeps."""

_PIECE = 256 * 1024
"""Bytes of a watch that are taken at once."""

_T = TypeVar("_T")


class Client:
    """The head service behind a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._watching: set[socket.socket] = set()
        self._reading: set[socket.socket] = set()
        self._preflights: set[socket.socket] = set()
        self._works: set[socket.socket] = set()
        self._closed = self._stopped = False

    def state(self) -> "State":
        """Give the state now."""
        return _decoded_state(self._get(f"/{VERSION}/state"))

    def watch(self) -> "Generator[State, None, None]":
        """Give the state now and whenever it changes, the newest only; ends when the service goes.

        Raises:
            ServiceUnavailable: Nobody answers, or nothing came for `SILENT_FOR` seconds.
            ServiceFailed: The service speaks another version.
        """
        if self._closed:
            return
        with closing(connect(self._path, SILENT_FOR)) as connection:
            wire: socket.socket = connection.sock
            if not self._begin_watch(wire):
                return
            try:
                yield from self._states(connection)
            except TimeoutError as error:
                raise silent() from error
            except (HTTPException, OSError):
                return  # it went away, or `close_watch` was called
            finally:
                with self._lock:
                    self._watching.discard(wire)

    def close_watch(self) -> None:
        """End `watch` and all reading from another thread, for good; what was asked to be done goes on."""
        with self._lock:
            self._closed = True
            hang_up(self._watching | self._reading)

    def jobs(self, limit: int = 100) -> tuple[Job, ...]:
        """Give the newest jobs, the newest first."""
        return self.job_list(limit).jobs

    def job_list(self, limit: int) -> Jobs:
        """Give the newest jobs with the head's time."""
        return _decoded(self._get(f"/{VERSION}/jobs?limit={limit}"), Jobs)

    def job(self, job: JobId) -> Job:
        """Give one job.

        Raises:
            NotFound: There is no such job.
        """
        return _decoded(self._get(job_path(job)), Job)

    def job_detail(self, job: JobId, /) -> JobDetail:
        """Give a job with all its attempts.

        Raises:
            NotFound: There is no such job.
        """
        return _decoded(self._get(job_path(job, "/detail")), JobDetail)

    def submit(self, request: SubmitJob, /) -> Job:
        """Put a job into the queue."""
        return _decoded(self._post(f"/{VERSION}/jobs", request), Submitted).job

    def preview(self, request: SubmitJob, /) -> JobPreview:
        """Say what would become of a job, and submit nothing.

        Raises:
            CommandRefused: It can't be run as it stands.
        """
        return _decoded(self._post(f"/{VERSION}/jobs/preview", request), JobPreview)

    def preflight(
        self, wish: PreflightWish, /, tell: Callable[[PreflightBegun | PreflightRow], object] | None = None
    ) -> PreflightReport:
        """Check whether nodes are fit for a job; takes seconds.

        Args:
            wish: Which nodes, for what.
            tell: Hears which nodes are asked, and then of each as soon as it has answered.

        Raises:
            NotFound: There is no such node.
            CommandRefused: There is nothing to check, or the program can't be run as it stands.
            ServiceUnavailable: Nobody answers, or `stop_preflight` was called.
        """
        from sciabc_tui.api.streamed import rows  # noqa: PLC0415 - most commands need none

        with self._open(self._preflights) as connection:
            path = f"/{VERSION}/preflight{'?follow=1' if tell else ''}"
            response = ask(connection, "POST", path, msgspec.json.encode(wish))
            return rows(response, tell) if tell else _decoded(response.read(), PreflightReport)

    def stop_preflight(self) -> None:
        """End, from another thread, every `preflight` that is under way."""
        with self._lock:
            hang_up(self._preflights)

    def work(self, wish: "Wish", tell: "Callable[[Part], object]", /) -> None:
        """Do a work on nodes, and hear each part as it happens; returns when it is over.

        Raises:
            NotFound: There is no such node.
            CommandRefused: It can't be done as things stand.
            ServiceUnavailable: Nobody answers, or `stop_works` was called.
        """
        from sciabc_tui.api.streamed import told  # noqa: PLC0415 - most commands do no work

        with self._open(self._works) as connection:
            if self._stopped:
                raise gone()
            told(ask(connection, "POST", f"/{VERSION}/works/{wish.name}", encoded(wish)), tell)

    def stop_works(self) -> None:
        """Cancel, from another thread, every `work`: those that are under way, and any later one."""
        with self._lock:
            self._stopped = True  # one that is about to begin must not be missed
            hang_up(self._works)

    def apart(self) -> "Client":
        """Give another client of the same service: its works are stopped by themselves."""
        return Client(self._path)

    def cancel(self, job: JobId, /) -> None:
        """Cancel a job."""
        self._post(job_path(job, "/cancel"))

    def hold(self, job: JobId, /) -> None:
        """Keep a waiting job from starting."""
        self._post(job_path(job, "/hold"))

    def release(self, job: JobId, /) -> None:
        """Let a held job start."""
        self._post(job_path(job, "/release"))

    def requeue(self, job: JobId, /) -> None:
        """Run a job that ended once more."""
        self._post(job_path(job, "/requeue"))

    def prioritise(self, job: JobId, priority: int, /) -> None:
        """Give a waiting job another place in the queue."""
        self._post(job_path(job, "/priority"), Priority(priority))

    def log(
        self, job: JobId, /, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE, before: bool = False
    ) -> LogChunk:
        """Read whole lines of a job's log from a byte offset on, or those that end there.

        A negative offset counts from the end.
        """
        way = "&before=1" if before else ""
        path = job_path(job, f"/log?offset={offset}&limit={limit}{way}{wanted.parameters()}")
        with self._to_read() as connection:
            response = ask(connection, "GET", path)
            data = response.read()
        try:
            start, following, size = (
                int(response.headers[f"X-{name}"]) for name in ("Start-Offset", "Next-Offset", "Size")
            )
        except (KeyError, TypeError, ValueError) as error:
            raise other_version() from error
        return LogChunk(data, following, response.headers["X-Ended"] == "true", start, size)

    def seek_log(self, job: JobId, /, *, offset: int, wanted: LogFilter, backward: bool = False) -> LogPlace:
        """Find the next wanted line of a job's log from an offset on, or the last one before it."""
        way = "&before=1" if backward else ""
        path = job_path(job, f"/log/seek?offset={offset}{way}{wanted.parameters()}")
        return _decoded(self._get(path), LogPlace)

    def count_log(self, job: JobId, /, *, offset: int, to: int, wanted: LogFilter = EVERY_LINE) -> LogCount:
        """Count the lines of an attempt's log between two offsets."""
        return _decoded(
            self._get(job_path(job, f"/log/lines?offset={offset}&to={to}{wanted.parameters()}")), LogCount
        )

    def follow(
        self, job: JobId, *, offset: int = 0, wanted: LogFilter = EVERY_LINE
    ) -> Generator[bytes, None, None]:
        """Read a job's log until the job has ended; each piece is made of whole lines.

        Raises:
            NotFound: There is no such job.
            ServiceUnavailable: The service went away before the job ended.
        """
        path = job_path(job, f"/log?follow=1&offset={offset}{wanted.parameters()}")
        with closing(connect(self._path, None)) as connection:
            with mapped():
                response = ask(connection, "GET", path)
            rest = b""
            while piece := read_piece(response):
                whole, newline, rest = (rest + piece).rpartition(b"\n")
                if newline:
                    yield whole + newline
            if rest:
                yield rest

    def events(self, since: int, limit: int) -> "tuple[LogEntry, ...]":
        """Give the newest `limit` events with a number above `since` (0 for all), the oldest first."""
        from sciabc_tui.api.states import decode_events  # noqa: PLC0415 - what needs no state starts sooner

        return read_as(decode_events, self._get(f"/{VERSION}/events?since={since}&limit={limit}"))

    def follow_events(self, since: int) -> "Generator[LogEntry, None, None]":
        """Give the events with a number above `since`, and each new one as it happens.

        Raises:
            ServiceUnavailable: The service went away, or nothing came for `SILENT_FOR` seconds.
        """
        from sciabc_tui.api.states import decode_entry  # noqa: PLC0415 - what needs no state starts sooner

        path = f"/{VERSION}/events?follow=1&since={since}&limit={MOST_EVENTS}"
        with closing(connect(self._path, SILENT_FOR)) as connection:
            with mapped():
                response = ask(connection, "GET", path)
            while line := read_line(response):
                if line.strip():
                    yield read_as(decode_entry, line)
        raise gone()

    def add_node(self, host: str, /) -> None:
        """Take in a node that can't announce itself: `[USER@]HOST[:PORT]`.

        Raises:
            CommandRefused: It is no such thing, or is there already.
        """
        self._post(f"/{VERSION}/nodes", AddNode(host))

    def approve(self, node: NodeId, fingerprint: str, /) -> None:
        """Trust the node's host key."""
        self._post(_node_path(node, "approve"), ApproveKey(fingerprint))

    def forget(self, node: NodeId, /) -> None:
        """Forget the node and its host key."""
        self._post(_node_path(node, "forget"))

    def drain(self, node: NodeId, reason: str, /) -> None:
        """Take no new jobs there."""
        self._post(_node_path(node, "drain"), Drain(reason))

    def resume(self, node: NodeId, /) -> None:
        """Take new jobs there again."""
        self._post(_node_path(node, "resume"))

    def history(self, node: NodeId, span: int, /) -> "Series":
        """Give a node's load over 60, 600 or 3600 seconds."""
        from sciabc_tui.cluster.series import Series  # noqa: PLC0415 - only the control panel draws it

        return _decoded(self._get(f"{_node_path(node, 'history')}?span={span}"), Series)

    def hostfile(self) -> str:
        """Give the present nodes.txt."""
        return self._get(f"/{VERSION}/hostfile").decode()

    @contextmanager
    def _open(self, among: set[socket.socket]) -> "Generator[HTTPConnection, None, None]":
        """Connect; meanwhile the connection is among those that another thread may hang up."""
        with mapped(), closing(connect(self._path, ANSWER_WITHIN)) as connection:
            wire: socket.socket = connection.sock
            with self._lock:
                among.add(wire)
            try:
                yield connection
            finally:
                with self._lock:
                    among.discard(wire)

    @contextmanager
    def _to_read(self) -> "Generator[HTTPConnection, None, None]":
        with self._open(self._reading) as connection:
            if self._closed:
                raise gone()
            yield connection

    def _get(self, path: str) -> bytes:
        with self._to_read() as connection:
            return ask(connection, "GET", path).read()

    def _post(self, path: str, message: msgspec.Struct | None = None) -> bytes:
        body = b"" if message is None else encoded(message)
        with mapped(), closing(connect(self._path, ANSWER_WITHIN)) as connection:
            return ask(connection, "POST", path, body).read()

    def _begin_watch(self, wire: socket.socket) -> bool:
        with self._lock:
            if not self._closed:
                self._watching.add(wire)
            return not self._closed

    def _states(self, connection: HTTPConnection) -> "Iterator[State]":
        response = ask(connection, "GET", f"/{VERSION}/watch")
        begun: list[bytes] = []  # of a line; `readline` takes twice the time for one of megabytes
        while piece := response.read1(_PIECE):
            *ends, rest = piece.split(b"\n")
            newest = b""
            for end in ends:
                newest = b"".join((*begun, end)).strip() or newest
                begun.clear()
            begun.append(rest)
            if newest:
                yield _decoded_state(newest)


def _decoded(body: bytes, kind: type[_T]) -> _T:
    return read_as(lambda body: msgspec.json.decode(body, type=kind), body)


def _decoded_state(line: bytes) -> "State":
    from sciabc_tui.api.states import decode_state  # noqa: PLC0415 - what needs no state starts sooner

    return read_as(decode_state, line)


def _node_path(node: NodeId, action: str) -> str:
    return f"/{VERSION}/nodes/{quote(node, safe='')}/{action}"
