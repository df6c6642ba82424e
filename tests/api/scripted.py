"""A backend that plays a small cluster and keeps what it was asked, and a thread to serve it."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from sciabc_tui.api.messages import (
    EVERY_LINE,
    JobAttempt,
    JobDetail,
    JobPreview,
    LogChunk,
    LogCount,
    LogFilter,
    LogPlace,
    PreflightBegun,
    PreflightCheck,
    PreflightReport,
    PreflightRow,
    PreflightWish,
    SubmitJob,
)
from sciabc_tui.api.server import ApiServer
from sciabc_tui.api.works import Begun, Ended, Over, Part, Wish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.job_commands import CancelJob, JobCommand, RequeueJob
from sciabc_tui.cluster.node import Facts, HostKey, Node, Origin, Readiness, Reading, Trust
from sciabc_tui.cluster.observations import ForgetNode, NodeCommand
from sciabc_tui.cluster.series import Series
from sciabc_tui.cluster.state import Head, Listening, LogEntry, Severity, State, Uplink
from sciabc_tui.errors import CommandRefused, NotFound, SciabcError

NOW = 1000.0
WALL = 1_795_269_791.0
KEY = HostKey("ssh-ed25519", "AAAA", "SHA256:Yx3abcdefghijklmnopqrstuvwxyz0123456789ABCD9Q")
HELLO = (
    b"2026-11-21T14:03:11.123Z   0 out Hello from rank 0\n"
    b"2026-11-21T14:03:11.124Z   1 out Hello from rank 1\n"
    b"2026-11-21T14:03:11.125Z   1 err a warning\n"
)

_T = TypeVar("_T")


def ready_node(name: str, origin: Origin = Origin.MDNS) -> Node:
    """Make a node that can compute."""
    return Node(
        NodeId(f"id-{name}"),
        name,
        origin,
        addresses=("192.168.8.11",),
        heard_at=NOW,
        heard_how="reading",
        trust=Trust.TRUSTED,
        readiness=Readiness.READY,
        streaming=True,
        reading=Reading(NOW, 12.0, 0.4, 400, 1000, 52.0, 3600.0),
        facts=Facts(4, "aarch64"),
    )


def small_cluster() -> State:
    """Make a state: the head, a ready node, a new one with a key, a new one without, and three jobs."""
    new = Node(NodeId("id-node05"), "node05", Origin.MDNS, ("192.168.8.15",), heard_at=NOW, host_key=KEY)
    mute = Node(NodeId("id-node06"), "node06", Origin.MDNS, ("192.168.8.16",), heard_at=NOW)
    nodes = (ready_node("head", Origin.LOCAL), ready_node("node01"), new, mute)
    running = Job(
        JobId(3),
        "nbody",
        "/opt/nbody",
        (),
        4,
        JobState.RUNNING,
        WALL - 60,
        WALL - 50,
        attempt=1,
        allocation=(Allocation(NodeId("id-node01"), "node01", 4),),
    )
    failed = Job(
        JobId(2),
        "bad",
        "/opt/bad",
        (),
        2,
        JobState.FAILED,
        WALL - 900,
        ended_at=WALL - 60,
        exit_code=3,
        reason="died",
    )
    done = Job(JobId(1), "hello", "/opt/hello.py", ("x",), None, JobState.COMPLETED, WALL - 990, exit_code=0)
    return State(
        revision=1,
        at=NOW,
        wall=WALL,
        head=Head("headnode-01", "pi", "0.1.0", WALL - 3600, launcher="Open MPI 5.0.11"),
        uplink=Uplink("203.0.113.254", "eth1", since=NOW),
        listening=Listening(("eth0",), ("192.168.8.1",)),
        nodes={node.id: node for node in nodes},
        jobs={job.id: job for job in (running, failed, done)},
    )


class LogNews:
    """News of a log in memory: nobody tells, so it is looked at again and again."""

    async def wait(self, within: float) -> None:
        """Return soon."""
        await asyncio.sleep(min(within, 0.01))


class ScriptedBackend:
    """Fits `sciabc_tui.api.ports.Backend`; to be used from its loop's thread.

    A submitted job runs at once. What it does is told by the name of its program:

    - `hello`: writes `HELLO` and completes
    - `exit-N`: writes a line and fails with exit status N
    - `wait`: writes a line and runs until it is cancelled
    - `missing`: is refused
    - `crash`: the backend itself fails
    """

    def __init__(self) -> None:
        self.state = small_cluster()
        self.commands: list[NodeCommand] = []
        self.submitted: list[tuple[SubmitJob, str]] = []
        self.added: list[tuple[str, str]] = []
        self.cancelled: list[tuple[JobId, str]] = []
        self.directed: list[JobCommand] = []
        self.logs: dict[JobId, bytes] = {JobId(1): HELLO, JobId(2): b"", JobId(3): HELLO[:102]}
        self.wishes: list[PreflightWish] = []
        self.report = PreflightReport(
            "Open MPI 5.0.11", (PreflightRow("head", 0.0, (PreflightCheck("ssh", "ok", "this machine"),)),)
        )
        self.attempts: tuple[JobAttempt, ...] = ()
        self.previewed: list[SubmitJob] = []
        self.preview_given = JobPreview("/opt/hello.py", "hello", "Open MPI 5.0.11")
        self.reads = 0
        self.works: list[tuple[Wish, str]] = []
        self.parts: Sequence[Part] | SciabcError = (Begun(("head",)), Ended("head", ok=True), Over())
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.closed = asyncio.Event()
        self.wanted = EVERY_LINE
        self._news = asyncio.Event()

    async def changed(self, seen: int) -> State:
        """Wait for another revision."""
        while self.state.revision == seen:
            await self._news.wait()
        return self.state

    def history(self, node: NodeId, span: int) -> Series:
        """Give a load that was measured once."""
        once, never = (*(None,) * 59, 12.0), (None,) * 60
        return Series(
            span, span // 60, NOW, cpu=once, memory=once, temperature=never, received=never, sent=never
        )

    def publish(self, state: State) -> None:
        """Make this the newest state."""
        self.state = replace(state, revision=self.state.revision + 1)
        news, self._news = self._news, asyncio.Event()
        news.set()

    def tick(self) -> None:
        """Publish the state again under a new revision."""
        self.publish(self.state)

    def put_job(self, job: Job) -> None:
        """Publish a job's new state."""
        self.publish(replace(self.state, jobs={**self.state.jobs, job.id: job}))

    def happen(self, text: str, severity: Severity = Severity.INFO, *, ago: float = 0.0) -> LogEntry:
        """Publish an event."""
        log = self.state.log
        entry = LogEntry(log[-1].seq + 1 if log else 1, WALL - ago, severity, text)
        self.publish(replace(self.state, log=(*log, entry)))
        return entry

    async def events(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Give the newest."""
        return tuple(entry for entry in self.state.log if entry.seq > since)[-limit:]

    async def add_node(self, host: str, *, by: str) -> None:
        """Keep the wish, or refuse what has a blank in it."""
        if " " in host:
            raise CommandRefused(f"'{host}' is no node. Next: sciabc-tui nodes add [USER@]HOST[:PORT]")
        self.added.append((host, by))

    def obey(self, command: NodeCommand) -> None:
        """Keep the command, or refuse it for the head. A forgotten node that was added is gone."""
        if isinstance(command, ForgetNode) and self.state.nodes[command.node].origin is Origin.STATIC:
            rest = {id_: node for id_, node in self.state.nodes.items() if id_ != command.node}
            self.publish(replace(self.state, nodes=rest))
        if command.node == "id-head":
            raise CommandRefused("The head node can't be forgotten. Next: sciabc-tui nodes drain head")
        self.commands.append(command)

    async def preflight(self, wish: PreflightWish) -> PreflightReport:
        """Keep the wish; give what the test laid ready."""
        if wish.program == "missing":
            raise CommandRefused("program: missing not found. Next: give its path")
        self.wishes.append(wish)
        return self.report

    async def follow_preflight(
        self, wish: PreflightWish
    ) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        """Give the same row by row, the last node's first."""
        report = await self.preflight(wish)
        yield PreflightBegun(report.launcher, tuple(row.node for row in report.rows))
        for row in reversed(report.rows):
            yield row

    async def work(self, wish: Wish, *, by: str) -> AsyncGenerator[Part, None]:
        """Keep the wish; give the parts that the test laid ready, and the last one once it says so."""
        self.works.append((wish, by))
        if isinstance(self.parts, SciabcError):
            raise self.parts
        try:
            for part in self.parts:
                yield part
                if isinstance(part, Begun):
                    await self.go_on.wait()
        finally:
            self.closed.set()

    async def preview(self, request: SubmitJob) -> JobPreview:
        """Keep the wish, refuse `missing`; give what the test laid ready."""
        if Path(request.program).name == "missing":
            raise CommandRefused(f"program: {request.program} not found. Next: give its path")
        self.previewed.append(request)
        return self.preview_given

    async def submit(self, request: SubmitJob, *, by: str) -> Job:
        """Play what the program's name tells."""
        word = Path(request.program).name
        if word == "missing":
            raise CommandRefused(f"program: {request.program} does not exist.\nNext: check the path")
        if word == "crash":
            raise RuntimeError("secret detail of the inside")
        self.submitted.append((request, by))
        number = JobId(max(self.state.jobs) + 1)
        name = request.name or word
        job = Job(number, name, request.program, request.args, request.ranks, JobState.RUNNING, WALL)
        self.logs[number] = HELLO if word == "hello" else HELLO[:51]
        self.put_job(job)
        if word == "hello":
            self.end_job(number, JobState.COMPLETED, 0)
        elif word.startswith("exit-"):
            self.end_job(number, JobState.FAILED, int(word.removeprefix("exit-")))
        return job

    def end_job(self, job: JobId, state: JobState, exit_code: int | None, reason: str = "") -> None:
        """Let a job end."""
        ended = replace(self.state.jobs[job], state=state, exit_code=exit_code, reason=reason, ended_at=WALL)
        self.put_job(ended)

    async def direct(self, command: JobCommand) -> None:
        """Keep the wish, and end the job if that is it."""
        found = self._job(command.job)
        if found.state.ended and not isinstance(command, RequeueJob):
            raise CommandRefused(f"Job {command.job} has ended. Next: sciabc-tui jobs")
        self.directed.append(command)
        if isinstance(command, CancelJob):
            self.cancelled.append((command.job, command.by))
            self.end_job(command.job, JobState.CANCELLED, None, f"cancelled by {command.by}")

    async def jobs(self, limit: int) -> tuple[Job, ...]:
        """Give the newest."""
        return tuple(sorted(self.state.jobs.values(), key=lambda job: -job.id))[:limit]

    async def job_detail(self, job: JobId) -> JobDetail:
        """Give the job with the attempts that the test wrote down."""
        return JobDetail(self._job(job), self.attempts)

    async def read_log(
        self, job: JobId, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE, before: bool = False
    ) -> LogChunk:
        """Read whole lines, whatever is wanted; a line longer than the limit is given whole."""
        self.reads += 1
        self.wanted = wanted
        ended = self._job(job).state.ended
        log = self.logs[job]
        start = offset if offset >= 0 else max(0, len(log) + offset)
        if before:
            end = log.rfind(b"\n", 0, start) + 1
            start = log.find(b"\n", max(0, end - limit - 1), end - 1) + 1 if end > limit else 0
            return LogChunk(log[start:end], end, ended, start, len(log))
        data = log[start : start + limit]
        whole = data[: data.rfind(b"\n") + 1] or log[start : log.find(b"\n", start) + 1]
        return LogChunk(whole, start + len(whole), ended, start, len(log))

    async def seek_log(self, job: JobId, *, offset: int, wanted: LogFilter, backward: bool) -> LogPlace:
        """Take the question down; every line is wanted."""
        self.wanted = wanted
        begin = self.logs[job].rfind(b"\n", 0, max(0, offset - 1)) + 1 if backward else offset
        return LogPlace(begin, found=begin < len(self.logs[job]))

    async def count_log(self, job: JobId, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        """Count all at once."""
        self.wanted = wanted
        log = self.logs[job]
        return LogCount(log.count(b"\n", offset, to), min(to, len(log)), len(log))

    def log_news(self, job: JobId) -> AbstractContextManager[LogNews]:
        """Look at a log that lives in memory: each look takes its turn."""
        del job
        return nullcontext(LogNews())

    def hostfile(self) -> str:
        """Give two addresses."""
        return "192.168.8.1\n192.168.8.11\n"

    def _job(self, job: JobId) -> Job:
        if job not in self.state.jobs:
            raise NotFound(f"There is no job {job}. Next: sciabc-tui jobs")
        return self.state.jobs[job]


class Serving:
    """A backend that is served in a thread of its own."""

    def __init__(self, socket: Path, backend: ScriptedBackend, server: ApiServer) -> None:
        self.socket = socket
        self.backend = backend
        self.server = server
        self.stop = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def do(self, what: Callable[[], _T]) -> _T:
        """Run something in the server's thread and give what it returns."""

        async def call() -> _T:
            return what()

        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(60)

    def until(self, true: Callable[[], bool]) -> None:
        """Wait until something is true in the server's thread, ten seconds at most."""

        async def wait() -> None:
            async with asyncio.timeout(60):
                while not true():  # noqa: ASYNC110 - what is waited for has no event
                    await asyncio.sleep(0.01)

        asyncio.run_coroutine_threadsafe(wait(), self.loop).result(12)


@contextmanager
def serving(socket: Path) -> Generator[Serving, None, None]:
    """Serve a scripted backend for the length of the block."""
    started: list[Serving] = []
    up = threading.Event()

    async def serve() -> None:
        backend = ScriptedBackend()
        async with ApiServer(backend, socket) as server:
            service = Serving(socket, backend, server)
            started.append(service)
            up.set()
            await service.stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            up.set()

    thread = threading.Thread(target=run, name="scripted service")
    thread.start()
    try:
        assert up.wait(60)
        assert started, "the server did not start"
        yield started[0]
    finally:
        for service in started:
            with suppress(RuntimeError):  # the test stopped it already
                service.loop.call_soon_threadsafe(service.stop.set)
        thread.join(60)
        assert not thread.is_alive()
