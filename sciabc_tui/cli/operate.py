"""`sciabc-tui cancel`, `hold`, `release`, `requeue` and `priority`: an operator's word on the queue."""

from typing import Annotated

import typer

from sciabc_tui.cli.complete import job_numbers
from sciabc_tui.cli.connect import connected
from sciabc_tui.cli.output import say
from sciabc_tui.cli.session import session
from sciabc_tui.cluster.job import JobId

QueuedJob = Annotated[int, typer.Argument(metavar="JOB", min=1, autocompletion=job_numbers)]


def cancel(context: typer.Context, job: QueuedJob) -> None:
    """Cancel a job, whether it waits or runs."""
    with connected(session(context), start=False) as client:
        client.cancel(JobId(job))
    say(f"job {job} cancelled")


def hold(context: typer.Context, job: QueuedJob) -> None:
    """Keep a waiting job from starting."""
    with connected(session(context), start=False) as client:
        client.hold(JobId(job))
    say(f"job {job} held. Next: sciabc-tui release {job}")


def release(context: typer.Context, job: QueuedJob) -> None:
    """Let a held job start again."""
    with connected(session(context), start=False) as client:
        client.release(JobId(job))
    say(f"job {job} released")


def requeue(context: typer.Context, job: QueuedJob) -> None:
    """Run a job that ended once more, as its next attempt."""
    with connected(session(context), start=False) as client:
        client.requeue(JobId(job))
    say(f"job {job} requeued. Next: sciabc-tui logs {job} -f")


def priority(
    context: typer.Context,
    job: QueuedJob,
    number: Annotated[
        int, typer.Argument(metavar="PRIORITY", help="-1000 to 1000; more goes first, 0 is usual.")
    ],
) -> None:
    """Give a waiting job another place in the queue."""
    with connected(session(context), start=False) as client:
        client.prioritise(JobId(job), number)
    say(f"job {job} has priority {number}")
