"""What readers of the guides are told to type: our own commands, and those of the machine."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from typing_extensions import override

from tests.docs.pages import INDENTED, PAGES, blocks

SHOWN = (
    ("docs/commands-on-nodes.md", "---------------"),
    ("docs/doctor.md", "ok    head service"),
    ("docs/head.md", "SUBSYSTEM=="),
)
"""Indented blocks that show something; all others are to be typed. By the page and how they begin."""

OWN_TESTS = {
    "docs/api.md": "tests/api/test_api_docs.py",
    "docs/commands-on-nodes.md": "tests/cli/test_cli_exec.py",
    "docs/files.md": "tests/cli/test_cli_exec.py",
    "docs/jobs.md": "tests/cli/test_cli_guide.py",
    "docs/mpi.md": "tests/cli/test_cli_wheels.py",
    "docs/power.md": "tests/cli/test_cli_power_guide.py",
    "docs/programs.md": "tests/jobs/test_programs_guide.py",
    "docs/recording.md": "tests/cli/test_cli_record.py",
    "docs/scaling.md": "tests/cli/test_cli_scale.py",
}
"""Pages whose own commands are run by a test of their own."""


@dataclass(frozen=True, slots=True)
class Command:
    """A line that a reader types.

    Attributes:
        page: Where it stands, from the repository's root.
        line: What is typed, without a comment.
    """

    page: str
    line: str

    @override
    def __str__(self) -> str:
        return f"{PurePosixPath(self.page).stem}: {self.line}"

    @property
    def ours(self) -> bool:
        """Whether it is `sciabc-tui`, not as root."""
        return PurePosixPath(self.line.split()[0]).name == "sciabc-tui"

    @property
    def packages(self) -> tuple[str, ...] | None:
        """What `sudo apt install` installs; None if it is something else."""
        found = re.fullmatch(r"sudo apt install ([a-z0-9 .+-]+)", self.line)
        return tuple(found[1].split()) if found else None


def _typed() -> Iterator[Command]:
    for page in PAGES:
        for block in blocks(page):
            shown = any(block.page == where and block.text.startswith(begin) for where, begin in SHOWN)
            if block.language in {"sh", "console"} or (block.language == INDENTED and not shown):
                yield from (Command(block.page, re.sub(r" {2,}#.*", "", line)) for line in block.lines)


def own_commands() -> list[Command]:
    """Give the commands of ours that no page's own test runs."""
    return [command for command in _typed() if command.ours and command.page not in OWN_TESTS]


def machine_commands() -> list[Command]:
    """Give all others, but for pages that hold only shell of their own tests (curl)."""
    return [
        command
        for command in _typed()
        if not command.ours and not (command.page in OWN_TESTS and not command.line.startswith("sudo "))
    ]
