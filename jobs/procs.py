"""The processes of a job on this machine, found by what marks them and never by their name."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from jobs.launchers import TOKEN

_PROC = Path("/proc")
_SESSION = 3  # fields of /proc/PID/stat behind the name, see proc(5): state, ppid, pgrp, session, ...
_START = 19


def start_time(pid: int) -> int | None:
    """Return when a process began, in clock ticks since boot; None if it is gone.

    With the pid it names a process for good: a pid alone is given out again.
    """
    fields = _stat(pid)
    return int(fields[_START]) if fields else None


def of_job(token: str, session: int | None = None) -> tuple[int, ...]:
    """Return the pids of the job's processes: they carry its token, or belong to the launcher's session."""
    return tuple(pid for pid in _pids() if _belongs(pid, token, session))


def end_all(token: str, session: int | None = None) -> int:
    """SIGKILL what is left of a job on this machine, and return how many processes that were."""
    ended: set[int] = set()
    # One that forks while we look may be missed at first; what it left is found in the next round.
    while found := [pid for pid in of_job(token, session) if pid not in ended]:
        for pid in found:
            _kill(pid, token, session)
            ended.add(pid)
    return len(ended)


def send(pid: int, started: int, number: signal.Signals) -> bool:
    """Send a signal to exactly that process; return whether it was there to get it."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # From here on the descriptor means one process, whatever happens to the number.
        if start_time(pid) != started:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _kill(pid: int, token: str, session: int | None) -> None:
    started = start_time(pid)
    if started is not None and _belongs(pid, token, session):
        send(pid, started, signal.SIGKILL)


def _pids() -> Iterator[int]:
    own = os.getpid()
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            yield int(entry.name)


def _belongs(pid: int, token: str, session: int | None) -> bool:
    fields = _stat(pid)
    if fields is None or fields[0] in {b"Z", b"X"}:
        return False
    if session is not None and int(fields[_SESSION]) == session:
        return True
    try:
        environ = (_PROC / str(pid) / "environ").read_bytes()
    except OSError:  # another user's, or gone
        return False
    return f"{TOKEN}={token}".encode() in environ.split(b"\0")


def _stat(pid: int) -> list[bytes] | None:
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, spaces and parentheses included.
    return text[text.rindex(b")") + 2 :].split()
