"""One request to the head service over its Unix socket, by the standard library: connect, ask, read."""

import errno
import os
import socket
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from sciabc_tui.api.http1 import HTTPConnection, HTTPException, HTTPResponse
from sciabc_tui.api.messages import Refusal
from sciabc_tui.api.peers import check_owner, kept_out, peer_uid
from sciabc_tui.api.waits import Wire
from sciabc_tui.errors import (
    AlreadyRunning,
    CommandRefused,
    ConfigError,
    NotFound,
    SciabcError,
    ServiceFailed,
    ServiceUnavailable,
)

_KINDS: dict[str, type[SciabcError]] = {
    error.__name__: error
    for error in (AlreadyRunning, CommandRefused, ConfigError, NotFound, ServiceFailed, ServiceUnavailable)
}
LARGEST_REQUEST = 64 * 1024
"""Bytes that the server takes in one request."""

_PIECE = 64 * 1024
_T = TypeVar("_T")


def connect(path: Path, timeout: float | None) -> HTTPConnection:
    """Open a connection to the service whose socket this is.

    Args:
        path: Of the socket.
        timeout: Seconds that each wait for it may take; None for any time.

    Raises:
        ServiceUnavailable: Nobody answers there.
        ConfigError: It is another user's.
    """
    wire = Wire(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        wire.settimeout(timeout)
        with _unreachable(path):
            check_owner(path, path.stat().st_uid)
            wire.connect(os.fspath(path))
        check_owner(path, peer_uid(wire))
    except BaseException:
        wire.close()
        raise
    connection = HTTPConnection("sciabc")
    connection.sock = wire
    return connection


@contextmanager
def _unreachable(path: Path) -> Generator[None, None, None]:
    try:
        yield
    except TimeoutError as error:
        raise silent() from error
    except OSError as error:
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise kept_out(path) from error
        if error.errno in {errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR, None}:
            raise ServiceUnavailable("No head service is running. Next: sciabc-tui head") from error
        raise silent() from error


def hang_up(wires: Iterable[socket.socket]) -> None:
    """End what is under way on these connections, from another thread."""
    for wire in wires:
        with suppress(OSError):  # it ended by itself meanwhile
            wire.shutdown(socket.SHUT_RDWR)


def read_piece(response: HTTPResponse) -> bytes:
    """Read what has come, and wait only for something; empty at the end."""
    with mapped():
        return response.read1(_PIECE)


def read_line(response: HTTPResponse) -> bytes:
    """Read a line with its end; empty at the end of all."""
    with mapped():
        return response.readline()


def ask(connection: HTTPConnection, method: str, path: str, body: bytes = b"") -> HTTPResponse:
    """Send a request and read the head of the answer; a refusal is raised as the error it stands for."""
    connection.request(method, path, body or None, {"Content-Type": "application/json"} if body else {})
    response = connection.getresponse()
    if response.status < 300:
        return response
    try:
        refusal = msgspec.json.decode(response.read(), type=Refusal)
    except msgspec.DecodeError as error:
        raise other_version() from error
    fallback = CommandRefused if response.status < 500 else ServiceFailed
    raise _KINDS.get(refusal.kind, fallback)(" ".join(refusal.error.split()))


def encoded(message: msgspec.Struct) -> bytes:
    """Write a request. Raises `CommandRefused` for one that is too large."""
    body = msgspec.json.encode(message)
    if len(body) > LARGEST_REQUEST:
        raise CommandRefused(
            f"The request has {len(body)} bytes, {LARGEST_REQUEST} are taken. Next: use a file"
        )
    return body


@contextmanager
def mapped() -> Generator[None, None, None]:
    """Turn what can happen on the wire into our own errors."""
    try:
        yield
    except TimeoutError as error:
        raise silent() from error
    except (HTTPException, OSError) as error:
        raise gone() from error


def read_as(decode: Callable[[bytes], _T], body: bytes) -> _T:
    """Decode an answer. Raises `ServiceFailed` for one that is none of this version."""
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise other_version() from error


def other_version() -> ServiceFailed:
    """Give the error for an answer that can't be understood."""
    return ServiceFailed("The head service speaks another version. Next: stop it, then sciabc-tui head")


def gone() -> ServiceUnavailable:
    """Give the error for a connection that broke."""
    return ServiceUnavailable("The head service went away. Next: sciabc-tui status")


def silent() -> ServiceUnavailable:
    """Give the error for a service that lets wait."""
    return ServiceUnavailable("The head service does not answer. Next: stop it, then sciabc-tui head")
