"""Packages of the distribution on a board: by its own internet or the head's, once apt's lock is free."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePath
from shlex import quote
from time import monotonic
from urllib.parse import urlsplit

from jobs.launchers import SYSTEM_PYTHON, Flavour, Launcher
from sciabc_tui.head.provisioning.apt_forward import Lends, PortRefused
from sciabc_tui.head.provisioning.apt_proxy import Proxy
from sciabc_tui.head.provisioning.apt_sources import own_hosts
from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.mpi_look import plain, see, unfit
from sciabc_tui.head.provisioning.ports import Answer, Board, StepFailed
from sciabc_tui.head.provisioning.steps import FULL_FIX, READ_ONLY_FIX, asked

LOCK_WITHIN = 120.0
"""Seconds that somebody else may hold apt's lock."""

MPI_PACKAGES: Mapping[Flavour, tuple[str, ...]] = {
    Flavour.OPENMPI: ("openmpi-bin", "python3-mpi4py"),
    Flavour.MPICH: ("mpich", "python3-mpi4py"),
}
_WITHIN = 1800.0
_PAUSE = 4
_OPTIONS = (
    "-q -y --no-install-recommends --no-remove -o DPkg::Lock::Timeout=0 -o Acquire::Retries=1 "
    "-o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o APT::Keep-Downloaded-Packages=false"
)

_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+")
_LOCKED = re.compile(r"Could not get lock \S+?\.? It is held by process (\d+) \(([^)]*)\)")
_LOCKED_BY_NOBODY = re.compile(r"Could not get lock|Unable to (?:acquire|lock)|was locked by another process")
_INST = re.compile(
    r"^Inst (\S+) \((\S+) ", re.MULTILINE
)  # one that is there already has its version in [] first
_UNREACHED = re.compile(
    r"Could not resolve|Temporary failure resolving|Could not connect|Unable to connect|Connection failed"
    r"|Connection timed out|Unable to fetch|Failed to fetch|Network is unreachable|No route to host"
    r"|Cannot initiate the connection"
)
_UNKNOWN = re.compile(r"Unable to locate package (\S+)|Package '?(\S+?)'? has no installation candidate")
_FULL = re.compile(r"enough free space|No space left", re.IGNORECASE)
_READ_ONLY = re.compile(r"Read-only file system", re.IGNORECASE)
_COMPLAINT = re.compile(r"^E: *(.*)", re.MULTILINE)
_NOT_FETCHED = re.compile(r"^[EW]: Failed to fetch (\S+) +(.*)$", re.MULTILINE)
_URL = re.compile(r"^'(https?://[^']+)'", re.MULTILINE)

_LACKING = """
command -v apt-get >/dev/null || { echo no-apt; exit 0; }
for name in %s; do
  case $(dpkg-query -W -f '${Status}' "$name" 2>/dev/null) in *" installed") ;; *) echo "$name" ;; esac
done
"""


class _Unreached(Exception):
    """Apt could not reach its sources; the text is its last complaint."""


@dataclass(frozen=True, slots=True)
class PackagesWay:
    """Installs the distribution's MPI, as the head has it."""

    head: HeadMpi

    def look(self, board: Board) -> Sequence[str]:
        """Say which packages would be installed; fail where those would not fit the head's MPI."""
        launcher = self._launcher()
        wanted = _lacking(board, MPI_PACKAGES[launcher.flavour])
        if not wanted:
            seen = see(board, self.head)
            if not seen.fits:
                raise unfit(seen)
            return ()
        if not board.told.root:
            names = " ".join(wanted)
            raise StepFailed(
                f"{board.told.user} may not install packages there",
                f"Next: on it, as root: apt install {names}; then do it again",
            )
        return (f"install {', '.join(wanted)} with apt, and what they need",)

    def do(self, board: Board) -> str:
        """Install them."""
        launcher = self._launcher()
        names = MPI_PACKAGES[launcher.flavour]
        install_packages(board, *names, check=lambda versions: _check_major(versions, names[0], launcher))
        seen = see(board, self.head)
        if not seen.fits:
            raise unfit(seen)
        return f"{seen.titles}, by packages"

    def _launcher(self) -> Launcher:
        launcher = self.head.installed
        if not self.head.from_distribution:
            raise StepFailed(
                f"the head's {launcher.title} is at {launcher.path}, where no package puts it",
                "Next: --mpi wheels; or on the head: sudo apt install openmpi-bin, and in its settings "
                "jobs.launcher = /usr/bin/mpirun",
            )
        if not PurePath(self.head.python).is_relative_to("/usr"):
            raise StepFailed(
                f"jobs run {self.head.python} on nodes, which no package brings",
                f"Next: set jobs.python = {SYSTEM_PYTHON} on the head, and install python3-mpi4py there too",
            )
        return launcher


def install_packages(
    board: Board, *names: str, check: Callable[[Mapping[str, str]], None] = lambda _: None
) -> None:
    """Install packages that are not there, with what they need; noted in the journal before.

    Args:
        board: Where.
        names: Which.
        check: Told which versions would be installed, before anything is; may raise `StepFailed`.

    Raises:
        StepFailed: They can't be had, or not be installed.
    """
    wanted = _lacking(board, names)
    if not wanted:
        return
    _apt(board, '[ -z "$(dpkg --audit)" ] || dpkg --configure -a', "finishing what dpkg began")
    try:
        _bring(board, wanted, check, "")
    except _Unreached as direct:
        _bring_through_head(board, wanted, check, direct)


def _lacking(board: Board, names: Sequence[str]) -> tuple[str, ...]:
    said = asked(board, _LACKING % " ".join(map(quote, names))).split()
    if "no-apt" in said:
        raise StepFailed("it has no apt", f"Next: install {', '.join(names)} there by its own means")
    return tuple(name for name in names if name in said)


def _bring_through_head(
    board: Board, wanted: Sequence[str], check: Callable[[Mapping[str, str]], None], direct: _Unreached
) -> None:
    """Do it again by a proxy of the head's, at a port of the board's own that leads there."""
    fix = "Next: give the head (or the board) internet, then do it again"
    if not isinstance(board, Lends):
        raise StepFailed(f"its package sources can't be reached: {direct}", fix) from direct
    sources = {_source(url) for url in _URL.findall(asked(board, "apt-get --print-uris update"))}
    through = Proxy(sources, own=own_hosts())
    with ExitStack() as stack:
        try:
            port = stack.enter_context(board.lend(through.serve))
        except PortRefused as error:
            raise StepFailed(
                f"its package sources can't be reached ({direct}), nor through the head: {error}",
                "Next: on it: AllowTcpForwarding yes in /etc/ssh/sshd_config; or give it internet",
            ) from error
        proxy = f"http://127.0.0.1:{port}/"
        try:
            _bring(board, wanted, check, f" -o Acquire::http::Proxy={proxy} -o Acquire::https::Proxy={proxy}")
        except _Unreached as error:
            if through.private:
                host = plain(min(through.private), 60)
                raise StepFailed(
                    f"the head asks {host} for no packages: it is in a private network, no source of its own",
                    f"Next: if that is your mirror, add it to /etc/apt/sources.list.d on the head ({host})",
                ) from error
            raise StepFailed(
                f"its package sources can't be reached, nor through the head: {error}", fix
            ) from error


def _source(url: str) -> str:
    """Give the source that an index file belongs to: what is below it is apt's business."""
    base, found, _ = url.partition("/dists/")
    return base if found else url.rpartition("/")[0]


def _bring(
    board: Board, wanted: Sequence[str], check: Callable[[Mapping[str, str]], None], proxy: str
) -> None:
    apt, names = f"apt-get {_OPTIONS}{proxy}", " ".join(map(quote, wanted))
    where = " through the head" if proxy else ""
    update = _apt(board, f"{apt} update", f"asking for packages{where}", failing=True)
    plan = _apt(board, f"{apt} -s install {names}", "", failing=True)
    if plan.status != 0:
        if _UNREACHED.search(update.out):
            raise _Unreached(_complaint(update))
        raise _why(plan, "apt can't install it")
    versions = {name: version for name, version in _INST.findall(plan.out) if _NAME.fullmatch(name)}
    check(versions)
    fetched = _apt(
        board, f"{apt} -d install {names}", f"fetching {len(versions)} packages{where}", failing=True
    )
    if fetched.status != 0:
        if _UNREACHED.search(fetched.out):
            raise _Unreached(_complaint(fetched))
        raise _why(fetched, "apt can't fetch it")
    noted = "".join(f"installed {name}\n" for name in versions)
    _apt(board, f"{apt} --no-download install {names}", f"installing {len(versions)} packages", first=noted)


def _apt(board: Board, command: str, what: str, *, first: str = "", failing: bool = False) -> Answer:
    """Run a command of apt as root, as soon as nobody else holds its lock.

    Args:
        board: Where.
        command: Which.
        what: Told while it runs; empty: nothing is told.
        first: Words for the journal.
        failing: Its failure is looked at by the caller.

    Raises:
        StepFailed: It failed, or somebody held the lock for too long.
    """
    script = f"export DEBIAN_FRONTEND=noninteractive\n{first}{{\n{command}\n}} 2>&1\n"
    deadline = monotonic() + LOCK_WITHIN
    while True:
        if what:
            board.progress(what)
        answer = board.run(script, root=True, within=_WITHIN)
        if answer.status == 0 or _READ_ONLY.search(answer.out) or not (holder := _holder(answer)):
            break
        if monotonic() > deadline:
            raise StepFailed(
                f"apt is busy there: {holder} has held its lock for {LOCK_WITHIN / 60:.0f} min",
                "Next: let it finish, or restart the board, then do it again",
            )
        board.progress(f"waits until apt is free: {holder} holds its lock")
        board.run(f"sleep {_PAUSE}")
    if answer.status != 0 and not failing:
        raise _why(answer, "apt fails")
    return answer


def _holder(answer: Answer) -> str:
    if found := _LOCKED.search(answer.out):
        return f"{plain(found[2], 30)} (process {found[1]})"
    return "somebody" if _LOCKED_BY_NOBODY.search(answer.out) else ""


def _why(answer: Answer, what: str) -> StepFailed:
    if _FULL.search(answer.out):
        return StepFailed("its disk is full", FULL_FIX)
    if found := _UNKNOWN.search(answer.out):
        name = plain(found[1] or found[2])
        return StepFailed(f"its package sources have no {name}", "Next: on it: see /etc/apt/sources.list")
    if _READ_ONLY.search(answer.out):
        return StepFailed("its disk can be read only", READ_ONLY_FIX)
    return StepFailed(
        f"{what}: {_complaint(answer)}",
        "Next: see on it what ails apt (sudo apt-get -f install), then do it again",
    )


def _complaint(answer: Answer) -> str:
    if found := _NOT_FETCHED.search(answer.out):
        return plain(f"{found[2]} ({urlsplit(found[1]).hostname})")
    found = _COMPLAINT.search(answer.out)
    return plain(found[1]) if found else "it does not say why"


def _check_major(versions: Mapping[str, str], package: str, launcher: Launcher) -> None:
    """Refuse what would not fit the head's MPI, before it is installed."""
    version = versions.get(package, "").rpartition(":")[2]
    major = version.partition(".")[0]
    if major.isdecimal() and int(major) != launcher.version[0]:
        raise StepFailed(
            f"its package {package} is {plain(version)}, the head has {launcher.title}",
            "Next: the same release of the system on head and boards; or wheels on both: --mpi wheels",
        )
