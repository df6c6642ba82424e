"""Start a runner that outlives us, find out whether it lives, and end it."""

import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

from jobs import procs
from jobs.attempt import AttemptFiles, read_plan, read_runner
from jobs.errors import StoreError
from jobs.runner import hold

_HOUSE = Path(__file__).parent.parent
_START_SECONDS = 30.0


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
        process = _spawned(folder, lock)
    except OSError as error:
        raise StoreError(
            f"The job's runner did not start ({error}). Next: check the state directory"
        ) from error
    finally:
        os.close(lock)
    try:
        # The runner lets go of its pipe when it stands, or when it is gone.
        answer, _ = process.communicate(timeout=_START_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        answer, _ = process.communicate()
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

    It ends the launcher, with force after the plan's grace, and writes the status ``cancelled``.
    """
    runner = read_runner(folder)
    if runner is None or not runner_alive(folder):
        return False
    return procs.send(runner.pid, runner.started, signal.SIGTERM)


def clear(folder: Path) -> int:
    """End what a killed runner left behind on this machine; return how many processes that were.

    Raises:
        StoreError: The runner lives: cancel it instead.
    """
    if runner_alive(folder):
        raise StoreError(f"{folder} has a living runner. Next: cancel it instead")
    return procs.end_all(read_plan(folder).token)


def _spawned(folder: Path, lock: int) -> subprocess.Popen[bytes]:
    with AttemptFiles(folder).errors.open("ab") as errors:
        return subprocess.Popen(
            [sys.executable, "-m", "jobs.runner", str(folder.absolute()), "--held-lock", str(lock)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=_HOUSE,  # where the module is found, whatever the environment says
            pass_fds=(lock,),
            start_new_session=True,
        )
