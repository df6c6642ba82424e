"""What stands in the folder of an attempt that Slurm runs, and how it is written and read.

Beside ``log``, ``status.json``, ``order.json`` and the runner's own files (see jobs.attempt)::

    DIR/slurm_plan.json  what the runner shall submit; written once, before it starts
    DIR/slurm.sh         what Slurm runs
    DIR/slurm.json       Slurm's number of the job, and how it stands there
    DIR/slurm.out        what was printed, each line behind its rank; gone when all of it stands in the log
    DIR/slurm.err        the same of standard error
    DIR/slurm.begun      where it runs, by the script's word
    DIR/slurm.done       its exit status, by the script's word
    DIR/slurm.read       how much of the two stood in the log, now and then

``status.json`` is there before ``sbatch`` is called, and the job carries the plan's token in its comment:
what was submitted in the instant of a kill is found again.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from jobs.errors import StoreError
from jobs.hostfile import write_atomically
from jobs.slurm import Papers, check, sbatch_options, script
from jobs.slurm_states import Share
from jobs.spec import JobSpec

T = TypeVar("T")  # Python 3.11 has no `def f[T]`
_PRIVATE = 0o600
_BEGUN = re.compile(rb"([^\s]{1,8192}) ([\d(x),]{1,8192})\n")
_DONE = re.compile(rb"(\d{1,3})\n")


@dataclass(frozen=True, slots=True)
class SlurmFiles:
    """Where things stand in the folder of an attempt that Slurm runs."""

    folder: Path

    @property
    def plan(self) -> Path:
        """What the runner shall submit."""
        return self.folder / "slurm_plan.json"

    @property
    def note(self) -> Path:
        """How it stands in Slurm."""
        return self.folder / "slurm.json"

    @property
    def read(self) -> Path:
        """How much of the output stood in the log."""
        return self.folder / "slurm.read"

    @property
    def papers(self) -> Papers:
        """What Slurm's nodes read and write."""
        return Papers(
            script=self.folder / "slurm.sh",
            out=self.folder / "slurm.out",
            err=self.folder / "slurm.err",
            begun=self.folder / "slurm.begun",
            done=self.folder / "slurm.done",
        )


@dataclass(frozen=True, slots=True)
class SlurmPlan:
    """What the runner shall submit.

    Attributes:
        job: The number of the job.
        attempt: The number of this launch of it, from 1.
        options: What stands behind ``sbatch``.
        cwd: Where the job runs.
        token: What marks it in Slurm's queue.
        time_limit: What was asked for, in seconds; Slurm enforces it.
        log_limit: How many bytes its log may have; None means any number.
    """

    job: int
    attempt: int
    options: tuple[str, ...]
    cwd: str
    token: str
    time_limit: float | None = None
    log_limit: int | None = None


@dataclass(frozen=True, slots=True)
class SlurmNote:
    """How an attempt stands in Slurm.

    Attributes:
        number: Slurm's number of it; None as long as that is not known.
        running: Whether its script runs.
        words: What it waits for; one line.
        shares: Where its tasks are, once it runs.
        running_since: When that was seen, in seconds since 1970.
    """

    number: int | None = None
    running: bool = False
    words: str = ""
    shares: tuple[Share, ...] = ()
    running_since: float | None = None


def planned_slurm(
    folder: Path,
    spec: JobSpec,
    *,
    job: int,
    attempt: int,
    token: str,
    options: tuple[str, ...] = (),
    log_limit: int | None = None,
) -> SlurmPlan:
    """Plan an attempt that Slurm runs; nothing is written. The arguments are those of ``prepare_slurm``.

    Raises:
        SpecError: Slurm can't do what is asked.
    """
    check(spec)
    return SlurmPlan(
        job=job,
        attempt=attempt,
        options=sbatch_options(spec, SlurmFiles(folder.absolute()).papers, token=token, site=options),
        cwd=spec.cwd,
        token=token,
        time_limit=spec.time_limit,
        log_limit=log_limit,
    )


def prepare_slurm(
    folder: Path,
    spec: JobSpec,
    *,
    job: int,
    attempt: int,
    token: str,
    python: str,
    options: tuple[str, ...] = (),
    log_limit: int | None = None,
) -> SlurmPlan:
    """Make the folder of an attempt that Slurm runs: everything that its runner needs, frozen.

    Args:
        folder: Made here; must not be there yet.
        spec: What to run, validated.
        job: The number of the job.
        attempt: The number of this launch of it, from 1.
        token: Marks the job: not to be guessed, new each time.
        python: The interpreter on Slurm's nodes.
        options: More for ``sbatch``, from the settings.
        log_limit: How many bytes the log may have; None means any number.

    Raises:
        SpecError: Slurm can't do what is asked.
        StoreError: The folder can't be written.
    """
    plan = planned_slurm(
        folder, spec, job=job, attempt=attempt, token=token, options=options, log_limit=log_limit
    )
    files = SlurmFiles(folder.absolute())
    papers = files.papers
    try:
        folder.mkdir(mode=0o700, parents=True)
        text = script(spec, papers, job=job, attempt=attempt, python=python)
        write_atomically(papers.script, text, 0o700)
    except OSError as error:
        raise _trouble(folder, error) from error
    _write(files.plan, plan)
    return plan


def read_slurm_plan(folder: Path) -> SlurmPlan | None:
    """Read what the runner shall submit; None if the attempt is none of Slurm's.

    Raises:
        StoreError: It can't be read.
    """
    return _read(SlurmFiles(folder).plan, SlurmPlan)


def write_note(folder: Path, note: SlurmNote) -> None:
    """Write how the attempt stands in Slurm; readers see the old note or the new one."""
    _write(SlurmFiles(folder).note, note)


def read_note(folder: Path) -> SlurmNote:
    """Read how the attempt stands in Slurm; all is unknown in the beginning.

    Raises:
        StoreError: It can't be read.
    """
    return _read(SlurmFiles(folder).note, SlurmNote) or SlurmNote()


def read_begun(papers: Papers) -> tuple[str, str] | None:
    """Read where the script runs: nodes and tasks in Slurm's short forms; None if it has not yet said."""
    found = _BEGUN.fullmatch(_bytes(papers.begun))
    return (found[1].decode("ascii", "replace"), found[2].decode("ascii")) if found else None


def read_done(papers: Papers) -> int | None:
    """Read the script's exit status; None if it has not yet said."""
    found = _DONE.fullmatch(_bytes(papers.done))
    return int(found[1]) if found else None


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(16_384)
    except OSError:  # not there yet, or on a share that is away for the moment
        return b""


def _write(path: Path, value: SlurmPlan | SlurmNote) -> None:
    try:
        write_atomically(path, msgspec.json.encode(value).decode() + "\n", _PRIVATE)
    except OSError as error:
        raise _trouble(path, error) from error


def _read(path: Path, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise _trouble(path, error) from error
    except msgspec.DecodeError as error:
        raise StoreError(f"{path} is damaged ({error}). Next: submit the job again") from error


def _trouble(path: Path, error: OSError) -> StoreError:
    return StoreError(f"{path}: {error.strerror}. Next: check the state directory")
