"""What would become of a job if it were submitted now. Nothing is done: no file, no number, no ssh."""

import shlex
from dataclasses import replace

from jobs.errors import JobsError
from sciabc_tui.api.messages import AttemptHost, JobPreview
from sciabc_tui.cluster.job import Job
from sciabc_tui.cluster.schedule import Placed, Waits, queue, turns
from sciabc_tui.cluster.state import State
from sciabc_tui.head.ports import Attempt, Launch, Runs

TOKEN = "TOKEN"  # noqa: S105 (no password)
"""Stands in the command line for the random word that marks the processes of an attempt."""


def turn_of(state: State, job: Job) -> tuple[Placed | Waits, int]:
    """Say what a job would get now as the youngest in the queue, and how many have their turn before it."""
    joined = replace(state, jobs={**state.jobs, job.id: job})
    waiting = queue(joined)
    ahead = sum(not other.elsewhere for other in waiting[: waiting.index(job)])
    return next(turn.outcome for turn in turns(joined) if turn.job.id == job.id), ahead


async def previewed(runs: Runs, attempt: Attempt, turn: Placed | Waits, ahead: int) -> JobPreview:
    """Tell how an attempt would be launched, or what it waits for.

    Args:
        runs: What would launch it.
        attempt: Where it would run; without hosts while it waits, or if it runs elsewhere.
        turn: What it would get.
        ahead: How many jobs have their turn before it.
    """
    launch, problem = Launch(""), ""
    try:
        launch = await runs.preview(attempt)
    except JobsError as error:
        problem = str(error)
    waits, ranks = (turn.reason, ()) if isinstance(turn, Waits) else ("", turn.allocation)
    return JobPreview(
        program=attempt.spec.program,
        name=attempt.spec.name,
        launcher=launch.launcher,
        command=shlex.join(launch.argv) if not waits else "",
        hosts=tuple(
            AttemptHost(host.name, host.address, part.ranks)
            for host, part in zip(attempt.hosts, ranks, strict=True)
        ),
        waits=waits,
        ahead=ahead if waits else 0,
        problem=problem,
    )
