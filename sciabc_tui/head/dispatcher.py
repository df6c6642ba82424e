"""The queue: takes jobs in, starts them in order where slots are free, and tells how they ended.

What an operator may do with a job is here; `sciabc_tui.head.watchman` follows those that run.
"""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from msgspec.structs import replace as replaced

from jobs.errors import JobsError, SpecError
from jobs.hostfile import Host
from jobs.spec import JobSpec, Kind, OnNodeLoss, validated, with_priority
from jobs.states import JobState as StoredState
from jobs.store import JobRecord
from sciabc_tui.api.messages import EVERY_LINE, JobDetail, JobPreview, LogChunk, LogFilter, SubmitJob
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.job_commands import (
    CancelJob,
    HoldJob,
    JobCommand,
    PrioritiseJob,
    ReleaseJob,
    RequeueJob,
)
from sciabc_tui.cluster.job_events import JobDirected, JobEnded, JobSubmitted, JobWaited
from sciabc_tui.cluster.node import Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.schedule import Placed, turns
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.details import detail
from sciabc_tui.head.ledger import Ledger, attempt_of, begun, job_of, standing
from sciabc_tui.head.log_news import LogNews, log_news
from sciabc_tui.head.log_reads import LogReads
from sciabc_tui.head.ports import Attempt, Clock, Hub, Runs
from sciabc_tui.head.preview import previewed, turn_of
from sciabc_tui.head.users import Users, login_identity, login_user
from sciabc_tui.head.watchman import Watchman, pending_again


class Dispatcher:
    """Decides over the jobs."""

    def __init__(
        self,
        hub: Hub,
        runs: Runs,
        ledger: Ledger,
        *,
        folder: Path,
        users: Users,
        clock: Clock,
    ) -> None:
        """Load nothing yet.

        Args:
            hub: Where the state is.
            runs: Launches attempts.
            ledger: Keeps the jobs.
            folder: For the files of attempts.
            users: Whom to log in as on which node.
            clock: Says when.
        """
        self._hub = hub
        self._runs = runs
        self._ledger = ledger
        self.logs = LogReads(ledger)
        self.starts = ledger.starts
        self._folder = folder
        self._users = users
        self._clock = clock
        self._watchman = Watchman(hub, runs, ledger, clock)
        self._loaded: tuple[JobRecord, ...] | None = None

    async def load(self) -> None:
        """Show the jobs of earlier runs of the service, before anybody may look.

        Raises:
            StoreError: They can't be read; `run` tries again, and tells of it.
        """
        self._loaded = await self._ledger.load()

    async def run(self, hub: Hub) -> None:
        """Adopt the jobs that run, then start what fits, for as long as the service lives."""
        # begun anew after a failure, it no longer trusts what it read at first
        unfinished, self._loaded = self._loaded, None
        if unfinished is None:
            unfinished = await self._ledger.load()
        async with asyncio.TaskGroup() as group:
            for record in unfinished:
                if record.state is StoredState.RUNNING:
                    group.create_task(self._watchman.follow(record))
            group.create_task(self._watchman.look_out_for_losses())
            group.create_task(self._watchman.read_progress())
            seen = -1
            while True:
                state = await hub.changed(seen)
                seen = state.revision
                if any(job.state is JobState.PENDING for job in state.jobs.values()):
                    await self._start_what_fits(state, group)

    async def submit(self, request: SubmitJob, *, by: str) -> Job:
        """Check a job and put it into the queue.

        Raises:
            CommandRefused: It can't be run as it stands; names the field and the next step.
        """
        spec = await self._checked(request)
        try:
            record = await self._ledger.add(spec, self._clock.wall())
        except JobsError as error:
            raise CommandRefused(str(error)) from error
        job = job_of(record)
        self._hub.publish([JobSubmitted(job, by)])
        return job

    async def preview(self, request: SubmitJob) -> JobPreview:
        """Check a job as `submit` does, and say what would become of it now; nothing is done.

        Raises:
            CommandRefused: It can't be run as it stands; names the field and the next step.
        """
        spec = await self._checked(request)
        newest = await self._ledger.newest(1)
        number = JobId(newest[0].id + 1 if newest else 1)
        state = self._hub.state
        job = job_of(JobRecord(number, spec, StoredState.PENDING, self._clock.wall()))
        turn, ahead = turn_of(state, job)
        places = turn.allocation if isinstance(turn, Placed) else ()
        where = hosts(state, places, users=self._users)
        attempt = Attempt(number, 1, spec, where, self._folder / f"{number}" / "attempt-1")
        return await previewed(self._runs, attempt, turn, ahead)

    async def _checked(self, request: SubmitJob) -> JobSpec:
        """Give what is asked with every field checked and every path resolved."""
        _, problem = self._runs.describe()
        if problem:
            raise CommandRefused(problem)
        limit = known_slots(self._hub.state)
        try:
            spec = await self._ledger.on_disk(lambda: validated(_asked(request), total_slots=limit or None))
            self._runs.check(spec)
        except JobsError as error:
            raise CommandRefused(str(error)) from error
        return spec

    async def direct(self, command: JobCommand) -> None:
        """Do with a job what an operator asked.

        Raises:
            NotFound: There is no such job.
            CommandRefused: The state of the job does not allow it.
        """
        match command:
            case CancelJob():
                await self._cancel(command)
            case HoldJob() | ReleaseJob() | PrioritiseJob():
                await self._move(command)
            case RequeueJob():
                await self._requeue(command)

    async def jobs(self, limit: int) -> tuple[Job, ...]:
        """Give the newest jobs, newest first."""
        records = await self._ledger.newest(limit)
        shown = self._hub.state.jobs
        return tuple(shown.get(JobId(record.id)) or job_of(record) for record in records)

    async def detail(self, job: JobId) -> JobDetail:
        """Give a job with all its attempts.

        Raises:
            NotFound: There is no such job.
        """
        record = await self._ledger.record(job)
        found = await self._ledger.on_disk(lambda: detail(record, self._folder))
        if (shown := self._hub.state.jobs.get(job)) is None:
            return found
        return replaced(found, job=replace(found.job, progress=shown.progress, metrics=shown.metrics))

    async def read_log(
        self, job: JobId, *, offset: int, limit: int, wanted: LogFilter = EVERY_LINE
    ) -> LogChunk:
        """Read whole lines of a job's log; a negative offset counts from the end.

        Raises:
            NotFound: There is no such job or attempt, or its files were removed.
        """
        return await self.logs.read(job, offset=offset, limit=limit, wanted=wanted)

    def log_news(self, job: JobId) -> AbstractContextManager[LogNews]:
        """Begin to look at a job's log: what is written from here on is told."""
        return log_news(self._hub, job, self._folder)

    async def _cancel(self, command: CancelJob) -> None:
        reason = f"by {command.by}"
        async with self._ledger.deciding:
            record = await self._ledger.record(command.job)
            if record.state.final:
                raise CommandRefused(
                    f"Job {record.id} is {record.state.value} already. Next: sciabc-tui logs {record.id}"
                )
            if record.state is StoredState.PENDING:
                ended = replace(
                    record, state=StoredState.CANCELLED, ended_at=self._clock.wall(), reason=reason
                )
                await self._ledger.keep(ended, JobEnded(job_of(ended)))
                return
        await self._watchman.end(record, StoredState.CANCELLED, reason)

    async def _move(self, command: HoldJob | ReleaseJob | PrioritiseJob) -> None:
        async with self._ledger.deciding:
            record = await self._ledger.record(command.job)
            if record.state is not StoredState.PENDING:
                raise CommandRefused(
                    f"Job {record.id} is {standing(record)}: it waits no more. Next: sciabc-tui jobs"
                )
            moved = _moved(record, command)
            if moved != record:
                await self._ledger.keep(moved, JobDirected(job_of(moved), command))

    async def _requeue(self, command: RequeueJob) -> None:
        async with self._ledger.deciding:
            record = await self._ledger.record(command.job)
            if not record.state.final:
                raise CommandRefused(f"Job {record.id} is {record.state.value}. Next: sciabc-tui jobs")
            again = pending_again(record)
            await self._ledger.keep(again, JobDirected(job_of(again), command))

    async def _start_what_fits(self, state: State, group: asyncio.TaskGroup) -> None:
        for turn in turns(state):
            if not isinstance(turn.outcome, Placed):
                reason = turn.outcome.reason
            elif not (reason := self.starts.why_not):
                await self._start(turn.job, turn.outcome, group)
            if reason and reason != turn.job.reason:
                await self._tell_wait(turn.job, reason)

    async def _tell_wait(self, job: Job, reason: str) -> None:
        async with self._ledger.deciding:
            now = self._hub.state.jobs.get(job.id)
            if now is not None and now.state is JobState.PENDING:
                self._hub.publish([JobWaited(replace(now, reason=reason))])

    async def _start(self, job: Job, placed: Placed, group: asyncio.TaskGroup) -> None:
        record = await self._claim(job, placed)
        if record is None:
            return
        try:
            await self._runs.start(attempt_of(record))
        except JobsError as error:
            await self._watchman.ended_without_launch(record, str(error))
            return
        group.create_task(self._watchman.follow(record))

    async def _claim(self, job: Job, placed: Placed) -> JobRecord | None:
        """Write down that the job runs, before it is launched.

        After a crash in between the job is adopted, and found to have no runner.
        """
        async with self._ledger.deciding:
            record = await self._ledger.record(job.id)
            state = self._hub.state
            nodes = [state.nodes.get(part.node) for part in placed.allocation]
            there = all(node is not None and node.schedulable for node in nodes)
            if record.state is not StoredState.PENDING or record.held_by or not there or self.starts.why_not:
                return None  # decided anew with the next state
            number = record.attempt + 1
            record = replace(
                record,
                state=StoredState.RUNNING,
                started_at=self._clock.wall(),
                attempt=number,
                hosts=hosts(state, placed.allocation, users=self._users),
                dir=str(self._folder / f"{job.id}" / f"attempt-{number}"),
            )
            await self._ledger.keep(record, begun(record))
            return record


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
        identity = "" if local else str(login_identity(node, users) or "")
        found.append(
            Host(node.name, address, part.slots, user, node.port, local, str(node.id), part.boot_id, identity)
        )
    return tuple(found)


def _moved(record: JobRecord, command: HoldJob | ReleaseJob | PrioritiseJob) -> JobRecord:
    match command:
        case HoldJob():
            return replace(record, held_by=record.held_by or command.by)
        case ReleaseJob():
            return replace(record, held_by="")
        case PrioritiseJob():
            try:
                spec = with_priority(record.spec, command.priority)
            except SpecError as error:
                raise CommandRefused(str(error)) from error
            return replace(record, spec=spec)


def _asked(request: SubmitJob) -> JobSpec:
    return JobSpec(
        request.program,
        request.args,
        request.ranks,
        request.name,
        request.cwd,
        dict(request.env),
        kind=Kind.EACH if request.each else Kind.MPI,
        per_node=request.per_node,
        nodes=request.nodes,
        exclude=request.exclude,
        time_limit=request.time_limit,
        priority=request.priority,
        on_node_loss=OnNodeLoss(request.on_node_loss.value),
        max_attempts=request.max_attempts,
        launcher=request.launcher,
        files=request.files,
        outputs=request.outputs,
        grow=request.grow,
    )
