"""Where a node's files are put: below one folder, whatever the node says. It blocks.

Every folder on the way is opened by itself and no link is followed, so that neither a name nor a link that
came from a node leads anywhere else.
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jobs.collectnames import checked_name
from sciabc_tui.head.remote_agent import Entry

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_LATEST = 2**62
_LONGEST_LINK = 1024
_PIECE = 1 << 20

Pour = Callable[[Callable[[bytes], object]], str]
"""Brings what a file holds, piece by piece, to a function; gives the checksum that the node told of it."""


class Hostile(Exception):
    """A node said what it must not; the text says what."""


class Damaged(Exception):
    """A file did not arrive as it was sent."""


@dataclass(slots=True)
class Listing:
    """What a node says that it has, checked as it comes.

    Attributes:
        tops: The names of what was asked for.
        entries: By number, in the node's order.
        left_out: How many were neither file, folder nor link.
    """

    tops: frozenset[str]
    entries: dict[int, Entry]
    left_out: int = 0
    _number: int = 0

    def add(self, entry: Entry) -> None:
        """Take in the next one.

        Raises:
            Hostile: It leads elsewhere, or makes no sense.
        """
        number, self._number = self._number, self._number + 1
        name = checked_name(entry.path)
        shown = ascii(entry.path)[1:-1][:80]
        if name is None or str(name) != entry.path or name.parts[0] not in self.tops:
            raise Hostile(f"names a file {shown}")
        if entry.size < 0 or not -_LATEST < entry.changed < _LATEST:
            raise Hostile(f"tells a size or a time of {shown} that can't be")
        if entry.kind == "link" and not stays_inside(name, entry.link):
            raise Hostile(f"has a link {shown} that leads elsewhere")
        if entry.kind in {"file", "folder", "link"}:
            self.entries[number] = entry
        else:
            self.left_out += 1

    @property
    def files(self) -> dict[int, Entry]:
        """Give the files alone."""
        return {number: entry for number, entry in self.entries.items() if entry.kind == "file"}


def stays_inside(name: PurePosixPath, target: str) -> bool:
    """Tell whether a link leads to what is below the same folder.

    `..` may stand at its beginning only: behind another link it would lead up from that one's end.
    """
    path = PurePosixPath(target)
    if not target or not target.isprintable() or len(target.encode()) > _LONGEST_LINK or path.is_absolute():
        return False
    ups = next((index for index, part in enumerate(path.parts) if part != ".."), len(path.parts))
    return ".." not in path.parts[ups:] and ups < len(name.parts)


class Place:
    """A folder for the files of one node."""

    def __init__(self, folder: Path) -> None:
        """Make it, if it is not there.

        Raises:
            OSError: That can't be done, or it is a link.
        """
        folder.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            folder.mkdir()
        self._root = os.open(folder, _FOLDER)

    def close(self) -> None:
        """Let go of it."""
        os.close(self._root)

    @property
    def free(self) -> int:
        """Bytes that are free on its disk."""
        disk = os.fstatvfs(self._root)
        return disk.f_bavail * disk.f_frsize

    def sweep(self, path: PurePosixPath) -> None:
        """Remove from a folder what a copying that was cut off left, unless another one is at it."""
        with contextlib.suppress(OSError), self._opened(path, make=False) as folder:
            for name in [entry.name for entry in os.scandir(folder)]:
                if name.startswith(".sciabc-") and name.endswith(".part"):
                    with contextlib.suppress(OSError):
                        _sweep_one(name, folder)

    def checksum(self, entry: Entry) -> str:
        """Give the SHA-256 of the file that is there, in hex; empty if it has not that size."""
        path = PurePosixPath(entry.path)
        with contextlib.suppress(OSError), self._opened(path.parent, make=False) as folder:
            file = os.open(
                path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder
            )
            with open(file, "rb") as opened:  # noqa: PTH123 - it is open by its folder
                there = os.fstat(file)
                if stat.S_ISREG(there.st_mode) and there.st_size == entry.size:
                    return hashlib.file_digest(opened, "sha256").hexdigest()
        return ""

    def write(self, entry: Entry, pour: Pour) -> None:
        """Write a file, whole or not at all.

        Raises:
            Damaged: It is not what was sent.
            OSError: It can't be written.
        """
        path = PurePosixPath(entry.path)
        with self._opened(path.parent) as folder, _beside(folder) as (name, file):
            digest = hashlib.sha256()

            def sink(data: bytes) -> None:
                digest.update(data)
                view = memoryview(data)
                while view:
                    view = view[os.write(file, view) :]

            if pour(sink) != digest.hexdigest():
                raise Damaged(entry.path)
            os.fchmod(file, _mode(entry))
            os.utime(file, ns=(entry.changed, entry.changed))
            os.fsync(file)
            os.rename(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)

    def make_folder(self, entry: Entry) -> None:
        """Make a folder."""
        with self._opened(PurePosixPath(entry.path)):
            pass

    def settle(self, entry: Entry) -> None:
        """Make a link, or give what is there its mode and time; to be called for folders from within."""
        path = PurePosixPath(entry.path)
        with self._opened(path.parent) as folder:
            if entry.kind == "link":
                _link(entry.link, path.name, folder)
                return
            flags = _FOLDER if entry.kind == "folder" else os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
            file = os.open(path.name, flags, dir_fd=folder)
            try:
                os.fchmod(file, _mode(entry))
                os.utime(file, ns=(entry.changed, entry.changed))
            finally:
                os.close(file)

    @contextlib.contextmanager
    def _opened(self, path: PurePosixPath, *, make: bool = True) -> Generator[int]:
        """Open a folder below; each on the way by itself, and no link."""
        folder = os.dup(self._root)
        try:
            for part in path.parts:
                if make:
                    with contextlib.suppress(FileExistsError):
                        os.mkdir(part, 0o700, dir_fd=folder)
                inner = os.open(part, _FOLDER, dir_fd=folder)
                os.close(folder)
                folder = inner
            yield folder
        finally:
            os.close(folder)


@contextlib.contextmanager
def _beside(folder: int) -> Generator[tuple[str, int]]:
    """Open a new file in a folder; it is removed, unless it got another name."""
    name = f".sciabc-{secrets.token_hex(8)}.part"
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(name, flags, 0o600, dir_fd=folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield name, file
    finally:
        os.close(file)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name, dir_fd=folder)


def _link(target: str, name: str, folder: int) -> None:
    with contextlib.suppress(OSError):
        if os.readlink(name, dir_fd=folder) == target:
            return
    beside = f".sciabc-{secrets.token_hex(8)}.part"
    os.symlink(target, beside, dir_fd=folder)
    try:
        os.rename(beside, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(beside, dir_fd=folder)
        raise


def _sweep_one(name: str, folder: int) -> None:
    file = os.open(name, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=folder)
    finally:
        os.close(file)


def _mode(entry: Entry) -> int:
    """Give the rights here: none that would let a program be somebody else, and a folder stays ours."""
    return entry.mode & 0o777 | (0o700 if entry.kind == "folder" else 0o400)
