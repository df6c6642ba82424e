"""Bare boards: as freshly flashed, with nothing of ours. What they lack is taken out of the host's root.

`Lab(nodes=3, bare=Bare())` has three, `lab.add(bare=Bare(sudo=Sudo.NO))` adds one. A bare board has
Debian's own sshd configuration (with its `Include`), where user pi logs in with `lab.password` and with no
key; real sudo; avahi-daemon (unless told otherwise) with no service of ours; Debian's python3 without pip
and ensurepip; dpkg and apt, whose only source is out of reach. There is no MPI, no checkout and no venv:
what the head has at `sys.prefix` is not there, and can be made at that path. /home, /opt, /root, /srv and
/usr/local are its own. Its card lasts from power-on to power-on, like that of every machine. What can go
wrong while it is on: `tests.lab.trouble`.

What is not real, since the boards share a kernel and a C library:

- A clock that is off: CLOCK_REALTIME is the same in all namespaces. `/usr/local/bin/date`, first in PATH,
  tells another time (and, as root with `-s`, sets it); the times of files, Python and TLS are those of the
  host.
- A wrong architecture is that of linux32(8): `uname -m` says i686 in all that sshd starts, the binaries are
  those of the host.
"""

import ctypes
import os
import re
import secrets
import stat
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

SOURCE = "http://mirror.lab/debian"
"""What the board's apt is configured for; nothing answers there, and its name can't be resolved."""

CLOCK = "/var/lib/lab-clock"
"""The file on a board with the seconds that its clock is ahead."""

SSHD = """Include /etc/ssh/sshd_config.d/*.conf
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication {passwords}
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
Subsystem sftp /usr/lib/openssh/sftp-server
"""

_LEFT = (
    "etc/alternatives/mpi*",
    "usr/bin/mpi*",
    "usr/lib/*/openmpi",
    "usr/lib/python3/dist-packages/mpi4py",
    "usr/lib/python3/dist-packages/pip",
    "etc/pip.conf",
    "etc/apt/sources.list",
    "etc/apt/sources.list.d/*",
    "etc/sudoers.d/[0-9]*",
)
"""What is the host's own, or what packages leave beside their files."""
_MPI = ("openmpi-*", "libopenmpi*", "mpich", "mpich-*", "libmpich*", "mpi-default-*", "python3-mpi4py")
_PIP = ("python3-pip",)
_ENSUREPIP = ("python3*-venv", "python3-pip-whl", "python3-setuptools-whl")
_AVAHI = ("avahi-daemon", "avahi-utils")
_TOP = re.compile(r"/(bin|boot|dev|etc|lib[x0-9]*|proc|root|run|sbin|sys|tmp|usr|var)")
_OWN = (
    "/home",
    "/opt",
    "/srv",
    "/mnt",
    "/media",
    "/usr/local",
    "/var/lib/apt/lists",
    "/var/cache/apt",
    "/var/log",
)
_FOLDERS = (
    *(f"/usr/local/{name}" for name in ("bin", "sbin", "lib", "share", "etc")),
    "/var/lib/apt/lists/partial",
    "/var/cache/apt/archives/partial",
    "/var/log/apt",
)

_DATE = """#!/bin/sh
# The clock of this board of the lab: that of its host, and as many seconds as the file says.
set=
for word do
  case $set in next) set=$word; break ;; esac
  case $word in
    -s | --set) set=next ;;
    --set=*) set=${{word#--set=}}; break ;;
    -s?*) set=${{word#-s}}; break ;;
  esac
done
[ -n "$set" ] || exec /bin/date -d "@$(($(/bin/date +%s) + $(cat {clock}))).$(/bin/date +%N)" "$@"
[ "$(id -u)" -eq 0 ] || {{ echo "date: cannot set date: Operation not permitted" >&2; exit 1; }}
new=$(/bin/date -d "$set" +%s) || exit
echo $((new - $(/bin/date +%s))) >{clock} && exec /bin/date -d "@$new"
"""


class Sudo(StrEnum):
    """What pi may do as root on a bare board."""

    FREE = "free"
    """Everything, without a password: as Raspberry Pi OS has it."""
    PASSWORD = "password"
    """Everything, with the password: as Debian has it."""
    TERMINAL = "terminal"
    """The same, and only on a terminal (`requiretty`)."""
    NO = "no"
    """Nothing: sudo is there, and pi is not in sudoers."""
    ABSENT = "absent"
    """Nothing: there is no sudo."""


@dataclass(frozen=True, slots=True)
class Bare:
    """What a bare board has, and what ails it.

    Attributes:
        sudo: What pi may do as root.
        passwords: Whether sshd takes passwords.
        ensurepip: Whether python3-venv is installed.
        avahi: Whether avahi-daemon is installed and runs.
        free_kib: How many KiB are free on its card, where /tmp is not; None: plenty.
        read_only: Its root was remounted read-only, as the kernel does with a broken card.
        linux32: A 32-bit machine by its own word.
        clock_off: Seconds that its clock is ahead, by date(1).
    """

    sudo: Sudo = Sudo.FREE
    passwords: bool = True
    ensurepip: bool = False
    avahi: bool = True
    free_kib: int | None = None
    read_only: bool = False
    linux32: bool = False
    clock_off: int = 0

    @property
    def services(self) -> str:
        """The daemons that it starts, separated by blanks."""
        return "sshd avahi" if self.avahi else "sshd"

    @property
    def packages(self) -> tuple[str, ...]:
        """Patterns of the Debian packages of the host that it has not."""
        avahi = () if self.avahi else _AVAHI
        ensurepip = () if self.ensurepip else _ENSUREPIP
        sudo = ("sudo",) if self.sudo is Sudo.ABSENT else ()
        return (*_MPI, *_PIP, *ensurepip, *avahi, *sudo)

    @property
    def left(self) -> tuple[Path, ...]:
        """Files and folders of the host that it has not, and that are not among those of packages."""
        ensurepip = () if self.ensurepip else ("usr/lib/python3.*/ensurepip",)
        return tuple(path for pattern in (*_LEFT, *ensurepip) for path in Path("/").glob(pattern))


def new_password() -> str:
    """Make a password that is hard to guess, and hard to quote."""
    return f"""it's "$H0M3" \\ {secrets.token_hex(8)}"""


def hashed(password: str) -> str:
    """Hash a password as in shadow(5), by crypt(3); not for two threads at once."""
    library = ctypes.CDLL("libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    result: bytes | None = library.crypt(password.encode(), b"$6$" + secrets.token_hex(8).encode())
    assert result is not None
    return result.decode()


def strip(upper: Path, bare: Bare) -> None:
    """Take out of the host's root what a bare board has not.

    Args:
        upper: The upper layer of its file system, empty and not mounted yet.
        bare: What it has.
    """
    layer = _Layer(upper)
    for path in Path("/").iterdir():
        if not _TOP.fullmatch(str(path)) and str(path) not in _OWN:
            layer.hide(path)
    for folder in _OWN:
        layer.own(folder)
    layer.own("/root", 0o700)
    for folder in _FOLDERS:
        layer.folder(Path(folder))
    names = _installed(bare.packages)
    for path in (*bare.left, *_files(names)):
        layer.hide(path)
    _forget(layer, names)


def sudoers(bare: Bare) -> str:
    """Write the sudo rule of pi; empty if there is none."""
    match bare.sudo:
        case Sudo.FREE:
            return "pi ALL=(ALL) NOPASSWD: ALL\n"
        case Sudo.PASSWORD:
            return "pi ALL=(ALL:ALL) ALL\n"
        case Sudo.TERMINAL:
            return "Defaults requiretty\npi ALL=(ALL:ALL) ALL\n"
        case Sudo.NO | Sudo.ABSENT:
            return ""


def ailment(bare: Bare | None) -> dict[str, str]:
    """Tell boot.sh what ails a machine, by variables."""
    return {
        "LAB_AS": "setarch linux32" if bare is not None and bare.linux32 else "",
        "LAB_READ_ONLY": "yes" if bare is not None and bare.read_only else "",
    }


def date_program() -> str:
    """Write the date(1) of a board whose clock is off."""
    return _DATE.format(clock=CLOCK)


class _Layer:
    """An upper layer before it is mounted (overlayfs's whiteouts and opaque directories)."""

    def __init__(self, upper: Path) -> None:
        self._upper = upper

    def folder(self, path: Path) -> Path:
        """Make a directory as the host has it."""
        inside = self._at(path)
        if inside == self._upper or inside.exists():
            return inside
        self.folder(path.parent)
        inside.mkdir()
        if path.is_dir():
            found = path.stat()
            os.chown(inside, found.st_uid, found.st_gid)
            inside.chmod(stat.S_IMODE(found.st_mode))
        return inside

    def own(self, path: str, mode: int = 0o755) -> None:
        """Make a directory in which nothing of the host is seen."""
        inside = self.folder(Path(path))
        inside.chmod(mode)
        os.setxattr(inside, "trusted.overlay.opaque", b"y")

    def hide(self, path: Path) -> None:
        """Let a file or a whole directory of the host not be seen."""
        place = path.parent.resolve() / path.name
        if not os.path.lexists(path) or any(self._at(folder).is_char_device() for folder in place.parents):
            return
        inside = self.folder(place.parent) / path.name
        if not os.path.lexists(inside):
            os.mknod(inside, stat.S_IFCHR, 0)

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        (self.folder(Path(path).parent) / Path(path).name).write_text(text, encoding="utf-8")

    def _at(self, path: Path) -> Path:
        return self._upper / str(path).lstrip("/")


def _installed(patterns: Iterable[str]) -> tuple[str, ...]:
    asked = subprocess.run(
        ["dpkg-query", "--show", "--showformat", "${binary:Package}\n", *patterns],
        capture_output=True,
        text=True,
        check=False,  # 1 if one pattern fits nothing
    )
    return tuple(asked.stdout.split())


def _files(packages: Iterable[str]) -> tuple[Path, ...]:
    listed = subprocess.run(
        ["dpkg-query", "--listfiles", *packages], capture_output=True, text=True, check=False
    )
    paths = (Path(line) for line in listed.stdout.splitlines() if line.startswith("/"))
    return tuple(path for path in paths if not path.is_dir())  # /lib is listed, and a link today


def _forget(layer: _Layer, packages: Iterable[str]) -> None:
    """Take packages out of dpkg's database."""
    bare = {name.partition(":")[0] for name in packages}
    stanzas = Path("/var/lib/dpkg/status").read_text(encoding="utf-8").split("\n\n")
    named = re.compile(r"^Package: (\S+)$", re.MULTILINE)
    kept = (text for text in stanzas if not ((found := named.search(text)) and found[1] in bare))
    layer.write("/var/lib/dpkg/status", "\n\n".join(kept))
    for name in bare:
        for file in Path("/var/lib/dpkg/info").glob(f"{name}[.:]*"):
            layer.hide(file)
