"""How much of something is allowed: at once, and then a second. Pure."""


class Allowance:
    """A token bucket: ``burst`` at once, then ``rate`` a second; times are in seconds."""

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
