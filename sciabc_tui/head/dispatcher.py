"""The queue: takes jobs in, starts them in order where slots are free, and tells how they ended."""

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from jobs.attempt import AttemptFiles
from jobs.errors import JobsError, SpecError
from jobs.hostfile import Host
from jobs.logstore import read_from
from jobs.spec import JobSpec, validated
from jobs.states import JobState as StoredState
from jobs.store import JobRecord, JobStore
from sciabc_tui.api.messages import LogChunk, SubmitJob
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import NodeId, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.schedule import Placed, next_pending, place
from sciabc_tui.cluster.state import (
    JOBS_LENGTH,
    JobEnded,
    JobsLoaded,
    JobStarted,
    JobSubmitted,
    JobWaited,
    State,
)
from sciabc_tui.errors import CommandRefused, NotFound
from sciabc_tui.head.ports import Attempt, Clock, Ending, Hub, Runs
from sciabc_tui.head.users import Users, login_user

T = TypeVar("T")


class Dispatcher:
    """Owns the job store; one worker thread reads and writes it."""

    def __init__(
        self,
        hub: Hub,
        runs: Runs,
        store: JobStore,
        *,
        folder: Path,
        users: Users,
        clock: Clock,
        disk: Executor,
    ) -> None:
        """Load nothing yet.

        Args:
            hub: Where the state is.
            runs: Launches attempts.
            store: Keeps the jobs.
            folder: For the files of attempts.
            users: Whom to log in as on which node.
            clock: Says when.
            disk: One worker, for all that reads and writes files.
        """
        self._hub = hub
        self._runs = runs
        self._store = store
        self._folder = folder
        self._users = users
        self._clock = clock
        self._disk = disk
        self._cancelled: set[JobId] = set()
        # held from reading a record to writing it, so that a start and a cancel can't overtake each other
        self._deciding = asyncio.Lock()

    async def run(self, hub: Hub) -> None:
        """Load the jobs, adopt those that run, then start what fits, for as long as the service lives."""
        newest = await self._on_disk(lambda: self._store.list(JOBS_LENGTH))
        unfinished = await self._on_disk(self._store.unfinished)
        records = {record.id: record for record in (*unfinished, *newest)}
        hub.publish([JobsLoaded(tuple(job_of(record) for record in records.values()))])
        async with asyncio.TaskGroup() as group:
            for record in unfinished:
                if record.state is StoredState.RUNNING:
                    group.create_task(self._follow(record, _attempt(record)))
            await self._start_what_fits(group)

    async def submit(self, request: SubmitJob, *, by: str) -> Job:
        """Check a job and put it into the queue.

        Raises:
            CommandRefused: It can't be run as it stands; names the field and the next step.
        """
        _, problem = self._runs.describe()
        if problem:
            raise CommandRefused(problem)
        asked = JobSpec(
            request.program, request.args, request.ranks, request.name, request.cwd, dict(request.env)
        )
        limit = known_slots(self._hub.state)
        at = self._clock.wall()
        try:
            spec = await self._on_disk(lambda: validated(asked, total_slots=limit or None))
            number = await self._on_disk(lambda: self._store.add(spec, at))
        except (SpecError, JobsError) as error:
            raise CommandRefused(str(error)) from error
        job = job_of(JobRecord(number, spec, StoredState.PENDING, at))
        self._hub.publish([JobSubmitted(job, by)])
        return job

    async def cancel(self, job: JobId, *, by: str) -> None:
        """Cancel a job; one that ended already stays as it is.

        Raises:
            NotFound: There is no such job.
            CommandRefused: It ended already.
        """
        async with self._deciding:
            record = await self._record(job)
            if record.state.final:
                raise CommandRefused(
                    f"Job {job} is {record.state.value} already. Next: sciabc-tui logs {job}"
                )
            self._cancelled.add(job)
            if record.state is StoredState.PENDING:
                await self._end(record, Ending(JobState.CANCELLED, self._clock.wall(), reason=f"by {by}"))
                return
        await self._runs.cancel(_attempt(record))

    async def jobs(self, limit: int) -> tuple[Job, ...]:
        """Give the newest jobs, newest first."""
        records = await self._on_disk(lambda: self._store.list(limit))
        shown = self._hub.state.jobs
        return tuple(shown.get(JobId(record.id)) or job_of(record) for record in records)

    async def read_log(self, job: JobId, *, offset: int, limit: int) -> LogChunk:
        """Read whole lines of the job's newest attempt; a negative offset counts from the end.

        Raises:
            NotFound: There is no such job.
        """
        record = await self._record(job)
        if not record.dir:
            return LogChunk(b"", 0, record.state.final)
        path = AttemptFiles(Path(record.dir)).log
        data, following, size = await self._on_disk(lambda: _read(path, offset, limit))
        return LogChunk(data, following, record.state.final and following >= size)

    async def _start_what_fits(self, group: asyncio.TaskGroup) -> None:
        seen = -1
        while True:
            state = await self._hub.changed(seen)
            seen = state.revision
            job = next_pending(state)
            if job is None:
                continue
            placed = place(state, job.ranks)
            if isinstance(placed, Placed):
                await self._start(job, placed, group)
            elif placed.reason != job.reason:
                self._hub.publish([JobWaited(replace(job, reason=placed.reason))])

    async def _start(self, job: Job, placed: Placed, group: asyncio.TaskGroup) -> None:
        record = await self._claim(job, placed)
        if record is None:
            return
        attempt = _attempt(record)
        self._hub.publish([JobStarted(job_of(record))])
        try:
            await self._runs.start(attempt)
        except JobsError as error:
            await self._end(record, Ending(JobState.FAILED, self._clock.wall(), reason=str(error)))
            return
        if job.id in self._cancelled:
            await self._runs.cancel(attempt)
        group.create_task(self._follow(record, attempt))

    async def _claim(self, job: Job, placed: Placed) -> JobRecord | None:
        """Write down that the job runs, before it is launched.

        After a crash in between the job is adopted, and found to have no runner.
        """
        async with self._deciding:
            record = await self._record(job.id)
            if record.state is not StoredState.PENDING:
                return None
            number = record.attempt + 1
            record = replace(
                record,
                state=StoredState.RUNNING,
                started_at=self._clock.wall(),
                attempt=number,
                hosts=hosts(self._hub.state, placed.allocation, users=self._users),
                dir=str(self._folder / f"{job.id}" / f"attempt-{number}"),
            )
            await self._on_disk(lambda: self._store.update(record))
            return record

    async def _follow(self, record: JobRecord, attempt: Attempt) -> None:
        ending = await self._runs.ended(attempt)
        if ending is not None:
            await self._end(record, ending)
            return
        # the service was killed between the decision and the launch: decide again
        again = replace(record, state=StoredState.PENDING, started_at=None, hosts=(), dir="")
        await self._on_disk(lambda: self._store.update(again))
        self._hub.publish([JobWaited(job_of(again))])

    async def _end(self, record: JobRecord, ending: Ending) -> None:
        record = replace(
            record,
            state=StoredState(ending.state.value),
            ended_at=ending.at,
            exit_code=ending.exit_code,
            reason=ending.reason,
        )
        await self._on_disk(lambda: self._store.update(record))
        self._cancelled.discard(JobId(record.id))
        self._hub.publish([JobEnded(job_of(record))])

    async def _record(self, job: JobId) -> JobRecord:
        record = await self._on_disk(lambda: self._store.get(job))
        if record is None:
            raise NotFound(f"There is no job {job}. Next: sciabc-tui jobs")
        return record

    async def _on_disk(self, call: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._disk, call)


def known_slots(state: State) -> int:
    """Count the slots of every approved node, present or not: a job may wait for a board that reboots."""
    return sum(node.slots for node in state.nodes.values() if node.trust is Trust.TRUSTED)


def hosts(state: State, allocation: tuple[Allocation, ...], *, users: Users) -> tuple[Host, ...]:
    """Give what the launcher needs to know of the nodes; the node's id is the name of its pinned key."""
    found: list[Host] = []
    for part in allocation:
        node = state.nodes[part.node]
        local = node.id == HEAD
        # a launcher knows the head by any address of its own; alone, it needs no network at all
        address = "127.0.0.1" if local and (len(allocation) == 1 or not node.address) else node.address
        user = login_user(node, users)
        found.append(Host(node.name, address, part.slots, user, node.port, local, str(node.id)))
    return tuple(found)


def job_of(record: JobRecord) -> Job:
    """Show a stored job as the rest of the program sees it."""
    return Job(
        id=JobId(record.id),
        name=record.spec.name,
        program=record.spec.program,
        args=record.spec.args,
        ranks=record.spec.ranks,
        state=JobState(record.state.value),
        submitted_at=record.submitted_at,
        started_at=record.started_at,
        ended_at=record.ended_at,
        exit_code=record.exit_code,
        attempt=record.attempt,
        allocation=tuple(
            Allocation(NodeId(host.host_key_alias), host.name, host.slots) for host in record.hosts
        ),
        reason=record.reason,
    )


def _attempt(record: JobRecord) -> Attempt:
    return Attempt(JobId(record.id), record.attempt, record.spec, record.hosts, Path(record.dir))


def _read(path: Path, offset: int, limit: int) -> tuple[bytes, int, int]:
    """Read whole lines; give them, where to go on, and the size of the file."""
    size = path.stat().st_size if path.exists() else 0
    start = offset if offset >= 0 else _line_start(path, max(0, size + offset))
    data, following = read_from(path, start, limit)
    return data, following, size


def _line_start(path: Path, offset: int) -> int:
    """Give the first offset from `offset` on where a line begins."""
    if offset == 0 or not path.exists():
        return 0
    with path.open("rb") as file:
        file.seek(offset - 1, os.SEEK_SET)
        file.readline()
        return file.tell()
