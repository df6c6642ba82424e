"""`sciabc-tui jobs`: the newest jobs and how they stand, or one job in full."""

from typing import Annotated

import typer

from sciabc_tui.cli.complete import job_numbers
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.output import emit, say, table
from sciabc_tui.cli.session import Session, session
from sciabc_tui.cli.values import AsJson
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.nodeset import fold


def jobs(
    context: typer.Context,
    job: Annotated[
        int | None,
        typer.Argument(
            metavar="[JOB]",
            min=1,
            help="Show this one in full.",
            show_default=False,
            autocompletion=job_numbers,
        ),
    ] = None,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest jobs, the newest first; or one in full: its attempts, command lines and ranks."""
    if job is not None:
        _show(session(context), JobId(job), as_json=as_json)
        return
    with connected(session(context), start=False) as client:
        found = client.job_list(limit)
    if as_json:
        emit(found)
        return
    if found.simulated:
        say("[SIMULATED]")
    header = ("JOB", "NAME", "STATE", "RANKS", "NODES", "TIME", "DONE", "NOTE")
    table(header, [_cells(job, found.wall) for job in found.jobs])


def _show(options: Session, job: JobId, *, as_json: bool) -> None:
    with connected(options, start=False) as client:
        found = client.job_detail(job)
    if as_json:
        emit(found)
        return
    from sciabc_tui.cli.jobdetail import detail_lines  # noqa: PLC0415 - the list starts faster without

    for line in detail_lines(found):
        say(line)


def _cells(job: Job, wall: float | None) -> tuple[str, ...]:
    exit_ = f"exit {job.exit_code}" if job.exit_code is not None else ""
    return (
        str(job.id),
        job.name,
        job.state.value,
        "all" if job.ranks is None else str(job.ranks),
        fold(part.name for part in job.allocation) or "--",
        _time(job, wall),
        _done(job),
        ", ".join(part for part in (exit_, job.reason) if part),
    )


def _done(job: Job) -> str:
    """Say how far a running job says that it is."""
    progress = job.progress if job.state is JobState.RUNNING else None
    return "--" if progress is None else f"{progress.percent}%"


def _time(job: Job, wall: float | None) -> str:
    if job.state is JobState.PENDING or job.started_at is None:
        return "--"
    until = wall if job.ended_at is None else job.ended_at
    return "--" if until is None else span(until - job.started_at)
