"""Attempts as detached runners: launched, adopted again, cancelled, and awaited."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from jobs import detach
from jobs.attempt import AttemptStatus, Order, read_runner, read_status, write_order
from jobs.errors import JobsError, LauncherMissing, LauncherRefused
from jobs.hostfile import Host
from jobs.launchers import Launcher, choose, detect, detect_all
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec, OnNodeLoss
from jobs.states import JobState as StoredState
from sciabc_tui.cluster.job import JobState
from sciabc_tui.head.ports import Attempt, Clock, Ending

BEGINNING = 0.1
"""Seconds between two looks at a runner that begins; it takes about two of them."""


class Surroundings(Protocol):
    """How the cluster is now."""

    def networks(self) -> tuple[str, ...]:
        """Give the cluster's networks; MPI keeps to them."""
        ...

    def flavours(self, hosts: Sequence[Host]) -> tuple[str, ...]:
        """Give what MPI each host has, as it said itself; empty where that is not known."""
        ...


class MpiRuns:
    """Runs jobs by mpirun, each under a runner that outlives the service."""

    def __init__(
        self,
        launchers: tuple[Launcher, ...] | JobsError,
        site: Site,
        *,
        surroundings: Surroundings,
        clock: Clock,
        worker: Executor,
        sweeper: Executor,
    ) -> None:
        """Launch nothing yet.

        Args:
            launchers: Every mpirun of this machine, or why there is none.
            site: What holds for every job.
            surroundings: How the cluster is when a job starts.
            clock: Says when an attempt ended whose runner could not.
            worker: For what blocks; a launch takes a fraction of a second.
            sweeper: For what blocks for seconds, because a node may be silent.
        """
        self._launchers = launchers
        self._site = site
        self._surroundings = surroundings
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

    async def start(self, attempt: Attempt) -> None:
        """Write the attempt's plan and start its runner."""
        await asyncio.get_running_loop().run_in_executor(self._worker, self._start, attempt)

    async def ended(self, attempt: Attempt) -> Ending | None:
        """Wait for the runner to be gone, then read what it left; None if nothing was launched."""
        loop = asyncio.get_running_loop()
        # an orphan of a killed service that has not yet said who it is
        while await loop.run_in_executor(self._worker, _begins, attempt):  # noqa: ASYNC110 - a lock has no event
            await asyncio.sleep(BEGINNING)
        runner = await loop.run_in_executor(self._worker, _living, attempt)
        if runner is not None:
            await _gone(runner)
        status = await loop.run_in_executor(self._sweeper, self._status, attempt)
        return None if status is None else self._from(status)

    async def end(self, attempt: Attempt, state: JobState, reason: str) -> None:
        """Make the runner end the launcher, by force after a grace."""
        order = Order(StoredState(state.value), reason)
        await asyncio.get_running_loop().run_in_executor(self._worker, _order, attempt.folder, order)

    def _start(self, attempt: Attempt) -> None:
        launcher = self._chosen(attempt.spec, self._surroundings.flavours(attempt.hosts))
        prepare(
            attempt.folder,
            launcher,
            attempt.spec,
            attempt.hosts,
            job=attempt.job,
            attempt=attempt.number,
            token=secrets.token_hex(16),
            site=replace(self._site, cluster_networks=self._surroundings.networks()),
        )
        detach.launch(attempt.folder)

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
        return Ending(JobState(status.state.value), ended_at, status.exit_code, status.error)


def _begins(attempt: Attempt) -> bool:
    """Is there a runner that has not yet written who it is?"""
    return detach.runner_alive(attempt.folder) and read_runner(attempt.folder) is None


def _living(attempt: Attempt) -> int | None:
    """Give a descriptor of the runner's process, or None when it is gone."""
    with contextlib.suppress(JobsError, ProcessLookupError):
        runner = read_runner(attempt.folder)
        if runner is not None:
            descriptor = os.pidfd_open(runner.pid)
            # the lock is the proof: the pid may be somebody else's by now
            if detach.runner_alive(attempt.folder):
                return descriptor
            os.close(descriptor)
    return None


def find_launchers(path: str) -> tuple[Launcher, ...] | JobsError:
    """Find every mpirun, or the one that is named, or say why there is none.

    A head without MPI still shows its nodes.
    """
    try:
        return (detect(path),) if path else (detect_all() or (detect(None),))
    except (LauncherMissing, LauncherRefused) as error:
        return error


async def _gone(process: int) -> None:
    """Wait until a process is gone, by its descriptor (pidfd_open(2)), and close that."""
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(process, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(process)
        os.close(process)


def _order(folder: Path, order: Order) -> None:
    # Written first: the runner that gets the signal, or an adopted one, finds why.
    write_order(folder, order)
    detach.cancel(folder)
