"""The processes of a job on this machine, found by what marks them and never by their name."""

import contextlib
import ctypes
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from jobs.launchers import TOKEN

_PROC = Path("/proc")
_STATE = 0  # fields of /proc/PID/stat behind the name, see proc(5)
_SESSION = 3
_FLAGS = 6
_START = 19
_START_CODE = 23  # the last of these that an execve(2) sets
_ENV_START, _ENV_END = 47, 48
_KERNEL_OR_EXITING = 0x00200000 | 0x00000004  # linux/sched.h: PF_KTHREAD, PF_EXITING
# How long a process may be in the middle of an execve(2): what takes longer waits for a disk.
_EXEC_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# How long what was killed may take to be gone; only what waits in the kernel for a device takes longer.
_DEATH_SECONDS = 1.0


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
    """SIGKILL what is left of a job on this machine, and return how many processes that were.

    They are gone when it returns, but for one that can't be killed (it waits for a device).
    """
    ended: set[tuple[int, int | None]] = set()
    # After the last one is gone too: one that we may not stop may have started another meanwhile.
    while held := _stopped(token, session, ended):
        try:
            for descriptor in held:
                _signal(descriptor, signal.SIGKILL)
            _gone(held, _DEATH_SECONDS)
        finally:
            for descriptor in held:
                os.close(descriptor)
    return len(ended)


def send(pid: int, started: int, number: signal.Signals) -> bool:
    """Send a signal to exactly that process; return whether it was there to get it."""
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # From here on the descriptor means one process, whatever happens to the number.
        return start_time(pid) == started and _signal(descriptor, number)
    finally:
        os.close(descriptor)


def wait_for(pid: int, token: str, seconds: float) -> None:
    """Wait until a process of a job is gone, for so many seconds at most."""
    with contextlib.suppress(OSError):
        descriptor = os.pidfd_open(pid)
        try:
            if _belongs(pid, token, None):
                _gone([descriptor], seconds)
        finally:
            os.close(descriptor)


def dying_with_us(number: signal.Signals) -> Callable[[], None]:
    """Return what a child calls between fork and exec, to get a signal should we be killed.

    For a process with one thread only: the kernel sends it when the *thread* that forked ends, and the child
    finds the locks of all other threads as they were. See PR_SET_PDEATHSIG in prctl(2).
    """
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def bind() -> None:
        prctl(_PR_SET_PDEATHSIG, ctypes.c_ulong(number))
        if os.getppid() != parent:  # killed before the kernel knew
            os._exit(128 + number)

    return bind


def _stopped(token: str, session: int | None, ended: set[tuple[int, int | None]]) -> list[int]:
    """Stop every process of a job, until no new one appears; return their descriptors.

    What is stopped can neither fork nor start again a companion that we end.
    """
    held: list[int] = []
    while True:
        found = {(pid, start_time(pid)) for pid in of_job(token, session)} - ended
        if not found:
            return held
        ended |= found
        for pid, _ in found:
            with contextlib.suppress(OSError):
                descriptor = os.pidfd_open(pid)
                held.append(descriptor)
                # From here on the descriptor means one process; is it still the one?
                if not (_belongs(pid, token, session) and _signal(descriptor, signal.SIGSTOP)):
                    os.close(held.pop())


def _signal(descriptor: int, number: signal.Signals) -> bool:
    try:
        signal.pidfd_send_signal(descriptor, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _gone(descriptors: Iterable[int], seconds: float) -> None:
    """Wait until the processes are gone, for so many seconds at most."""
    until = time.monotonic() + seconds
    for descriptor in descriptors:
        poll = select.poll()  # select(2) knows no descriptor above 1,023
        poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, until - time.monotonic()) * 1000)


def _pids() -> Iterator[int]:
    own = os.getpid()
    for entry in _PROC.iterdir():
        if entry.name.isdigit() and int(entry.name) != own:
            yield int(entry.name)


def _belongs(pid: int, token: str, session: int | None) -> bool:
    if (fields := _living(pid)) is None:
        return False
    if session is not None and int(fields[_SESSION]) == session:
        return True
    return f"{TOKEN}={token}".encode() in _environ(pid).split(b"\0")


def _environ(pid: int) -> bytes:
    """Read a process's environment; empty if it has none, is gone, or is another user's.

    In the middle of an execve(2) a process shows none, though it will have one: it is looked at again.
    """
    until = time.monotonic() + _EXEC_SECONDS
    while True:
        try:
            environ = (_PROC / str(pid) / "environ").read_bytes()
        except OSError:
            return b""
        if environ or not _has_hidden_environ(pid) or time.monotonic() > until:
            return environ
        os.sched_yield()  # the kernel has no word for the end of it, and it takes less than a millisecond


def _has_hidden_environ(pid: int) -> bool:
    """Tell of a process that showed no environment whether it has one now, or does not have it yet."""
    fields = _living(pid)
    if fields is None or int(fields[_FLAGS]) & _KERNEL_OR_EXITING:
        return False
    return fields[_START_CODE] == b"0" or fields[_ENV_START] != fields[_ENV_END]


def _living(pid: int) -> list[bytes] | None:
    """Read the fields of a process that did not end yet."""
    fields = _stat(pid)
    return None if fields is None or fields[_STATE] in {b"Z", b"X"} else fields


def _stat(pid: int) -> list[bytes] | None:
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name stands in parentheses and may hold anything, spaces and parentheses included.
    return text[text.rindex(b")") + 2 :].split()
