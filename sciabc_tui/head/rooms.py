"""Rooms for handshakes: so many at once, so many a second, and none longer than its deadline."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar

from sciabc_tui.head.errors import Unreachable
from sciabc_tui.head.keys import wake
from sciabc_tui.head.pace import Pace

LOGIN_WITHIN = 20.0
"""Seconds for handshake, login and start of the program together; no node may hold a thread longer."""

_Made = TypeVar("_Made")


class Room:
    """Threads for handshakes, and never more handshakes at once than threads."""

    def __init__(self, pool: Executor, size: int, pace: Pace, *, urgent: bool) -> None:
        """Take the threads.

        Args:
            pool: The threads.
            size: How many there are.
            pace: How many handshakes may begin in a second, shared by all rooms.
            urgent: This room's turn comes before those of rooms that are not.
        """
        self._pool = pool
        self._free = asyncio.Semaphore(size)
        self._pace = pace
        self._urgent = urgent

    async def do(self, connection: socket.socket, work: Callable[[socket.socket], _Made]) -> _Made:
        """Do blocking work on a connection; a deadline or a cancellation ends the connection and so the work.

        Raises:
            Unreachable: The deadline passed.
        """
        try:
            await self._free.acquire()
        except BaseException:
            connection.close()
            raise
        try:
            return await self._run(connection, work)
        except TimeoutError as error:
            raise Unreachable(f"no login within {LOGIN_WITHIN:.0f} s", answered=True) from error
        finally:
            self._free.release()

    async def _run(self, connection: socket.socket, work: Callable[[socket.socket], _Made]) -> _Made:
        try:
            await self._pace.turn(urgent=self._urgent)
        except BaseException:
            connection.close()
            raise
        running = asyncio.get_running_loop().run_in_executor(self._pool, work, connection)
        try:
            async with asyncio.timeout(LOGIN_WITHIN):
                return await asyncio.shield(running)
        finally:
            if not running.done():
                wake(connection)
                # the thread sees the end of its connection at once; nothing of it may outlive us
                await asyncio.wait([running], timeout=1.0)
                if running.done():
                    running.exception()  # seen
