"""Decides when the next frame may go: when the last has arrived, and not so often that keys must wait.

A terminal that is asked where its cursor is (CSI 6n) answers in turn, so its answer says that it has taken in
all that was sent before. Nothing is known of the link but that.
"""

from collections import deque

PATIENCE = 0.5
"""Seconds to the first answer, as long as none ever came."""

_LEAST_PATIENCE = 1.0
_MOST_PATIENCE = 10.0

_TRIES = 3
"""So many questions without any answer: such a terminal is not asked any more."""

_HASTE = 0.5
"""Seconds after a key in which what changes is most likely its answer, and waits for nothing but the link."""

_SHARE = 2.0
"""Frames that nobody asked for by a key take at most one part in so many of the link's time."""

_SMOOTHING = 0.3


class Pace:
    """Reckons with times that it is given; a state machine without a clock."""

    def __init__(self) -> None:
        self.trip: float | None = None
        """Seconds from sending a frame to the answer; None as long as there was none."""
        self._asked: deque[float] = deque()
        self._given_up = 0
        self._timeouts = 0
        self._answered_at: float | None = None
        self._written = True
        self._written_at = 0.0
        self._sent_at: float | None = None
        self._key_at: float | None = None

    @property
    def asks(self) -> bool:
        """Does it make sense to ask?"""
        return self.trip is not None or self._timeouts < _TRIES

    def sent(self, now: float) -> None:
        """A frame is on its way, with a question if `asks`."""
        self._sent_at, self._written = now, False
        if self.asks:
            self._asked.append(now)

    def written(self, now: float) -> None:
        """This side's buffers took all bytes; patience with the answer begins here."""
        if not self._written:
            self._written, self._written_at = True, now

    def answered(self, now: float) -> None:
        """The terminal answered."""
        self._answered_at = now
        self._timeouts = 0
        if not self._asked:
            return
        # if one was given up for lost, this may be its answer or the next one's: think well of the link
        newest, oldest = self._asked[-1], self._asked.popleft()
        took = now - (newest if self._given_up else oldest)
        self._given_up = max(0, self._given_up - 1)
        self.trip = took if self.trip is None else self.trip + _SMOOTHING * (took - self.trip)

    def key(self, now: float) -> None:
        """A key was pressed."""
        self._key_at = now

    def wait(self, now: float) -> float | None:
        """Give the seconds until a frame may go, 0 for now; None: first something must come."""
        if not self._written:
            return None
        if self._is_due:
            if (left := self.patience(now)) > 0:
                return left
            self._give_up()
        if self._sent_at is None or not self.trip or self._in_haste(now):
            return 0.0
        return max(0.0, self._sent_at + _SHARE * self.trip - now)

    def patience(self, now: float) -> float:
        """Give the seconds for which the answer that is due is worth waiting for; 0 if none is."""
        if not self._is_due:
            return 0.0
        return max(0.0, (self._written_at if self._written else now) + self._patience() - now)

    @property
    def _is_due(self) -> bool:
        return len(self._asked) > self._given_up

    def _in_haste(self, now: float) -> bool:
        return self._key_at is not None and now - self._key_at < _HASTE

    def _patience(self) -> float:
        once = PATIENCE if self.trip is None else max(_LEAST_PATIENCE, 4 * self.trip)
        return min(_MOST_PATIENCE, once * 2**self._timeouts)

    def _give_up(self) -> None:
        """Wait for this answer no longer; if others came since it was asked, it and those before are lost."""
        self._timeouts += 1
        if self._answered_at is not None and self._answered_at > self._asked[-1]:
            self._asked.clear()
        self._given_up = len(self._asked)
        if not self.asks:
            self._asked.clear()
            self._given_up = 0
