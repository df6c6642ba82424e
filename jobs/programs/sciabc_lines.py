"""Tell sciabc-tui how far a program is, what it measures and what it sees, in marked lines of plain output.

Copy this file beside a program of yours: it goes to the nodes together with it. Then, on one rank:

    lines = Lines(speaks=world.rank == 0)
    lines.progress(54, 100)                           # @sciabc progress 54 of 100
    lines.metric("lift", 0.201)                       # @sciabc metric lift 0.201
    lines.metric("speed", 1.7, "GFLOPS")              # @sciabc metric speed 1.7 GFLOPS
    lines.frame("heat", [[0, 50], [None, 100]], 0, 100)   # @sciabc frame heat 2x2 0 100 Ag./

A frame is a grid of numbers, the first row on top: one character for each, `A` for the low end to `/` for the
high end in the 64 steps of base64's alphabet (RFC 4648, table 1), `.` for none.
"""

import math
import re
import sys
from collections.abc import Callable, Sequence
from time import monotonic

MARK = "@sciabc"
DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
NOTHING = "."
MOST_A_SECOND = 12
LONGEST = 4000

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")
_UNIT = re.compile(r"[A-Za-z%/][A-Za-z0-9%/^*.-]{0,15}")


class Lines:
    """Prints marked lines, of each kind and name at most `MOST_A_SECOND`; what comes sooner is left out."""

    def __init__(self, *, speaks: bool = True, clock: Callable[[], float] = monotonic) -> None:
        """Print nothing yet.

        Args:
            speaks: Whether this rank prints; the others may call the same and stay silent.
            clock: Gives seconds.
        """
        self._speaks = speaks
        self._clock = clock
        self._next: dict[str, float] = {}

    def progress(self, done: int, total: int) -> None:
        """Say how much of the work is done; the end is never left out."""
        self._say("progress", f"{min(done, total)} of {total}", last=done >= total)

    def metric(self, name: str, value: float, unit: str = "", *, last: bool = False) -> None:
        """Say what was measured; what is no finite number is left out.

        Args:
            name: A letter, then letters, digits and `_.-`; at most 32.
            value: In the unit.
            unit: `s`, `MB/s`, `%`; empty where it has none.
            last: It is the result, which is not left out.

        Raises:
            ValueError: The name or the unit can't be in a line.
        """
        if not _NAME.fullmatch(name) or (unit and not _UNIT.fullmatch(unit)):
            raise ValueError(f"{name!r} {unit!r}: not a plain name with a plain unit. Next: give others")
        if math.isfinite(value):
            self._say(f"metric {name}", f"{value:.6g} {unit}".rstrip(), last=last)

    def frame(self, name: str, grid: Sequence[Sequence[float | None]], low: float, high: float) -> None:
        """Show a grid of numbers; rows are of one length, and None is no number.

        Raises:
            ValueError: The name, the ends or the grid can't be in a line.
        """
        if not _NAME.fullmatch(name) or not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"{name!r} from {low} to {high}: no plain name, or no ends. Next: give others")
        columns = len(grid[0]) if grid else 0
        if not columns or any(len(row) != columns for row in grid) or len(grid) * columns > LONGEST - 100:
            raise ValueError(f"a frame of {len(grid)} rows. Next: make it smaller, with equal rows")
        if self._due(f"frame {name}"):
            cells = "".join(_digit(value, low, high) for row in grid for value in row)
            self._print(f"frame {name} {columns}x{len(grid)} {low:.6g} {high:.6g} {cells}")

    def _say(self, what: str, rest: str, *, last: bool) -> None:
        if self._due(what) or (last and self._speaks):
            self._print(f"{what} {rest}")

    def _due(self, what: str) -> bool:
        now, period = self._clock(), 1 / MOST_A_SECOND
        due = self._next.get(what, now)
        if not self._speaks or now < due:
            return False
        self._next[what] = max(due, now - period) + period  # lateness does not add up
        return True

    @staticmethod
    def _print(words: str) -> None:
        # One write for the whole line: what other ranks print can't come between.
        sys.stdout.write(f"{MARK} {words}\n")
        sys.stdout.flush()


def _digit(value: float | None, low: float, high: float) -> str:
    if value is None or not math.isfinite(value):
        return NOTHING
    step = int((value - low) / (high - low) * len(DIGITS))
    return DIGITS[min(max(step, 0), len(DIGITS) - 1)]
