"""What each path of the API does. docs/api.md tells it to users, with an example each."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from aiohttp import web

from sciabc_tui.api.messages import (
    VERSION,
    AddNode,
    ApproveKey,
    Drain,
    Jobs,
    LogFilter,
    PreflightWish,
    Priority,
    SubmitJob,
    Submitted,
)
from sciabc_tui.api.peers import peer_uid, user_name
from sciabc_tui.api.ports import Backend
from sciabc_tui.api.states import Events, encode_state
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import (
    CancelJob,
    HoldJob,
    Job,
    JobCommand,
    JobId,
    PrioritiseJob,
    ReleaseJob,
    RequeueJob,
)
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.observations import ApproveHostKey, DrainNode, ForgetNode, NodeCommand, ResumeNode
from sciabc_tui.cluster.series import SPANS
from sciabc_tui.errors import NotFound

log = logging.getLogger(__name__)

WATCH_GAP = 0.25
"""Seconds at least between two states on one watch."""

KEEP_ALIVE = 5.0
"""Seconds after which a watch says with an empty line that it is alive."""

FOLLOW_LOOK = 1.0
"""Seconds after which it is looked at although nothing was told."""

PIECE = 64 * 1024
"""Bytes of a log that are sent at once, unless the request says otherwise."""

LARGEST_PIECE = 1024 * 1024

MOST_JOBS = 10_000

MOST_EVENTS = 20_000
"""More than the event log keeps."""

_SEND_BUFFER = 32 * 1024
"""Bytes that the kernel keeps for a watcher: few, so that a slow one is not fed with old states."""

_T = TypeVar("_T")


class Routes:
    """The handlers. Errors they raise are turned into answers by `sciabc_tui.api.server`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._streams: set[asyncio.Task[object]] = set()

    def table(self) -> list[web.RouteDef]:
        """Give the paths."""
        root = f"/{VERSION}"
        job = rf"{root}/jobs/{{job:\d{{1,15}}}}"
        node = f"{root}/nodes/{{node}}"
        return [
            web.get(f"{root}/state", self._state),
            web.get(f"{root}/watch", self._watch),
            web.get(f"{root}/events", self._events),
            web.get(f"{root}/nodes", self._nodes),
            web.post(f"{root}/nodes", self._add_node),
            web.get(f"{node}/history", self._history),
            web.post(f"{node}/approve", self._approve),
            web.post(f"{node}/forget", self._forget),
            web.post(f"{node}/drain", self._drain),
            web.post(f"{node}/resume", self._resume),
            web.get(f"{root}/jobs", self._jobs),
            web.post(f"{root}/jobs", self._submit),
            web.get(job, self._job),
            web.post(f"{job}/cancel", self._cancel),
            web.post(f"{job}/hold", self._hold),
            web.post(f"{job}/release", self._release),
            web.post(f"{job}/requeue", self._requeue),
            web.post(f"{job}/priority", self._prioritise),
            web.get(f"{job}/log", self._log),
            web.post(f"{root}/preflight", self._preflight),
            web.get(f"{root}/hostfile", self._hostfile),
        ]

    async def end_streams(self, _: web.Application) -> None:
        """End all that would go on for ever, because the service stops."""
        for task in self._streams:
            task.cancel()

    async def _state(self, _: web.Request) -> web.Response:
        return _json(encode_state(self._backend.state))

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        _socket(request).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        async with self._stream(request, response):
            seen = -1
            while (transport := request.transport) is not None and not transport.is_closing():
                # What a stalled reader did not take yet is all that is kept for it.
                if not transport.get_write_buffer_size():
                    seen, line = await self._next_line(seen)
                    await response.write(line)
                await asyncio.sleep(WATCH_GAP)
        return response

    async def _next_line(self, seen: int) -> tuple[int, bytes]:
        try:
            async with asyncio.timeout(KEEP_ALIVE):
                state = await self._backend.changed(seen)
        except TimeoutError:
            return seen, b"\n"
        return state.revision, encode_state(state) + b"\n"

    async def _nodes(self, _: web.Request) -> web.Response:
        return _json(msgspec.json.encode({"nodes": list(self._backend.state.nodes.values())}))

    async def _add_node(self, request: web.Request) -> web.Response:
        asked = await _body(request, AddNode)
        await self._backend.add_node(asked.host, by=_caller(request))
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        since = _number(request, "since", 0, least=0, most=2**53)
        limit = _number(request, "limit", 100, least=1, most=MOST_EVENTS)
        if _number(request, "follow", 0, least=0, most=1):
            return await self._follow_events(request, since, limit)
        return _json(msgspec.json.encode(Events(await self._backend.events(since, limit))))

    async def _follow_events(self, request: web.Request, since: int, limit: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        async with self._stream(request, response):
            entries = await self._backend.events(since, limit)
            while (transport := request.transport) is not None and not transport.is_closing():
                # a reader that stalls is waited for here: nothing is kept for it
                await response.write(
                    b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries) or b"\n"
                )
                since = entries[-1].seq if entries else since
                try:
                    async with asyncio.timeout(KEEP_ALIVE):
                        await self._log_beyond(since)
                except TimeoutError:
                    entries = ()
                else:
                    entries = await self._backend.events(since, MOST_EVENTS)
        return response

    async def _log_beyond(self, since: int) -> None:
        """Wait until there is an event after this one."""
        state = self._backend.state
        while not state.log or state.log[-1].seq <= since:
            state = await self._backend.changed(state.revision)

    async def _history(self, request: web.Request) -> web.Response:
        node = self._find_node(request.match_info["node"])
        span = _number(request, "span", SPANS[0], least=SPANS[0], most=SPANS[-1])
        if span not in SPANS:
            raise web.HTTPBadRequest(reason=f"span takes one of {', '.join(map(str, SPANS))}")
        return _json(msgspec.json.encode(self._backend.history(node.id, span)))

    async def _approve(self, request: web.Request) -> web.Response:
        asked = await _body(request, ApproveKey)
        return self._obey(request, lambda node, by: ApproveHostKey(node, asked.fingerprint, by))

    async def _forget(self, request: web.Request) -> web.Response:
        return self._obey(request, ForgetNode)

    async def _drain(self, request: web.Request) -> web.Response:
        asked = await _body(request, Drain)
        reason = _printable(asked.reason)
        return self._obey(request, lambda node, by: DrainNode(node, reason, by))

    async def _resume(self, request: web.Request) -> web.Response:
        return self._obey(request, ResumeNode)

    def _obey(self, request: web.Request, command: Callable[[NodeId, str], NodeCommand]) -> web.Response:
        node = self._find_node(request.match_info["node"])
        self._backend.obey(command(node.id, _caller(request)))
        return web.Response(status=204)

    def _find_node(self, text: str) -> Node:
        nodes = self._backend.state.nodes
        found = nodes.get(NodeId(text)) or next((node for node in nodes.values() if node.name == text), None)
        if found is None:
            raise NotFound(f"There is no node {_printable(text)[:80]}. Next: sciabc-tui nodes")
        return found

    async def _jobs(self, request: web.Request) -> web.Response:
        limit = _number(request, "limit", 100, least=1, most=MOST_JOBS)
        jobs = await self._backend.jobs(limit)
        state = self._backend.state
        return _json(msgspec.json.encode(Jobs(jobs, state.wall, state.head.simulated)))

    async def _submit(self, request: web.Request) -> web.Response:
        asked = await _body(request, SubmitJob)
        job = await self._backend.submit(asked, by=_caller(request))
        return _json(msgspec.json.encode(Submitted(job)), status=201)

    async def _preflight(self, request: web.Request) -> web.Response:
        asked = await _body(request, PreflightWish)
        return _json(msgspec.json.encode(await self._backend.preflight(asked)))

    async def _job(self, request: web.Request) -> web.Response:
        return _json(msgspec.json.encode(await self._find_job(_job_id(request))))

    async def _find_job(self, wanted: JobId) -> Job:
        known = self._backend.state.jobs.get(wanted)
        if known is not None:
            return known
        newest = await self._backend.jobs(1)
        # Numbers only grow: the job is among this many of the newest, if it ever was.
        reach = newest[0].id - wanted + 1 if newest else 0
        jobs = await self._backend.jobs(reach) if reach > 0 else ()
        found = next((job for job in jobs if job.id == wanted), None)
        if found is None:
            raise NotFound(f"There is no job {wanted}. Next: sciabc-tui jobs")
        return found

    async def _cancel(self, request: web.Request) -> web.Response:
        return await self._direct(CancelJob(_job_id(request), _caller(request)))

    async def _hold(self, request: web.Request) -> web.Response:
        return await self._direct(HoldJob(_job_id(request), _caller(request)))

    async def _release(self, request: web.Request) -> web.Response:
        return await self._direct(ReleaseJob(_job_id(request), _caller(request)))

    async def _requeue(self, request: web.Request) -> web.Response:
        return await self._direct(RequeueJob(_job_id(request), _caller(request)))

    async def _prioritise(self, request: web.Request) -> web.Response:
        asked = await _body(request, Priority)
        return await self._direct(PrioritiseJob(_job_id(request), asked.priority, _caller(request)))

    async def _direct(self, command: JobCommand) -> web.Response:
        await self._backend.direct(command)
        return web.Response(status=204)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        job = _job_id(request)
        offset = _number(request, "offset", 0, least=-(2**53), most=2**53)
        limit = _number(request, "limit", PIECE, least=1, most=LARGEST_PIECE)
        wanted = _log_filter(request)
        if _number(request, "follow", 0, least=0, most=1):
            return await self._follow(request, job, offset, limit, wanted)
        chunk = await self._backend.read_log(job, offset=offset, limit=limit, wanted=wanted)
        headers = {"X-Next-Offset": str(chunk.next_offset), "X-Ended": "true" if chunk.ended else "false"}
        return web.Response(body=chunk.data, content_type="text/plain", headers=headers)

    async def _follow(
        self, request: web.Request, job: JobId, offset: int, limit: int, wanted: LogFilter
    ) -> web.StreamResponse:
        with self._backend.log_news(job) as news:  # before the first look: what comes behind it is told
            chunk = await self._backend.read_log(job, offset=offset, limit=limit, wanted=wanted)
            response = web.StreamResponse(headers={"Content-Type": "text/plain"})
            async with self._stream(request, response):
                before = -1
                while True:
                    if chunk.data:
                        await response.write(chunk.data)
                    elif chunk.ended:
                        break
                    elif chunk.next_offset == before:
                        await news.wait(FOLLOW_LOOK)
                    if request.transport is None or request.transport.is_closing():
                        break
                    before = chunk.next_offset
                    chunk = await self._backend.read_log(job, offset=before, limit=limit, wanted=wanted)
        return response

    async def _hostfile(self, _: web.Request) -> web.Response:
        return web.Response(text=self._backend.hostfile(), content_type="text/plain")

    @asynccontextmanager
    async def _stream(self, request: web.Request, response: web.StreamResponse) -> AsyncGenerator[None, None]:
        """Send the headers, then whatever the block writes; a reader that went away ends it.

        A stream that fails is cut off without its proper end, which the reader sees.
        """
        task = asyncio.current_task()
        if task is not None:
            self._streams.add(task)
        try:
            await response.prepare(request)
            yield
        except ConnectionError:
            log.debug("the reader of %s went away", request.path)
        except Exception:
            log.exception("%s failed while it was being read", request.path)
            if request.transport is not None:
                request.transport.abort()
        finally:
            if task is not None:
                self._streams.discard(task)


def _json(body: bytes, *, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


async def _body(request: web.Request, kind: type[_T]) -> _T:
    """Decode the body, whatever type of content it claims; an empty one is an empty object."""
    return msgspec.json.decode(await request.read() or b"{}", type=kind)


def _number(request: web.Request, name: str, default: int, *, least: int, most: int) -> int:
    text = request.query.get(name)
    if text is None:
        return default
    try:
        number = int(text)
    except ValueError:
        number = least - 1
    if not least <= number <= most:
        raise web.HTTPBadRequest(reason=f"{name} takes a whole number from {least} to {most}")
    return number


def _log_filter(request: web.Request) -> LogFilter:
    """Read which lines are wanted."""
    fields: dict[str, object] = {
        name: [part for part in request.query[name].split(",") if part]
        for name in ("ranks", "streams")
        if name in request.query
    }
    fields |= {name: request.query[name] for name in ("since", "attempt") if name in request.query}
    return msgspec.convert(fields, LogFilter, strict=False)


def _job_id(request: web.Request) -> JobId:
    return JobId(int(request.match_info["job"]))


def _printable(text: str) -> str:
    """Drop what could move a terminal's cursor."""
    return "".join(char for char in text if char.isprintable())


def _socket(request: web.Request) -> socket.socket:
    return request.get_extra_info("socket")


def _caller(request: web.Request) -> str:
    """Name the user at the other end, as the kernel knows them."""
    return user_name(peer_uid(_socket(request)))
