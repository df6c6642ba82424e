"""A runner that waits for its attempt.

A Python with all that a runner needs begins in a tenth of a second, on a Raspberry Pi in half a second: as
long as a launcher takes. One that has begun before takes over in a few milliseconds. It has 15 MB meanwhile.
"""

import contextlib
import os
import select
import socket
import subprocess
import threading
from pathlib import Path

from jobs import detach
from jobs.attempt import AttemptFiles
from jobs.runner import hold

_ANSWER_BYTES = 64


class Standby:
    """Keeps one runner waiting, and launches attempts by it; any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: tuple[subprocess.Popen[bytes], socket.socket] | None = None

    @property
    def waits(self) -> bool:
        """Whether a runner waits."""
        with self._lock:
            return self._waits()

    def prepare(self) -> None:
        """Let a runner begin, unless one waits already; where that can't be, launches just take longer."""
        with self._lock:
            if not self._waits():
                self._let_go()
                with contextlib.suppress(OSError):
                    self._waiting = _begun()

    def launch(self, folder: Path) -> int:
        """Start the runner of an attempt, as ``detach.launch`` does.

        Raises:
            StoreError: The attempt has a runner already, or the runner could not begin.
        """
        with self._lock:
            waiting, self._waiting = self._waiting, None
        if waiting is not None:
            process, wire = waiting
            try:
                with wire:
                    taken = _handed_over(folder, wire)
                    answer = _answer(wire) if taken else b""
            finally:
                process.wait()  # it has left its work to a child of its own: see jobs.runner
            if taken:
                return detach.stands(folder, answer)
        return detach.launch(folder)  # there was none, or it was killed

    def close(self) -> None:
        """End the runner that waits; those that have an attempt go on."""
        with self._lock:
            self._let_go()

    def _waits(self) -> bool:
        if self._waiting is None:
            return False
        process, wire = self._waiting
        process.poll()  # no zombie is left of it, once its child waits
        ear = select.poll()
        ear.register(wire, 0)
        return not ear.poll(0)  # whoever waits hangs up when it is gone

    def _let_go(self) -> None:
        if self._waiting is not None:
            process, wire = self._waiting
            self._waiting = None
            with wire:
                wire.shutdown(socket.SHUT_WR)  # it ends when nobody can give it anything
                _answer(wire)
            process.wait()


def _begun() -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with its:
        try:
            nowhere = subprocess.DEVNULL  # until it has an attempt
            own = ("--stand-by", str(its.fileno()))
            process = detach.spawned(*own, held=its.fileno(), says=nowhere, errors=nowhere)
        except OSError:
            ours.close()
            raise
    ours.settimeout(detach.START_SECONDS)
    return process, ours


def _handed_over(folder: Path, wire: socket.socket) -> bool:
    """Give the runner its attempt, with the lock and its standard error; return whether it was there."""
    lock = hold(folder)
    try:
        with AttemptFiles(folder).errors.open("ab") as errors:
            socket.send_fds(wire, [os.fsencode(folder.absolute())], [lock, errors.fileno()])
    except OSError:
        return False
    finally:
        os.close(lock)
    return True


def _answer(wire: socket.socket) -> bytes:
    """Hear what the runner says until it lets go of the wire: when it stands, or is gone."""
    said = b""
    with contextlib.suppress(OSError):  # it is silent, or was killed
        while data := wire.recv(_ANSWER_BYTES):
            said += data
    return said
