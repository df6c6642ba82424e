"""Boards for tests of steps: one whose shell is this machine's, and one that answers what a test says."""

import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.provisioning import journal
from sciabc_tui.head.provisioning.ports import Answer, StepFailed, Told

SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

PI = Told(
    distribution="debian",
    release="12",
    machine="aarch64",
    bits=64,
    libc="glibc 2.36",
    python=(3, 11, 2),
    user="pi",
    home="/home/pi",
    root=True,
    host_name="node01",
    clock_off=0.0,
)


@dataclass(slots=True)
class ShellBoard:
    """Scripts are read by a real sh, with a journal in a folder of the test's.

    Attributes:
        journal: Where its journal is.
        told: What it says of itself.
        env: Of its shell, beside a login's.
        copied: What was copied there, in order.
        cut_at: The connection is lost before this file is copied.
        told_of: What was said of the progress.
    """

    journal: Path
    told: Told = PI
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    copied: list[str] = field(default_factory=list[str])
    cut_at: str = ""
    told_of: list[str] = field(default_factory=list[str])

    def run(self, script: str, *, root: bool = False, within: float = 60.0) -> Answer:
        """Let a shell read it, in the test's folders."""
        del root
        text = f"LC_ALL=C; export LC_ALL; umask 022\n{journal.words(str(self.journal))}{script}"
        done = subprocess.run(
            ["sh", "-s"],
            input=text,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
            start_new_session=True,
            env={
                "HOME": str(self.journal.parent),
                "PATH": SYSTEM_PATH,
                "PYTHONDONTWRITEBYTECODE": "1",
                **self.env,
            },
        )
        if done.returncode == journal.STATUS:
            raise StepFailed(done.stderr, "Next: see")
        if done.returncode < 0:
            raise ContactFailed("the connection was lost")
        return Answer(done.returncode, done.stdout, done.stderr)

    def copy(self, source: Path, target: str, *, root: bool = False) -> None:
        """Copy a file."""
        del root
        if self.cut_at and self.cut_at in source.name:
            raise ContactFailed("the connection was lost")
        shutil.copyfile(source, target)
        self.copied.append(source.name)

    def progress(self, text: str, share: float | None = None) -> None:
        """Keep what is told."""
        del share
        self.told_of.append(text)

    def undo(self) -> None:
        """Undo all that the journal holds."""
        answer = self.run(journal.undo(str(self.journal)))
        assert answer.status == 0, answer


@dataclass(slots=True)
class ScriptedBoard:
    """Answers each script by what a test says; keeps what it was told to run.

    Attributes:
        answers: Gives the answer to a script; None: it says nothing, and all is well.
        told: What it says of itself.
    """

    answers: Callable[[str], Answer | None]
    told: Told = PI
    scripts: list[tuple[str, bool]] = field(default_factory=list[tuple[str, bool]])
    copied: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    told_of: list[str] = field(default_factory=list[str])

    def run(self, script: str, *, root: bool = False, within: float = 60.0) -> Answer:
        """Answer it."""
        assert within > 0
        self.scripts.append((script, root))
        return self.answers(script) or Answer(0, "", "")

    def copy(self, source: Path, target: str, *, root: bool = False) -> None:
        """Keep it."""
        del root
        self.copied.append((source.name, target))

    def progress(self, text: str, share: float | None = None) -> None:
        """Keep what is told."""
        del share
        self.told_of.append(text)


def saying(out: str, told: Told = PI) -> ScriptedBoard:
    """Give a board that says the same to every script."""
    return ScriptedBoard(lambda _: Answer(0, out, ""), told)


def without_root(told: Told = PI) -> Told:
    """Give the same board, where the user may do nothing as root."""
    return replace(told, root=False)
