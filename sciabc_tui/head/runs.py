"""Attempts as detached runners: launched, adopted again, cancelled, and awaited."""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from jobs import detach
from jobs.attempt import (
    AttemptPlan,
    AttemptStatus,
    Order,
    read_order,
    read_plan,
    read_status,
)
from jobs.errors import JobsError, LauncherMissing, LauncherRefused
from jobs.hostfile import Host
from jobs.launchers import Launcher, choose, detect, detect_all
from jobs.prepare import Site, planned, prepare
from jobs.spec import JobSpec, OnNodeLoss
from jobs.staging import keeps_checkpoint, may_be_copied
from jobs.states import JobState as StoredState
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.head.errors import StagingFailed
from sciabc_tui.head.ports import Attempt, Clock, Ending, Launch, ending_of
from sciabc_tui.head.preview import TOKEN
from sciabc_tui.head.runners import give_order, gone, living
from sciabc_tui.head.staging_load import remove_marks


class Surroundings(Protocol):
    """How the cluster is now."""

    def networks(self) -> tuple[str, ...]:
        """Give the cluster's networks; MPI keeps to them."""
        ...

    def flavours(self, hosts: Sequence[Host]) -> tuple[str, ...]:
        """Give what MPI each host has, as it said itself; empty where that is not known."""
        ...


class Stages(Protocol):
    """Brings files to nodes. `sciabc_tui.head.staging.Stager` is the real one."""

    async def stage(self, attempt: Attempt, plan: AttemptPlan) -> None:
        """Bring every node what it lacks; raises `StagingFailed` or `jobs.errors.JobsError`."""
        ...


@dataclass(slots=True)
class _Unlaunched:
    """An attempt that waits for its files to be brought to nodes."""

    plan: AttemptPlan
    ordered: Ending | None = None
    staging: "asyncio.Task[Ending | None] | None" = None


class MpiRuns:
    """Runs jobs by mpirun, each under a runner that outlives the service."""

    def __init__(
        self,
        launchers: tuple[Launcher, ...] | JobsError,
        site: Site,
        *,
        surroundings: Surroundings,
        stager: Stages,
        launch: Callable[[Path], int],
        clock: Clock,
        worker: Executor,
        sweeper: Executor,
    ) -> None:
        """Launch nothing yet.

        Args:
            launchers: Every mpirun of this machine, or why there is none.
            site: What holds for every job.
            surroundings: How the cluster is when a job starts.
            stager: Brings files to nodes.
            launch: Starts the runner of an attempt, by its folder: `jobs.standby.Standby.launch`.
            clock: Says when an attempt ended whose runner could not.
            worker: For what blocks; a launch takes a fraction of a second.
            sweeper: For what blocks for seconds, because a node may be silent.
        """
        self._launchers = launchers
        self._site = site
        self._surroundings = surroundings
        self._stager = stager
        self._launch = launch
        self._unlaunched: dict[JobId, _Unlaunched] = {}
        self._clock = clock
        self._worker = worker
        self._sweeper = sweeper

    def describe(self) -> tuple[str, str]:
        """Name the launchers, or say why there is none."""
        if isinstance(self._launchers, JobsError):
            return "", str(self._launchers)
        return ", ".join(launcher.title for launcher in self._launchers), ""

    def check(self, spec: JobSpec) -> None:
        """Refuse what no launcher here can do."""
        self._chosen(spec, ())

    async def preview(self, attempt: Attempt) -> Launch:
        """Say how an attempt would be launched; nothing is written."""
        return await asyncio.get_running_loop().run_in_executor(self._worker, self._preview, attempt)

    async def start(self, attempt: Attempt) -> None:
        """Write the attempt's plan and start its runner; where nodes may lack files, `ended` starts it."""
        plan = await asyncio.get_running_loop().run_in_executor(self._worker, self._start, attempt)
        if plan is not None:
            self._unlaunched[attempt.job] = _Unlaunched(plan)

    async def ended(self, attempt: Attempt) -> Ending | None:
        """Wait for the runner to be gone, then read what it left; None if nothing was launched."""
        if (ending := await self._staged_and_launched(attempt)) is not None:
            return ending
        loop = asyncio.get_running_loop()
        if (runner := await living(attempt, self._worker)) is not None:
            await gone(runner)
        status = await loop.run_in_executor(self._sweeper, self._status, attempt)
        if status is None:
            return await loop.run_in_executor(self._worker, self._never_launched, attempt)
        return self._from(status)

    async def end(self, attempt: Attempt, order: Order) -> None:
        """Make the runner end the launcher, by force after a grace; or the copying of files, at once."""
        if (waiting := self._unlaunched.get(attempt.job)) is not None:
            waiting.ordered = ending_of(order, self._clock.wall())
            if waiting.staging is not None:
                waiting.staging.cancel()
        await asyncio.get_running_loop().run_in_executor(self._worker, give_order, attempt.folder, order)

    def _preview(self, attempt: Attempt) -> Launch:
        launcher = self._chosen(attempt.spec, self._surroundings.flavours(attempt.hosts))
        if not attempt.hosts:
            return Launch(launcher.title)
        plan = planned(
            attempt.folder,
            launcher,
            attempt.spec,
            attempt.hosts,
            job=attempt.job,
            attempt=attempt.number,
            token=TOKEN,
            site=self._site_now(),
        )
        return Launch(launcher.title, plan.argv)

    def _site_now(self) -> Site:
        return replace(self._site, cluster_networks=self._surroundings.networks())

    def _start(self, attempt: Attempt) -> AttemptPlan | None:
        launcher = self._chosen(attempt.spec, self._surroundings.flavours(attempt.hosts))
        plan = prepare(
            attempt.folder,
            launcher,
            attempt.spec,
            attempt.hosts,
            job=attempt.job,
            attempt=attempt.number,
            token=secrets.token_hex(16),
            site=self._site_now(),
        )
        spec = attempt.spec
        if any(not host.local for host in attempt.hosts) and (may_be_copied(spec) or keeps_checkpoint(spec)):
            return plan
        self._launch(attempt.folder)
        return None

    async def _staged_and_launched(self, attempt: Attempt) -> Ending | None:
        """Bring files to nodes and start the runner, unless that was done; give an end that came before."""
        waiting = self._unlaunched.get(attempt.job)
        if waiting is None:
            return None
        try:
            async with asyncio.TaskGroup() as group:
                waiting.staging = group.create_task(self._staged(attempt, waiting.plan))
                if waiting.ordered is not None:
                    waiting.staging.cancel()
            ending = None if waiting.staging.cancelled() else waiting.staging.result()
            if (early := waiting.ordered or ending) is not None:
                return early
            await asyncio.get_running_loop().run_in_executor(self._worker, self._launch, attempt.folder)
        except JobsError as error:
            return Ending(JobState.FAILED, self._clock.wall(), reason=str(error))
        finally:
            del self._unlaunched[attempt.job]
        return None

    async def _staged(self, attempt: Attempt, plan: AttemptPlan) -> Ending | None:
        try:
            await self._stager.stage(attempt, plan)
        except (StagingFailed, JobsError) as error:
            return Ending(JobState.FAILED, self._clock.wall(), reason=str(error))
        return None

    def _never_launched(self, attempt: Attempt) -> Ending | None:
        """Tidy up behind a service that was killed while it prepared an attempt; was that ordered to end?"""
        with contextlib.suppress(JobsError):
            remove_marks(attempt.spec, read_plan(attempt.folder))
            if (order := read_order(attempt.folder)) is not None:
                return ending_of(order, self._clock.wall())
        return None

    def _chosen(self, spec: JobSpec, node_mpi: Iterable[str]) -> Launcher:
        if isinstance(self._launchers, JobsError):
            raise self._launchers
        survive = spec.on_node_loss is OnNodeLoss.SURVIVE
        return choose(self._launchers, spec.launcher, node_mpi, survive=survive)

    def _status(self, attempt: Attempt) -> AttemptStatus | None:
        """Read how an attempt ended whose runner is gone; clean up behind one that was killed."""
        now = self._clock.wall()
        try:
            status = read_status(attempt.folder)
            if status is None or status.state.final:
                return status
            return detach.clear(attempt.folder, at=now)
        except JobsError as error:
            return AttemptStatus(StoredState.FAILED, now, ended_at=now, error=str(error))

    def _from(self, status: AttemptStatus) -> Ending:
        ended_at = self._clock.wall() if status.ended_at is None else status.ended_at
        return Ending(JobState(status.state.value), ended_at, status.exit_code, status.error, status.again)


def find_launchers(path: str) -> tuple[Launcher, ...] | JobsError:
    """Find every mpirun, or the one that is named, or say why there is none.

    A head without MPI still shows its nodes.
    """
    try:
        return (detect(path),) if path else (detect_all() or (detect(None),))
    except (LauncherMissing, LauncherRefused) as error:
        return error
