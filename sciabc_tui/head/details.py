"""A job in full: each of its attempts, as its folder tells of it. It blocks."""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path

from jobs.attempt import AttemptPlan, AttemptStatus, read_plan, read_status
from jobs.errors import JobsError
from jobs.hostfile import Host, ranks_of
from jobs.slurm_attempt import SlurmPlan, read_slurm_plan
from jobs.spec import JobSpec
from jobs.store import JobRecord
from sciabc_tui.api.messages import AttemptHost, JobAttempt, JobDetail
from sciabc_tui.cluster.job import JobState
from sciabc_tui.head.ledger import job_of

MOST = 50
"""Attempts that are told of: the newest."""


def detail(record: JobRecord, folder: Path) -> JobDetail:
    """Tell all that is known of a job.

    Args:
        record: The job.
        folder: Of all jobs.
    """
    spec = record.spec
    variables = tuple(f"{name}={value}" for name, value in spec.env.items())
    attempts = tuple(_attempts(record, folder))
    return JobDetail(job_of(record), attempts, variables, spec.files, spec.outputs, spec.grow)


def _attempts(record: JobRecord, folder: Path) -> Iterator[JobAttempt]:
    for number in range(max(1, record.attempt - MOST + 1), record.attempt + 1):
        yield _attempt(number, record, folder / f"{record.id}" / f"attempt-{number}")


def _attempt(number: int, record: JobRecord, folder: Path) -> JobAttempt:
    """Tell of one attempt; one whose files were removed, or that was never launched, has only its number."""
    plan: AttemptPlan | SlurmPlan | None = None
    status: AttemptStatus | None = None
    with contextlib.suppress(JobsError):
        plan = read_slurm_plan(folder) or read_plan(folder)
    with contextlib.suppress(JobsError):
        status = read_status(folder)
    hosts = record.hosts if number == record.attempt else ()
    command = ""
    if isinstance(plan, SlurmPlan):
        command = shlex.join(("sbatch", *plan.options))
    elif plan is not None:
        command, hosts = shlex.join(plan.argv), plan.hosts or hosts
    if status is None:
        return JobAttempt(number, command=command, hosts=_placed(record.spec, hosts))
    return JobAttempt(
        number,
        JobState(status.state.value),
        status.started_at,
        status.ended_at,
        status.exit_code,
        status.error,
        command,
        _placed(record.spec, hosts),
    )


def _placed(spec: JobSpec, hosts: tuple[Host, ...]) -> tuple[AttemptHost, ...]:
    """Say which ranks each host got; without them where the hosts are of another spec (elsewhere, grown)."""
    ranks: tuple[tuple[int, ...], ...] = ((),) * len(hosts)
    with contextlib.suppress(JobsError):
        ranks = ranks_of(hosts, spec.ranks, 1 if spec.each else spec.per_node)
    return tuple(AttemptHost(host.name, host.address, part) for host, part in zip(hosts, ranks, strict=True))
