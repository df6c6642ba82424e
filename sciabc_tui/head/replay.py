"""A recording behind the API: what the head service was then, and nothing that can be asked of it now.

`Player` reads the file and lets its time pass, at any speed; `ReplayBackend` is what the API serves. Nothing
is computed anew: states are shown as they were, but for saying that they are a replay. The load of the nodes
over time is put together from the readings in them, as the head service did.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Generator, Iterable
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, TypeVar, cast

import msgspec

from sciabc_tui.api.messages import (
    EVERY_LINE,
    AttemptHost,
    JobAttempt,
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
from sciabc_tui.api.recording import (
    LogMoment,
    Moment,
    Raw,
    RecordingDamaged,
    RecordingReader,
    StateMoment,
    to_state,
)
from sciabc_tui.api.works import Part, Wish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.job_commands import JobCommand
from sciabc_tui.cluster.node import READING_PERIOD, Reading
from sciabc_tui.cluster.observations import NodeCommand
from sciabc_tui.cluster.series import Series
from sciabc_tui.cluster.state import LogEntry, Replay, State
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.history import History
from sciabc_tui.head.nodes_txt import hostfile
from sciabc_tui.head.replay_logs import ReplayLogs

GAP = 0.1
"""Seconds at least between two states that are served: of those in between, the newest."""

AGAIN_AFTER = 2.0
"""Seconds for which the end is shown before a recording begins again."""

_EVENTS = 20_000
_AT_ONCE = 64
_BYTES_AT_ONCE = 2**20
_LAP = 1e-3
"""Seconds by which each lap pretends that the head started later: its events are numbered anew."""

_T = TypeVar("_T")


def refused() -> NoReturn:
    """Raise what is answered to every command."""
    raise CommandRefused("This is a recording: nothing is done in it. Next: sciabc-tui, for the live cluster")


class ReplayBackend:
    """Fits `sciabc_tui.api.ports.Backend`. Used from its loop's thread only."""

    def __init__(self, logs: ReplayLogs) -> None:
        self.logs = logs
        self._state = State()
        self._events: deque[LogEntry] = deque(maxlen=_EVENTS)
        self._histories: dict[NodeId, History] = {}
        self._readings: dict[str, object] = {}
        self._news = asyncio.Event()

    @property
    def state(self) -> State:
        """What is shown now."""
        return self._state

    def begin(self) -> None:
        """Forget all, for the recording begins again."""
        self._events.clear()
        self._histories.clear()
        self._readings.clear()

    def publish(self, state: State) -> None:
        """Show this."""
        newest = self._events[-1].seq if self._events else 0
        self._events.extend(entry for entry in state.log if entry.seq > newest)
        self._state = replace(state, revision=self._state.revision + 1)
        self.tell()

    def tell(self) -> None:
        """Wake those who wait for news."""
        news, self._news = self._news, asyncio.Event()
        news.set()

    def take_readings(self, raw: Raw) -> None:
        """Take in the readings that are new, also of states that nobody is shown."""
        nodes = raw.get("nodes")
        for id_, node in cast("dict[str, object]", nodes).items() if isinstance(nodes, dict) else ():
            found = cast("Raw", node) if isinstance(node, dict) else {}
            reading, beat = found.get("reading"), found.get("beat")
            if reading is None or reading is self._readings.get(id_):
                continue  # what did not change is the same object
            self._readings[id_] = reading
            try:
                taken = msgspec.convert(reading, Reading)
            except msgspec.ValidationError as error:
                raise RecordingDamaged("The recording is damaged in a reading. Next: record anew") from error
            period = beat if isinstance(beat, float) else READING_PERIOD
            self._histories.setdefault(NodeId(id_), History()).add(taken, period)

    async def changed(self, seen: int) -> State:
        """Wait until the state's revision is not `seen`; give the newest."""
        while self._state.revision == seen:
            await self._news.wait()
        return self._state

    def history(self, node: NodeId, span: int) -> Series:
        """Give a node's load over one of `SPANS`, up to what is shown."""
        return self._histories.get(node, History()).series(span, self._state.at)

    async def events(self, since: int, limit: int) -> tuple[LogEntry, ...]:
        """Give the newest events with a number above `since`, the oldest first."""
        return tuple(entry for entry in self._events if entry.seq > since)[-limit:]

    async def jobs(self, limit: int) -> tuple[Job, ...]:
        """Give the newest jobs that the state carries, newest first."""
        return tuple(sorted(self._state.jobs.values(), key=lambda job: -job.id))[:limit]

    async def job_detail(self, job: JobId) -> JobDetail:
        """Give a job with what the state tells of its newest attempt. Raises `NotFound`."""
        found = self._job(job)
        hosts = tuple(AttemptHost(part.name, "", part.ranks) for part in found.allocation)
        newest = JobAttempt(
            found.attempt,
            found.state,
            found.started_at,
            found.ended_at,
            found.exit_code,
            found.reason,
            hosts=hosts,
        )
        return JobDetail(found, (newest,) if found.attempt else ())

    def _job(self, job: JobId) -> Job:
        found = self._state.jobs.get(job)
        if found is None:
            raise NotFound(f"There is no job {job} in the recording now. Next: another job, or later")
        return found

    async def read_log(
        self, job: JobId, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE, before: bool = False
    ) -> LogChunk:
        """Read what the job printed up to here. Raises `NotFound`."""
        ended = self._job(job).state.ended
        return await self.logs.read(job, offset, limit, wanted, before=before, final=ended)

    async def seek_log(self, job: JobId, *, offset: int, wanted: LogFilter, backward: bool) -> LogPlace:
        """Find the next wanted line, or the one before. Raises `NotFound`."""
        self._job(job)
        return await self.logs.seek(job, offset, wanted, backward=backward)

    async def count_log(self, job: JobId, *, offset: int, to: int, wanted: LogFilter) -> LogCount:
        """Count the lines between two offsets. Raises `NotFound`."""
        del wanted  # whoever wrote them, as the head service does
        self._job(job)
        return await self.logs.count(job, offset, to)

    @contextmanager
    def log_news(self, job: JobId) -> Generator["_News"]:
        """Begin to look at a job's log."""
        del job
        yield _News(self)

    async def wait(self, within: float) -> None:
        """Return when something changed, at the latest after so many seconds."""
        try:
            async with asyncio.timeout(within):
                await self._news.wait()
        except TimeoutError:
            return

    def hostfile(self) -> str:
        """Give nodes.txt as it was."""
        return hostfile(self._state)

    def obey(self, command: NodeCommand) -> None:
        """Refuse."""
        del command
        refused()

    async def add_node(self, host: str, *, by: str) -> None:
        """Refuse."""
        del host, by
        refused()

    async def preflight(self, wish: PreflightWish) -> PreflightReport:
        """Refuse: the nodes of a recording answer nothing."""
        del wish
        refused()

    def follow_preflight(self, wish: PreflightWish) -> AsyncGenerator[PreflightBegun | PreflightRow, None]:
        """Refuse."""
        del wish
        refused()

    async def submit(self, request: SubmitJob, *, by: str) -> Job:
        """Refuse."""
        del request, by
        refused()

    async def preview(self, request: SubmitJob) -> JobPreview:
        """Refuse."""
        del request
        refused()

    async def direct(self, command: JobCommand) -> None:
        """Refuse."""
        del command
        refused()

    def work(self, wish: Wish, *, by: str) -> AsyncGenerator[Part, None]:
        """Refuse."""
        del wish, by
        refused()


class _News:
    """What a follower of a log waits for."""

    def __init__(self, backend: ReplayBackend) -> None:
        self._backend = backend

    async def wait(self, within: float) -> None:
        """Return when there may be news, at the latest after so many seconds."""
        await self._backend.wait(within)


class Player:
    """Lets the time of a recording pass.

    Args:
        path: The file.
        backend: What is told.
        disk: Where files are read and written: one thread.
        speed: Seconds of the recording in one of ours.
        loop: Begin again at the end.
    """

    def __init__(
        self, path: Path, backend: ReplayBackend, disk: Executor, *, speed: float = 1.0, loop: bool = False
    ) -> None:
        self._path = path
        self._backend = backend
        self._disk = disk
        self._speed = speed
        self._loop = loop
        self._lap = 0
        self._raw: Raw | None = None
        self._shown: Raw | None = None
        self._published = 0.0

    async def run(self) -> None:
        """Play to the end, and show that from then on; with `loop` begin again, until cancelled."""
        while True:
            problem = await self._play()
            last = self._backend.state
            ended = Replay(self._speed, ended=True, problem=problem)
            self._backend.publish(replace(last, head=replace(last.head, replay=ended)))
            if not self._loop or self._raw is None:
                return
            await asyncio.sleep(AGAIN_AFTER)
            self._lap += 1
            self._raw = self._shown = None
            self._backend.begin()
            await self._on_disk(self._backend.logs.clear)

    async def _play(self) -> str:
        """Play once; give why it ended before its end."""
        try:
            reader = await self._on_disk(lambda: RecordingReader(self._path))
        except RecordingDamaged as error:
            return str(error)
        with reader:
            moments = _Batches(reader)
            now = asyncio.get_running_loop().time
            began = now()
            try:
                while batch := await self._on_disk(moments.read):
                    for moment in batch:
                        await self._until(began + moment.t / self._speed, now)
                        await self._take(moment)
                self._show()
            except RecordingDamaged as error:
                with suppress(RecordingDamaged):  # of what is before the damage, too
                    self._show()
                return str(error)
        return "" if reader.complete else "it breaks off here: the recorder was killed, or the file was cut"

    async def _until(self, due: float, now: Callable[[], float]) -> None:
        """Wait until a moment is due, and show before what was until then."""
        if self._raw is not None and (now() - self._published >= GAP or due - now() >= GAP):
            self._show()
            self._published = now()
        await asyncio.sleep(max(0.0, due - now()))

    async def _take(self, moment: Moment) -> None:
        match moment:
            case StateMoment():
                self._raw = moment.raw
                self._backend.take_readings(moment.raw)
            case LogMoment():
                await self._on_disk(lambda: self._backend.logs.append(moment.job, moment.data))
                self._backend.tell()

    def _show(self) -> None:
        """Show the newest state, unless it is shown."""
        if self._raw is None or self._raw is self._shown:
            return
        state = to_state(self._raw)
        started = state.head.started + self._lap * _LAP
        head = replace(state.head, replay=Replay(self._speed), started=started)
        self._backend.publish(replace(state, head=head))
        self._shown = self._raw

    async def _on_disk(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, work)


class _Batches:
    """Reads some moments at a time; what is before a damage is given, and then the damage raised."""

    def __init__(self, moments: Iterable[Moment]) -> None:
        self._moments = iter(moments)
        self._damage: RecordingDamaged | None = None

    def read(self) -> list[Moment]:
        """Read on: as few as are large; none at the end. Blocks.

        Raises:
            RecordingDamaged: What follows can't be read.
        """
        if self._damage is not None:
            raise self._damage
        found: list[Moment] = []
        size = 0
        try:
            for moment in self._moments:
                found.append(moment)
                size += moment.size
                if len(found) >= _AT_ONCE or size > _BYTES_AT_ONCE:
                    break
        except RecordingDamaged as error:
            self._damage = error
            if not found:
                raise
        return found
