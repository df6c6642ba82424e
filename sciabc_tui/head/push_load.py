"""What of the head's is pushed: found, and its checksums, which are kept for the next time. It blocks."""

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.remote_agent import ENTRIES, Entry

_KEPT = 4 * ENTRIES

_Key = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class Item:
    """Something that is pushed.

    Attributes:
        source: Where it is here.
        entry: What it is, and where it goes: below the folder, or absolute where each keeps its place.
    """

    source: Path
    entry: Entry


@dataclass(frozen=True, slots=True)
class Load:
    """All that is pushed.

    Attributes:
        items: Files, folders and links; a folder stands before what is in it.
        tops: Where those that were named go.
        marked: Folders of the head that hold them.
    """

    items: tuple[Item, ...]
    tops: tuple[str, ...]
    marked: tuple[Path, ...]

    @property
    def files(self) -> int:
        """How many files that are."""
        return sum(item.entry.kind == "file" for item in self.items)


def gathered(paths: Sequence[str], folder: str) -> Load:
    """Find what is pushed. A path that is named is followed if it is a link; links in a folder stay links.

    Args:
        paths: Absolute.
        folder: Where to; empty: the place that each has here.

    Raises:
        CommandRefused: Something can't be copied; it names it and the next step.
    """
    items: list[Item] = []
    tops: dict[str, Path] = {}
    for text in paths:
        path = Path(os.path.normpath(text))
        if not path.is_absolute() or not path.name:
            raise CommandRefused(f"{text!a} can't be pushed. Next: name a file or a folder")
        target = path.name if folder else str(path)
        if target in tops:
            raise CommandRefused(
                f"{tops[target]} and {path} have one name. Next: push them one after the other"
            )
        tops[target] = path
        for item in _walked(path, PurePosixPath(target), top=True):
            items.append(item)
            if len(items) > ENTRIES:
                raise CommandRefused(f"{path} holds more than {ENTRIES} files. Next: pack them with tar")
    return Load(tuple(items), tuple(tops), tuple({path.parent for path in tops.values()}))


def _walked(path: Path, target: PurePosixPath, *, top: bool) -> Iterator[Item]:
    shown = ascii(str(path))[1:-1]
    if not str(path).isprintable():
        raise CommandRefused(f"{shown} has no plain name. Next: rename it")
    try:
        found = path.stat() if top else path.lstat()
        kind = _kind(found.st_mode)
        if kind == "file" and not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, "Permission denied")
        link = str(path.readlink()) if kind == "link" else ""
        inner = sorted(path.iterdir()) if kind == "folder" else []
    except OSError as error:
        step = "check the path" if isinstance(error, FileNotFoundError) else "chmod -R u+rX it"
        raise CommandRefused(f"The head can't read {shown}: {error.strerror}. Next: {step}") from error
    if not kind:
        raise CommandRefused(f"{shown} is no file, folder or link. Next: leave it out")
    size = found.st_size if kind == "file" else 0
    yield Item(path, Entry(kind, str(target), stat.S_IMODE(found.st_mode), found.st_mtime_ns, size, link))
    for entry in inner:
        yield from _walked(entry, target / entry.name, top=False)


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    return "folder" if stat.S_ISDIR(mode) else "link" if stat.S_ISLNK(mode) else ""


class Sums:
    """The checksums of the head's files; each file is read once, until it is another or was changed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[_Key, Future[str]] = {}

    def of(self, path: Path) -> str:
        """Give the SHA-256 of a file, in hex; who asks while it is read waits.

        Raises:
            OSError: It can't be read.
        """
        with path.open("rb") as file:
            there = os.fstat(file.fileno())
            key = (there.st_dev, there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns)
            with self._lock:
                known = self._known.get(key)
                ours: Future[str] = Future()
                if known is None:
                    if len(self._known) >= _KEPT:
                        self._known.clear()
                    self._known[key] = ours
            if known is None:
                try:
                    ours.set_result(hashlib.file_digest(file, "sha256").hexdigest())
                except OSError as error:
                    ours.set_exception(error)
                    with self._lock:
                        self._known.pop(key, None)
        return (known or ours).result()


@contextlib.contextmanager
def marks(folders: Sequence[Path], name: str, content: str) -> Generator[None]:
    """Set marks by which nodes that share a folder know it, for the length of the block."""
    with contextlib.ExitStack() as stack:
        for folder in folders:
            with contextlib.suppress(OSError):  # where nobody may write, files are compared
                path = folder / name
                file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o644)
                stack.callback(os.close, file)
                stack.callback(path.unlink, missing_ok=True)
                fcntl.flock(file, fcntl.LOCK_EX)  # one that nobody holds is anybody's to remove
                os.write(file, content.encode())
        yield
