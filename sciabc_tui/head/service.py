"""The head service: its parts, started together, watched, and stopped in order."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sciabc_tui.api.messages import (
    EVERY_LINE,
    JobDetail,
    JobPreview,
    LogChunk,
    LogCount,
    LogFilter,
    LogPlace,
    PreflightBegun,
    PreflightReport,
    PreflightRow,
    PreflightWish,
    SubmitJob,
)
from sciabc_tui.api.works import Part as WorkPart
from sciabc_tui.api.works import Wish
from sciabc_tui.cluster.changes import PartFailed
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.job_commands import JobCommand
from sciabc_tui.cluster.observations import ForgetNode, NodeCommand, Ticked
from sciabc_tui.cluster.series import Series
from sciabc_tui.cluster.state import LogEntry, State
from sciabc_tui.head.added import AddedNodes
from sciabc_tui.head.dispatcher import Dispatcher
from sciabc_tui.head.eventlog import EventLog
from sciabc_tui.head.history import Historian
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.log_news import LogNews
from sciabc_tui.head.nodes_txt import hostfile
from sciabc_tui.head.ports import Adapter, Clock, Hub
from sciabc_tui.head.works import Works

log = logging.getLogger(__name__)

TICK = 0.25
"""Seconds between two looks at the deadlines."""

RESTART_AFTER = 5.0
"""Seconds after which a part that failed is started again."""

LINGER = 5.0
"""Seconds that a service which a client started for itself stays after the last client went."""


class Preflights(Protocol):
    """Asks nodes whether they are fit. `sciabc_tui.head.preflight.Preflight` is the real one."""

    async def run(self, state: State, wish: PreflightWish) -> PreflightReport:
        """Ask; raises `NotFound` or `CommandRefused`."""
        ...

    def follow(
        self, state: State, wish: PreflightWish
    ) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        """Ask, and tell of each node as soon as it has answered; raises the same."""
        ...


class HeadService:
    """What the API serves: the state, and what may be asked of it."""

    def __init__(
        self,
        hub: StateHub,
        dispatcher: Dispatcher,
        events: EventLog,
        added: AddedNodes,
        historian: Historian,
        preflight: Preflights,
        works: Works,
    ) -> None:
        self._hub = hub
        self._dispatcher = dispatcher
        self._events = events
        self._added = added
        self._historian = historian
        self._preflight = preflight
        self._works = works

    @property
    def state(self) -> State:
        """The newest state."""
        return self._hub.state

    async def changed(self, seen: int) -> State:
        """Wait until the state's revision is not `seen`; give the newest."""
        return await self._hub.changed(seen)

    def obey(self, command: NodeCommand) -> None:
        """Do what an operator asked.

        Raises:
            CommandRefused: The state of the node does not allow it.
        """
        if isinstance(command, ForgetNode) and self._added.let_go(self._hub, command):
            return
        self._hub.obey(command)

    async def add_node(self, host: str, *, by: str) -> None:
        """Take in a node that can't announce itself.

        Raises:
            CommandRefused: It is no `[USER@]HOST[:PORT]`, or is there already.
        """
        self._added.add(host, by=by)

    def history(self, node: NodeId, span: int) -> Series:
        """Give a node's load over one of `SPANS`."""
        return self._historian.series(node, span)

    async def events(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Give the newest events with a number above `since`, the oldest first."""
        return await self._events.read(since, limit, self._hub.state.log)

    async def preflight(self, wish: PreflightWish) -> PreflightReport:
        """Check whether nodes are fit for a job.

        Raises:
            NotFound: There is no such node.
            CommandRefused: There is nothing to check, or the program can't be run as it stands.
        """
        return await self._preflight.run(self._hub.state, wish)

    def follow_preflight(self, wish: PreflightWish) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        """Check nodes, and tell of each as soon as it has answered; raises what `preflight` raises."""
        return self._preflight.follow(self._hub.state, wish)

    async def submit(self, request: SubmitJob, *, by: str) -> Job:
        """Check a job and put it into the queue.

        Raises:
            CommandRefused: It can't be run as it stands.
        """
        return await self._dispatcher.submit(request, by=by)

    async def preview(self, request: SubmitJob) -> JobPreview:
        """Check a job, and say what would become of it now.

        Raises:
            CommandRefused: It can't be run as it stands.
        """
        return await self._dispatcher.preview(request)

    async def direct(self, command: JobCommand) -> None:
        """Do with a job what an operator asked.

        Raises:
            NotFound: There is no such job.
            CommandRefused: The state of the job does not allow it.
        """
        await self._dispatcher.direct(command)

    async def jobs(self, limit: int) -> tuple[Job, ...]:
        """Give the newest jobs, newest first."""
        return await self._dispatcher.jobs(limit)

    async def job_detail(self, job: JobId) -> JobDetail:
        """Give a job with all its attempts.

        Raises:
            NotFound: There is no such job.
        """
        return await self._dispatcher.detail(job)

    async def read_log(
        self, job: JobId, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE, before: bool = False
    ) -> LogChunk:
        """Read whole lines of a job's log.

        Raises:
            NotFound: There is no such job.
        """
        return await self._dispatcher.logs.read(job, offset=offset, limit=limit, wanted=wanted, before=before)

    async def seek_log(self, job: JobId, *, offset: int, wanted: LogFilter, backward: bool) -> LogPlace:
        """Find the next wanted line of a job's log, or the one before."""
        return await self._dispatcher.logs.seek(job, offset=offset, wanted=wanted, backward=backward)

    async def count_log(self, job: JobId, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        """Count lines of a job's log."""
        return await self._dispatcher.logs.count(job, offset=offset, to=to, wanted=wanted)

    def log_news(self, job: JobId) -> AbstractContextManager[LogNews]:
        """Begin to look at a job's log."""
        return self._dispatcher.log_news(job)

    def work(self, wish: Wish, *, by: str) -> AsyncGenerator[WorkPart, None]:
        """Begin a work on nodes, and tell of it; to close the generator cancels it.

        Raises:
            CommandRefused: It can't be done here.
        """
        return self._works.begin(wish, by=by)

    def hostfile(self) -> str:
        """Give the present nodes.txt."""
        return hostfile(self._hub.state)


class Ticker:
    """Lets time pass for membership, and says by how much the head itself was late."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def run(self, hub: Hub) -> None:
        """Tick."""
        due = self._clock.monotonic() + TICK
        while True:
            await asyncio.sleep(max(0.0, due - self._clock.monotonic()))
            now = self._clock.monotonic()
            hub.observe([Ticked(late=now - due)])
            due = now + TICK


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the service, and what to call it when it fails."""

    name: str
    adapter: Adapter


async def run_parts(parts: Sequence[Part], hub: Hub) -> None:
    """Run the parts until cancelled; one that fails is told about and started again, the others go on."""
    async with asyncio.TaskGroup() as group:
        for part in parts:
            group.create_task(_run_part(part, hub), name=part.name)


async def _run_part(part: Part, hub: Hub) -> None:
    while True:
        try:
            await part.adapter.run(hub)
        except Exception as error:
            log.exception("%s failed", part.name)
            problem = f"{part.name} failed ({type(error).__name__}), starts again in {RESTART_AFTER:.0f} s"
        else:
            problem = f"{part.name} ended, starts again in {RESTART_AFTER:.0f} s"
        hub.publish([PartFailed(problem)])
        await asyncio.sleep(RESTART_AFTER)


async def until_nobody_needs_it(hub: Hub, idle: Callable[[], float], *, linger: float = LINGER) -> None:
    """Wait until no client was connected for some seconds and no job is left.

    Args:
        hub: Whose jobs count.
        idle: Gives for how many seconds nobody is connected; 0 while somebody is.
        linger: Seconds; a client that starts the service needs a moment to connect.
    """
    while True:
        if idle() >= linger and all(job.state.ended for job in hub.state.jobs.values()):
            return
        # clients come and go without a change of the state: look again after a second
        await asyncio.sleep(1.0)
