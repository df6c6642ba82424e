"""Whether an attempt's runner lives, whoever has its number by now: after a power cut they begin anew."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import pytest

from jobs import procs
from jobs.attempt import RunnerId, write_runner
from jobs.runner import hold
from jobs.spec import JobSpec
from sciabc_tui.cluster.job import JobId
from sciabc_tui.head.ports import Attempt
from sciabc_tui.head.runners import living


@pytest.fixture
def worker() -> Generator[Executor]:
    """For what blocks."""
    with ThreadPoolExecutor(1) as worker:
        yield worker


@pytest.fixture
def attempt(tmp_path: Path) -> Attempt:
    """One whose runner has written who it is, and held the lock."""
    os.close(hold(tmp_path))
    return Attempt(JobId(1), 1, JobSpec("x"), (), tmp_path)


def _own() -> int:
    return os.getpid()


def _ended() -> int:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    return process.pid


def _process(descriptor: int) -> int:
    """Give the process that a descriptor means (proc_pid_fdinfo(5))."""
    lines = Path(f"/proc/self/fdinfo/{descriptor}").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pid:"))


@pytest.mark.parametrize("number", [_own, _ended])
async def test_without_its_lock_a_runner_is_gone(
    attempt: Attempt, worker: Executor, number: Callable[[], int]
) -> None:
    """Its number may be nobody's, or another process's."""
    write_runner(attempt.folder, RunnerId(number(), 1))
    assert await living(attempt, worker) is None


async def test_the_number_of_a_thread_is_no_runner(attempt: Attempt, worker: Executor) -> None:
    """Threads have numbers of the same sequence, and the kernel says something else of them."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    try:
        assert thread.native_id is not None
        write_runner(attempt.folder, RunnerId(thread.native_id, 1))
        assert await living(attempt, worker) is None
    finally:
        over.set()
        thread.join()


async def test_who_holds_the_lock_lives(attempt: Attempt, worker: Executor) -> None:
    """What is given means that process."""
    lock = hold(attempt.folder)
    try:
        write_runner(attempt.folder, RunnerId(os.getpid(), procs.start_time(os.getpid()) or 0))
        descriptor = await living(attempt, worker)
        assert descriptor is not None
        assert _process(descriptor) == os.getpid()
        os.close(descriptor)
    finally:
        os.close(lock)
