"""What is judged of MPI, mpi4py, Slurm, the terminal and the kernel."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from jobs.errors import LauncherMissing
from jobs.launchers import Flavour, Launcher
from jobs.slurm_calls import Slurm
from sciabc_tui.cli.checks.findings import Verdict
from sciabc_tui.cli.checks.machine import Machine, Said, ask
from sciabc_tui.cli.checks.software import (
    Kernel,
    Mpi,
    Queue,
    Terminal,
    judge_kernel,
    judge_launcher,
    judge_mpi4py,
    judge_python,
    judge_slurm,
    judge_terminal,
    look_at_kernel,
    look_at_mpi,
    look_at_slurm,
    look_at_terminal,
)
from sciabc_tui.config import JobsSettings

FIVE = Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/bin/mpirun", "/opt/lib/libmpi.so.40")
FOUR = Launcher(Flavour.OPENMPI, (4, 1, 4), "/usr/bin/mpirun")
NO_MPI = LauncherMissing("No mpirun found. Next: sudo apt install openmpi-bin")
NO_SLURM = LauncherMissing("Slurm is asked, and there is no sbatch here. Next: sudo apt install slurm-client")
PYTHON = "/opt/bin/python"


def test_python_is_this_one() -> None:
    """Its version and where it is."""
    assert judge_python().value.endswith(sys.executable)


@pytest.mark.parametrize(
    ("terminal", "verdict"),
    [
        (Terminal("xterm-256color", "utf-8", there=True), Verdict.OK),
        (Terminal("linux", "UTF8", there=True), Verdict.OK),
        (Terminal("xterm", "iso8859-1", there=True), Verdict.WARN),
        (Terminal("xterm", "ascii", there=False), Verdict.WARN),
        (Terminal("dumb", "utf-8", there=True), Verdict.WARN),
        (Terminal("", "utf-8", there=True), Verdict.WARN),
        (Terminal("", "utf-8", there=False), Verdict.ABSENT),
    ],
)
def test_the_terminal(terminal: Terminal, verdict: Verdict) -> None:
    """Can it show the panel? In a pipe there is none to be judged but the encoding."""
    assert judge_terminal(terminal).verdict is verdict


def test_our_own_streams_are_looked_at() -> None:
    """Under a test runner they are no terminal."""
    assert look_at_terminal().encoding


def test_the_launchers_are_named_the_one_that_is_taken_first() -> None:
    """With its path."""
    found = judge_launcher(Mpi((FIVE, FOUR)))
    assert (found.verdict, found.value) == (
        Verdict.OK,
        "Open MPI 5.0.11, /opt/bin/mpirun; also Open MPI 4.1.4",
    )
    missing = judge_launcher(Mpi(NO_MPI))
    assert (missing.verdict, missing.fix) == (Verdict.FAIL, "Next: sudo apt install openmpi-bin")


@pytest.mark.parametrize(
    ("mpi", "verdict", "says"),
    [
        (Mpi((FIVE,), PYTHON, "4.1.2", "Open MPI 5.0.8"), Verdict.OK, ""),
        (Mpi(NO_MPI, PYTHON, "4.1.2", "Open MPI 5.0.8"), Verdict.OK, ""),
        (Mpi((FIVE,), PYTHON), Verdict.WARN, f"{PYTHON} -m pip install mpi4py"),
        (Mpi((FIVE,), PYTHON, silent=True), Verdict.WARN, f"{PYTHON} -c 'import mpi4py', by hand"),
        (Mpi((FIVE,), "/usr/bin/python3"), Verdict.WARN, "sudo apt install python3-mpi4py"),
        (Mpi((FIVE,), PYTHON, "4.1.2"), Verdict.FAIL, f"see why: {PYTHON} -c 'from mpi4py import MPI'"),
        (Mpi((FIVE,), PYTHON, "4.1.2", "MPICH 5.0.2"), Verdict.FAIL, "pip install mpi4py"),
        (Mpi((FOUR,), PYTHON, "4.1.2", "Open MPI 5.0.8"), Verdict.FAIL, "pip install mpi4py"),
    ],
)
def test_mpi4py_fits_the_launcher_or_the_fix_is_told(mpi: Mpi, verdict: Verdict, says: str) -> None:
    """There, able to load an MPI, and the same as mpirun's."""
    found = judge_mpi4py(mpi)
    assert found.verdict is verdict
    assert says in found.fix


class Answers:
    """Answers every question alike, and keeps them."""

    def __init__(self, *answer: Said) -> None:
        self.answers = list(answer)
        self.asked: list[tuple[tuple[str, ...], Mapping[str, str]]] = []

    def __call__(
        self, command: tuple[str, ...], environ: Mapping[str, str] | None = None, within: float = 0.0
    ) -> Said:
        """Give the next answer."""
        self.asked.append((command, environ or {}))
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("said", "mpi4py", "library"),
    [
        (Said(0, "4.1.2\nOpen MPI v5.0.11, package: x\nmore"), "4.1.2", "Open MPI 5.0.11"),
        (Said(1, "4.1.2\nTraceback\nRuntimeError: cannot load MPI library"), "4.1.2", ""),
        (Said(1, "Traceback\nModuleNotFoundError: No module named 'mpi4py'"), "", ""),
        (Said(None), "", ""),
    ],
)
def test_python_is_asked_for_its_mpi4py(said: Said, mpi4py: str, library: str) -> None:
    """How far it got is what is told."""
    python = Answers(said)
    found = look_at_mpi(Machine(ask=python), JobsSettings(python=PYTHON, launcher="/nowhere/mpirun"))
    assert (found.python, found.mpi4py, found.library) == (PYTHON, mpi4py, library)
    assert found.silent is (said.status is None)
    assert python.asked[0][0][:2] == (PYTHON, "-c")
    assert isinstance(found.launchers, LauncherMissing)


def test_slurm_is_a_matter_of_wanting_it() -> None:
    """Not here is no failure, unless the settings speak of it; a controller that is away is told."""
    assert judge_slurm(Queue(NO_SLURM)).verdict is Verdict.ABSENT
    assert judge_slurm(Queue(NO_SLURM, wanted=True)).verdict is Verdict.FAIL
    well = Queue(Slurm("22.05.8"), "Slurmctld(primary) at head is UP")
    assert judge_slurm(well).value == "Slurm 22.05.8, its controller answers"
    assert judge_slurm(Queue(Slurm("22.05.8"), "Slurmctld(primary) at head is DOWN")).verdict is Verdict.WARN
    assert judge_slurm(Queue(Slurm("22.05.8"), wanted=True)).verdict is Verdict.FAIL


def test_slurm_that_is_not_here_is_not_asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No sbatch, no question."""
    monkeypatch.setenv("PATH", str(tmp_path))
    silent = Answers()
    found = look_at_slurm(Machine(ask=silent), JobsSettings(slurm_options=("--partition=debug",)))
    assert found.wanted
    assert isinstance(found.found, LauncherMissing)
    assert silent.asked == []


@pytest.mark.parametrize(
    ("kernel", "verdict"),
    [
        (Kernel(True, True, 65536, 524288), Verdict.OK),
        (Kernel(False, True, 65536, 524288), Verdict.FAIL),
        (Kernel(True, False, 65536, 524288), Verdict.WARN),
        (Kernel(True, True, 100, 524288), Verdict.WARN),
        (Kernel(True, True, 65536, 1024), Verdict.WARN),
    ],
)
def test_the_kernels_limits(kernel: Kernel, verdict: Verdict) -> None:
    """The first that is too low is told with its remedy."""
    assert judge_kernel(kernel).verdict is verdict


def test_the_kernel_is_tried() -> None:
    """This one has what the head needs; nothing stays open."""
    before = len(list(Path("/proc/self/fd").iterdir()))
    found = look_at_kernel(Machine())
    assert found.pidfd
    assert found.watches > 0
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_program_that_does_not_end_is_killed() -> None:
    """What it said until then does not count."""
    assert ask(("sh", "-c", "echo half; exec sleep 600"), within=0.2) == Said(None)


def test_a_program_tells_on_both_outputs() -> None:
    """In English, whatever the user's language is; bytes that are no text are replaced."""
    said = ask(("sh", "-c", 'echo "$LC_ALL $MINE"; printf "\\377" >&2; exit 3'), {"MINE": "x"}, within=30.0)
    assert said == Said(3, "C.UTF-8 x\n\ufffd")
    assert ask(("/nowhere/at/all",)) == Said(None)


def test_a_file_is_read_to_a_limit(tmp_path: Path) -> None:
    """What can't be read is empty; a device tree's final NUL is not part of the text."""
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5\0")
    (tmp_path / "endless").write_bytes(b"x" * 2**20)
    machine = Machine(tmp_path)
    assert machine.text("/model") == "Raspberry Pi 5"
    assert len(machine.text("/endless")) == 2**18
    assert machine.text("/nothing") == ""
