"""MPI by a shared file system: the board sees the head's own environment at the same path."""

import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

from sciabc_tui.head.provisioning.mpi_head import HeadMpi
from sciabc_tui.head.provisioning.mpi_look import see, unfit
from sciabc_tui.head.provisioning.ports import Board, StepFailed
from sciabc_tui.head.provisioning.steps import asked


@dataclass(frozen=True, slots=True)
class SharedWay:
    """There is nothing to copy: only to see that it works there."""

    head: HeadMpi

    def look(self, board: Board) -> Sequence[str]:
        """Fail unless the head's file system is seen there, and its MPI works."""
        if not is_shared(board, self.head):
            other = "wheels" if self.head.needs else "packages"
            raise StepFailed(
                f"it does not see the head's {self.head.prefix}",
                f"Next: mount it there at the same path, or --mpi {other}",
            )
        seen = see(board, self.head)
        if not seen.fits:
            raise unfit(seen)
        return ()

    def do(self, board: Board) -> str:
        """Say what is seen there."""
        self.look(board)
        return f"{see(board, self.head).titles}, on the head's own file system"


def is_shared(board: Board, head: HeadMpi) -> bool:
    """Does a board see the folder of the head's launcher? A file that was just made there tells.

    Where the head may not write, the launcher itself must be the same file: its number, size and time.
    """
    launcher = Path(head.installed.path)
    token = launcher.with_name(f".sciabc-{secrets.token_hex(8)}")
    try:
        token.touch(exist_ok=False)
    except OSError:
        return _same_file(board, launcher)
    try:
        return asked(board, f"[ ! -e {quote(str(token))} ] || echo seen").strip() == "seen"
    finally:
        with contextlib.suppress(OSError):
            token.unlink()


def _same_file(board: Board, launcher: Path) -> bool:
    try:
        own = launcher.stat()
    except OSError:
        return False
    told = f"{own.st_ino} {own.st_size} {int(own.st_mtime)}"
    return asked(board, f"stat -L -c '%i %s %Y' {quote(str(launcher))} 2>/dev/null || :").strip() == told
