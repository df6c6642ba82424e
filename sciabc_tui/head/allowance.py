"""How much of something is allowed: at once, and then a second; and whose turn it is. Pure."""

from hashlib import blake2b

from sciabc_tui.cluster.durations import Instant


class Allowance:
    """A token bucket: `burst` at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float, now: Instant) -> None:
        self._burst = burst
        self._rate = rate
        self._left = burst
        self._at = now

    def take(self, now: Instant, *, cost: float = 1.0, leave: float = 0.0) -> bool:
        """Take `cost`, if that leaves at least `leave`."""
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


class Turns:
    """Gives everybody a turn of `length` seconds in each round of `count` turns.

    When somebody's turn is depends on the secret: who makes up names can't choose those that have theirs now.
    """

    def __init__(self, secret: bytes, *, count: int, length: float) -> None:
        self._secret = secret
        self._count = count
        self._length = length

    def has(self, name: str, now: Instant) -> bool:
        """Say whether it is the turn of that name."""
        digest = blake2b(name.encode(errors="surrogatepass"), key=self._secret, digest_size=4).digest()
        return int.from_bytes(digest, "big") % self._count == int(now / self._length) % self._count
