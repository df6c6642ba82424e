"""The pictures of a job for a screen that draws them."""

from collections import deque

from sciabc_tui.api.pictures import Picture
from sciabc_tui.cluster.job import JobId
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.frame_reader import MOST, FrameReader
from sciabc_tui.tui.log_reader import LogSource

LOOK = 0.04
"""Seconds between two looks."""


class JobPicture:
    """The pictures of one job, for a screen that looks often: read in a thread, shown one after the other."""

    def __init__(self, source: LogSource, job: JobId, attempt: int) -> None:
        self.of = job, attempt
        self.shown: Picture | None = None
        self.problem = ""
        self._rests = False
        self._reader = FrameReader(source, job, attempt)
        self._next: deque[Picture] = deque(maxlen=MOST)

    def read(self) -> None:
        """Look once; run in a thread."""
        try:
            self._next.extend(self._reader.look())
        except SciabcError as error:
            self.problem = str(error)
        else:
            self.problem = ""

    def arrived(self) -> bool:
        """Show what was read, if nothing waits before it; the next turn is a look later, not at once."""
        self._rests = self.turn()
        return self._rests

    @property
    def waits(self) -> bool:
        """Is there one that was not shown yet?"""
        return bool(self._next)

    def turn(self) -> bool:
        """Go on to the next picture; tell whether there was one."""
        if self._rests or not self._next:
            self._rests = False
            return False
        self.shown = self._next.popleft()
        return True
