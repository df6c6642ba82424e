"""Ask Slurm's commands: with a time limit, and no more than their words believed."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from jobs import procs
from jobs.errors import LauncherMissing, LauncherRefused
from jobs.slurm import MARK
from jobs.slurm_states import (
    SACCT_FORMAT,
    SQUEUE_FORMAT,
    Seen,
    Share,
    is_node_list,
    parse_comments,
    parse_number,
    parse_seen,
    parse_shares,
)

INSTALL = "Next: sudo apt install slurm-client, and ask for its slurm.conf"
_QUICK_SECONDS = 3.0
_SUBMIT_SECONDS = 90.0
"""How long ``sbatch`` may take; it gives up by itself when Slurm's controller is away (9 s, measured)."""

_ASK_SECONDS = 45.0
_WORDS = 300


@dataclass(frozen=True, slots=True)
class Slurm:
    """The Slurm that this machine is a login node of; ``version`` as it says it, such as ``22.05.8``."""

    version: str

    @property
    def title(self) -> str:
        """What people call it."""
        return f"Slurm {self.version}"


def detect_slurm() -> Slurm:
    """Find the commands of Slurm and its configuration.

    Raises:
        LauncherMissing: They are not here, or know no cluster.
    """
    if shutil.which("sbatch") is None:
        raise LauncherMissing(f"Slurm is asked, and there is no sbatch here. {INSTALL}")
    said = _told(["sbatch", "--version"], _QUICK_SECONDS)
    words = said.text.split()
    if not said.well or len(words) != 2 or not words[0].startswith("slurm"):
        raise LauncherMissing(f"Slurm is asked, and sbatch knows no cluster. {INSTALL}")
    return Slurm("".join(letter for letter in words[1] if letter.isprintable())[:40])


def submit(options: Sequence[str], cwd: str) -> int:
    """Submit a job; return Slurm's number of it.

    Should we be killed meanwhile, so is ``sbatch``: it can't submit anything after ``find`` has looked.

    Raises:
        LauncherRefused: Slurm did not take it; in its words.
    """
    said = _told(["sbatch", *options], _SUBMIT_SECONDS, cwd=cwd, dying=True)
    number = parse_number(said.text) if said.well else None
    if number is None:
        raise LauncherRefused(
            f"Slurm did not take it: {said.problem}. Next: see jobs.slurm_options and sinfo"
        )
    return number


def find(token: str) -> int | None:
    """Find the job with that token in Slurm's queue, where one that ended stands for minutes.

    Returns:
        Slurm's number of it; None if it is not there.

    Raises:
        LauncherRefused: Slurm does not answer.
    """
    asked = ["squeue", "-h", "-t", "all", "-u", str(os.geteuid()), "-o", "%i %k"]
    said = _told(asked, _ASK_SECONDS)
    if not said.well:
        raise LauncherRefused(f"Slurm does not answer: {said.problem}. Next: scontrol ping")
    return parse_comments(said.text, f"{MARK}{token}")


def shares(nodes: str, tasks: str) -> tuple[Share, ...]:
    """Say how many tasks each node has, by what the script found in its environment; empty if damaged."""
    if not is_node_list(nodes):
        return ()
    said = _told(["scontrol", "show", "hostnames", nodes], _QUICK_SECONDS)
    return parse_shares(said.text.split(), tasks) if said.well else ()


def cancel(number: int) -> None:
    """Ask Slurm to end a job, and wait for its receipt; nothing is told if it does not answer."""
    _told(["scancel", str(number)], _ASK_SECONDS)


class Question:
    """A command on its way, so that a log can be followed while Slurm takes its time."""

    def __init__(self, *command: str) -> None:
        self._command = command
        self._until = time.monotonic() + _ASK_SECONDS
        self._process = _started(command, cwd=None, dying=True)

    @classmethod
    def state(cls, number: int) -> Self:
        """Ask for the state of a job."""
        return cls("squeue", "-h", "-t", "all", "-j", str(number), "-O", SQUEUE_FORMAT)

    @classmethod
    def account(cls, number: int) -> Self:
        """Ask the accounting, which many small clusters have not, for the state of a job."""
        return cls("sacct", "-X", "-n", "-P", "-j", str(number), "-o", SACCT_FORMAT)

    @classmethod
    def cancelling(cls, number: int) -> Self:
        """Ask for the end of a job."""
        return cls("scancel", str(number))

    def answer(self) -> "Said | None":
        """Give the answer; None if it is not yet there. Only once."""
        if self._process is None:
            return Said(well=False, text="", problem=f"{self._command[0]} did not start")
        if self._process.poll() is None:
            if time.monotonic() < self._until:
                return None
            self._process.kill()
        return _heard(self._process)

    def drop(self) -> None:
        """Let go of a question whose answer nobody waits for."""
        if self._process is not None:
            self._process.kill()
            _heard(self._process)


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said: whether it went well, its words, and what it complained of."""

    well: bool
    text: str
    problem: str = ""

    @property
    def forgotten(self) -> bool:
        """Whether it says that there is no such job (any more)."""
        return "Invalid job id" in self.problem

    def seen(self, number: int) -> Seen | None:
        """Read what it says of a job."""
        return parse_seen(self.text, number) if self.well else None


def _told(command: Sequence[str], seconds: float, *, cwd: str | None = None, dying: bool = False) -> Said:
    process = _started(command, cwd=cwd, dying=dying)
    if process is None:
        return Said(well=False, text="", problem=f"{command[0]} did not start")
    try:
        return _heard(process, seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        return _heard(process)


def _started(command: Sequence[str], *, cwd: str | None, dying: bool) -> "subprocess.Popen[str] | None":
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env=_environment(),
            text=True,
            errors="replace",
            # The runner has one thread; the service, which has more, does not ask for it.
            preexec_fn=procs.dying_with_us(signal.SIGKILL) if dying else None,  # noqa: PLW1509
        )
    except OSError:
        return None


def _heard(process: "subprocess.Popen[str]", seconds: float | None = None) -> Said:
    text, complaint = process.communicate(timeout=seconds)
    lines = [line.strip() for line in complaint.splitlines() if line.strip()]
    plain = "".join(letter if letter.isprintable() else " " for letter in " ".join(lines))[:_WORDS]
    for word in ("sbatch: error: ", "Batch job submission failed: "):
        plain = plain.replace(word, "")
    return Said(process.returncode == 0, text, plain or f"exit status {process.returncode}")


def _environment() -> dict[str, str]:
    """Give our environment; should we run in a job of Slurm's ourselves, without what tells of that one."""
    if "SLURM_JOB_ID" not in os.environ:
        return dict(os.environ)
    return {name: value for name, value in os.environ.items() if not _of_a_job(name)}


def _of_a_job(name: str) -> bool:
    return name.startswith("SLURM_") and name != "SLURM_CONF"
