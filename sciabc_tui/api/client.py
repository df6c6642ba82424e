"""The API's client: blocking, and of the standard library, because commands must start fast.

`Client` fits `sciabc_tui.tui.ports.ClusterClient`. Each call has a connection of its own, so any number of
threads may use one client. Foreign errors become those of `sciabc_tui.errors` here, once.
"""

import errno
import http.client
import os
import socket
import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote

import msgspec

from sciabc_tui.api.messages import (
    EVERY_LINE,
    VERSION,
    AddNode,
    ApproveKey,
    Drain,
    Jobs,
    LogChunk,
    LogFilter,
    PreflightReport,
    PreflightWish,
    Priority,
    Refusal,
    SubmitJob,
    Submitted,
    job_path,
)
from sciabc_tui.api.peers import check_owner, kept_out, peer_uid
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.series import Series
from sciabc_tui.errors import (
    AlreadyRunning,
    CommandRefused,
    ConfigError,
    NotFound,
    SciabcError,
    ServiceFailed,
    ServiceUnavailable,
)

if TYPE_CHECKING:
    from sciabc_tui.cluster.state import LogEntry, State

ANSWER_WITHIN = 30.0
"""Seconds in which the service must answer a request."""

SILENT_FOR = 15.0
"""Seconds of silence after which a watch is given up: three keep-alives were missed."""

LARGEST_REQUEST = 64 * 1024
"""Bytes that the server takes in one request."""

MOST_EVENTS = 20_000
"""Events that the server gives at once; more than it keeps."""

_KINDS: dict[str, type[SciabcError]] = {
    error.__name__: error
    for error in (AlreadyRunning, CommandRefused, ConfigError, NotFound, ServiceFailed, ServiceUnavailable)
}
_PIECE = 64 * 1024
_T = TypeVar("_T")


class Client:
    """The head service behind a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._watching: set[socket.socket] = set()
        self._preflights: set[socket.socket] = set()
        self._closed = False

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
        with closing(self._connect(SILENT_FOR)) as connection:
            wire: socket.socket = connection.sock
            if not self._begin_watch(wire):
                return
            try:
                yield from self._states(connection)
            except TimeoutError as error:
                raise _silent() from error
            except (http.client.HTTPException, OSError):
                return  # it went away, or `close_watch` was called
            finally:
                with self._lock:
                    self._watching.discard(wire)

    def close_watch(self) -> None:
        """End `watch` from another thread, for good: a watch that is begun later ends at once."""
        with self._lock:
            self._closed = True
            _hang_up(self._watching)

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

    def submit(self, request: SubmitJob, /) -> Job:
        """Put a job into the queue."""
        return _decoded(self._post(f"/{VERSION}/jobs", request), Submitted).job

    def preflight(self, wish: PreflightWish, /) -> PreflightReport:
        """Check whether nodes are fit for a job; takes seconds.

        Raises:
            NotFound: There is no such node.
            CommandRefused: There is nothing to check, or the program can't be run as it stands.
            ServiceUnavailable: Nobody answers, or `stop_preflight` was called.
        """
        with _mapped(), closing(self._connect(ANSWER_WITHIN)) as connection:
            wire: socket.socket = connection.sock
            with self._lock:
                self._preflights.add(wire)
            try:
                body = msgspec.json.encode(wish)
                return _decoded(
                    _ask(connection, "POST", f"/{VERSION}/preflight", body).read(), PreflightReport
                )
            finally:
                with self._lock:
                    self._preflights.discard(wire)

    def stop_preflight(self) -> None:
        """End, from another thread, every `preflight` that is under way."""
        with self._lock:
            _hang_up(self._preflights)

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

    def log(self, job: JobId, /, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE) -> LogChunk:
        """Read whole lines of a job's log from a byte offset; a negative one counts from the end."""
        path = job_path(job, f"/log?offset={offset}&limit={limit}{wanted.parameters()}")
        with _mapped(), closing(self._connect(ANSWER_WITHIN)) as connection:
            response = _ask(connection, "GET", path)
            data = response.read()
        try:
            next_offset = int(response.headers["X-Next-Offset"])
        except (KeyError, TypeError, ValueError) as error:
            raise _other_version() from error
        return LogChunk(data, next_offset, response.headers["X-Ended"] == "true")

    def follow(
        self, job: JobId, *, offset: int = 0, wanted: LogFilter = EVERY_LINE
    ) -> Generator[bytes, None, None]:
        """Read a job's log until the job has ended; each piece is made of whole lines.

        Raises:
            NotFound: There is no such job.
            ServiceUnavailable: The service went away before the job ended.
        """
        path = job_path(job, f"/log?follow=1&offset={offset}{wanted.parameters()}")
        with closing(self._connect(None)) as connection:
            with _mapped():
                response = _ask(connection, "GET", path)
            rest = b""
            while piece := _read_piece(response):
                whole, newline, rest = (rest + piece).rpartition(b"\n")
                if newline:
                    yield whole + newline
            if rest:
                yield rest

    def events(self, since: int, limit: int) -> "tuple[LogEntry, ...]":
        """Give the newest `limit` events with a number above `since` (0 for all), the oldest first."""
        from sciabc_tui.api.states import decode_events  # noqa: PLC0415 - what needs no state starts sooner

        return _read_as(decode_events, self._get(f"/{VERSION}/events?since={since}&limit={limit}"))

    def follow_events(self, since: int) -> "Generator[LogEntry, None, None]":
        """Give the events with a number above `since`, and each new one as it happens.

        Raises:
            ServiceUnavailable: The service went away, or nothing came for `SILENT_FOR` seconds.
        """
        from sciabc_tui.api.states import decode_entry  # noqa: PLC0415 - what needs no state starts sooner

        path = f"/{VERSION}/events?follow=1&since={since}&limit={MOST_EVENTS}"
        with closing(self._connect(SILENT_FOR)) as connection:
            with _mapped():
                response = _ask(connection, "GET", path)
            while line := _read_line(response):
                if line.strip():
                    yield _read_as(decode_entry, line)
        raise _gone()

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

    def history(self, node: NodeId, span: int, /) -> Series:
        """Give a node's load over 60, 600 or 3600 seconds."""
        return _decoded(self._get(f"{_node_path(node, 'history')}?span={span}"), Series)

    def hostfile(self) -> str:
        """Give the present nodes.txt."""
        return self._get(f"/{VERSION}/hostfile").decode()

    def _get(self, path: str) -> bytes:
        with _mapped(), closing(self._connect(ANSWER_WITHIN)) as connection:
            return _ask(connection, "GET", path).read()

    def _post(self, path: str, message: msgspec.Struct | None = None) -> bytes:
        body = b"" if message is None else msgspec.json.encode(message)
        if len(body) > LARGEST_REQUEST:
            raise CommandRefused(
                f"The request has {len(body)} bytes, {LARGEST_REQUEST} are taken. Next: use a file"
            )
        with _mapped(), closing(self._connect(ANSWER_WITHIN)) as connection:
            return _ask(connection, "POST", path, body).read()

    def _begin_watch(self, wire: socket.socket) -> bool:
        with self._lock:
            if not self._closed:
                self._watching.add(wire)
            return not self._closed

    def _states(self, connection: http.client.HTTPConnection) -> "Iterator[State]":
        response = _ask(connection, "GET", f"/{VERSION}/watch")
        while line := response.readline():
            if line.strip():
                yield _decoded_state(line)

    def _connect(self, timeout: float | None) -> http.client.HTTPConnection:
        wire = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            wire.settimeout(timeout)
            with self._unreachable():
                check_owner(self._path, self._path.stat().st_uid)
                wire.connect(os.fspath(self._path))
            check_owner(self._path, peer_uid(wire))
        except BaseException:
            wire.close()
            raise
        connection = http.client.HTTPConnection("sciabc")
        connection.sock = wire
        return connection

    @contextmanager
    def _unreachable(self) -> Generator[None, None, None]:
        try:
            yield
        except TimeoutError as error:
            raise _silent() from error
        except OSError as error:
            if error.errno in {errno.EACCES, errno.EPERM}:
                raise kept_out(self._path) from error
            if error.errno in {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, None}:
                raise ServiceUnavailable("No head service is running. Next: sciabc-tui head") from error
            raise _silent() from error


def _hang_up(wires: Iterable[socket.socket]) -> None:
    for wire in wires:
        with suppress(OSError):  # it ended by itself meanwhile
            wire.shutdown(socket.SHUT_RDWR)


def _read_piece(response: http.client.HTTPResponse) -> bytes:
    with _mapped():
        return response.read1(_PIECE)


def _read_line(response: http.client.HTTPResponse) -> bytes:
    with _mapped():
        return response.readline()


def _ask(
    connection: http.client.HTTPConnection, method: str, path: str, body: bytes = b""
) -> http.client.HTTPResponse:
    """Send a request and read the head of the answer; a refusal is raised as the error it stands for."""
    connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    if response.status < 300:
        return response
    try:
        refusal = msgspec.json.decode(response.read(), type=Refusal)
    except msgspec.DecodeError as error:
        raise _other_version() from error
    fallback = CommandRefused if response.status < 500 else ServiceFailed
    raise _KINDS.get(refusal.kind, fallback)(" ".join(refusal.error.split()))


@contextmanager
def _mapped() -> Generator[None, None, None]:
    """Turn what can happen on the wire into our own errors."""
    try:
        yield
    except TimeoutError as error:
        raise _silent() from error
    except (http.client.HTTPException, OSError) as error:
        raise _gone() from error


def _decoded(body: bytes, kind: type[_T]) -> _T:
    return _read_as(lambda body: msgspec.json.decode(body, type=kind), body)


def _decoded_state(line: bytes) -> "State":
    from sciabc_tui.api.states import decode_state  # noqa: PLC0415 - what needs no state starts sooner

    return _read_as(decode_state, line)


def _read_as(decode: Callable[[bytes], _T], body: bytes) -> _T:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise _other_version() from error


def _other_version() -> ServiceFailed:
    return ServiceFailed("The head service speaks another version. Next: stop it, then sciabc-tui head")


def _gone() -> ServiceUnavailable:
    return ServiceUnavailable("The head service went away. Next: sciabc-tui status")


def _silent() -> ServiceUnavailable:
    return ServiceUnavailable("The head service does not answer. Next: stop it, then sciabc-tui head")


def _node_path(node: NodeId, action: str) -> str:
    return f"/{VERSION}/nodes/{quote(node, safe='')}/{action}"
