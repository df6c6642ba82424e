"""The runtime directory and the API's socket in it, made so that nobody else gets in.

Whoever reaches the socket runs programs as its owner: there must be no moment at which it is wider open
than at the end.
"""

import errno
import fcntl
import os
import socket
import stat
from pathlib import Path
from types import TracebackType
from typing import Self

from sciabc_tui.errors import AlreadyRunning, ConfigError

LONGEST_PATH = 107
"""Bytes that the path of a Unix socket may have (unix(7): sun_path, without its final NUL)."""

_MINE_ALONE = 0o700
_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


def prepare(directory: Path) -> None:
    """Make the runtime directory with mode 0700, or check the one that is there.

    Raises:
        ConfigError: It is no directory, belongs to another user, or others may write to it or replace it.
    """
    try:
        directory.parent.mkdir(parents=True, exist_ok=True)
        directory.mkdir(mode=_MINE_ALONE, exist_ok=True)
        found = directory.lstat()
        above = directory.resolve().parent.stat()
    except OSError as error:
        raise ConfigError(
            f"paths.runtime: {directory} can't be used: {error.strerror}. Next: name another directory"
        ) from error
    if not stat.S_ISDIR(found.st_mode):
        raise ConfigError(f"paths.runtime: {directory} is no directory. Next: name another one")
    if found.st_uid != os.geteuid():
        raise ConfigError(f"paths.runtime: {directory} belongs to another user. Next: name another directory")
    if found.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigError(
            f"paths.runtime: others may write to {directory}. Next: chmod 700 {directory}, or name another"
        )
    replaceable = above.st_mode & _WRITABLE_BY_OTHERS and not above.st_mode & stat.S_ISVTX
    if replaceable or above.st_uid not in {0, os.geteuid()}:
        raise ConfigError(f"paths.runtime: others may replace {directory}. Next: name another directory")


class Claim:
    """The one listening socket of a runtime directory. Give it back with `release`, or use it with `with`.

    A lock on the directory itself, held for as long as the claim, decides between two services that start
    at once; a socket whose directory nobody locks is what a dead service left, and is replaced.
    """

    def __init__(self, path: Path) -> None:
        """Make the directory and the socket; it listens when asyncio serves it.

        Raises:
            AlreadyRunning: A service holds this directory or answers on this socket.
            ConfigError: The directory or the path can't be used.
        """
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise ConfigError(
                f"paths.runtime: {path} is longer than the {LONGEST_PATH} bytes that a socket's path may "
                "have. Next: name a shorter directory"
            )
        prepare(path.parent)
        self._path = path
        self._lock = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self.socket = self._take()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def release(self) -> None:
        """Remove the socket, and let another service in."""
        self._path.unlink(missing_ok=True)
        self.socket.close()
        os.close(self._lock)

    def _take(self) -> socket.socket:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise _running(self._path) from error
        self._remove_stale()
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            # Linux gives the file the mode that the socket has when it is bound: it is never wider.
            os.fchmod(listener.fileno(), 0o600)
            listener.bind(os.fspath(self._path))
            listener.setblocking(False)  # noqa: FBT003 - the standard library's own signature
        except BaseException:
            listener.close()
            raise
        return listener

    def _remove_stale(self) -> None:
        try:
            found = self._path.lstat()
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(found.st_mode):
            raise ConfigError(f"{self._path} is in the way and no socket. Next: move it")
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
            if probe.connect_ex(os.fspath(self._path)) not in {errno.ECONNREFUSED, errno.ENOENT}:
                raise _running(self._path)
        self._path.unlink(missing_ok=True)


def _running(path: Path) -> AlreadyRunning:
    return AlreadyRunning(f"A head service runs already, on {path}. Next: sciabc-tui status")
