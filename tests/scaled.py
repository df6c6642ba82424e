"""A simulated cluster of a known serial share, behind what a scaling lesson needs of the head service.

Time is simulated: a job is over as soon as somebody looks, and its record says how long it took.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

from sciabc_tui.api.messages import JobAttempt, JobDetail, SubmitJob
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Facts, Node, Origin, Readiness, Trust
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import CommandRefused

BEGAN = 1_795_269_600.0


def amdahl(serial: float, single: float = 20.0) -> Callable[[int], float]:
    """Give the time of a run on so many ranks, by Amdahl's law."""
    return lambda ranks: single * (serial + (1.0 - serial) / ranks)


class ScaledCluster:
    """Fits `sciabc_tui.api.scaling.Cluster`.

    Args:
        seconds: What a run on so many ranks takes, without noise.
        noise: The standard deviation of a run's time, as a part of it.
        seed: Of the noise.
        nodes: How many there are, with four slots each.
        cores: Of each node.
    """

    def __init__(
        self,
        seconds: Callable[[int], float],
        *,
        noise: float = 0.0,
        seed: int = 0,
        nodes: int = 4,
        cores: int = 4,
    ) -> None:
        self._seconds = seconds
        self._noise = random.Random(seed)
        self._deviation = noise
        self._now = BEGAN
        self._nodes = {
            NodeId(f"node{number:02d}"): Node(
                NodeId(f"node{number:02d}"),
                f"node{number:02d}",
                Origin.MDNS,
                advertised_slots=4,
                trust=Trust.TRUSTED,
                readiness=Readiness.READY,
                facts=Facts(cores),
            )
            for number in range(1, nodes + 1)
        }
        self.submitted: list[SubmitJob] = []
        self.cancelled: list[JobId] = []
        self.jobs: dict[JobId, Job] = {}
        self.others: tuple[Job, ...] = ()
        self.fails: Callable[[SubmitJob], str] = lambda _: ""
        self.before_state: Callable[[], object] = lambda: None
        self.refusal: Exception | None = None
        self.closed = False

    def watch(self) -> Iterator[State]:
        """Give the state again and again; with each, the job that runs is one step further."""
        revision = 0
        while not self.closed:
            self.before_state()
            revision += 1
            jobs = {**self.jobs, **{job.id: job for job in self.others}}
            yield State(revision=revision, wall=self._now, nodes=self._nodes, jobs=jobs)
            if not self.closed:
                self._step()

    def close_watch(self) -> None:
        """End the watch."""
        self.closed = True

    def submit(self, request: SubmitJob, /) -> Job:
        """Take a job."""
        if self.refusal is not None:
            raise self.refusal
        self.submitted.append(request)
        number = JobId(len(self.submitted))
        ranks = request.ranks or 0
        job = Job(number, request.name, request.program, request.args, ranks, JobState.PENDING, self._now)
        self.jobs[number] = job
        return job

    def cancel(self, job: JobId, /) -> None:
        """Cancel it."""
        if self.jobs[job].state.ended:
            raise CommandRefused("it has ended")
        self.cancelled.append(job)

    def job_detail(self, job: JobId, /) -> JobDetail:
        """Give the job's record."""
        found = self.jobs[job]
        attempt = JobAttempt(1, found.state, found.started_at, found.ended_at, found.exit_code)
        return JobDetail(replace(found, started_at=(found.started_at or 0) - 3), (attempt,))

    def _step(self) -> None:
        for job in tuple(self.jobs.values()):
            if job.state is JobState.PENDING and not job.reason:
                self.jobs[job.id] = replace(job, reason="waits for 2 slots")
            elif job.state is JobState.PENDING:
                self.jobs[job.id] = replace(job, state=JobState.RUNNING, reason="", started_at=self._now)
            elif job.state is JobState.RUNNING:
                self.jobs[job.id] = self._over(job)

    def _over(self, job: Job) -> Job:
        if reason := self.fails(self.submitted[job.id - 1]):
            return replace(job, state=JobState.FAILED, exit_code=1, reason=reason, ended_at=self._now)
        ranks = job.ranks or 1
        time = self._seconds(ranks) * max(0.1, 1.0 + self._noise.gauss(0.0, self._deviation))
        self._now += time
        parts = tuple(
            Allocation(node, node, min(4, ranks - 4 * place))
            for place, node in enumerate(self._nodes)
            if 4 * place < ranks
        )
        return replace(
            job, state=JobState.COMPLETED, exit_code=0, ended_at=self._now, attempt=1, allocation=parts
        )
