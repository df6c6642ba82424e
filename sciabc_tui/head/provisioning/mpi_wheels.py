"""MPI by wheels that the head holds: installed on a board into an environment at the path of the head's own.

The path must be the same because jobs name the same interpreter on all nodes, and mpirun looks for its
daemons on nodes where it is itself. A file in the environment says that it is ours and how far it is, so that
a run that was cut off is gone on with, and nothing that somebody else made is touched.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from shlex import quote

from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.mpi_look import plain, see, unfit
from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import FULL_FIX, asked, done, number, values
from sciabc_tui.head.wheels import PIP, Kind, Wheel, kind_of
from sciabc_tui.head.wheels_fetch import fetch

MARK = ".sciabc-mpi"
"""The file that says how far the environment is: its first line is `making` or `made`."""

_MAKING = "making"
_ENVIRONMENT = 4 * 2**20
"""Bytes that an empty environment takes, and some more."""

_BEGIN_WITHIN = 120.0
_INSTALL_WITHIN = 1800.0
"""Seconds: a Pi Zero takes ten minutes to compile numpy's modules to bytecode."""

_PLACE = """
p={prefix}
if [ -f "$p/{mark}" ]; then
  echo "ours=$(head -n 1 "$p/{mark}")"
elif [ -e "$p" ] || [ -L "$p" ]; then
  echo "foreign=$p"
fi
a=$p
until [ -d "$a" ]; do
  if [ -e "$a" ] || [ -L "$a" ]; then echo "foreign=$a"; fi
  a=${{a%/*}}
  a=${{a:-/}}
done
if (cd "$a") 2>/dev/null; then [ ! -w "$a" ] || echo "writable=yes"; else echo "closed=$a"; fi
echo "free=$(df -kP "$a" | awk 'NR == 2 {{ print $4 }}')"
"""

# It comes to its place with the mark in it, at once: without one it would be taken for somebody else's.
_BEGIN = """
p={prefix}
made "$p"
made "$p.sciabc-new"
if [ -f "$p/{mark}" ]; then
  echo {making} >"$p/{mark}.new"
  mv -f "$p/{mark}.new" "$p/{mark}"
  find "$p" -mindepth 1 -maxdepth 1 ! -name {mark} ! -name wheels -exec rm -rf {{}} +
  mkdir -p "$p/wheels"
else
  rm -rf "$p.sciabc-new"
  mkdir -p "$p.sciabc-new/wheels"
  echo {making} >"$p.sciabc-new/{mark}"
  mv "$p.sciabc-new" "$p"
fi
cd "$p/wheels"
for file in *.whl; do
  [ ! -f "$file" ] || echo "$file=$(sha256sum <"$file" | cut -d' ' -f1)"
done
"""

_INSTALL = """
cd {prefix}
unset PYTHONPATH PYTHONHOME
export PIP_CONFIG_FILE=/dev/null
mkdir -p tmp
export TMPDIR="$PWD/tmp"
python3 -m venv --without-pip .
bin/python wheels/{pip}/pip --isolated --disable-pip-version-check --no-input --no-cache-dir --quiet \\
  install --no-index --find-links wheels --no-warn-script-location {packages} >&2
[ -e {python} ] || [ -L {python} ] || ln -s python3 {python}
rm -rf wheels tmp
printf '%s\\n' made {packages} >{mark}.new
sync
mv -f {mark}.new {mark}
"""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the environment comes: whether as root, and whether something of it is there."""

    root: bool
    begun: bool
    made: bool
    free: int | None


@dataclass(frozen=True, slots=True)
class WheelsWay:
    """Copies wheels and installs them with no package index there; what the head lacks it fetches first."""

    head: HeadMpi

    def look(self, board: Board) -> Sequence[str]:
        """Say what would be installed where; fail where that can't be."""
        place = self._place(board)
        if place.made and see(board, self.head).fits:
            return ()
        kind = _kind(board)
        whose = "root" if place.root else board.told.user
        again = "go on with" if place.begun else "make"
        made = f"{again} {self.head.prefix}, a Python environment that belongs to {whose}"
        if self._lacks(kind):
            return (
                f"fetch {self._names} for {kind.title} from the package index, to the head",
                made,
                "install them there",
            )
        wheels = self._wheels(board, place)
        titles = ", ".join(wheel.title for wheel in wheels if wheel.name != PIP)
        size = _megabytes(sum(wheel.size for wheel in wheels))
        return (made, f"install {titles} there, from wheels of the head ({size})")

    def do(self, board: Board) -> str:
        """Copy what is not there yet, and install it."""
        place = self._place(board)
        self._fetch(board)
        wheels = self._wheels(board, place)
        known = {"prefix": quote(self.head.prefix), "mark": MARK, "making": _MAKING}
        begin = _BEGIN.format(**known)
        what = f"{self.head.prefix} could not be made"
        there = values(done(board, begin, what, root=place.root, within=_BEGIN_WITHIN))
        for wheel in wheels:
            if there.get(wheel.path.name) != wheel.sha256:
                board.copy(wheel.path, f"{self.head.prefix}/wheels/{wheel.path.name}", root=place.root)
        board.progress(f"installing {self._names}")
        install = _INSTALL.format(
            **known,
            pip=next(quote(wheel.path.name) for wheel in wheels if wheel.name == PIP),
            packages=" ".join(f"{wheel.name}=={wheel.version}" for wheel in wheels if wheel.name != PIP),
            python=quote(f"bin/{PurePath(self.head.python).name}"),
        )
        done(board, install, "the wheels could not be installed", root=place.root, within=_INSTALL_WITHIN)
        seen = see(board, self.head)
        if not seen.fits:
            raise unfit(seen)
        return f"{seen.titles}, at {self.head.prefix}"

    def _place(self, board: Board) -> _Place:
        prefix = PurePath(self.head.prefix)
        self._check_paths(prefix)
        said = values(asked(board, _PLACE.format(prefix=quote(str(prefix)), mark=MARK)))
        if foreign := said.get("foreign"):
            raise StepFailed(
                f"{plain(foreign)} is there already, and not made by us",
                "Next: move it away on the board; or make the head's environment elsewhere",
            )
        if closed := said.get("closed"):
            raise StepFailed(
                f"{board.told.user} may not enter {plain(closed)}, where the head has its environment",
                "Next: install the head's sciabc-tui where all may go, such as /opt/sciabc or ~/sciabc",
            )
        root = said.get("writable") != "yes"
        if root and not board.told.root:
            user = board.told.user
            raise StepFailed(
                f"{user} may not make {prefix} there, the place of the head's own environment",
                f"Next: give {user} sudo there, or install the head's sciabc-tui below {board.told.home}",
            )
        free = number(said.get("free", ""))
        mark = said.get("ours", "")
        return _Place(root, mark == _MAKING, mark == "made", None if free is None else free * 1024)

    def _check_paths(self, prefix: PurePath) -> None:
        """Refuse a place where nobody may make an environment, or where jobs would not look for it."""
        if prefix.is_relative_to("/usr") or len(prefix.parts) < 3:
            raise StepFailed(
                f"the head runs from {prefix}, which belongs to the system",
                "Next: install the head's sciabc-tui in an environment: python3 -m venv ~/sciabc",
            )
        if PurePath(self.head.python).parent != prefix / "bin":
            raise StepFailed(
                f"jobs run {self.head.python} on nodes, and the head's wheels are at {prefix}",
                "Next: leave jobs.python empty on the head",
            )

    @property
    def _names(self) -> str:
        return ", ".join(need.name for need in self.head.needs if need.name != PIP)

    def _lacks(self, kind: Kind) -> str:
        """Name what the head does not hold, or not whole; empty if it holds all."""
        wheels = [wheel for wheel in self.head.shelf.wheels(kind) if wheel.whole]
        return ", ".join(need.name for need in self.head.needs if not need.met(wheels))

    def _fetch(self, board: Board) -> None:
        """Let the head hold what this board needs; several boards at once wait for the one that fetches."""
        kind = _kind(board)
        try:
            fetch(self.head.shelf, kind, self.head.needs, board.progress)
        except CommandRefused as error:
            problem, _, _ = str(error).partition(". Next: ")
            raise StepFailed(
                f"the head holds no wheels of {self._lacks(kind)} for {kind.title}, and {problem}",
                f"Next: on the head, where there is internet: {kind.fetch}",
            ) from error

    def _wheels(self, board: Board, place: _Place) -> tuple[Wheel, ...]:
        wheels = self.head.shelf.wheels(_kind(board))
        _check_libc(board.told.libc, wheels)
        # for a time both are there; the modules' bytecode takes a fifth of what they take
        room = sum(wheel.size + wheel.unpacked * 5 // 4 for wheel in wheels) + _ENVIRONMENT
        if place.free is not None and place.free < room:
            raise StepFailed(
                f"no room for MPI: it takes {_megabytes(room)}, {_megabytes(place.free)} are free", FULL_FIX
            )
        return wheels


def lacks_wheels(board: Board) -> str:
    """Say why there are no wheels for a board; empty if there may be."""
    try:
        _kind(board)
    except StepFailed as error:
        return str(error)
    return ""


def _kind(board: Board) -> Kind:
    told = board.told
    try:
        return kind_of(told.machine, told.python, bits=told.bits or 64)
    except CommandRefused as error:
        problem, _, fix = str(error).partition(" Next: ")
        raise StepFailed(problem.rstrip("."), f"Next: {fix}") from error


def _check_libc(libc: str, wheels: Sequence[Wheel]) -> None:
    name, _, text = libc.partition(" ")
    parts = text.split(".")
    if name != "glibc" or len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        raise StepFailed(
            f"its C library is {libc or 'none that we know'}, and wheels need glibc",
            "Next: flash it with Raspberry Pi OS or Debian",
        )
    wanted = max(
        (wheel for wheel in wheels if wheel.glibc), key=lambda wheel: wheel.glibc or (0, 0), default=None
    )
    if wanted and wanted.glibc and (int(parts[0]), int(parts[1])) < wanted.glibc:
        needed = ".".join(map(str, wanted.glibc))
        raise StepFailed(
            f"its C library is {libc}, and {wanted.title} needs {needed}",
            "Next: flash it with a newer Raspberry Pi OS or Debian",
        )


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"
