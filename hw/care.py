"""When a display that seems well is written anew all the same.

A flipped bit shows nowhere but on the glass, in a character, a glyph or a mode of the chip: so everything is
written again once a minute. And every ten minutes the chip is brought into step, whatever it answered.
"""

from dataclasses import dataclass
from enum import StrEnum

REWRITE_EVERY = 60.0
RESYNC_EVERY = 600.0
"""Seconds."""


class Care(StrEnum):
    """What is due.

    nothing: only what changed. rewrite: modes, glyphs and all characters. resync: the same after the
    sequence that ends in 4-bit mode and in step from every state.
    """

    NOTHING = "nothing"
    REWRITE = "rewrite"
    RESYNC = "resync"


@dataclass(frozen=True, slots=True)
class Cared:
    """When it was done last, by a clock that never jumps, in seconds."""

    rewritten: float
    resynced: float

    def due(self, now: float, *, answers: bool) -> Care:
        """Decide.

        Args:
            now: by the same clock.
            answers: the chip can be asked whether it is in step. One that can't gets into step every minute.
        """
        if now - self.resynced >= (RESYNC_EVERY if answers else REWRITE_EVERY):
            return Care.RESYNC
        return Care.REWRITE if now - self.rewritten >= REWRITE_EVERY else Care.NOTHING
