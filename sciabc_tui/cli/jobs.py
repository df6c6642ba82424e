"""`sciabc-tui jobs`, `logs` and `cancel`."""

from collections.abc import Generator
from contextlib import closing
from typing import Annotated

import typer

from sciabc_tui.api.client import Client
from sciabc_tui.api.messages import Jobs
from sciabc_tui.cli.complete import job_numbers
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.joblog import JsonPrinter, LogPrinter, records
from sciabc_tui.cli.output import emit, say, table
from sciabc_tui.cli.session import session
from sciabc_tui.cli.status import AsJson
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.wording import span

LogJob = Annotated[int, typer.Argument(metavar="JOB", min=1, autocompletion=job_numbers)]

_PIECE = 256 * 1024


def jobs(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the newest jobs, the newest first."""
    with connected(session(context), start=False) as client:
        found = client.jobs(limit)
        state = client.state()
    if as_json:
        emit(Jobs(found))
        return
    if state.head.simulated:
        say("[SIMULATED]")
    header = ("JOB", "NAME", "STATE", "RANKS", "NODES", "TIME", "NOTE")
    table(header, [_cells(job, state.wall) for job in found])


def logs(
    context: typer.Context,
    job: LogJob,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job has ended.")] = False,
    rank: Annotated[
        list[int] | None,
        typer.Option(help="Only this rank, without its number; give it again for more.", show_default=False),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a JSON object a line (docs/api.md).")
    ] = False,
) -> None:
    """Print what a job's ranks printed: `[3] ` is rank 3, standard error goes to standard error."""
    ranks = frozenset(rank or ())
    printer = JsonPrinter(ranks=ranks) if as_json else LogPrinter(ranks=ranks)
    with connected(session(context), start=False) as client:
        pieces = client.follow(JobId(job)) if follow else _present(client, JobId(job))
        with closing(pieces):
            for piece in pieces:
                for record in records(piece):
                    printer.show(record)


def cancel(context: typer.Context, job: LogJob) -> None:
    """Cancel a job, whether it waits or runs."""
    with connected(session(context), start=False) as client:
        client.cancel(JobId(job))
    say(f"job {job} cancelled")


def _present(client: Client, job: JobId) -> Generator[bytes, None, None]:
    """Read the log as far as it goes now."""
    chunk = client.log(job, offset=0, limit=_PIECE)
    while chunk.data:
        yield chunk.data
        chunk = client.log(job, offset=chunk.next_offset, limit=_PIECE)


def _cells(job: Job, wall: float) -> tuple[str, ...]:
    exit_ = f"exit {job.exit_code}" if job.exit_code is not None else ""
    return (
        str(job.id),
        job.name,
        job.state.value,
        "all" if job.ranks is None else str(job.ranks),
        fold(part.name for part in job.allocation) or "--",
        _time(job, wall),
        ", ".join(part for part in (exit_, job.reason) if part),
    )


def _time(job: Job, wall: float) -> str:
    if job.state is JobState.PENDING or job.started_at is None:
        return "--"
    return span((job.ended_at if job.ended_at is not None else wall) - job.started_at)
