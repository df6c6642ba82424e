"""Which files of a staged folder are brought back: patterns, for the node's ``find`` and for us."""

import fnmatch
import re
from collections.abc import Iterable
from pathlib import PurePosixPath

_NAME_BYTES = 255  # of one part: what Linux's file systems hold
_PATH_BYTES = 1024
_PARTS = 32
_FIND_BYTES = 32 * 1024  # with the rest of the program less than a pipe holds
_VARIES = re.compile(r"\*\*/|\[!?\]?[^\]]*\]|[*?\[\\]")


def checked_name(name: str) -> PurePosixPath | None:
    """Return a file's path as a node gave it, or None: it leads elsewhere, is too long, or can't be shown."""
    path = PurePosixPath(name)
    # a byte that is no UTF-8 is a lone surrogate by now, which is not printable
    if not name.isprintable() or path.is_absolute() or ".." in path.parts:
        return None
    if not 0 < len(path.parts) <= _PARTS or len(name.encode()) > _PATH_BYTES:
        return None
    return path if all(len(part.encode()) <= _NAME_BYTES for part in path.parts) else None


class Patterns:
    """Patterns of files below one folder: ``result*.csv``, ``out/**/*.dat``, ``plots``.

    ``*``, ``?`` and ``[]`` stand for characters of one part of a path, ``**`` for any number of parts. A
    folder that matches means all that is in it. As in a shell, a name that begins with a dot is matched only
    by a pattern that does so there: ``*`` must not bring a file that some program trusts or runs.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        """Take the patterns as the job's spec has them: relative, and without ``..``."""
        self._patterns = tuple(_without_end(PurePosixPath(text)) for text in texts)

    def match(self, path: PurePosixPath) -> bool:
        """Tell whether a file, relative to the folder, is asked for."""
        return any(_match(path.parts, pattern.parts) for pattern in self._patterns)

    def find(self, folder: str) -> str:
        """Write an expression for ``find FOLDER``, quoted for a shell: all that may match, and not much more.

        What is not the same in every ``find`` and locale becomes a ``*``, which is the same everywhere, but
        matches slashes too. Empty if there is no pattern.
        """
        written = " -o ".join(_wider(folder, pattern) for pattern in self._patterns)
        return written if len(written.encode()) <= _FIND_BYTES else f"-path {_quoted(f'{folder}/*')}"


def _without_end(pattern: PurePosixPath) -> PurePosixPath:
    """Leave out ``/**``: it says what is so anyway."""
    while pattern.name == "**" and len(pattern.parts) > 1:
        pattern = pattern.parent
    return pattern


def _match(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not any(part.startswith(".") for part in parts)
    if pattern[0] == "**" and _match(parts, pattern[1:]):
        return True
    if not parts or (parts[0].startswith(".") and not pattern[0].startswith(".")):
        return False
    if pattern[0] == "**":
        return _match(parts[1:], pattern)
    return fnmatch.fnmatchcase(parts[0], pattern[0]) and _match(parts[1:], pattern[1:])


def _wider(folder: str, pattern: PurePosixPath) -> str:
    wide = f"{folder}/{_VARIES.sub('*', str(pattern))}"
    dotted = any(part.startswith(".") for part in pattern.parts)
    seen = "" if dotted else f" ! -path {_quoted('*/.*')}"
    return f"\\( \\( -path {_quoted(wide)} -o -path {_quoted(f'{wide}/*')} \\){seen} \\)"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
