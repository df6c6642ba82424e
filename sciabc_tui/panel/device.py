"""Keeps one device open that may be absent, break and come back, in a thread of its own."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from hw.errors import HwError
from sciabc_tui.panel.ports import Clock

log = logging.getLogger(__name__)

FIRST_PAUSE = 5.0
LONGEST_PAUSE = 60.0
"""Seconds between two attempts to open a device; they double."""

FAREWELL_WITHIN = 2.0
"""Seconds that a stuck device may hold up the end of the service."""


class Closable(Protocol):
    """A device, as far as keeping it goes."""

    def close(self) -> None:
        """Give it back."""
        ...


Device = TypeVar("Device", bound=Closable)


class Keeper(Generic[Device]):
    """Opens a device when it is first used, and again after it failed.

    An absent device is no error: `problem` says what hinders and what to do, the log says it once.
    """

    def __init__(self, name: str, opens: Callable[[], Device], clock: Clock) -> None:
        """Open nothing yet.

        Args:
            name: For the log.
            opens: Opens the device, or raises `HwError`; called in the device's thread.
            clock: For the pauses between two attempts.
        """
        self.problem = ""
        self._name = name
        self._opens = opens
        self._clock = clock
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"panel-{name}")
        self._device: Device | None = None  # touched in the thread only
        self._pause = FIRST_PAUSE
        self._next_attempt = clock.monotonic()
        self._said = ""

    @property
    def rests(self) -> float:
        """How many seconds to wait before the next attempt; 0 if it may be used now."""
        return max(0.0, self._next_attempt - self._clock.monotonic())

    async def use(self, act: Callable[[Device], object]) -> None:
        """Let the device do something in its thread, unless it rests after a failure."""
        if self.rests:
            return
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._thread, self._work, act)
        except HwError as error:
            self._failed(str(error))
        else:
            self._worked()

    async def leave(self, act: Callable[[Device], object]) -> None:
        """Let an open device do a last thing, close it and end its thread. A stuck one is given up."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(FAREWELL_WITHIN):
                await loop.run_in_executor(self._thread, self._part, act)
        except (HwError, TimeoutError) as error:
            log.warning("%s was left as it is: %s", self._name, error or "it does not answer")
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)

    def _work(self, act: Callable[[Device], object]) -> None:
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

    def _failed(self, problem: str) -> None:
        self.problem = problem
        self._next_attempt = self._clock.monotonic() + self._pause
        self._pause = min(LONGEST_PAUSE, 2.0 * self._pause)
        if problem != self._said:
            self._said = problem
            log.info("%s: %s", self._name, problem)

    def _worked(self) -> None:
        if self.problem or not self._said:
            self._said = "works"
            log.info("%s works", self._name)
        self.problem = ""
        self._pause = FIRST_PAUSE
