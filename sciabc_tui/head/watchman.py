"""Follows the attempts that run: how they end, and what becomes of those that lose a node.

A launcher notices a lost node late or never, and its exit status proves nothing. So membership decides, the
runner ends the launcher, and the record says which node and which ranks were lost.
"""

import asyncio
import math
from dataclasses import replace

from jobs.attempt import Order
from jobs.spec import OnNodeLoss
from jobs.states import JobState as StoredState
from jobs.store import JobRecord
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.job_events import JobEnded, JobGrew, JobRequeued, JobShrunk, JobWaited
from sciabc_tui.cluster.losses import in_doubt, lost_parts, tell_loss
from sciabc_tui.cluster.node import Liveness, Node
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.state import State
from sciabc_tui.head.growing import Growing
from sciabc_tui.head.job_progress import LOOK as PROGRESS_LOOK
from sciabc_tui.head.job_progress import ProgressReader
from sciabc_tui.head.ledger import Ledger, attempt_of, job_of
from sciabc_tui.head.ports import Clock, Ending, Hub, Runs

BLIP = 0.5
"""Seconds for which a node that was just declared dead may come back before its jobs are ended.

It had seconds for that before it was declared dead, and the end must stand 3 s after: the launcher's and the
cleaning of the other nodes take 1 of them, 2 on a busy head.
"""

LOOK = 0.25
"""Seconds between two looks for losses when nothing changes; while nothing runs a look costs nothing."""

SOON = 0.01
"""Seconds between two looks at least."""

DECIDED_WITHIN = 8.0
"""Seconds in which membership decides over a silent node, after which a failure is told as it looks."""


_DOUBTFUL = {JobState.FAILED, JobState.NODE_FAIL}
"""What a launcher may say by itself when a node of its job is lost."""


class Watchman:
    """Knows every running attempt."""

    def __init__(self, hub: Hub, runs: Runs, ledger: Ledger, clock: Clock) -> None:
        self._hub = hub
        self._runs = runs
        self._ledger = ledger
        self._clock = clock
        self._running: dict[JobId, JobRecord] = {}
        self._orders: dict[JobId, Order] = {}
        self._blips: dict[JobId, float] = {}
        self._growing = Growing()
        self._progress = ProgressReader(hub, ledger)
        self._any = asyncio.Event()

    async def follow(self, record: JobRecord) -> None:
        """Stay with a job's attempt, started now or by an earlier service, until it ended."""
        job = JobId(record.id)
        self._running[job] = record
        self._any.set()
        try:
            if job in self._orders:  # it was given while the attempt was launched
                await self._runs.end(attempt_of(record), self._orders[job])
            ending = await self._runs.ended(attempt_of(record))
            if ending is not None and ending.state in _DOUBTFUL and job not in self._orders:
                ending = await self._judged(job, ending)
        finally:
            del self._running[job]
            self._blips.pop(job, None)
            self._growing.forget(job)
        await self._progress.look(record)
        self._progress.forget(job)
        await self._close(record, ending)

    async def end(self, record: JobRecord, state: StoredState, reason: str) -> None:
        """Make a running job's attempt end, because somebody or the watchman wants it."""
        await self._order(record, Order(state, reason))

    async def ended_without_launch(self, record: JobRecord, reason: str) -> None:
        """Tell that an attempt could not be started."""
        await self._close(record, Ending(JobState.FAILED, self._clock.wall(), reason=reason))

    async def look_out_for_losses(self) -> None:
        """End, or let shrink, what loses a node; for as long as the service lives."""
        seen = -1
        while True:
            state = self._hub.state
            for job, record in tuple(self._running.items()):
                shown = state.jobs.get(job)
                if shown is not None and job not in self._orders:
                    await self._look(state, shown, record)
            # a blip is over without a change of the state, and an attempt may begin after its node was lost
            try:
                async with asyncio.timeout(self._patience()):
                    seen = (await self._hub.changed(seen)).revision
            except TimeoutError:
                continue

    async def read_progress(self) -> None:
        """Tell how far the running jobs are; for as long as the service lives."""
        while True:
            await self._any.wait()
            if self._running:
                await self._progress.look(*self._running.values())
                await asyncio.sleep(PROGRESS_LOOK)
            else:
                self._any.clear()

    async def _order(self, record: JobRecord, order: Order) -> None:
        """Give an order. The first one counts; a person's outranks all others."""
        job = JobId(record.id)
        before = self._orders.get(job)
        if before is None or (_by_a_person(order) and not _by_a_person(before)):
            self._orders[job] = order
            if job in self._running:
                await self._runs.end(attempt_of(record), order)

    def _patience(self) -> float:
        """Give the seconds to the next look, which comes when the first blip is over."""
        ends = (since + BLIP for job, since in self._blips.items() if job not in self._orders)
        return max(SOON, min(LOOK, min(ends, default=math.inf) - self._clock.monotonic()))

    async def _look(self, state: State, job: Job, record: JobRecord) -> None:
        parts = lost_parts(state, job)
        if not parts:
            self._blips.pop(job.id, None)
            await self._grow(state, job, record)
            return
        if record.spec.on_node_loss is OnNodeLoss.SURVIVE:
            names = tuple(part.name for part in parts)
            if names != job.lost:
                text = tell_loss(state, parts)
                self._hub.publish([JobShrunk(replace(job, lost=names, reason=text), text)])
            return
        now = self._clock.monotonic()
        since = self._blips.setdefault(job.id, now)
        if now - since >= BLIP or not all(_may_be_a_blip(state, part) for part in parts):
            lost = tuple(part.name for part in parts)
            await self._order(record, Order(StoredState.NODE_FAIL, _reason(state, parts, job.id), lost))

    async def _grow(self, state: State, job: Job, record: JobRecord) -> None:
        """End an attempt that could have more ranks, if the job asked for that: the next one has them."""
        if record.spec.grow and (more := self._growing.due(state, job, self._clock.monotonic())):
            await self._order(record, Order(StoredState.CANCELLED, more.text, again=True))

    async def _judged(self, job: JobId, ending: Ending) -> Ending:
        """A failure while a node is silent is judged when membership has decided over it."""
        try:
            async with asyncio.timeout(DECIDED_WITHIN):
                while (shown := self._hub.state.jobs.get(job)) and in_doubt(self._hub.state, shown):
                    await self._hub.changed(self._hub.state.revision)
        except TimeoutError:
            return ending
        parts = lost_parts(self._hub.state, shown) if shown else ()
        if not parts:
            return ending
        return replace(ending, state=JobState.NODE_FAIL, reason=_reason(self._hub.state, parts, job))

    async def _close(self, record: JobRecord, ending: Ending | None) -> None:
        """Write down how an attempt ended, and whether the job goes on with another one."""
        async with self._ledger.deciding:
            order = self._orders.pop(JobId(record.id), None)
            ended_otherwise = ending is None or ending.again or ending.state is JobState.NODE_FAIL
            if order is not None and _by_a_person(order) and ended_otherwise:
                ending = Ending(JobState.CANCELLED, self._clock.wall(), reason=order.reason)
            if ending is None:
                # the service was killed between the decision and the launch: decide again
                again = pending_again(record, losses=record.losses)
                await self._ledger.keep(again, JobWaited(job_of(again)))
            elif ending.again:
                again = pending_again(record, losses=record.losses)
                await self._ledger.keep(again, JobGrew(job_of(again), ending.reason))
            elif ending.state is JobState.NODE_FAIL and _goes_on(record):
                again = pending_again(record, losses=record.losses + 1)
                lost, _, _ = ending.reason.partition(". Next:")
                text = f"{lost}; attempt {again.losses + 1} of {record.spec.max_attempts}"
                await self._ledger.keep(again, JobRequeued(job_of(again), text))
            else:
                ended = replace(
                    record,
                    state=StoredState(ending.state.value),
                    started_at=ending.started_at or record.started_at,
                    ended_at=ending.at,
                    hosts=ending.hosts or record.hosts,
                    exit_code=ending.exit_code,
                    reason=ending.reason or self._survived(record),
                )
                await self._ledger.keep(ended, JobEnded(job_of(ended)))

    def _survived(self, record: JobRecord) -> str:
        shown = self._hub.state.jobs.get(JobId(record.id))
        return f"without {fold(shown.lost)}, whose loss it survived" if shown and shown.lost else ""


def pending_again(record: JobRecord, *, losses: int = 0) -> JobRecord:
    """Give the record of a job that waits for its next attempt."""
    return replace(
        record,
        state=StoredState.PENDING,
        started_at=None,
        ended_at=None,
        exit_code=None,
        reason="",
        hosts=(),
        losses=losses,
    )


def _by_a_person(order: Order) -> bool:
    return order.state is StoredState.CANCELLED and not order.again


def _goes_on(record: JobRecord) -> bool:
    spec = record.spec
    return spec.on_node_loss is OnNodeLoss.REQUEUE and record.losses + 1 < spec.max_attempts


def _may_be_a_blip(state: State, part: Allocation) -> bool:
    """A node that vanished may be back in a moment; after a goodbye or a reboot nothing is left."""
    node: Node | None = state.nodes.get(part.node)
    return node is not None and node.liveness is Liveness.DEAD


def _reason(state: State, parts: tuple[Allocation, ...], job: JobId) -> str:
    return f"{tell_loss(state, parts)}. Next: sciabc-tui logs {job}"
