"""Brings a job's program and files to the nodes that do not share them, before it is launched.

Each node is asked what it has, all at once, and gets what it lacks, into a folder of its own in the home
directory: see `jobs.staging`. The runner removes that in the end, or the sweeper where it can't.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from typing import Protocol, TypeVar

from jobs.attempt import AttemptPlan
from jobs.hostfile import Host, placed
from jobs.staging_needs import Delivery
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.job_events import JobWaited
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.head.errors import StagingCutOff, StagingFailed
from sciabc_tui.head.ports import Attempt, Hub
from sciabc_tui.head.staging_load import Load, Progress, gather, remove_marks
from sciabc_tui.head.staging_visit import Visit, Way

AT_ONCE = 12
"""Nodes that are worked on at the same time; each takes a thread."""

SESSION_WITHIN = 10.0
"""Seconds for the head's SSH session with a node, which may just be opened anew."""

RENEWALS = 3
"""How often a node may be begun with anew after its session was cut off."""

TELL = 0.5
"""Seconds between two words on how far it is."""

_END_WITHIN = 1.0

T = TypeVar("T")


class Ways(Protocol):
    """The ways to nodes: `sciabc_tui.head.staging_wire.Wires`."""

    async def to(self, node: NodeId, instead_of: Way | None = None) -> Way:
        """Give a way to a node, another than one that was cut off; waits until there is one."""
        ...


class Stager:
    """Stages attempts, each once, before its launch."""

    def __init__(self, hub: Hub, ways: Ways, threads: Executor) -> None:
        """Copy nothing yet.

        Args:
            hub: Where the jobs say how far it is.
            ways: To the nodes.
            threads: For what blocks; more than `AT_ONCE` of them.
        """
        self._hub = hub
        self._ways = ways
        self._threads = threads
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def stage(self, attempt: Attempt, plan: AttemptPlan) -> None:
        """Bring every node of an attempt what it lacks; a cancellation ends that at once.

        Raises:
            StagingFailed: A node could not be given it.
            JobsError: The head's own files can't be read.
        """
        spec = attempt.spec
        hosts = placed(plan.hosts, spec.ranks, 1 if spec.each else spec.per_node)
        remote = [host for host in hosts if not host.local]
        if not remote:
            return
        visits = [Visit(host, await self._way(host)) for host in remote]
        try:
            load = await self._do(lambda: gather(spec, plan))
            await self._bring(attempt, load, visits)
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from failures
        finally:
            self._tell(attempt, "")
            await self._do(lambda: _finish(attempt, plan, visits))

    async def _bring(self, attempt: Attempt, load: Load, visits: Sequence[Visit]) -> None:
        looks = [(visit, lambda visit=visit: visit.look(load)) for visit in visits]
        answers = await self._each(attempt, looks, lambda: f"looking at {_names(visits)}")
        said = [(visit.host.name, answer) for visit, answer in zip(visits, answers, strict=True)]
        found = await self._do(lambda: load.decided(attempt.folder, said))
        wanted = [(visit, each) for visit, each in zip(visits, found, strict=True) if each]
        if not wanted:
            return
        progress = Progress(sum(each.size for _, each in wanted))

        def bring(visit: Visit, each: Delivery) -> Callable[[], None]:
            return lambda: visit.deliver(load, each, progress.add)

        names = _names(visit for visit, _ in wanted)
        works = [(visit, bring(visit, each)) for visit, each in wanted]
        await self._each(attempt, works, lambda: f"copying to {names}: {progress.percent} %")

    async def _way(self, host: Host, instead_of: Way | None = None) -> Way:
        try:
            async with asyncio.timeout(SESSION_WITHIN):
                return await self._ways.to(NodeId(host.host_key_alias), instead_of)
        except TimeoutError as error:
            raise StagingFailed(
                f"{host.name}: no ssh session to copy files through. Next: sciabc-tui nodes"
            ) from error

    async def _each(
        self, attempt: Attempt, works: Sequence[tuple[Visit, Callable[[], T]]], how_far: Callable[[], str]
    ) -> list[T]:
        """Do a work with each node, and tell how far it is; the first failure ends all."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._in_turn(visit, work)) for visit, work in works]
            pending = set(tasks)
            while pending:
                _, pending = await asyncio.wait(pending, timeout=TELL)
                if pending:
                    self._tell(attempt, how_far())
        return [task.result() for task in tasks]

    async def _in_turn(self, visit: Visit, work: Callable[[], T]) -> T:
        """Do a work when it is its turn; over a new session where the one before is cut off (a cable)."""
        for _ in range(RENEWALS):
            try:
                return await self._once(visit, work)
            except StagingCutOff:
                visit.way.end()
                visit.way = await self._way(visit.host, visit.way)
        return await self._once(visit, work)

    async def _once(self, visit: Visit, work: Callable[[], T]) -> T:
        async with self._turns:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
            try:
                return await asyncio.shield(running)
            finally:
                if not running.done():
                    await self._do(visit.way.end)
                    # the thread sees the end of its channel at once; nothing of it may outlive us
                    await asyncio.wait([running], timeout=_END_WITHIN)
                    if running.done():
                        running.exception()  # seen

    async def _do(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)

    def _tell(self, attempt: Attempt, reason: str) -> None:
        """Show how far it is as what the job waits for."""
        job = self._hub.state.jobs.get(attempt.job)
        if job is not None and job.state is JobState.RUNNING and job.reason != reason:
            self._hub.publish([JobWaited(replace(job, reason=reason))])


def _finish(attempt: Attempt, plan: AttemptPlan, visits: Sequence[Visit]) -> None:
    remove_marks(attempt.spec, plan)
    for visit in visits:
        visit.way.end()


def _names(visits: Iterable[Visit]) -> str:
    return fold(visit.host.name for visit in visits)
