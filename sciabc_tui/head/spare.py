"""Keeps a runner waiting for the next job, so that it starts without a Python having to begin first."""

import asyncio
from concurrent.futures import Executor
from typing import Protocol

from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.head.ports import Hub

SETTLED = 5.0
"""Seconds after the start of a job in which the processor is left to it."""


class Keeps(Protocol):
    """Keeps one runner. `jobs.standby.Standby` is the real one."""

    @property
    def waits(self) -> bool:
        """Whether one waits already."""
        ...

    def prepare(self) -> None:
        """Let one begin; blocks for a moment."""
        ...


class SpareRunner:
    """Sees to it that one waits, but for the first seconds of a job."""

    def __init__(self, keeper: Keeps, worker: Executor) -> None:
        self._keeper = keeper
        self._worker = worker

    async def run(self, hub: Hub) -> None:
        """Follow the state until cancelled."""
        seen = -1
        while True:
            state = await hub.changed(seen)
            seen = state.revision
            if not self._keeper.waits and not _starts(state):
                await asyncio.get_running_loop().run_in_executor(self._worker, self._keeper.prepare)


def _starts(state: State) -> bool:
    """Tell whether a job has just begun."""
    began = (job.started_at for job in state.jobs.values() if job.state is JobState.RUNNING)
    return any(at is not None and state.wall - at < SETTLED for at in began)
