"""The paths of the works: `POST /v1/works/NAME` starts one and tells of it until it is over."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing

import msgspec
from aiohttp import web

from sciabc_tui.api.messages import VERSION
from sciabc_tui.api.parameters import body, caller
from sciabc_tui.api.ports import Backend
from sciabc_tui.api.powering import IdentifyWish, PackWish, PowerWish, UnpackWish
from sciabc_tui.api.provisioning import LookWish, ProvisionWish, ScanWish
from sciabc_tui.api.remote import ExecWish, PullWish, PushWish
from sciabc_tui.api.works import Part, Wish

WISHES: tuple[type[Wish], ...] = (
    LookWish,
    ScanWish,
    ProvisionWish,
    ExecWish,
    PushWish,
    PullWish,
    IdentifyWish,
    PowerWish,
    PackWish,
    UnpackWish,
)
"""What can be asked for."""

LOOK = 1.0
"""Seconds after which it is seen that the one who asked has gone, while nothing is told."""

Stream = Callable[[web.Request, web.StreamResponse], AbstractAsyncContextManager[None]]
"""Sends the headers, and ends a stream whose reader went away: `sciabc_tui.api.routes.Routes` has it."""


class WorkRoutes:
    """The handlers of works."""

    def __init__(self, backend: Backend, stream: Stream) -> None:
        self._backend = backend
        self._stream = stream

    def table(self) -> list[web.RouteDef]:
        """Give the paths."""
        return [web.post(f"/{VERSION}/works/{kind.name}", self._handler(kind)) for kind in WISHES]

    def _handler(self, kind: type[Wish]) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            wish = await body(request, kind)
            response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
            async with aclosing(self._backend.work(wish, by=caller(request))) as parts:
                first = await anext(parts)  # a refusal comes here, when no header was sent
                async with self._stream(request, response):
                    await response.write(_line(first))
                    await _tell(request, response, parts)
            return response

        return handle


async def _tell(
    request: web.Request, response: web.StreamResponse, parts: AsyncGenerator[Part, None]
) -> None:
    """Write each part as it happens; an empty line a second shows that a silent work is alive."""
    async with asyncio.TaskGroup() as group:
        coming = group.create_task(_next(parts))
        try:
            while True:
                done, _ = await asyncio.wait({coming}, timeout=LOOK)
                if request.transport is None or request.transport.is_closing():
                    return
                if not done:
                    await response.write(b"\n")
                elif (part := coming.result()) is None:
                    return
                else:
                    await response.write(_line(part))
                    coming = group.create_task(_next(parts))
        except ConnectionError:
            return
        finally:
            coming.cancel()  # the work is closed when nobody waits for its next part any more


async def _next(parts: AsyncGenerator[Part, None]) -> Part | None:
    return await anext(parts, None)


def _line(part: Part) -> bytes:
    return msgspec.json.encode(part) + b"\n"
