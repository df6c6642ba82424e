"""The runner: ``python -m jobs.runner DIR``, a process of its own that outlives the head service.

It holds the lock of its attempt for as long as it lives, says on its standard output who it is, runs the
attempt, and leaves the final status behind. SIGTERM and SIGINT end the attempt: an order in its folder says
why (jobs.attempt), without one it is cancelled.
"""

import argparse
import contextlib
import fcntl
import os
import signal
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from jobs import procs
from jobs.attempt import (
    AttemptFiles,
    AttemptPlan,
    AttemptStatus,
    RunnerId,
    read_plan,
    write_ended,
    write_runner,
)
from jobs.errors import JobsError, StoreError
from jobs.slurm_attempt import read_slurm_plan
from jobs.slurm_run import attend
from jobs.states import JobState
from jobs.supervise import supervise
from jobs.wakeup import signalled

_PATH_BYTES = 4096
_CANCELLING = (signal.SIGTERM, signal.SIGINT)


def main() -> int:
    """Run the attempt that the command line names; return 0 if it could be run, however it ended."""
    parser = argparse.ArgumentParser(prog="python -m jobs.runner", description="Run one attempt of a job.")
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("folder", type=Path, nargs="?", help="the attempt's folder, with its plan.json")
    which.add_argument("--stand-by", type=int, metavar="FD", help="wait there for an attempt: jobs.standby")
    parser.add_argument("--held-lock", type=int, metavar="FD", help="a descriptor that holds its lock")
    options = parser.parse_args()
    wire: int | None = options.stand_by
    if wire is not None or options.held_lock is not None:
        _detach()  # before there is work, which would wait for it
    taken = Taken(options.folder, options.held_lock) if wire is None else _taken_over(wire)
    if taken is None:
        return 0
    folder, held = taken.folder, taken.lock
    try:
        if held is None:
            hold(folder)
        else:
            fcntl.fcntl(held, fcntl.F_SETFD, fcntl.FD_CLOEXEC)  # the launcher must not inherit it
        _run(folder)
    except JobsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def hold(folder: Path) -> int:
    """Take the lock of an attempt; it is held until the last copy of the descriptor is closed.

    Raises:
        StoreError: The attempt has a runner already, or its folder can't be written to.
    """
    path = AttemptFiles(folder).lock
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(f"{folder} has a runner already. Next: wait for its end, or cancel it") from error
    return descriptor


@dataclass(frozen=True, slots=True)
class Taken:
    """An attempt to run; ``lock`` is a descriptor that holds it already."""

    folder: Path
    lock: int | None


def _taken_over(descriptor: int) -> Taken | None:
    """Wait for an attempt; None if whoever could give one is gone."""
    with socket.socket(fileno=descriptor) as wire:
        folder, (*descriptors,), _, _ = socket.recv_fds(wire, _PATH_BYTES, 2)
        if len(descriptors) != 2:
            return None
        lock, errors = descriptors
        os.dup2(wire.fileno(), sys.stdout.fileno())  # there it says that it stands
        os.dup2(errors, sys.stderr.fileno())
        os.close(errors)
    return Taken(Path(os.fsdecode(folder)), lock)


def _detach() -> None:
    """Go on as a process that nobody waits for, in a session that no terminal can end."""
    sys.stdout.flush()
    if os.fork():
        os._exit(0)


def _run(folder: Path) -> None:
    slurm = read_slurm_plan(folder)
    plan = None if slurm else read_plan(folder)
    cancel = _cancel_descriptor()
    own = RunnerId(os.getpid(), procs.start_time(os.getpid()) or 0)
    write_runner(folder, own)
    _announce(own.pid)
    if slurm is not None:
        # should we fail, its job goes on in Slurm, and the next runner finds it
        attend(folder, slurm, cancel=cancel.fileno(), wall=_wall)
    elif plan is not None:
        _supervise(folder, plan, cancel)


def _supervise(folder: Path, plan: AttemptPlan, cancel: socket.socket) -> None:
    started_at = _wall()
    try:
        supervise(folder, plan, cancel=cancel.fileno(), wall=_wall)
    except Exception as error:
        reason = f"the runner failed ({type(error).__name__}). Next: see {AttemptFiles(folder).errors}"
        # not final: whoever finds us gone cleans the nodes, and brings home what is there (detach.clear)
        write_ended(folder, AttemptStatus(JobState.FAILED, started_at, ended_at=_wall(), error=reason))
        raise


def _announce(pid: int) -> None:
    """Tell who started us that we stand, and let go of his pipe; should he be gone by now, we go on."""
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{pid}\n".encode())
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


def _cancel_descriptor() -> socket.socket:
    """Return what becomes readable when a signal asks for the end."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # else it would be told there too
    asked = signalled()
    for number in _CANCELLING:
        signal.signal(number, _nothing)
    return asked


def _nothing(_number: int, _frame: FrameType | None) -> None:
    """Leave it to what the C handler has written."""


def _wall() -> float:
    return time.time()


if __name__ == "__main__":
    sys.exit(main())
