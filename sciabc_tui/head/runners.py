"""A runner as the service sees it: alive, gone, and given an order, which blocks."""

import asyncio
import contextlib
import errno
import os
from concurrent.futures import Executor
from pathlib import Path

from jobs import detach
from jobs.attempt import Order, read_runner, write_order
from jobs.errors import JobsError
from sciabc_tui.head.ports import Attempt

# What pidfd_open(2) says of a number that is nobody's, and of a thread's: EINVAL, or ENOENT (Linux 6.18).
_NO_PROCESS = {errno.ESRCH, errno.EINVAL, errno.ENOENT}

BEGINNING = 0.1
"""Seconds between two looks at a runner that begins; it takes about two of them."""


async def living(attempt: Attempt, worker: Executor) -> int | None:
    """Give a descriptor of the runner's process, or None when it is gone.

    Args:
        attempt: Whose runner, perhaps an orphan of a killed service that has not yet said who it is.
        worker: For what blocks.
    """
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(worker, _begins, attempt):  # noqa: ASYNC110 - a lock has no event
        await asyncio.sleep(BEGINNING)
    return await loop.run_in_executor(worker, _living, attempt)


async def gone(process: int) -> None:
    """Wait until a process is gone, by its descriptor (pidfd_open(2)), and close that."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    loop.add_reader(process, over.set)
    try:
        await over.wait()
    finally:
        loop.remove_reader(process)
        os.close(process)


def give_order(folder: Path, order: Order) -> None:
    """Tell the runner of an attempt to end it."""
    # Written first: the runner that gets the signal, or an adopted one, finds why.
    write_order(folder, order)
    detach.cancel(folder)


def _begins(attempt: Attempt) -> bool:
    """Is there a runner that has not yet written who it is?"""
    return detach.runner_alive(attempt.folder) and read_runner(attempt.folder) is None


def _living(attempt: Attempt) -> int | None:
    with contextlib.suppress(JobsError):
        runner = read_runner(attempt.folder)
        # the lock is the proof: the number may be another process's by now, or a thread's
        if runner is not None and (descriptor := _opened(runner.pid)) is not None:
            if detach.runner_alive(attempt.folder):
                return descriptor
            os.close(descriptor)
    return None


def _opened(pid: int) -> int | None:
    """Give a descriptor of a process; None if no process has that number."""
    try:
        return os.pidfd_open(pid)
    except OSError as error:
        if error.errno not in _NO_PROCESS:
            raise
        return None
