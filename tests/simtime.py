"""Time that passes only when a test says so, for code that takes its clock and its sleep as ports."""

import asyncio
import heapq
import itertools

WALL = 1_795_270_051.0  # 2026-11-21 14:07:31 UTC
"""When simulated time begins, in seconds since the epoch."""


class SimTime:
    """A clock, and a sleep that ends when the test lets the clock get there."""

    def __init__(self, now: float = 1000.0) -> None:
        self._now = now
        self._began = now
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._changed = asyncio.Event()

    def monotonic(self) -> float:
        """Give simulated seconds."""
        return self._now

    def wall(self) -> float:
        """Give simulated seconds since the epoch."""
        return WALL + self._now - self._began

    async def sleep(self, seconds: float, /) -> None:
        """Wait until simulated time has passed."""
        wake = asyncio.Event()
        sleeper = (self._now + max(0.0, seconds), next(self._order), wake)
        heapq.heappush(self._sleepers, sleeper)
        self._changed.set()
        try:
            await wake.wait()
        finally:
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)
                heapq.heapify(self._sleepers)

    async def settled(self, sleepers: int) -> None:
        """Wait, really, until so many tasks sleep: the others wait for a thread, or are stuck."""
        async with asyncio.timeout(20):
            while len(self._sleepers) < sleepers:
                self._changed.clear()
                await self._changed.wait()

    async def advance(self, seconds: float, *, sleepers: int) -> None:
        """Let time pass; before each step so many tasks must have gone to sleep again."""
        until = self._now + seconds
        await self.settled(sleepers)
        while self._sleepers and self._sleepers[0][0] <= until:
            self._now, _, wake = heapq.heappop(self._sleepers)
            wake.set()
            await self.settled(sleepers)
        self._now = until
