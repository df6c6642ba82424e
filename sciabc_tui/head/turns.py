"""Whose turn it is. Pure."""

from hashlib import blake2b

from sciabc_tui.cluster.durations import Instant


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
