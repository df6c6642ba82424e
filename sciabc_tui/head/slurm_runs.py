"""Attempts that go to a Slurm cluster, of which this head is a login node; and which job goes where.

The runner is the same process as for mpirun. But the job is Slurm's, and outlives it: a killed runner gets a
successor, which finds the job and goes on with its log.
"""

import asyncio
import contextlib
import secrets
from concurrent.futures import Executor
from dataclasses import replace
from typing import NoReturn

from jobs import detach
from jobs.attempt import AttemptStatus, Order, read_order, read_status
from jobs.errors import JobsError, StoreError
from jobs.hostfile import Host
from jobs.prepare import Site
from jobs.slurm import check
from jobs.slurm_attempt import SlurmNote, planned_slurm, prepare_slurm, read_note
from jobs.slurm_calls import Slurm, cancel, detect_slurm
from jobs.slurm_states import Share
from jobs.spec import JobSpec
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobState
from sciabc_tui.cluster.job_events import JobStarted, JobWaited
from sciabc_tui.head.ports import Attempt, Clock, Ending, Hub, Launch, Runs
from sciabc_tui.head.preview import TOKEN
from sciabc_tui.head.runners import give_order, gone, living

LOOK = 0.3
"""Seconds between two looks at what a runner says of Slurm."""

STEADY = 30.0
"""Seconds after which a runner counts as one that works."""

FALLS = 3
"""How many runners in a row may fall before that."""


class RunsByLauncher:
    """Gives each job to who launches such ones."""

    def __init__(self, mpi: Runs, slurm: Runs) -> None:
        self._mpi = mpi
        self._slurm = slurm

    def describe(self) -> tuple[str, str]:
        """Name the launchers, or say why there is none."""
        told = (self._mpi.describe(), self._slurm.describe())
        names = ", ".join(name for name, _ in told if name)
        return names, "" if names else told[0][1]

    def check(self, spec: JobSpec) -> None:
        """Refuse what its launcher can't do."""
        self._of(spec).check(spec)

    async def preview(self, attempt: Attempt) -> Launch:
        """Say how it would be launched."""
        return await self._of(attempt.spec).preview(attempt)

    async def start(self, attempt: Attempt) -> None:
        """Start the attempt."""
        await self._of(attempt.spec).start(attempt)

    async def ended(self, attempt: Attempt) -> Ending | None:
        """Wait for its end."""
        return await self._of(attempt.spec).ended(attempt)

    async def end(self, attempt: Attempt, order: Order) -> None:
        """Make the attempt end."""
        await self._of(attempt.spec).end(attempt, order)

    def _of(self, spec: JobSpec) -> Runs:
        return self._slurm if spec.elsewhere else self._mpi


class SlurmRuns:
    """Runs jobs by sbatch, each under a runner that outlives the service."""

    def __init__(
        self,
        slurm: Slurm | JobsError,
        site: Site,
        options: tuple[str, ...],
        *,
        hub: Hub,
        clock: Clock,
        worker: Executor,
        sweeper: Executor,
    ) -> None:
        """Launch nothing yet.

        Args:
            slurm: The Slurm of this machine, or why there is none.
            site: What holds for every job.
            options: More for sbatch, checked.
            hub: Where is told how jobs stand in Slurm's queue.
            clock: Says when an attempt ended whose runner could not.
            worker: For what blocks; a launch takes a fraction of a second.
            sweeper: For what blocks for seconds, because Slurm does not answer.
        """
        self._slurm = slurm
        self._site = site
        self._options = options
        self._hub = hub
        self._clock = clock
        self._worker = worker
        self._sweeper = sweeper

    def describe(self) -> tuple[str, str]:
        """Name Slurm, or say why it is not there."""
        if isinstance(self._slurm, JobsError):
            return "", str(self._slurm)
        return self._slurm.title, ""

    def check(self, spec: JobSpec) -> None:
        """Refuse what Slurm can't do, and everything where there is none."""
        if isinstance(self._slurm, JobsError):
            _refuse(self._slurm)
        check(spec)

    async def preview(self, attempt: Attempt) -> Launch:
        """Say how the job would be submitted; Slurm is not asked."""
        plan = planned_slurm(
            attempt.folder,
            attempt.spec,
            job=attempt.job,
            attempt=attempt.number,
            token=TOKEN,
            options=self._options,
        )
        return Launch(self.describe()[0], ("sbatch", *plan.options))

    async def start(self, attempt: Attempt) -> None:
        """Write the attempt's plan and start its runner, which submits the job."""
        self.check(attempt.spec)
        await asyncio.get_running_loop().run_in_executor(self._worker, self._start, attempt)

    async def ended(self, attempt: Attempt) -> Ending | None:
        """Wait for the end of the job in Slurm, and tell how it stands; None if nothing was submitted."""
        loop = asyncio.get_running_loop()
        falls = 0
        while True:
            since = self._clock.monotonic()
            await self._stay(attempt)
            try:
                status = await loop.run_in_executor(self._worker, read_status, attempt.folder)
                if status is None:
                    return await loop.run_in_executor(self._worker, self._never_submitted, attempt)
                if status.state.final:
                    return await loop.run_in_executor(self._worker, self._ending, attempt, status)
                falls = 1 if self._clock.monotonic() - since >= STEADY else falls + 1
                if falls > FALLS:
                    return await loop.run_in_executor(self._sweeper, self._give_up, attempt)
                await loop.run_in_executor(self._worker, _launch_again, attempt)
            except JobsError as error:
                return Ending(JobState.FAILED, self._clock.wall(), reason=str(error))

    async def end(self, attempt: Attempt, order: Order) -> None:
        """Make the runner end the job in Slurm."""
        await asyncio.get_running_loop().run_in_executor(self._worker, give_order, attempt.folder, order)

    def _start(self, attempt: Attempt) -> None:
        prepare_slurm(
            attempt.folder,
            attempt.spec,
            job=attempt.job,
            attempt=attempt.number,
            token=secrets.token_hex(16),
            python=self._site.python,
            options=self._options,
            log_limit=self._site.log_limit,
        )
        detach.launch(attempt.folder)

    async def _stay(self, attempt: Attempt) -> None:
        """Stay with the runner until it is gone, and tell what it says of Slurm."""
        if (runner := await living(attempt, self._worker)) is None:
            return
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(attempt))
            await gone(runner)
            telling.cancel()

    async def _tell(self, attempt: Attempt) -> None:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(JobsError):  # damaged: its end will tell
                note = await loop.run_in_executor(self._worker, read_note, attempt.folder)
                before = self._hub.state.jobs.get(attempt.job)
                if before is not None and (now := shown(before, note)) != before:
                    starts = now.state is JobState.RUNNING and before.state is not JobState.RUNNING
                    self._hub.publish([JobStarted(now) if starts else JobWaited(now)])
            await asyncio.sleep(LOOK)

    def _never_submitted(self, attempt: Attempt) -> Ending | None:
        """Was an attempt ordered to end whose runner was killed before it began?"""
        order = read_order(attempt.folder)
        if order is None:
            return None
        return Ending(JobState(order.state.value), self._clock.wall(), reason=order.reason)

    def _ending(self, attempt: Attempt, status: AttemptStatus) -> Ending:
        note = read_note(attempt.folder)
        return Ending(
            JobState(status.state.value),
            self._clock.wall() if status.ended_at is None else status.ended_at,
            status.exit_code,
            status.error,
            status.again,
            tuple(_host(share) for share in note.shares),
            note.running_since,
        )

    def _give_up(self, attempt: Attempt) -> Ending:
        """End a job whose runners fall one after the other."""
        number = read_note(attempt.folder).number
        if number is not None:
            cancel(number)
        reason = f"its runners failed. Next: see {attempt.folder}/runner.err, and squeue"
        return Ending(JobState.FAILED, self._clock.wall(), reason=reason)


def shown(job: Job, note: SlurmNote) -> Job:
    """Show a job as it stands in Slurm."""
    if not note.running:
        return replace(
            job, state=JobState.PENDING, started_at=None, allocation=(), reason=note.words or job.reason
        )
    parts = tuple(Allocation(NodeId(_id(share)), share.node, share.tasks) for share in note.shares)
    return replace(
        job, state=JobState.RUNNING, started_at=note.running_since, allocation=parts, reason=note.words
    )


def find_slurm() -> Slurm | JobsError:
    """Find Slurm, or say why it is not there."""
    try:
        return detect_slurm()
    except JobsError as error:
        return error


def _refuse(problem: JobsError) -> NoReturn:
    raise problem


def _launch_again(attempt: Attempt) -> None:
    with contextlib.suppress(StoreError):  # it did not start, or another one did: we look again
        detach.launch(attempt.folder)


def _id(share: Share) -> str:
    """Give what can't be the id of a node of ours, whatever it is called."""
    return f"slurm/{share.node}"


def _host(share: Share) -> Host:
    return Host(share.node, "", share.tasks, host_key_alias=_id(share))
