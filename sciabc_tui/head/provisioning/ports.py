"""What a step of provisioning works on, and what a step is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class StepFailed(Exception):
    """A step could not be done on a board.

    Attributes:
        fix: What to do next, in a line that begins with `Next: `.
    """

    def __init__(self, text: str, fix: str) -> None:
        super().__init__(text)
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Told:
    """What a board says of itself at the first look; empty or None where it does not say.

    Attributes:
        distribution: `ID` of os-release(5), such as `debian` or `raspbian`.
        release: `VERSION_ID` of os-release(5), such as `12`.
        machine: As `uname -m` prints it.
        bits: Of the userland, 32 or 64: a 64-bit kernel may run a 32-bit one.
        libc: As `getconf GNU_LIBC_VERSION` prints it, such as `glibc 2.36`.
        python: Of its python3, such as (3, 11); empty if it has none.
        user: Whom we logged in as.
        home: That user's home directory.
        root: May that user do things as root, with or without a password?
        host_name: Its host name.
        hardware: Letters and digits that no other board has, whatever its name and card.
        clock_off: Seconds that its clock is ahead of the head's.
    """

    distribution: str = ""
    release: str = ""
    machine: str = ""
    bits: int = 0
    libc: str = ""
    python: tuple[int, ...] = ()
    user: str = ""
    home: str = ""
    root: bool = False
    host_name: str = ""
    hardware: str = ""
    clock_off: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """How a script ended on a board: its exit status, and what it wrote."""

    status: int
    out: str
    err: str


class Board(Protocol):
    """A board that let us in. All of it blocks, and belongs in a thread. Each call raises `ContactFailed`."""

    @property
    def told(self) -> Told:
        """What it says of itself."""
        ...

    def run(self, script: str, *, root: bool = False, within: float = 60.0) -> Answer:
        """Let its shell (`sh -s`) read a script, as root if that is asked.

        A script may use these words, which keep what undoing needs in the board's journal before anything
        is changed, so that it can be killed at any moment:

            keep FILE       before a file is changed, made or removed
            made FOLDER     before a folder is made; with all that is in it, it is removed when undone
            installed NAME  before a package is installed that was not there
            did 'COMMAND'   before something else is done; COMMAND undoes it, also if it was not done or was
                            undone already. One that begins with `: WORDS;` is called by these words

        Raises:
            StepFailed: It took longer than `within` seconds, or root is asked and can't be had.
        """
        ...

    def copy(self, source: Path, target: str, *, root: bool = False) -> None:
        """Copy a file of the head to an absolute path there, and compare checksums; tells how far it is."""
        ...

    def progress(self, text: str, share: float | None = None) -> None:
        """Tell what is under way on this board, and how much of the step is done (0 to 1)."""
        ...


class Step(Protocol):
    """One step. It may be done again and again: where all is as it should be, it changes nothing."""

    @property
    def title(self) -> str:
        """What it is about, in a word or two, such as `head's key`."""
        ...

    def look(self, board: Board) -> Sequence[str]:
        """Say exactly what would be changed there, a line each; nothing if all is as it should be.

        Raises:
            StepFailed: It can't be done there at all.
        """
        ...

    def do(self, board: Board) -> str:
        """Do it; say in a line what was done.

        Raises:
            StepFailed: It did not work; it may be done again once that is mended.
        """
        ...
