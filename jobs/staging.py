"""What of a job is copied to nodes that do not share it, and where it stands there.

```
$HOME/.cache/sciabc/jobs/TOKEN/             on such a node, removed when the attempt is over
    work/         the ranks' working directory: what lies below the job's, by the same path; else by its name
    program       the program, where the node shares the working directory and lacks only that
    sciabc_lines.py  what a program may have beside it, then too
    checkpoint/   the job's checkpoint directory
```

A node gets of this only what it lacks: see `jobs.staging_words`, and `sciabc_tui.head.staging` which copies.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jobs.errors import SpecError
from jobs.spec import COMPANION, PROGRAMS, JobSpec, OnNodeLoss

FOLDER = ".cache/sciabc/jobs"
"""Below the home directory of the node's user."""

WORK, PROGRAM, CHECKPOINT_FOLDER = "work", "program", "checkpoint"
CHECKPOINT = "SCIABC_CHECKPOINT"
"""The variable that tells ranks their checkpoint directory."""

_OWN = ("/usr", "/bin", "/sbin", "/lib", "/opt", "/snap")
_MOST_FILES = 20_000
_SHOWN = 60


@dataclass(frozen=True, slots=True)
class Item:
    """A file to be copied.

    Attributes:
        path: Where it is on the head, as the job names it: the same path is looked at on a node.
        target: Where it goes, relative to the folder of the copy.
        size: Its bytes.
        modified: When it was changed, in seconds since 1970.
        executable: Whether its owner may run it.
    """

    path: Path
    target: str
    size: int
    modified: float
    executable: bool = False


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is copied together: files, and the folders that they need or that are wanted empty."""

    items: tuple[Item, ...] = ()
    folders: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """All bytes."""
        return sum(item.size for item in self.items)


def nodes_own(program: str) -> bool:
    """Tell whether each node has its own of this program, as of `/usr/bin/uptime`: it is never copied.

    The programs that come with sciabc-tui are copied, wherever it is installed.
    """
    path = PurePosixPath(program)
    return not path.is_relative_to(PROGRAMS) and any(path.is_relative_to(folder) for folder in _OWN)


def may_be_copied(spec: JobSpec) -> bool:
    """Tell whether a node could need a copy of something for this job."""
    return not nodes_own(spec.program) or bool(spec.files) or bool(spec.outputs)


def keeps_checkpoint(spec: JobSpec) -> bool:
    """Tell whether the job has a checkpoint directory, which is kept across its attempts."""
    return spec.on_node_loss is OnNodeLoss.REQUEUE


def place(path: str, cwd: str) -> str:
    """Say where a file goes in the copy of the working directory: by the same path below it, else by name."""
    where, here = PurePosixPath(os.path.normpath(path)), PurePosixPath(os.path.normpath(cwd))
    return str(where.relative_to(here)) if where.is_relative_to(here) else where.name


def companion(spec: JobSpec) -> Path | None:
    """Give the file that the program takes along: the one beside it that prints its marked lines."""
    beside = Path(spec.program).with_name(COMPANION)
    return beside if spec.is_python and beside != Path(spec.program) and beside.is_file() else None


def parcel(spec: JobSpec) -> Parcel:
    """Gather what the job's copy holds: its program, unless that is the node's own, and its files.

    Raises:
        SpecError: A file can't be copied; it names the file and the next step.
    """
    items: dict[str, Item] = {}
    folders: set[str] = set()
    for path in _brought(spec):
        _add(items, _item(path, place(str(path), spec.cwd), "program"))
    for text in spec.files:
        root, target = Path(text), PurePosixPath(place(text, spec.cwd))
        if not root.is_dir():
            _add(items, _item(root, str(target), "files"))
            continue
        folders.add(str(target))
        for entry, is_folder in _walked(root, root.resolve()):
            inside = str(target / entry.relative_to(root))
            if is_folder:
                folders.add(inside)
            else:
                _add(items, _item(entry, inside, "files"))
        if len(items) > _MOST_FILES:
            raise SpecError(
                "files", f"more than {_MOST_FILES} files. Next: pack them, or use a shared folder"
            )
    folders |= set(_parents(items))
    if both := sorted(folders & items.keys()):
        raise SpecError(
            "files", f"{_shown(both[0])} would be a file and a folder. Next: move one into the cwd"
        )
    return Parcel(tuple(items[target] for target in sorted(items)), tuple(sorted(folders)))


def checkpoint_parcel(folder: Path) -> Parcel:
    """Gather what earlier attempts left in the checkpoint directory; only regular files count.

    Raises:
        SpecError: It can't be read.
    """
    items: dict[str, Item] = {}
    for entry, is_folder in _walked(folder, None):
        target = str(entry.relative_to(folder))
        if not is_folder and target.isprintable():
            _add(items, _item(entry, target, "checkpoint"))
    return Parcel(tuple(items[target] for target in sorted(items)), tuple(sorted(_parents(items))))


def marked_folders(spec: JobSpec, checkpoint: str) -> tuple[Path, ...]:
    """Say in which folders a mark shows whether a node shares them.

    The working directory is the first, a checkpoint directory the second. What comes with sciabc-tui is
    small, and its folder is no place for marks: it is compared instead.
    """
    found = [Path(spec.cwd), *((Path(checkpoint),) if checkpoint else ())]
    wanted = [Path(text) for text in spec.files]
    if may_be_copied(spec) and not nodes_own(spec.program):
        wanted.append(Path(spec.program))
    for path in wanted:
        folder = path if path.is_dir() else path.parent
        if folder != PROGRAMS and not any(folder.is_relative_to(other) for other in found):
            found.append(folder)
    return tuple(found)


def _brought(spec: JobSpec) -> Iterator[Path]:
    if not nodes_own(spec.program):
        yield Path(spec.program)
        if beside := companion(spec):
            yield beside


def _walked(root: Path, boundary: Path | None) -> Iterator[tuple[Path, bool]]:
    """Give what is in a tree: files, and folders with True.

    With a boundary, a link to a regular file inside it counts as the file, and what is neither is refused;
    without one, all that is passed over.
    """
    try:
        entries = sorted(root.iterdir())
    except OSError as error:
        raise SpecError("files", f"{_shown(str(root))}: {error.strerror}. Next: chmod -R u+rX it") from error
    for entry in entries:
        mode = entry.lstat().st_mode
        if stat.S_ISDIR(mode):
            yield entry, True
            yield from _walked(entry, boundary)
        elif stat.S_ISREG(mode) or (boundary and stat.S_ISLNK(mode) and _leads_inside(entry, boundary)):
            yield entry, False
        elif boundary:
            kind = "a link that leads elsewhere" if stat.S_ISLNK(mode) else "no file and no folder"
            raise SpecError("files", f"{_shown(str(entry))} is {kind}. Next: remove it, or name files singly")


def _leads_inside(link: Path, boundary: Path) -> bool:
    try:
        end = link.resolve(strict=True)
    except (OSError, RuntimeError):
        return False
    return end.is_file() and end.is_relative_to(boundary)


def _item(path: Path, target: str, field: str) -> Item:
    try:
        found = path.stat()
    except OSError as error:
        raise SpecError(field, f"{_shown(str(path))}: {error.strerror}. Next: put it back") from error
    if not stat.S_ISREG(found.st_mode):
        raise SpecError(field, f"{_shown(str(path))} is no regular file. Next: name a file or a folder")
    if not str(path).isprintable():
        raise SpecError(field, f"{_shown(str(path))!a} has no plain name. Next: rename it")
    if not os.access(path, os.R_OK):
        raise SpecError(field, f"{_shown(str(path))} is not readable. Next: chmod +r it")
    return Item(path, target, found.st_size, found.st_mtime, bool(found.st_mode & stat.S_IXUSR))


def _add(items: dict[str, Item], item: Item) -> None:
    before = items.setdefault(item.target, item)
    if before.path != item.path and not before.path.samefile(item.path):
        raise SpecError(
            "files",
            f"{_shown(str(before.path))} and {_shown(str(item.path))} have one name in the copy. "
            "Next: put them below the working directory",
        )


def _parents(targets: Iterable[str]) -> Iterator[str]:
    for target in targets:
        yield from (str(parent) for parent in PurePosixPath(target).parents if parent.name)


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"...{text[-_SHOWN:]}"
