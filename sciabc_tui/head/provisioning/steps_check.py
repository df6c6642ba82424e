"""Can this board be worked on at all? And its clock, without which nothing that is dated holds."""

import platform
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from jobs.machine import own_machine
from sciabc_tui.cluster.durations import span
from sciabc_tui.head.provisioning.ports import Board, StepFailed, Told
from sciabc_tui.head.provisioning.steps import FULL_FIX, READ_ONLY_FIX, asked, done, number, values

CLOCK_OFF = 300.0
"""Seconds by which a clock may be off."""

FREE_KIB = 16 * 1024
"""What the disk must have free; what MPI takes is looked at by its own steps."""

_KNOWN = re.compile(r"x86_64|aarch64|armv[6-8]l|i[3-6]86")

_LOOK = """
echo "system=$(uname -s)"
echo "free=$(df -Pk / | awk 'NR == 2 { print $4 }')"
echo "home=$(df -Pk "$HOME" | awk 'NR == 2 { print $4 }')"
echo "root=$(awk '$2 == "/" { way = $4 } END { print way }' /proc/mounts)"
echo "apt=$(command -v apt-get)"
"""


@dataclass(frozen=True, slots=True)
class CheckStep:
    """Looks whether the board can be worked on, and sets its clock if that is far off.

    Attributes:
        bits: Of the head.
    """

    bits: int = field(default_factory=lambda: own_machine().bits)
    title: str = "check"

    def look(self, board: Board) -> Sequence[str]:
        """Say whether its clock is off; fail where nothing can be done."""
        said = values(asked(board, _LOOK))
        if said.get("system") != "Linux":
            raise StepFailed("it runs no Linux", "Next: flash it with Raspberry Pi OS or Debian")
        self._check_machine(board.told)
        if "ro" in said.get("root", "").split(","):
            raise StepFailed("its root is mounted read-only", READ_ONLY_FIX)
        for key, where in (("free", "/"), ("home", board.told.home)):
            free = number(said.get(key, ""))
            if free is not None and free < FREE_KIB:
                raise StepFailed(f"its disk is full: {free / 1024:.0f} MB free on {where}", FULL_FIX)
        off = board.told.clock_off
        if off is None or abs(off) <= CLOCK_OFF:
            return ()
        if not board.told.root:
            raise StepFailed(
                f"its clock is {_words(off)}", f"Next: on it, as root: date -s @$(ssh {_head()} date +%s)"
            )
        return (f"set its clock, which is {_words(off)}",)

    def do(self, board: Board) -> str:
        """Set its clock."""
        off = board.told.clock_off or 0.0
        script = f'date -s "@$(( $(date +%s) - {round(off)} ))" >/dev/null'
        done(board, script, f"its clock is {_words(off)} and could not be set", root=True)
        return f"set its clock, which was {_words(off)}"

    def _check_machine(self, told: Told) -> None:
        flash = f"Next: flash it with an image of {self.bits} bits, as the head has"
        if not _KNOWN.fullmatch(told.machine):
            raise StepFailed(
                f"wrong architecture: {told.machine or 'it does not say which'}",
                "Next: use boards with ARM or x86 processors",
            )
        if told.bits and told.bits != self.bits:
            raise StepFailed(
                f"wrong architecture: {told.machine} with {told.bits} bits, the head has {self.bits}, "
                "and MPI can't mix them",
                flash,
            )


def _words(off: float) -> str:
    return f"{span(abs(off))} {'ahead' if off > 0 else 'behind'}"


def _head() -> str:
    return platform.node() or "HEAD"
