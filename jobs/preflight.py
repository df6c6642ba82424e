"""What a node is asked before a job goes there.

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

``jobs.preflight_facts`` reads it.
"""

import re
import shlex
from dataclasses import dataclass

from jobs.errors import SpecError
from jobs.launchers import LIBRARY, Launcher
from jobs.machine import UNKNOWN, Machine

WORD = "sciabc-preflight"
HELLO = f"printf '{WORD}\\thello\\n'\n"
"""What the shell is told first; when it was obeyed, the way there and back is all that is left to measure."""

GREETED = re.compile(rb"^sciabc-preflight\thello$", re.MULTILINE)
TIMED = re.compile(rb"^sciabc-preflight\tclock\t.*$", re.MULTILINE)
ENDED = re.compile(rb"^sciabc-preflight\tend$", re.MULTILINE)

LONGEST = 200
"""Letters of a word that are sent and read."""

_SECONDS = 4

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


def script(wanted: Wanted) -> str:
    """Write what the node's shell is told behind ``HELLO``.

    Raises:
        SpecError: A path holds a control character.
    """
    return _SCRIPT.format(
        word=WORD,
        longest=LONGEST,
        seconds=_SECONDS,
        launchers=" ".join(shlex.quote(name) for name in wanted.launcher.counterparts),
        fits=shlex.quote(wanted.launcher.sign),
        python=_ask_python(wanted) if wanted.python and not wanted.each else "",
        program=_ask_program(wanted) if wanted.program else "",
        cwd=_quoted("cwd", wanted.cwd),
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
