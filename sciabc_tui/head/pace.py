"""How often something may begin: so many a second, evenly, whoever is called for first."""

import asyncio
from collections import deque


class Pace:
    """Lets its callers through one by one, `rate` a second; it grants no bursts."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate
        self._next = 0.0
        self._urgent: deque[asyncio.Future[None]] = deque()
        self._others: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    async def turn(self, *, urgent: bool = False) -> None:
        """Wait until it is the caller's turn; the urgent overtake the others."""
        loop = asyncio.get_running_loop()
        if self._timer is None and loop.time() >= self._next:
            self._next = loop.time() + self._gap
            return
        mine = loop.create_future()
        (self._urgent if urgent else self._others).append(mine)
        self._arm(loop)
        await mine

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is None:
            self._timer = loop.call_at(self._next, self._grant, loop)

    def _grant(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        for line in (self._urgent, self._others):
            while line:
                waiter = line.popleft()
                if waiter.done():  # given up meanwhile: that turn is the next one's
                    continue
                waiter.set_result(None)
                # from now on, not from when it was due: a head that was late must not make up for it at once
                self._next = loop.time() + self._gap
                self._arm(loop)
                return
