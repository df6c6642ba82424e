"""Put files that nodes sent where they belong; nothing that is not of this attempt is overwritten."""

import errno
import filecmp
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from jobs.hostfile import Host

_INODES = 1000  # how many files the disk must be able to hold still
_ODD = re.compile(r"[^A-Za-z0-9._-]")


def check_room(folder: Path, more: int, free: int) -> None:
    """Refuse to write so many bytes into a folder if less than ``free`` would be left on its disk.

    Raises:
        OSError: ENOSPC, as if the disk were full already.
    """
    disk = os.statvfs(folder)
    if disk.f_bavail * disk.f_frsize - more < free or (disk.f_files > 0 and disk.f_favail < _INODES):
        raise OSError(errno.ENOSPC, "disk full")


def place_outputs(received: Path, into: Path, host: Host, since: float, free: int) -> tuple[str, ...]:
    """Move the outputs of one node into the job's folder, each under its name or as ``NAME.NODE``.

    Its name is taken by what is there, has another content and is no older than the attempt: the head's own
    ranks made it, or a node that came before, or the user. What is older came from an earlier attempt or job.

    Args:
        received: Where the node's files are; on the file system of ``into``, so that moving takes no room.
        into: The job's working directory; links to folders in it are the user's own, and are followed.
        host: The node.
        since: When the attempt began, in seconds since 1970.
        free: How many bytes must stay free on the disk.

    Returns:
        What could not be moved, and why: the path, relative to the folder, and a word.
    """
    left: list[str] = []
    for path in _files(received):
        target = into / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            names = (target, target.with_name(f"{target.name}.{plain_name(host)}"))
            placed = _placed(received / path, names, since, free)
        except OSError as error:
            left.append(f"{path}: {error.strerror}")
            continue
        if not placed:
            left.append(f"{path}: {path.name}.{plain_name(host)} is there already")
    return tuple(left)


def merge_checkpoint(received: Path, into: Path, ahead: float) -> tuple[str, ...]:
    """Move the files of one node's checkpoint into the job's, where they are newer.

    Args:
        received: Where the node's files are, with their times by the node's clock.
        into: The job's checkpoint directory on this machine.
        ahead: By how many seconds the node's clock is ahead of this machine's: boards have no clock of their
            own, and the newest file must win all the same.

    Returns:
        What could not be moved, and why.
    """
    left: list[str] = []
    for path in _files(received):
        source, target = received / path, into / path
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            told = source.stat().st_mtime
            if _is_newer(source, told - ahead, target):
                os.utime(source, (told - ahead, told - ahead))
                source.replace(target)
        except OSError as error:
            left.append(f"{path}: {error.strerror}")
    return tuple(left)


def _files(folder: Path) -> Iterator[Path]:
    """Give the paths of all files below a folder, relative to it, in order."""
    for where, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield (Path(where) / name).relative_to(folder)


def _placed(source: Path, names: tuple[Path, ...], since: float, free: int) -> bool:
    for name in names:
        if not os.path.lexists(name):
            _move(source, name, free)
            return True
        if name.is_file() and filecmp.cmp(source, name, shallow=False):
            return True
        if name.is_file() and not name.is_symlink() and name.stat().st_mtime < since:
            _move(source, name, free)
            return True
    return False


def _is_newer(source: Path, changed: float, target: Path) -> bool:
    try:
        there = target.stat()
    except FileNotFoundError:
        return True
    here = source.stat()
    if (int(here.st_mtime), here.st_size) == (int(there.st_mtime), there.st_size):
        return False  # it came from here when the attempt began
    return changed > there.st_mtime


def _move(source: Path, target: Path, free: int) -> None:
    """Rename, also into a folder that is on another file system (a link, a mount); never half a file."""
    try:
        source.replace(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = target.with_name(f".{target.name[:200]}.sciabc")
        check_room(target.parent, source.stat().st_size, free)
        try:
            shutil.copy2(source, beside)
            beside.replace(target)
        except OSError:
            beside.unlink(missing_ok=True)
            raise


def plain_name(host: Host) -> str:
    """Return the name of a node as it may stand in a file's name."""
    return _ODD.sub("_", host.name)[:63]
