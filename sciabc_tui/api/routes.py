"""What each path of the API does. docs/api.md tells it to users, with an example each."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, asynccontextmanager

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
from sciabc_tui.api.parameters import body, caller, flag, job_id, number, wire_of
from sciabc_tui.api.ports import Backend
from sciabc_tui.api.states import Events, encode_state
from sciabc_tui.api.work_routes import WorkRoutes
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.job_commands import (
    CancelJob,
    HoldJob,
    JobCommand,
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

WATCH_RATE = 1_000_000
"""Bytes of states a second on one watch, up to `WIDEST_GAP`: those of many nodes come less often."""

WIDEST_GAP = 2.0
"""Half of the period in which so many nodes are read (`sciabc_tui.cluster.node.reading_period`)."""

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
            web.post(f"{root}/jobs/preview", self._preview),
            web.get(job, self._job),
            web.post(f"{job}/cancel", self._cancel),
            web.post(f"{job}/hold", self._hold),
            web.post(f"{job}/release", self._release),
            web.post(f"{job}/requeue", self._requeue),
            web.post(f"{job}/priority", self._prioritise),
            web.get(f"{job}/detail", self._job_detail),
            web.get(f"{job}/log", self._log),
            web.get(f"{job}/log/seek", self._seek_log),
            web.get(f"{job}/log/lines", self._count_log),
            web.post(f"{root}/preflight", self._preflight),
            web.get(f"{root}/hostfile", self._hostfile),
            *WorkRoutes(self._backend, self._stream).table(),
        ]

    async def end_streams(self, _: web.Application) -> None:
        """End all that would go on for ever, because the service stops."""
        for task in self._streams:
            task.cancel()

    async def _state(self, _: web.Request) -> web.Response:
        return _json(encode_state(self._backend.state))

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        wire_of(request).setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        async with self._stream(request, response):
            seen, gap = -1, WATCH_GAP
            while (transport := request.transport) is not None and not transport.is_closing():
                # What a stalled reader did not take yet is all that is kept for it.
                if not transport.get_write_buffer_size():
                    seen, line = await self._next_line(seen)
                    gap = gap_after(len(line))
                    await response.write(line)
                await asyncio.sleep(gap)
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
        asked = await body(request, AddNode)
        await self._backend.add_node(asked.host, by=caller(request))
        return web.Response(status=204)

    async def _events(self, request: web.Request) -> web.StreamResponse:
        since = number(request, "since", 0, least=0, most=2**53)
        limit = number(request, "limit", 100, least=1, most=MOST_EVENTS)
        if flag(request, "follow"):
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
        span = number(request, "span", SPANS[0], least=SPANS[0], most=SPANS[-1])
        if span not in SPANS:
            raise web.HTTPBadRequest(reason=f"span takes one of {', '.join(map(str, SPANS))}")
        return _json(msgspec.json.encode(self._backend.history(node.id, span)))

    async def _approve(self, request: web.Request) -> web.Response:
        asked = await body(request, ApproveKey)
        return self._obey(request, lambda node, by: ApproveHostKey(node, asked.fingerprint, by))

    async def _forget(self, request: web.Request) -> web.Response:
        return self._obey(request, ForgetNode)

    async def _drain(self, request: web.Request) -> web.Response:
        asked = await body(request, Drain)
        reason = _printable(asked.reason)
        return self._obey(request, lambda node, by: DrainNode(node, reason, by))

    async def _resume(self, request: web.Request) -> web.Response:
        return self._obey(request, ResumeNode)

    def _obey(self, request: web.Request, command: Callable[[NodeId, str], NodeCommand]) -> web.Response:
        node = self._find_node(request.match_info["node"])
        self._backend.obey(command(node.id, caller(request)))
        return web.Response(status=204)

    def _find_node(self, text: str) -> Node:
        nodes = self._backend.state.nodes
        found = nodes.get(NodeId(text)) or next((node for node in nodes.values() if node.name == text), None)
        if found is None:
            raise NotFound(f"There is no node {_printable(text)[:80]}. Next: sciabc-tui nodes")
        return found

    async def _jobs(self, request: web.Request) -> web.Response:
        limit = number(request, "limit", 100, least=1, most=MOST_JOBS)
        jobs = await self._backend.jobs(limit)
        state = self._backend.state
        return _json(msgspec.json.encode(Jobs(jobs, state.wall, state.head.simulated)))

    async def _submit(self, request: web.Request) -> web.Response:
        asked = await body(request, SubmitJob)
        job = await self._backend.submit(asked, by=caller(request))
        return _json(msgspec.json.encode(Submitted(job)), status=201)

    async def _preview(self, request: web.Request) -> web.Response:
        asked = await body(request, SubmitJob)
        return _json(msgspec.json.encode(await self._backend.preview(asked)))

    async def _follow_preflight(self, request: web.Request, asked: PreflightWish) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        async with aclosing(self._backend.follow_preflight(asked)) as parts:
            first = await anext(parts)  # a refusal comes here, when no header was sent
            async with self._stream(request, response):
                await response.write(msgspec.json.encode(first) + b"\n")
                async for part in parts:
                    await response.write(msgspec.json.encode(part) + b"\n")
        return response

    async def _preflight(self, request: web.Request) -> web.StreamResponse:
        asked = await body(request, PreflightWish)
        if flag(request, "follow"):
            return await self._follow_preflight(request, asked)
        return _json(msgspec.json.encode(await self._backend.preflight(asked)))

    async def _job(self, request: web.Request) -> web.Response:
        return _json(msgspec.json.encode(await self._find_job(job_id(request))))

    async def _job_detail(self, request: web.Request) -> web.Response:
        return _json(msgspec.json.encode(await self._backend.job_detail(job_id(request))))

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
        return await self._direct(CancelJob(job_id(request), caller(request)))

    async def _hold(self, request: web.Request) -> web.Response:
        return await self._direct(HoldJob(job_id(request), caller(request)))

    async def _release(self, request: web.Request) -> web.Response:
        return await self._direct(ReleaseJob(job_id(request), caller(request)))

    async def _requeue(self, request: web.Request) -> web.Response:
        return await self._direct(RequeueJob(job_id(request), caller(request)))

    async def _prioritise(self, request: web.Request) -> web.Response:
        asked = await body(request, Priority)
        return await self._direct(PrioritiseJob(job_id(request), asked.priority, caller(request)))

    async def _direct(self, command: JobCommand) -> web.Response:
        await self._backend.direct(command)
        return web.Response(status=204)

    async def _log(self, request: web.Request) -> web.StreamResponse:
        job = job_id(request)
        offset = number(request, "offset", 0, least=-(2**53), most=2**53)
        limit = number(request, "limit", PIECE, least=1, most=LARGEST_PIECE)
        wanted = LogFilter.of(request.query)
        if flag(request, "follow"):
            return await self._follow(request, job, offset, limit, wanted)
        before = flag(request, "before")
        chunk = await self._backend.read_log(job, offset=offset, limit=limit, wanted=wanted, before=before)
        headers = {
            "X-Start-Offset": str(chunk.start),
            "X-Next-Offset": str(chunk.next_offset),
            "X-Size": str(chunk.size),
            "X-Ended": "true" if chunk.ended else "false",
        }
        return web.Response(body=chunk.data, content_type="text/plain", headers=headers)

    async def _seek_log(self, request: web.Request) -> web.Response:
        offset = number(request, "offset", 0, least=0, most=2**53)
        wanted, backward = LogFilter.of(request.query), flag(request, "before")
        place = await self._backend.seek_log(job_id(request), offset=offset, wanted=wanted, backward=backward)
        return _json(msgspec.json.encode(place))

    async def _count_log(self, request: web.Request) -> web.Response:
        offset = number(request, "offset", 0, least=0, most=2**53)
        to = number(request, "to", 2**53, least=0, most=2**53)
        count = await self._backend.count_log(
            job_id(request), offset=offset, to=to, wanted=LogFilter.of(request.query)
        )
        return _json(msgspec.json.encode(count))

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
        await response.prepare(request)  # who goes away meanwhile: `_answer` ends it
        task = asyncio.current_task()
        if task is not None:
            self._streams.add(task)
        try:
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


def gap_after(size: int) -> float:
    """Give the seconds after a state of so many bytes in which no other is sent on the same watch."""
    return min(WIDEST_GAP, max(WATCH_GAP, size / WATCH_RATE))


def _json(body: bytes, *, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")


def _printable(text: str) -> str:
    """Drop what could move a terminal's cursor."""
    return "".join(char for char in text if char.isprintable())
