"""What a node is told and asked when a job's files may have to be copied there, and what it says.

Three scripts for `sh -s` on the node: `look` asks what it has, `begin` makes the folders of the copy, `check`
asks for the checksums of what was copied. It answers in lines of words between tabs:

```
sciabc-staging shared NUMBER           the mark in the folder of that number is seen there too
sciabc-staging directory there         the job's working directory can be entered
sciabc-staging sum NUMBER SHA256       of the file of that number, if it has the right size and rights
sciabc-staging free WORDS              the last line of df -kP on the home directory
sciabc-staging folder PATH             where the copy goes; made just now
sciabc-staging taken PATH              another node with the same home directory made it
sciabc-staging failed WORDS            why it could not be made
sciabc-staging end
```

What arrives is believed only as far as it has this form.
"""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jobs.staging import FOLDER, Item, Parcel

MARK = ".sciabc-{token}.mark"
"""The name of a mark: an empty file that is there only while nodes look for it."""

_WORD = "sciabc-staging"
_MOST = 200
_NUMBER = re.compile(r"[0-9]{1,9}")
_DF = re.compile(r" [0-9]{1,15} +-?[0-9]{1,15} +(-?[0-9]{1,15}) +[0-9-]{1,4}%? +/")
_SHA256 = re.compile(r"[0-9a-f]{64}")

# One function: the shell reads it whole before it says anything, so that neither end waits for the other. A
# checksum is not captured first, and no folder entered by a shell of its own: a small board takes a
# millisecond for each process.
_FRAME = """\
exec 2>/dev/null
LC_ALL=C
export LC_ALL
tell() {{ printf '\\n{word}\\t%s\\t%s\\t%s\\n' "$1" "$2" "$3"; }}
told() {{
  printf '\\n{word}\\tsum\\t%s\\t' "$1"
  sha256sum <"$2" || openssl dgst -r -sha256 <"$2"
}}
free() {{ tell free "$(df -kP "$HOME" | tail -n 1)"; }}
{functions}main() {{
:
{lines}
}}
main </dev/null
tell end
"""

_LOOK = """\
marked() { [ ! -e "$2" ] || tell shared "$1"; }
same() {
  [ -r "$3" ] && [ -f "$3" ] && [ "$(wc -c <"$3")" -eq "$2" ] && [ "$4" "$3" ] && told "$1" "$3"
}
"""

# Whoever makes the last folder is the one: two nodes may have one home directory.
_BEGIN = """\
umask 077
d=$HOME/{folder}
if ! said=$(mkdir -p "$d" 2>&1); then tell failed "$said"
elif said=$(mkdir {again}"$d/{token}" 2>&1); then
  if cd "$d/{token}" && said=$(mkdir -p -- . {folders} 2>&1)
  then tell folder "$PWD"
  else tell failed "$said"
  fi
elif [ -d "$d/{token}" ]; then tell taken "$d/{token}"
else tell failed "$said"; fi
"""


@dataclass(frozen=True, slots=True)
class Questions:
    """What nodes are asked.

    Attributes:
        cwd: The job's working directory.
        marked: Folders with a mark in them, by number.
        items: Files to compare, by number.
    """

    cwd: str
    marked: tuple[Path, ...]
    items: tuple[Item, ...]

    def covering(self, path: Path) -> int | None:
        """Give the number of the marked folder that a path is in; None if it is in none."""
        return next((n for n, folder in enumerate(self.marked) if path.is_relative_to(folder)), None)


@dataclass(frozen=True, slots=True)
class Answers:
    """What a node said; None, or nothing, where it did not.

    Attributes:
        shared: Numbers of the folders that are the head's own.
        directory: Whether the working directory can be entered.
        sums: SHA-256 in hex by the number of the file; empty where nothing there can tell it.
        free: Bytes on the disk of the home directory.
        folder: Where the copy goes.
        taken: Whether another node's copy is there.
        failed: Why no folder could be made.
        complete: Whether it said that this was all.
    """

    shared: frozenset[int]
    directory: bool
    sums: dict[int, str]
    free: int | None
    folder: str
    taken: bool
    failed: str
    complete: bool


def look(questions: Questions, token: str) -> str:
    """Write what a node is asked first: what it shares, and what it has at the same path."""
    mark = MARK.format(token=token)
    lines = [f"marked {number} {_quoted(folder / mark)}" for number, folder in enumerate(questions.marked)]
    for number, item in enumerate(questions.items):
        covering = questions.covering(item.path)
        # what is shared is the same: no need to read it, which may take minutes over a network
        unless = "" if covering is None else f"[ -e {_quoted(questions.marked[covering] / mark)} ] || "
        right = "-x" if item.executable else "-r"
        lines.append(f"{unless}same {number} {item.size} {_quoted(item.path)} {right}")
    lines.append(f"cd {_quoted(questions.cwd)} && tell directory there")
    return _FRAME.format(word=_WORD, functions=_LOOK, lines="\n".join(lines))


def begin(token: str, folders: Iterable[str], *, again: bool = False) -> str:
    """Write what makes the folders of the copy.

    Args:
        token: The attempt's.
        folders: Relative to the copy.
        again: The node's own copy may be there, begun and then cut off: it is gone on with.
    """
    wanted = " ".join(_quoted(folder) for folder in folders)
    lines = "free\n" + _BEGIN.format(folder=FOLDER, token=token, folders=wanted, again="-p " if again else "")
    return _FRAME.format(word=_WORD, functions="", lines=lines)


def check(folder: str, targets: Sequence[str]) -> str:
    """Write what asks for the checksums of files below the copy's folder, and for the free space."""
    lines = ["free", f"cd {_quoted(folder)} || return"]
    paths = (_quoted(f"./{target}") for target in targets)
    lines += [f"[ ! -f {path} ] || told {number} {path}" for number, path in enumerate(paths)]
    return _FRAME.format(word=_WORD, functions="", lines="\n".join(lines))


def wanted_folders(parcel: Parcel, top: str) -> tuple[str, ...]:
    """Give the folders that a parcel needs, with the one that it lies in."""
    return (top, *(f"{top}/{folder}" for folder in parcel.folders))


def parse(said: bytes) -> Answers:
    """Read what a node said; whatever else is in it is passed over."""
    shared: set[int] = set()
    sums: dict[int, str] = {}
    first: dict[str, str] = {}
    for line in said.split(b"\n"):
        word, _, rest = line.partition(b"\t")
        if word != _WORD.encode():
            continue
        key, one, two, *_ = (*map(_clean, rest.split(b"\t", 2)), "", "", "")
        if key in {"shared", "sum"} and _NUMBER.fullmatch(one):
            if key == "shared":
                shared.add(int(one))
            else:
                found = _SHA256.match(two)
                sums.setdefault(int(one), found[0] if found else "")
        else:
            first.setdefault(key, one)
    free = _DF.search(first.get("free", ""))
    return Answers(
        shared=frozenset(shared),
        directory=first.get("directory") == "there",
        sums=sums,
        free=int(free[1]) * 1024 if free else None,
        folder=first.get("folder", "") if first.get("folder", "").startswith("/") else "",
        taken="taken" in first,
        failed=first.get("failed", "")[:_MOST],
        complete="end" in first,
    )


def _quoted(path: str | Path) -> str:
    return shlex.quote(str(path))


def _clean(field: bytes) -> str:
    """Keep what can be printed: no control, bidi or zero-width character passes."""
    text = field[:4096].decode("utf-8", "replace")
    return "".join(letter for letter in text if letter.isprintable()).strip()
