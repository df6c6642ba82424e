"""Where the files of nodes arrive on this machine, and where they go from there."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from jobs.attempt import AttemptPlan
from jobs.collectnames import Patterns
from jobs.collectplace import check_room, merge_checkpoint, place_outputs
from jobs.collectstream import Limits
from jobs.collecttar import Member
from jobs.errors import CollectError
from jobs.hostfile import Host
from jobs.staging import CHECKPOINT_FOLDER, WORK


class Arrivals:
    """Where files arrive on this machine, and where they go from there."""

    def __init__(self, folder: Path, plan: AttemptPlan, limits: Limits) -> None:
        """Make nothing yet.

        Args:
            folder: The attempt's folder.
            plan: Which files are wanted, and where they go.
            limits: What must stay free on the disks.
        """
        self._patterns = Patterns(plan.collect)
        self._work = Path(plan.cwd)
        self._checkpoint = Path(plan.checkpoint)
        # Each on the file system of where it goes: it is renamed then, whole or not at all.
        self._arrivals = {
            top: where
            for top, where, wanted in (
                (WORK, self._work / f".sciabc-{plan.token}", plan.collect),
                (CHECKPOINT_FOLDER, folder / "arriving", plan.checkpoint),
            )
            if wanted
        }
        self._free = limits.free
        self._any_stored = False

    @property
    def any_stored(self) -> bool:
        """Whether any file arrived."""
        return self._any_stored

    def prepare(self) -> None:
        """Make the folders; what a killed runner left there goes."""
        self.tidy()
        for where in self._arrivals.values():
            where.mkdir(mode=0o700)
        if CHECKPOINT_FOLDER in self._arrivals:
            self._checkpoint.mkdir(mode=0o700, parents=True, exist_ok=True)

    def tidy(self) -> None:
        """Remove what is left of the arrivals."""
        for where in self._arrivals.values():
            shutil.rmtree(where, ignore_errors=True)

    def wanted(self, path: PurePosixPath, number: int) -> Path | None:
        """Say where a file of node ``number`` arrives; None if nobody asked for it."""
        top, inner = path.parts[0], PurePosixPath(*path.parts[1:])
        if top not in self._arrivals or not inner.parts:
            return None
        if top == WORK and not self._patterns.match(inner):
            return None
        return self._arrivals[top] / str(number) / inner

    def store(self, where: Path, member: Member, content: Iterable[bytes]) -> None:
        """Write a file that arrives; half of one does not stay.

        Raises:
            CollectError: There is a file of this name, or of its folder's, already.
            OSError: It can't be written here, or the disk would be full.
        """
        self._any_stored = True
        try:
            self._make_folder(where)
            with where.open("xb") as file:
                for data in content:
                    check_room(where.parent, len(data), self._free)
                    file.write(data)
        except (FileExistsError, NotADirectoryError) as error:
            raise CollectError("it sent a file twice") from error
        except (OSError, CollectError):
            where.unlink(missing_ok=True)
            raise
        where.chmod(member.mode & 0o755 | 0o600)
        if CHECKPOINT_FOLDER in self._arrivals and self._arrivals[CHECKPOINT_FOLDER] in where.parents:
            os.utime(where, (member.modified, member.modified))

    def store_again(self, where: Path, other: Path | None) -> bool:
        """Give a file that arrived another name; return whether it is there."""
        if other is None or not other.is_file():
            return False
        try:
            self._make_folder(where)
            where.hardlink_to(other)
        except (FileExistsError, NotADirectoryError) as error:
            raise CollectError("it sent a file twice") from error
        return True

    def _make_folder(self, where: Path) -> None:
        for arrival in self._arrivals.values():
            check_room(arrival, 0, self._free)
        where.parent.mkdir(parents=True, exist_ok=True)

    def place(self, host: Host, number: int, *, since: float, ahead: float) -> tuple[str, ...]:
        """Put the files of a node where they belong; return what could not be, and why.

        Args:
            host: The node.
            number: Its own, as above.
            since: When the attempt began, in seconds since 1970.
            ahead: By how many seconds the node's clock is ahead of ours.
        """
        left: tuple[str, ...] = ()
        if WORK in self._arrivals:
            left += place_outputs(self._arrivals[WORK] / str(number), self._work, host, since, self._free)
        if CHECKPOINT_FOLDER in self._arrivals:
            left += merge_checkpoint(self._arrivals[CHECKPOINT_FOLDER] / str(number), self._checkpoint, ahead)
        return left
