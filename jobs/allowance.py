"""How much of something is allowed at once, and how much in the long run. Pure; times are in seconds."""

import math


class Allowance:
    """A token bucket: ``burst`` at once, then ``rate`` a second. Whoever finds it empty goes without."""

    def __init__(self, burst: float, rate: float, now: float) -> None:
        self._burst = burst
        self._rate = rate
        self._left = burst
        self._at = now

    def take(self, now: float, *, cost: float = 1.0, leave: float = 0.0) -> bool:
        """Take ``cost``, if that leaves at least ``leave``."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < cost + leave:
            return False
        self._left -= cost
        return True

    @property
    def spent(self) -> float:
        """How much was missing from the burst when it was last looked at."""
        return self._burst - self._left


class Pace:
    """``at_once`` after a silence, then one in ``every`` seconds. Whoever comes early waits."""

    def __init__(self, at_once: int, every: float) -> None:
        self._saved = (at_once - 1) * every
        self._every = every
        self._rests_until = -math.inf

    def due(self, now: float) -> float:
        """Give when the next may be: now, or later."""
        return max(now, self._rests_until)

    def took(self, now: float) -> None:
        """Count one; it may have come early, but nobody owes more than one."""
        rested = min(max(self._rests_until, now - self._saved), now)
        self._rests_until = rested + self._every
