"""Paths of this machine: which go on from what was typed, and what the service must be told of one.

What lists a folder blocks, and looks at no more than it must.
"""

import os
import stat
from itertools import islice
from pathlib import Path

import msgspec

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster.nodeset import natural

MOST_LOOKED_AT = 5000
"""Entries of a folder that are looked at; those behind them are not offered."""

MOST_OFFERED = 200


def complete(text: str, *, folders: bool = False) -> tuple[str, ...]:
    """Give the paths that begin with a text, as it is written; a folder ends in `/`.

    Programs are what can be run: files that are executable, or end in `.py`. Names that hold a character
    which can't be printed are left out: a job could not name them either.

    Args:
        text: The beginning of a path; one without `/` is looked for in the working directory.
        folders: Give folders only.
    """
    if text.startswith("~") and "/" not in text:
        return ("~/",) if text == "~" else ()
    given, slash, prefix = text.rpartition("/")
    try:
        folder = Path(given + slash).expanduser() if slash else Path()
        with os.scandir(folder) as entries:
            found = [
                entry
                for entry in islice(entries, MOST_LOOKED_AT)
                if entry.name.startswith(prefix)
                and entry.name.isprintable()
                and (prefix.startswith(".") or not entry.name.startswith("."))
            ]
    except (OSError, RuntimeError, ValueError):
        return ()  # there is no such folder, user or name
    found.sort(key=lambda entry: natural(entry.name))
    offered = (_written(entry, folders=folders) for entry in islice(found, MOST_OFFERED))
    return tuple(f"{given}{slash}{name}" for name in offered if name)


def _written(entry: "os.DirEntry[str]", *, folders: bool) -> str:
    """Give a name as it is offered; empty if it is not."""
    try:
        if entry.is_dir():
            return f"{entry.name}/"
        mode = entry.stat().st_mode
    except OSError:
        return ""  # it went away, or its link leads nowhere
    runs = stat.S_ISREG(mode) and (entry.name.endswith(".py") or mode & 0o111)
    return entry.name if runs and not folders else ""


def from_here(request: SubmitJob) -> SubmitJob:
    """Make every path of a job absolute, because the service has another working directory."""
    return msgspec.structs.replace(
        request,
        program=_program(request.program),
        cwd=_absolute(request.cwd) if request.cwd else "",
        files=tuple(map(_absolute, request.files)),
    )


def _program(program: str) -> str:
    """Make a path absolute; a bare name that is no file here stays one."""
    try:
        here = os.sep in program or Path(program).is_file()
    except OSError:  # too long a name, or no folder to look in
        here = False
    return _absolute(program) if here else program


def _absolute(path: str) -> str:
    try:
        return str(Path(path).expanduser().absolute())
    except RuntimeError:
        return path  # no such user: the service says so
