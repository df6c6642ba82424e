"""One frame a second for all who show it: with many nodes a frame costs a millisecond."""

import math
import time

from hw.hd44780 import Size
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.state import State
from sciabc_tui.panel.ports import LocalTime
from sciabc_tui.panel.present import Frame, present
from sciabc_tui.panel.scene import NIGHT, Night


class Presenter:
    """Gives the glass, the lamp and the mirrors the same frame in the same second."""

    def __init__(self, size: Size, *, local: LocalTime = time.localtime, night: Night = NIGHT) -> None:
        """Keep what does not change.

        Args:
            size: Of the glass.
            local: The time zone.
            night: When the panel is dimmed.
        """
        self._size = size
        self._local = local
        self._night = night
        self._second = -1
        self._frame: Frame | None = None

    def frame(self, state: State, now: Instant, wall: float) -> Frame:
        """Give the frame of this second, as whoever asked first in it saw the state.

        Args:
            state: What is known.
            now: The head's monotonic clock.
            wall: Seconds since the epoch.
        """
        second = math.floor(now)
        if self._frame is None or second != self._second:
            self._second = second
            self._frame = present(state, now, wall, size=self._size, local=self._local, night=self._night)
        return self._frame
