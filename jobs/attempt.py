"""What stands in the folder of one attempt, and how plan and status are read and written.

```
DIR/plan.json    what the runner shall do; written once, before it starts
DIR/hostfile     frozen for this attempt
DIR/ssh_config   for the launcher's ssh
DIR/log          what the launcher and its ranks printed, see jobs.logstore
DIR/log.spool    what of it is still to be sorted into the log, see jobs.logspool; mostly not there
DIR/status.json  how it stands, and in the end how it ended; replaced as a whole
DIR/runner.lock  locked (flock) for as long as the runner lives
DIR/runner.pid   the runner's pid and start time
DIR/runner.err   what went wrong in the runner itself; normally empty
DIR/order.json   why the head wants the attempt ended; there if it ever did
DIR/ended.json   how the launcher ended, while other nodes are being cleaned
DIR/unswept.json names of the hosts that could not be cleaned at the end; there if there are any
```
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from jobs.errors import StoreError
from jobs.hostfile import Host, write_atomically
from jobs.launchers import Launcher
from jobs.states import JobState

_ORDERED = {JobState.CANCELLED, JobState.NODE_FAIL, JobState.TIMEOUT, JobState.FAILED}

T = TypeVar("T")  # Python 3.11 has no `def f[T]`
_PRIVATE = 0o600


@dataclass(frozen=True, slots=True)
class AttemptFiles:
    """Where things stand in the folder of an attempt."""

    folder: Path

    @property
    def plan(self) -> Path:
        """What the runner shall do."""
        return self.folder / "plan.json"

    @property
    def hostfile(self) -> Path:
        """The hosts, for the launcher."""
        return self.folder / "hostfile"

    @property
    def ssh_config(self) -> Path:
        """The configuration of the launcher's ssh."""
        return self.folder / "ssh_config"

    @property
    def log(self) -> Path:
        """What was printed."""
        return self.folder / "log"

    @property
    def status(self) -> Path:
        """How the attempt stands."""
        return self.folder / "status.json"

    @property
    def lock(self) -> Path:
        """Locked while the runner lives."""
        return self.folder / "runner.lock"

    @property
    def pid(self) -> Path:
        """Which process the runner is."""
        return self.folder / "runner.pid"

    @property
    def errors(self) -> Path:
        """The runner's own standard error."""
        return self.folder / "runner.err"

    @property
    def order(self) -> Path:
        """Why it must end."""
        return self.folder / "order.json"

    @property
    def ended(self) -> Path:
        """How the launcher ended, before the nodes were clean."""
        return self.folder / "ended.json"

    @property
    def unswept(self) -> Path:
        """Which hosts could not be cleaned."""
        return self.folder / "unswept.json"


@dataclass(frozen=True, slots=True)
class AttemptPlan:
    """What the runner shall do.

    Attributes:
        job: The number of the job.
        attempt: The number of this launch of it, from 1.
        launcher: Whose output it will be.
        argv: The command line.
        env: Variables beside the runner's own.
        cwd: Where the launcher starts.
        token: What marks the processes of this attempt.
        grace: How long a cancelled launcher may take to end by itself, in seconds.
        time_limit: Seconds after which the attempt is ended; None means never.
        hosts: Where it runs, in the order of the hostfile; empty in plans of older versions.
        log_limit: How many bytes its log may have; None means any number.
        collect: Patterns of files that are brought back in the end, from nodes that were given a folder.
        checkpoint: The job's checkpoint directory on this machine; empty if it keeps none.
        ranks: How many ranks are started; 0 in plans of older versions.
    """

    job: int
    attempt: int
    launcher: Launcher
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str
    token: str
    grace: float = 5.0
    time_limit: float | None = None
    hosts: tuple[Host, ...] = ()
    log_limit: int | None = None
    collect: tuple[str, ...] = ()
    checkpoint: str = ""
    ranks: int = 0


@dataclass(frozen=True, slots=True)
class AttemptStatus:
    """How an attempt stands.

    Attributes:
        state: ``running``, or how it ended.
        exit_code: The launcher's exit status; 128 + the signal if one ended it.
        signal: The signal that ended the launcher itself.
        started_at: When the runner began, in seconds since 1970.
        ended_at: When all was over and in files; its last output may have been sorted into the log later.
        launcher_pid: The launcher's pid, which is its session too; None if it never started.
        error: One line on what went wrong, with the next step; empty if nothing did.
        again: Whether it was ended so that the job can be launched again: see ``Order.again``.
    """

    state: JobState
    started_at: float
    exit_code: int | None = None
    signal: int | None = None
    ended_at: float | None = None
    launcher_pid: int | None = None
    error: str = ""
    again: bool = False


@dataclass(frozen=True, slots=True)
class RunnerId:
    """Which process the runner is: its pid and its start time in ticks since boot."""

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class Order:
    """Why an attempt must end: what its final status will say.

    Attributes:
        state: ``cancelled``, ``node_fail``, ``timeout`` or ``failed``.
        reason: One line with the next step; empty means the state's own word.
        lost: Names of hosts that do not answer any more: nobody goes there, or waits for them.
        again: Whether the job is launched again after it, on nodes that joined.
    """

    state: JobState
    reason: str = ""
    lost: tuple[str, ...] = ()
    again: bool = False

    def __post_init__(self) -> None:
        if self.state not in _ORDERED:
            raise ValueError(f"{self.state.value} can't be ordered")


def write_plan(folder: Path, plan: AttemptPlan) -> None:
    """Write what the runner shall do; only the owner may read it (it holds the job's environment)."""
    _write(AttemptFiles(folder).plan, plan)


def read_plan(folder: Path) -> AttemptPlan:
    """Read what the runner shall do.

    Raises:
        StoreError: There is no plan, or it can't be read.
    """
    path = AttemptFiles(folder).plan
    if (plan := _read(path, AttemptPlan)) is None:
        raise StoreError(f"{path} is not there. Next: submit the job again")
    return plan


def write_status(folder: Path, status: AttemptStatus) -> None:
    """Write how the attempt stands; readers see the old status or the new one."""
    _write(AttemptFiles(folder).status, status)


def read_status(folder: Path) -> AttemptStatus | None:
    """Read how the attempt stands; None if the runner has not yet begun.

    Raises:
        StoreError: It can't be read.
    """
    return _read(AttemptFiles(folder).status, AttemptStatus)


def write_runner(folder: Path, runner: RunnerId) -> None:
    """Write which process the runner is; after a power cut it is none."""
    _write(AttemptFiles(folder).pid, runner, durable=False)


def read_runner(folder: Path) -> RunnerId | None:
    """Read which process the runner is, or was; None if there never was one.

    Raises:
        StoreError: It can't be read.
    """
    return _read(AttemptFiles(folder).pid, RunnerId)


def write_order(folder: Path, order: Order) -> None:
    """Write why the attempt must end; then ask the runner by ``detach.cancel``.

    The runner obeys what stands when it is asked; one that has not yet launched anything does not launch.
    """
    _write(AttemptFiles(folder).order, order)


def read_order(folder: Path) -> Order | None:
    """Read why the attempt must end; None if nobody said.

    Raises:
        StoreError: It can't be read.
    """
    return _read(AttemptFiles(folder).order, Order)


def write_ended(folder: Path, status: AttemptStatus) -> None:
    """Write how the launcher ended; should the runner be killed while it cleans the nodes, it is known."""
    _write(AttemptFiles(folder).ended, status)


def read_ended(folder: Path) -> AttemptStatus | None:
    """Read how the launcher ended; None if it did not, or if there was nothing to clean behind it.

    Raises:
        StoreError: It can't be read.
    """
    return _read(AttemptFiles(folder).ended, AttemptStatus)


def write_unswept(folder: Path, names: tuple[str, ...]) -> None:
    """Write which hosts may still hold something of the attempt; no names, no file."""
    path = AttemptFiles(folder).unswept
    if names:
        _write(path, names)
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error


def read_unswept(folder: Path) -> tuple[str, ...]:
    """Read which hosts may still hold something of the attempt.

    Raises:
        StoreError: It can't be read.
    """
    return _read(AttemptFiles(folder).unswept, tuple[str, ...]) or ()


def _write(
    path: Path,
    value: AttemptPlan | AttemptStatus | RunnerId | Order | tuple[str, ...],
    *,
    durable: bool = True,
) -> None:
    try:
        write_atomically(path, msgspec.json.encode(value).decode() + "\n", _PRIVATE, durable=durable)
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}. Next: check the state directory") from error
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} is damaged ({error}). Next: submit the job again") from error
