"""The API's server: HTTP over a Unix socket that only its owner can reach.

    async with ApiServer(backend, socket) as server:
        ...

What each path does is in `sciabc_tui.api.routes`; here are the socket, the errors and the counting.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from sciabc_tui.api.messages import Refusal
from sciabc_tui.api.ports import Backend
from sciabc_tui.api.routes import Routes
from sciabc_tui.api.rundir import Claim
from sciabc_tui.errors import CommandRefused, NotFound, SciabcError

log = logging.getLogger(__name__)

BODY_LIMIT = 64 * 1024
"""Bytes that a request's body may have."""

CLOSING_TIME = 2.0
"""Seconds that short requests have to finish when the server closes; streams are ended at once."""

_STATUS: dict[type[SciabcError], int] = {NotFound: 404, CommandRefused: 409}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiServer:
    """Serves the API for as long as its `async with` block."""

    def __init__(self, backend: Backend, socket: Path) -> None:
        self._backend = backend
        self._path = socket
        self._open = 0
        self._quiet_since = 0.0
        self._claim: Claim | None = None
        self._runner: web.AppRunner | None = None

    @property
    def connections(self) -> int:
        """How many requests are being answered, watchers and followers of logs included."""
        return self._open

    @property
    def idle_since(self) -> float | None:
        """When the last request ended or the server began, on the monotonic clock; None while one is open."""
        return None if self._open else self._quiet_since

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            AlreadyRunning: Another service has this socket.
            ConfigError: The runtime directory can't be used.
        """
        self._quiet_since = time.monotonic()
        claim = Claim(self._path)
        try:
            self._runner = await self._serve(claim)
        except BaseException:
            claim.release()
            raise
        self._claim = claim
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._runner is not None:
                await _close(self._runner)
        finally:
            if self._claim is not None:
                self._claim.release()

    async def _serve(self, claim: Claim) -> web.AppRunner:
        routes = Routes(self._backend)
        app = web.Application(middlewares=[self._answer], client_max_size=BODY_LIMIT)
        app.add_routes(routes.table())
        app.on_shutdown.append(routes.end_streams)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSING_TIME)
        try:
            await runner.setup()
            await web.SockSite(runner, claim.socket).start()
        except BaseException:
            await runner.cleanup()
            raise
        return runner

    @web.middleware
    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        with self._counted():
            try:
                return await handler(request)
            except web.HTTPException as error:
                return _refuse(error.status, f"{error.reason}. Next: see docs/api.md", "BadRequest")
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                return _refuse(400, f"{_one_line(str(error))}. Next: see docs/api.md", "BadRequest")
            except SciabcError as error:
                return _refuse(_STATUS.get(type(error), 500), _one_line(str(error)), type(error).__name__)
            except ConnectionError:
                log.debug("the reader of %s went away", request.path)
                raise
            except Exception:
                log.exception("%s %s failed", request.method, request.path)
                text = "The head service failed at this. Next: read its log, and report it"
                return _refuse(500, text, "ServiceFailed")

    @contextmanager
    def _counted(self) -> Generator[None, None, None]:
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            self._quiet_since = time.monotonic()


async def _close(runner: web.AppRunner) -> None:
    for site in list(runner.sites):
        await site.stop()
    # A connection that was accepted in this moment takes asyncio a few turns until aiohttp knows of it.
    for _ in range(4):
        await asyncio.sleep(0)
    await runner.cleanup()


def _refuse(status: int, text: str, kind: str) -> web.Response:
    body = msgspec.json.encode(Refusal(text, kind))
    return web.Response(status=status, body=body, content_type="application/json")


def _one_line(text: str) -> str:
    return " ".join(text.split())
