"""What screens share that do a work: they begin it, hear of it, and know when it is over."""

from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING, ClassVar

from sciabc_tui.api.works import Part, Wish
from sciabc_tui.tui.messages import Refused
from sciabc_tui.tui.requests import StartWork, StopWork
from sciabc_tui.tui.screens.base import ClusterScreen, Link

if TYPE_CHECKING:
    from sciabc_tui.tui.running import WorkEnded, WorkTold


class WorkingScreen(ClusterScreen):
    """One work at a time, as often as is wished; what is told of an earlier one is not heard any more."""

    PACE: ClassVar[float] = 0.1
    """Seconds between two looks at what is told; a work may tell more than a link can carry."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._numbers = count(1)
        self._number = 0
        self._due = False

    @property
    def at_work(self) -> bool:
        """Whether a work is under way."""
        raise NotImplementedError

    def hear(self, parts: Sequence[Part]) -> None:
        """Take in what was told; it is shown a little later, with what else came by then."""
        raise NotImplementedError

    def over(self, problem: str, *, cancelled: bool) -> None:
        """Say how it came out, and show that.

        Args:
            problem: Why it could not be done; empty if it could, or was cancelled.
            cancelled: Whether the user ended it.
        """
        raise NotImplementedError

    def begin(self, wish: Wish) -> None:
        """Let it be done."""
        self._number = next(self._numbers)
        self.link.tell(StartWork(wish, self._number))

    def cancel(self) -> None:
        """End it, if it is not over yet."""
        if self.at_work:
            self.link.tell(StopWork(self._number))
            self._end("", cancelled=True)

    def on_work_told(self, message: "WorkTold") -> None:
        """Hear of the newest work."""
        message.stop()
        parts = message.take()
        if message.number != self._number:
            return
        self.hear(parts)
        if not self._due:
            self._due = True
            self.set_timer(self.PACE, self._show)

    def on_work_ended(self, message: "WorkEnded") -> None:
        """Hear of its end."""
        message.stop()
        if message.number == self._number:
            self._end(message.problem)

    def on_refused(self, message: Refused) -> None:
        """Hear of an error that nobody expected."""
        message.stop()
        self._end(message.text)

    def _show(self) -> None:
        self._due = False
        self.tick()

    def _end(self, problem: str, *, cancelled: bool = False) -> None:
        if self.at_work:
            self._number = 0
            self.view = self.link.look()
            self.over(problem, cancelled=cancelled)
