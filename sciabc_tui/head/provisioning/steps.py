"""What all steps have in common: asking a board, and saying what went wrong there."""

import re

from sciabc_tui.head.ingress import printable
from sciabc_tui.head.provisioning.ports import Answer, Board, StepFailed

_FULL = re.compile(r"no space left|disk quota", re.IGNORECASE)
_READ_ONLY = re.compile(r"read-only file system", re.IGNORECASE)

FULL_FIX = "Next: free some of it there (sudo apt-get clean; du -xh / | sort -h | tail), then do it again"
READ_ONLY_FIX = (
    "Next: on it: sudo mount -o remount,rw /; if that fails, its card is worn out: write the image to another"
)


def asked(board: Board, script: str, *, root: bool = False, within: float = 60.0) -> str:
    """Give what a script says that changes nothing.

    Raises:
        StepFailed: It failed.
    """
    return checked(board.run(script, root=root, within=within), "it does not say how it stands")


def done(board: Board, script: str, what: str, *, root: bool = False, within: float = 60.0) -> str:
    """Let a script change something; it ends at the first command that fails. Give what it said.

    Args:
        board: Where.
        script: What.
        what: Named if it fails, such as `its host name was not set`.
        root: As root.
        within: Seconds.

    Raises:
        StepFailed: It failed.
    """
    return checked(board.run(f"set -e\n{script}", root=root, within=within), what)


def checked(answer: Answer, what: str) -> str:
    """Give what a script said, if it went well.

    Raises:
        StepFailed: It did not.
    """
    if answer.status == 0:
        return answer.out
    if _FULL.search(answer.err):
        raise StepFailed("its disk is full", FULL_FIX)
    if _READ_ONLY.search(answer.err):
        raise StepFailed("its disk can be read only", READ_ONLY_FIX)
    last = printable((answer.err.strip().splitlines() or ["it says nothing"])[-1], 100)
    raise StepFailed(
        f"{what}: {last}", "Next: mend that on the board, then do it again: what is done stays done"
    )


def values(text: str) -> dict[str, str]:
    """Read lines of `NAME=VALUE`, as a script says them; anything else is left out."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name: value.strip() for name, value in pairs}


def number(text: str) -> int | None:
    """Read a number that a board says; None if it is none."""
    return int(text) if text.isdecimal() and len(text) < 16 else None
