"""What a node is asked before a job goes there, and what it says.

``HELLO`` and then ``script`` are read by one ``sh -s`` on the node, which needs no more than dash or busybox
have; Python is asked for only if the program is one of Python's. It answers in lines of words between tabs:

```
sciabc-preflight hello                    then the head sends the rest, and looks at its clock
sciabc-preflight clock SECONDS.NANO
sciabc-preflight machine NAME BITS        of uname and getconf: a 64-bit kernel may run 32-bit programs
sciabc-preflight memory KIB               that the kernel could give to programs
sciabc-preflight mpi PATH WORDS           once for each launcher that was asked
sciabc-preflight python STATUS WORDS      3.11.2;4.1.0;Open MPI v5.0.11 as far as it got
sciabc-preflight program RIGHTS SHA256    or: missing
sciabc-preflight directory there          or: closed, missing
sciabc-preflight disk PLACE WORDS         the last line of df -kP
sciabc-preflight end
```

What arrives is believed only as far as it has this form.
"""

import re
import shlex
from dataclasses import dataclass

from jobs.errors import SpecError
from jobs.launchers import LIBRARY, Launcher, title
from jobs.machine import UNKNOWN, Machine

WORD = "sciabc-preflight"
HELLO = f"printf '{WORD}\\thello\\n'\n"
"""What the shell is told first; when it was obeyed, the way there and back is all that is left to measure."""

GREETED = re.compile(rb"^sciabc-preflight\thello$", re.MULTILINE)
TIMED = re.compile(rb"^sciabc-preflight\tclock\t.*$", re.MULTILINE)
ENDED = re.compile(rb"^sciabc-preflight\tend$", re.MULTILINE)

_SECONDS = 4
_LONGEST = 200
_NUMBER = re.compile(r"[0-9]{1,15}")
_CLOCK = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,9}))?")
_STATUS = re.compile(r"[0-9]{1,3}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_DF = re.compile(r" ([0-9]{1,15}) -?[0-9]{1,15} (-?[0-9]{1,15}) +[0-9-]{1,4}%? /")

# Initialising MPI without a launcher would start daemons; loading its library is what must work.
_PYTHON = """\
import sys
print('%d.%d.%d' % sys.version_info[:3], end=';', flush=True)
import mpi4py
print(mpi4py.__version__, end=';', flush=True)
mpi4py.rc.initialize = mpi4py.rc.finalize = False
from mpi4py import MPI
print(MPI.Get_library_version()[:80])
"""

# Each part by itself: a file system that hangs must not keep back what the others have to say.
_SCRIPT = """\
exec 2>/dev/null
LC_ALL=C
export LC_ALL
printf '{word}\\tclock\\t%s\\n' "$(date +%s.%N)"
plain() {{ printf %s "$1" | tr -s '[:space:]' ' ' | cut -c 1-{longest}; }}
tell() {{ printf '{word}\\t%s\\t%s\\t%s\\n' "$1" "$(plain "$2")" "$(plain "$3")"; }}
tell machine "$(uname -m)" "$(getconf LONG_BIT)"
within='timeout -s KILL {seconds}'
$within true || within=
while read -r name kib unit; do
  [ "$name" != MemAvailable: ] || tell memory "$kib"
done </proc/meminfo
(
  for name in {launchers}; do
    path=$(command -v "$name") || continue
    said=$($within "$path" --version | head -n 4 | tr -s '[:space:]' ' ')
    tell mpi "$path" "$said"
    case $said in *{fits}*) break ;; esac
  done
) </dev/null &
{python}(
  directory={cwd}
  directory=${{directory:-$HOME}}
  if (cd "$directory"); then
    tell directory there
  elif [ -e "$directory" ]; then
    tell directory closed
    directory=/
  else
    tell directory missing
    directory=/
  fi
  for place in "$directory" "${{TMPDIR:-/tmp}}"; do
    tell disk "$place" "$($within df -kP "$place" | tail -n 1)"
  done
) </dev/null &
{program}wait
printf '{word}\\tend\\n'
"""

_ASK_PYTHON = """\
(
  {library}
  said=$($within {python} -c {code})
  tell python $? "$said"
) </dev/null &
"""

_ASK_PROGRAM = """\
(
  program={program}
  if [ -f "$program" ]; then
    rights=-
    [ ! -r "$program" ] || rights=${{rights}}r
    [ ! -x "$program" ] || rights=${{rights}}x
    {checksum}
    tell program "$rights" "$sum"
  else
    tell program missing
  fi
) </dev/null &
"""

_CHECKSUM = 'sum=$($within sha256sum <"$program" || $within openssl dgst -r -sha256 <"$program")'


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a job needs of each node.

    Attributes:
        launcher: The head's own, which the node's must fit.
        python: The interpreter for the ranks; empty if the program is none of Python's.
        program: Its path; empty means that no program is asked for.
        sha256: What the program is on the head, in hex; empty if another one of that name will do.
        cwd: Where it shall run; empty means the home directory.
        each: It is a command for each node: no mpi4py is asked for.
        machine: The head's own.
    """

    launcher: Launcher
    python: str = ""
    program: str = ""
    sha256: str = ""
    cwd: str = ""
    each: bool = False
    machine: Machine = UNKNOWN


@dataclass(frozen=True, slots=True)
class FoundLauncher:
    """A launcher on the node: where, and what it is, such as ``Open MPI 5.0.11``; empty if it did not say."""

    path: str
    title: str


@dataclass(frozen=True, slots=True)
class FoundPython:
    """What came of loading mpi4py; empty is how far it did not get.

    Attributes:
        status: The exit status; 127 means no such interpreter, 124 and 137 that it took too long.
        version: The interpreter's.
        mpi4py: Its version.
        library: The MPI that it loaded, such as ``Open MPI 5.0.11``.
    """

    status: int
    version: str = ""
    mpi4py: str = ""
    library: str = ""


@dataclass(frozen=True, slots=True)
class FoundProgram:
    """The program on the node; ``sha256`` is empty if nothing there can tell it."""

    there: bool
    readable: bool = False
    executable: bool = False
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class FoundDisk:
    """Bytes that are free on the file system of a place."""

    place: str
    free: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What a node said; None, or nothing, where it did not.

    Attributes:
        clock: Its time, in seconds since 1970.
        tick: How much later than ``clock`` it may have been, in seconds.
        memory: Bytes that programs could have.
        launchers: In the order in which they were asked.
        python: What came of loading mpi4py.
        program: Whether it is there.
        directory: ``there``, ``closed`` (no entry for us, or no directory) or ``missing``.
        disks: Those that a job writes to.
        complete: Whether it said that this was all.
        machine: Its processor.
    """

    clock: float | None = None
    tick: float = 1.0
    memory: int | None = None
    launchers: tuple[FoundLauncher, ...] = ()
    python: FoundPython | None = None
    program: FoundProgram | None = None
    directory: str = ""
    disks: tuple[FoundDisk, ...] = ()
    complete: bool = False
    machine: Machine = UNKNOWN


def script(wanted: Wanted) -> str:
    """Write what the node's shell is told behind ``HELLO``.

    Raises:
        SpecError: A path holds a control character.
    """
    return _SCRIPT.format(
        word=WORD,
        longest=_LONGEST,
        seconds=_SECONDS,
        launchers=" ".join(shlex.quote(name) for name in wanted.launcher.counterparts),
        fits=shlex.quote(wanted.launcher.sign),
        python=_ask_python(wanted) if wanted.python and not wanted.each else "",
        program=_ask_program(wanted) if wanted.program else "",
        cwd=_quoted("cwd", wanted.cwd),
    )


def parse(said: bytes) -> Facts:
    """Read what a node said; whatever else is in it is passed over, and of what is said twice the first."""
    told: dict[str, list[tuple[str, str]]] = {}
    for line in said.split(b"\n"):
        word, _, rest = line.partition(b"\t")
        if word == WORD.encode():
            key, first, second, *_ = (*map(_clean, rest.split(b"\t", 3)), "", "")
            told.setdefault(key, []).append((first, second))
    first = {key: answers[0] for key, answers in told.items()}
    clock, tick = _clock(first.get("clock", ("", ""))[0])
    memory = first.get("memory", ("", ""))[0]
    directory = first.get("directory", ("", ""))[0]
    return Facts(
        clock=clock,
        tick=tick,
        memory=int(memory) * 1024 if _NUMBER.fullmatch(memory) else None,
        launchers=tuple(FoundLauncher(path, title(words)) for path, words in told.get("mpi", [])[:8]),
        python=_python(*first["python"]) if "python" in first else None,
        program=_program(*first["program"]) if "program" in first else None,
        directory=directory if directory in {"there", "closed", "missing"} else "",
        disks=tuple(
            FoundDisk(place, int(found[2]) * 1024)
            for place, words in told.get("disk", [])[:8]
            if (found := _DF.search(words))
        ),
        complete="end" in told,
        machine=_machine(*first.get("machine", ("", ""))),
    )


def _ask_python(wanted: Wanted) -> str:
    library = f"{LIBRARY}={shlex.quote(wanted.launcher.library)}; export {LIBRARY}"
    return _ASK_PYTHON.format(
        python=_quoted("python", wanted.python),
        library=library if wanted.launcher.library else f"unset {LIBRARY}",
        code=shlex.quote(_PYTHON),
    )


def _ask_program(wanted: Wanted) -> str:
    checksum = _CHECKSUM if wanted.sha256 else "sum="
    return _ASK_PROGRAM.format(program=_quoted("program", wanted.program), checksum=checksum)


def _quoted(field: str, text: str) -> str:
    if not text.isprintable():
        raise SpecError(field, "holds a control or invisible character. Next: remove it")
    return shlex.quote(text)


def _machine(name: str, bits: str) -> Machine:
    return Machine(name, int(bits) if bits in {"32", "64"} else 0)


def _clock(text: str) -> tuple[float | None, float]:
    # busybox and others may know no %N: then it is a whole second that this is the beginning of
    seconds = _CLOCK.match(text)
    if seconds is None:
        return None, 1.0
    fraction = seconds[2] or ""
    return float(f"{seconds[1]}.{fraction or 0}"), 10.0 ** -len(fraction)


def _python(status: str, words: str) -> FoundPython | None:
    if not _STATUS.fullmatch(status):
        return None
    version, mpi4py, library, *_ = (*words.split(";", 2), "", "")
    return FoundPython(int(status), version.strip()[:20], mpi4py.strip()[:20], title(library.strip()))


def _program(rights: str, words: str) -> FoundProgram | None:
    if rights == "missing":
        return FoundProgram(there=False)
    if not rights.startswith("-"):
        return None
    found = _SHA256.match(words)
    return FoundProgram(
        there=True, readable="r" in rights, executable="x" in rights, sha256=found[0] if found else ""
    )


def _clean(field: bytes) -> str:
    """Keep what can be printed: no control, bidi or zero-width character passes."""
    text = field[: 4 * _LONGEST].decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()[:_LONGEST]
