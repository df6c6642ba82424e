"""Start a runner that outlives us, find out whether it lives, and end it."""

import contextlib
import fcntl
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from jobs import leftovers, procs, sessions
from jobs.attempt import (
    AttemptFiles,
    AttemptPlan,
    AttemptStatus,
    read_ended,
    read_plan,
    read_runner,
    read_status,
    write_status,
)
from jobs.collect import clean_up
from jobs.errors import StoreError
from jobs.logrescue import rescue
from jobs.runner import hold
from jobs.states import JobState
from jobs.supervise import explained, lacking, obeyed, order_of

_HOUSE = Path(__file__).parent.parent
START_SECONDS = 30.0
"""How long a runner may take to begin."""

_LAUNCHER_SECONDS = 1.0
"""How long a launcher may take to end its ranks everywhere; measured: they are gone within one."""


def launch(folder: Path) -> int:
    """Start the runner of an attempt whose plan is written.

    It is nobody's child and in no terminal's session; its lock is held from here on without a gap. systemd
    ends it with the service all the same, unless the unit says ``KillMode=process``.

    Returns:
        The runner's pid.

    Raises:
        StoreError: The attempt has a runner already, or the runner could not begin; its text says why.
    """
    lock = hold(folder)
    try:
        with AttemptFiles(folder).errors.open("ab") as errors:
            own = (str(folder.absolute()), "--held-lock", str(lock))
            process = spawned(*own, held=lock, says=subprocess.PIPE, errors=errors.fileno())
    except OSError as error:
        raise StoreError(
            f"The job's runner did not start ({error}). Next: check the state directory"
        ) from error
    finally:
        os.close(lock)
    try:
        # The runner lets go of its pipe when it stands, or when it is gone.
        answer, _ = process.communicate(timeout=START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        answer, _ = process.communicate()
    return stands(folder, answer)


def stands(folder: Path, answer: bytes) -> int:
    """Read what a runner said when it began: its pid.

    Raises:
        StoreError: It said none, because it could not begin.
    """
    if not answer.strip().isdigit():
        raise StoreError(f"The job's runner did not start. Next: see {AttemptFiles(folder).errors}")
    return int(answer)


def runner_alive(folder: Path) -> bool:
    """Tell whether the attempt has a living runner, by its lock: a pid would prove nothing.

    False and a status that is not final means that the runner was killed: see ``clear``. False and no status
    means that it never launched anything: the job can be launched again.
    """
    try:
        descriptor = os.open(AttemptFiles(folder).lock, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StoreError(f"{folder}: {error.strerror}. Next: check the state directory") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def cancel(folder: Path) -> bool:
    """Ask the runner to end its attempt; return whether there was one to ask.

    It ends the launcher, by force after a grace, cleans the nodes and writes the status that was ordered
    (``attempt.write_order``), else ``cancelled``. A runner that only just begins can't be asked, but it sees
    an order before it launches anything.
    """
    if not runner_alive(folder):
        return False  # without one its number may be damaged, or another process's
    runner = read_runner(folder)
    return runner is not None and procs.send(runner.pid, runner.started, signal.SIGTERM)


def clear(folder: Path, *, at: float | None = None) -> AttemptStatus | None:
    """End what a killed runner left behind, on all nodes that can be reached, and give the attempt its end.

    Its launcher was told to end by the kernel when the runner was killed; it gets a moment for that. Takes
    3 s more if a node is silent, which is written down then: see ``sweep.sweep_again``.

    Args:
        folder: The attempt's folder.
        at: When that was found, in seconds since 1970.

    Returns:
        The final status, which stands on disk: what the runner wrote before it was killed, what it knew or
        was ordered, else ``failed``. None if nothing was ever launched.

    Raises:
        StoreError: The runner lives: cancel it instead. Or the folder is damaged.
    """
    if runner_alive(folder):
        raise StoreError(f"{folder} has a living runner. Next: cancel it instead")
    plan = read_plan(folder)
    status = read_status(folder)
    if status is None or status.state.final:
        return status
    if status.launcher_pid is not None:
        procs.wait_for(status.launcher_pid, plan.token, _LAUNCHER_SECONDS)
    procs.end_all(plan.token)
    sessions.remove(plan.argv, plan.token)
    leftovers.remove_unused()
    with contextlib.suppress(StoreError):  # a log that can't be mended can still be read, but for its end
        rescue(AttemptFiles(folder).log, plan)
    began = time.monotonic()
    wall = None if at is None else (lambda: at + time.monotonic() - began)
    missing = clean_up(folder, plan, since=status.started_at, wall=wall)
    ended = replace(lacking(_ended(folder, plan, status), missing), ended_at=at)
    write_status(folder, ended)
    return ended


def _ended(folder: Path, plan: AttemptPlan, status: AttemptStatus) -> AttemptStatus:
    with contextlib.suppress(StoreError):
        if (known := read_ended(folder)) is not None:
            return explained(folder, known)
    if (order := order_of(folder)) is not None:
        return obeyed(status, order)
    error = f"its runner was killed. Next: sciabc-tui logs {plan.job}"
    return replace(status, state=JobState.FAILED, error=error)


def spawned(*arguments: str, held: int, says: int, errors: int) -> subprocess.Popen[bytes]:
    """Start a process that is a runner.

    Args:
        arguments: Of ``python -m jobs.runner``.
        held: A descriptor that it inherits.
        says: Its standard output, as for ``subprocess.Popen``.
        errors: Its standard error, likewise.
    """
    return subprocess.Popen(
        [sys.executable, "-m", "jobs.runner", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=says,
        stderr=errors,
        cwd=_HOUSE,  # where the module is found, whatever the environment says
        pass_fds=(held,),
        start_new_session=True,
    )
