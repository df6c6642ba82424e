"""Keeps one device open that may be absent, break and come back, in a thread of its own."""

import asyncio
import logging
import math
from collections.abc import Callable
from enum import StrEnum
from typing import Generic, Protocol, TypeAlias, TypeVar, assert_never

from hw.errors import HwError
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.panel.ports import Clock
from sciabc_tui.panel.worker import Worker

log = logging.getLogger(__name__)

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 20.0
"""Seconds between two attempts to open a device; they double. Who plugs one in does not wait for long."""

STEADY_AFTER = 60.0
"""Seconds without a change after which a device that came and went is said to be steady."""

_CHANGES_AT_ONCE = 4
"""So many changes are logged as they come; then the device has to be steady first."""

Pauses: TypeAlias = Callable[[HwError, float], float]
"""Gives how many seconds to wait after an error, from the pause before it; that one is 0 after success."""

FAREWELL_WITHIN = 2.0
"""Seconds that a stuck device may hold up the end of the service."""


class Closable(Protocol):
    """A device, as far as keeping it goes."""

    def close(self) -> None:
        """Give it back."""
        ...


Device = TypeVar("Device", bound=Closable)


def doubling(_: HwError, last: float) -> float:
    """Wait `FIRST_PAUSE`, then twice as long each time, at most `LONGEST_PAUSE`."""
    return min(LONGEST_PAUSE, max(FIRST_PAUSE, 2.0 * last))


class Said(StrEnum):
    """What the log is told: nothing, a change, or that there are too many of them."""

    NOTHING = "nothing"
    CHANGE = "change"
    UNSTEADY = "unsteady"


class Changes:
    """Decides which changes of a device are worth a line: a loose plug must not fill the log."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._now: str | None = None
        self._since = -math.inf
        self._count = 0  # of changes since it was steady
        self._held_back = False

    def see(self, problem: str, now: Instant) -> Said:
        """Take how the device is; give what the log is to be told.

        Args:
            problem: What hinders; empty when it works.
            now: Seconds that never jump.
        """
        steady = now - self._since >= STEADY_AFTER
        if problem == self._now:
            if not (self._held_back and steady):
                return Said.NOTHING
            self._count, self._held_back = 0, False
            return Said.CHANGE
        self._count = 1 if steady else self._count + 1
        self._now, self._since = problem, now
        self._held_back = self._count > _CHANGES_AT_ONCE
        if not self._held_back:
            return Said.CHANGE
        return Said.UNSTEADY if self._count == _CHANGES_AT_ONCE + 1 else Said.NOTHING


class Keeper(Generic[Device]):
    """Opens a device when it is first used, and again after it failed.

    An absent device is no error: `problem` says what hinders and what to do, the log says it once.
    """

    def __init__(
        self,
        name: str,
        opens: Callable[[], Device],
        clock: Clock,
        *,
        pauses: Pauses = doubling,
        passes: Callable[[HwError], bool] = lambda _: False,
    ) -> None:
        """Open nothing yet.

        Args:
            name: For the log.
            opens: Opens the device, or raises `HwError`; called in the device's thread.
            clock: For the pauses between two attempts.
            pauses: How long they are.
            passes: Whether to try once more and at once, when the device fails with this in the middle of its
                work: a disturbance of the wire is over by then.
        """
        self.problem = ""
        self._name = name
        self._opens = opens
        self._clock = clock
        self._pauses = pauses
        self._passes = passes
        self._thread = Worker(f"panel-{name}")
        self._device: Device | None = None  # touched in the thread only
        self._pause = 0.0  # the last one; 0 after success
        self._next_attempt = clock.monotonic()
        self._changes = Changes()

    @property
    def rests(self) -> float:
        """How many seconds to wait before the next attempt; 0 if it may be used now."""
        return max(0.0, self._next_attempt - self._clock.monotonic())

    async def use(self, act: Callable[[Device], object]) -> None:
        """Let the device do something in its thread, unless it rests after a failure."""
        if self.rests:
            return
        try:
            await self._thread.do(lambda: self._work(act))
        except HwError as error:
            self._failed(error)
        else:
            self._worked()

    async def leave(self, act: Callable[[Device], object]) -> None:
        """Let an open device do a last thing, close it and end its thread. A stuck one is given up."""
        try:
            async with asyncio.timeout(FAREWELL_WITHIN):
                await self._thread.do(lambda: self._part(act))
        except (HwError, TimeoutError) as error:
            log.warning("%s was left as it is: %s", self._name, str(error) or "it does not answer")
        finally:
            self._thread.end()

    def _work(self, act: Callable[[Device], object]) -> None:
        worked = self._device is not None
        try:
            self._act(act)
        except HwError as error:
            if not worked or not self._passes(error):
                raise
            self._act(act)

    def _act(self, act: Callable[[Device], object]) -> None:
        device = self._device = self._device or self._opens()
        try:
            act(device)
        except HwError:
            self._device = None
            device.close()
            raise

    def _part(self, act: Callable[[Device], object]) -> None:
        device, self._device = self._device, None
        if device is not None:
            try:
                act(device)
            finally:
                device.close()

    def _failed(self, error: HwError) -> None:
        self.problem = str(error)
        self._pause = self._pauses(error, self._pause)
        self._next_attempt = self._clock.monotonic() + self._pause
        self._say(self.problem)

    def _worked(self) -> None:
        self.problem = ""
        self._pause = 0.0
        self._say("")

    def _say(self, problem: str) -> None:
        said = self._changes.see(problem, self._clock.monotonic())
        match said:
            case Said.NOTHING:
                pass
            case Said.CHANGE:
                log.info("%s%s", self._name, f": {problem}" if problem else " works")
            case Said.UNSTEADY:
                log.info("%s comes and goes; now: %s", self._name, problem or "it works")
            case _:
                assert_never(said)
