"""Attempts as detached runners: launched, adopted again, cancelled, and awaited."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace

from jobs import detach
from jobs.attempt import AttemptStatus, read_runner, read_status
from jobs.errors import JobsError, LauncherMissing, LauncherRefused
from jobs.launchers import Launcher, detect
from jobs.prepare import Site, prepare
from sciabc_tui.cluster.job import JobState
from sciabc_tui.head.ports import Attempt, Clock, Ending

BEGINNING = 0.1
"""Seconds between two looks at a runner that begins; it takes about two of them."""


class MpiRuns:
    """Runs jobs by mpirun, each under a runner that outlives the service."""

    def __init__(
        self,
        launcher: Launcher | JobsError,
        site: Site,
        *,
        networks: Callable[[], tuple[str, ...]],
        clock: Clock,
        worker: Executor,
    ) -> None:
        """Launch nothing yet.

        Args:
            launcher: Which mpirun, or why there is none.
            site: What holds for every job.
            networks: Gives the cluster's networks as they are now; MPI keeps to them.
            clock: Says when an attempt ended whose runner could not.
            worker: For what blocks; a launch takes a fraction of a second.
        """
        self._launcher = launcher
        self._site = site
        self._networks = networks
        self._clock = clock
        self._worker = worker

    def describe(self) -> tuple[str, str]:
        """Name the launcher, or say why there is none."""
        if isinstance(self._launcher, JobsError):
            return "", str(self._launcher)
        return self._launcher.title, ""

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
        return await loop.run_in_executor(self._worker, self._ending, attempt)

    async def cancel(self, attempt: Attempt) -> None:
        """Ask the runner to end the launcher, by force after a grace."""
        await asyncio.get_running_loop().run_in_executor(self._worker, detach.cancel, attempt.folder)

    def _start(self, attempt: Attempt) -> None:
        if isinstance(self._launcher, JobsError):
            raise self._launcher
        prepare(
            attempt.folder,
            self._launcher,
            attempt.spec,
            attempt.hosts,
            job=attempt.job,
            attempt=attempt.number,
            token=secrets.token_hex(16),
            site=replace(self._site, cluster_networks=self._networks()),
        )
        detach.launch(attempt.folder)

    def _ending(self, attempt: Attempt) -> Ending | None:
        try:
            status = read_status(attempt.folder)
        except JobsError as error:
            return Ending(JobState.FAILED, self._clock.wall(), reason=str(error))
        if status is None:
            return None
        if status.state.final:
            return self._from(status)
        with contextlib.suppress(JobsError):
            detach.clear(attempt.folder)
        reason = f"its runner was killed. Next: sciabc-tui logs {attempt.job}"
        return Ending(JobState.FAILED, self._clock.wall(), reason=reason)

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


def find_launcher(path: str) -> Launcher | JobsError:
    """Find mpirun, or say why there is none: a head without MPI still shows its nodes."""
    try:
        return detect(path or None)
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
