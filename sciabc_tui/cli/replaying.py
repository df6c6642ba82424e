"""Serves a recording: the API over it, in a thread of its own."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from sciabc_tui.errors import SciabcError, ServiceUnavailable

_STANDS_WITHIN = 20.0
"""Seconds that it may take to begin."""


class Served:
    """The API over a recording, behind `socket`."""

    def __init__(self, folder: Path, file: Path, *, speed: float, loop: bool) -> None:
        self.socket = folder / "run" / "api.sock"
        self._logs = folder / "logs"
        self._file = file
        self._speed = speed
        self._again = loop
        self._thread: threading.Thread | None = None
        self._stands = threading.Event()
        self._stop: asyncio.Event | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._problem: SciabcError | None = None

    def begin(self) -> None:
        """Serve, unless that is so already; returns when it stands.

        Raises:
            SciabcError: It can't be served.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="replay", daemon=True)
            self._thread.start()
        self._stands.wait(_STANDS_WITHIN)
        if self._problem is not None:
            raise self._problem
        if self._loop is None:
            raise ServiceUnavailable("The recording is not served. Next: sciabc-tui replay, again")

    def stop(self) -> None:
        """End it."""
        if self._thread is None:
            return
        self._stands.wait(_STANDS_WITHIN)
        if self._loop is not None and self._stop is not None:
            with suppress(RuntimeError):  # it ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except SciabcError as error:
            self._problem = error
        finally:
            self._stands.set()

    async def _serve(self) -> None:
        from sciabc_tui.api.server import ApiServer  # noqa: PLC0415 - the screen does not wait for it
        from sciabc_tui.head.replay import Player, ReplayBackend  # noqa: PLC0415 - as above
        from sciabc_tui.head.replay_logs import ReplayLogs  # noqa: PLC0415 - as above

        self._stop = asyncio.Event()
        with ThreadPoolExecutor(1, thread_name_prefix="recording") as disk:
            backend = ReplayBackend(ReplayLogs(self._logs, disk))
            player = Player(self._file, backend, disk, speed=self._speed, loop=self._again)
            async with ApiServer(backend, self.socket), asyncio.TaskGroup() as group:
                playing = group.create_task(player.run())
                await backend.changed(0)
                self._loop = asyncio.get_running_loop()
                self._stands.set()
                await self._stop.wait()
                playing.cancel()
