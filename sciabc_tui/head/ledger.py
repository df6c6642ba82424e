"""The jobs on disk and in the state, changed together: first durable, then told."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from jobs.hostfile import ranks_of
from jobs.spec import JobSpec
from jobs.states import JobState as StoredState
from jobs.store import JobRecord, JobStore
from sciabc_tui.cluster.changes import JobsLoaded
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState, OnNodeLoss
from sciabc_tui.cluster.job_events import JobEvent, JobStarted, JobWaited
from sciabc_tui.cluster.state import JOBS_LENGTH
from sciabc_tui.errors import NotFound
from sciabc_tui.head.ports import Attempt, Hub
from sciabc_tui.head.power_starts import Starts

T = TypeVar("T")


class Ledger:
    """Keeps the records; one worker thread reads and writes them.

    Attributes:
        starts: Whether jobs may start, and the lock under which that is decided.
    """

    def __init__(self, hub: Hub, store: JobStore, disk: Executor) -> None:
        self._hub = hub
        self._store = store
        self._disk = disk
        self.starts = Starts()

    @property
    def deciding(self) -> asyncio.Lock:
        """Held from reading a record to writing it: see `Starts`."""
        return self.starts.deciding

    async def load(self) -> tuple[JobRecord, ...]:
        """Show the jobs of earlier runs of the service; give those that have not ended, oldest first."""
        newest = await self.on_disk(lambda: self._store.list(JOBS_LENGTH))
        unfinished = await self.on_disk(self._store.unfinished)
        records = {record.id: record for record in (*unfinished, *newest)}
        self._hub.publish([JobsLoaded(tuple(job_of(record) for record in records.values()))])
        return unfinished

    async def add(self, spec: JobSpec, at: float) -> JobRecord:
        """Keep a new job. Raises `jobs.errors.StoreError`."""
        number = await self.on_disk(lambda: self._store.add(spec, at))
        return JobRecord(number, spec, StoredState.PENDING, at)

    async def record(self, job: JobId) -> JobRecord:
        """Give a job's record.

        Raises:
            NotFound: There is no such job.
        """
        record = await self.on_disk(lambda: self._store.get(job))
        if record is None:
            raise NotFound(f"There is no job {job}. Next: sciabc-tui jobs")
        return record

    async def newest(self, limit: int) -> tuple[JobRecord, ...]:
        """Give the newest jobs, newest first."""
        return await self.on_disk(lambda: self._store.list(limit))

    async def with_files(self) -> tuple[JobRecord, ...]:
        """Give the jobs that ended and have a folder."""
        return await self.on_disk(self._store.with_files)

    async def keep(self, record: JobRecord, *events: JobEvent) -> None:
        """Write a record, then tell what that means."""
        await self.on_disk(lambda: self._store.update(record))
        self._hub.publish(events)

    async def on_disk(self, call: Callable[[], T]) -> T:
        """Let the disk's thread do something."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, call)


def job_of(record: JobRecord) -> Job:
    """Show a stored job as the rest of the program sees it."""
    spec = record.spec
    handed_over = spec.elsewhere and record.state is StoredState.RUNNING
    return Job(
        id=JobId(record.id),
        name=spec.name,
        program=spec.program,
        args=spec.args,
        ranks=spec.ranks,
        # whether it runs where it was handed to is told by who follows it there
        state=JobState.PENDING if handed_over else JobState(record.state.value),
        submitted_at=record.submitted_at,
        started_at=None if handed_over else record.started_at,
        ended_at=record.ended_at,
        exit_code=record.exit_code,
        attempt=record.attempt,
        allocation=_allocation(record),
        reason="handed to Slurm" if handed_over else record.reason,
        per_node=spec.per_node,
        each=spec.each,
        nodes=spec.nodes,
        exclude=spec.exclude,
        priority=spec.priority,
        held_by=record.held_by,
        time_limit=spec.time_limit,
        on_node_loss=OnNodeLoss(spec.on_node_loss.value),
        max_attempts=spec.max_attempts,
        elsewhere=spec.elsewhere,
        handed_over=handed_over,
        cwd=spec.cwd,
        launcher=spec.launcher,
    )


def begun(record: JobRecord) -> JobEvent:
    """Say that a job's attempt was decided: it starts, or another queue has it now."""
    job = job_of(record)
    return JobWaited(job) if job.handed_over else JobStarted(job)


def standing(record: JobRecord) -> str:
    """Say where a job stands, in a word or two."""
    return "in Slurm's hands" if job_of(record).handed_over else record.state.value


def attempt_of(record: JobRecord) -> Attempt:
    """Give the newest attempt of a job."""
    return Attempt(JobId(record.id), record.attempt, record.spec, record.hosts, Path(record.dir))


def _allocation(record: JobRecord) -> tuple[Allocation, ...]:
    shares = zip(record.hosts, ranks_of(record.hosts, None, None), strict=True)
    return tuple(
        Allocation(NodeId(host.host_key_alias), host.name, host.slots, host.boot_id, ranks)
        for host, ranks in shares
    )
