"""Cleans nodes that come back: of what attempts left there that ended while they could not be reached."""

import asyncio
from collections.abc import Callable, Iterable
from concurrent.futures import Executor
from pathlib import Path
from typing import TypeVar

from jobs.attempt import read_unswept
from jobs.detach import runner_alive
from jobs.errors import JobsError
from jobs.sweep import sweep_again
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.cluster.state import State
from sciabc_tui.head.ports import Clock, Hub

T = TypeVar("T")

GATHER = 0.5
"""Seconds for which changes of the state are gathered."""

PATIENCE = 30.0
"""Seconds after which a node that could not be cleaned is tried again."""


class Sweeper:
    """Remembers which attempt left something on which node; so do the attempts' folders."""

    def __init__(self, folder: Path, clock: Clock, worker: Executor) -> None:
        """Look at nothing yet.

        Args:
            folder: Of all jobs.
            clock: Says when to try again.
            worker: For what blocks for seconds.
        """
        self._folder = folder
        self._clock = clock
        self._worker = worker
        self._unswept: dict[Path, tuple[str, ...]] = {}
        self._not_before: dict[Path, float] = {}

    async def run(self, hub: Hub) -> None:
        """Follow the state until cancelled."""
        seen = -1
        over: dict[JobId, int] | None = None
        while True:
            await hub.changed(seen)
            await asyncio.sleep(GATHER)
            state = hub.state
            seen = state.revision
            before, over = over, _over(state)
            if before != over:
                self._unswept = await self._do(lambda: _unswept(self._folder))
            await self._sweep(state)

    async def _sweep(self, state: State) -> None:
        back = {node.name for node in state.nodes.values() if node.streaming}
        now = self._clock.monotonic()
        for folder, names in tuple(self._unswept.items()):
            reachable = back.intersection(names)
            if reachable and not _runs(state, folder) and self._not_before.get(folder, 0.0) <= now:
                left = await self._do(lambda folder=folder, names=reachable: _again(folder, names))
                rest = tuple(name for name in names if name in left or name not in reachable)
                self._note(folder, rest, again=bool(reachable.intersection(left)))

    def _note(self, folder: Path, rest: tuple[str, ...], *, again: bool) -> None:
        self._not_before.pop(folder, None)
        if again:
            self._not_before[folder] = self._clock.monotonic() + PATIENCE
        if rest:
            self._unswept[folder] = rest
        else:
            del self._unswept[folder]

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)


def _over(state: State) -> dict[JobId, int]:
    """Count each job's attempts that are over: another number, and there may be something new to clean.

    The next attempt may run before anybody saw the job wait for it.
    """
    return {job.id: job.attempt - bool(job.slots) for job in state.jobs.values()}


def _runs(state: State, folder: Path) -> bool:
    """Is it an attempt that goes on? Nodes are written down as soon as files are brought to them."""
    name = folder.parent.name
    job = state.jobs.get(JobId(int(name))) if name.isdecimal() else None
    return job is not None and job.state is JobState.RUNNING and folder.name == f"attempt-{job.attempt}"


def _unswept(folder: Path) -> dict[Path, tuple[str, ...]]:
    found: dict[Path, tuple[str, ...]] = {}
    for path in folder.glob("*/attempt-*/unswept.json"):
        try:
            names = read_unswept(path.parent)
        except JobsError:
            continue  # damaged: nothing in it can be trusted
        if names:
            found[path.parent] = names
    return found


def _again(folder: Path, names: Iterable[str]) -> tuple[str, ...]:
    try:
        if runner_alive(folder):  # adopted, and not yet in the state
            return tuple(names)
        return sweep_again(folder, names)
    except JobsError:
        return tuple(names)
