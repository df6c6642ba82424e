"""What is asked of the user before something is lost, and what is said at leaving."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sciabc_tui.cluster.evidence import outcome
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.schedule import queue
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.present.jobs import ranks as ranks_of
from sciabc_tui.tui.present.jobs import run_time
from sciabc_tui.tui.present.view import View


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked before something is lost."""

    title: str
    lines: tuple[str, ...]
    yes: str


def cancel_question(job: Job, view: View) -> Question:
    """Ask before a job is cancelled."""
    name = f"job {job.id} {plain(job.name)}"
    if job.state is JobState.PENDING:
        return Question(
            f"Cancel {name}?",
            ("It waits in the queue and has not begun; it will not run.",),
            "cancel the job",
        )
    lost = f"Its {ranks_of(job)} ranks are ended; {run_time(job, view.wall)} of work are lost."
    return Question(f"Cancel {name}?", (lost, "What it printed so far is kept."), "cancel the job")


def requeue_question(job: Job, view: View) -> Question:
    """Ask before a job that ended runs once more."""
    again = replace(job, state=JobState.PENDING, held_by="", handed_over=False)
    state = view.state or State()
    waiting = queue(replace(state, jobs={**state.jobs, job.id: again}))
    behind = [other for other in waiting[waiting.index(again) + 1 :] if not other.held_by]
    first = f", before {len(behind)} that wait{'s' if len(behind) == 1 else ''}" if behind else ""
    end, _, _ = outcome(job).partition(". Next:")
    printed = f" What attempt {job.attempt} printed is kept." if job.attempt else ""
    return Question(
        f"Requeue job {job.id} {plain(job.name)}?",
        (
            f"It runs from its beginning, as attempt {job.attempt + 1}, when it is its turn{first}.",
            f"How it ended ({plain(end)}) is no longer shown.{printed}",
        ),
        "requeue the job",
    )


def drain_question(node: Node, view: View) -> Question:
    """Ask before a node is drained."""
    jobs = view.state.jobs.values() if view.state else ()
    here = [
        job
        for job in jobs
        if job.state is JobState.RUNNING and any(p.node == node.id for p in job.allocation)
    ]
    stay = f"What runs there goes on to its end: {_named(here)}." if here else "Nothing runs there now."
    lost = f"The cluster loses {node.slots} slots for new jobs until d resumes it."
    return Question(f"Drain {plain(node.name)}?", (lost, stay), "drain the node")


def farewell(view: View) -> str:
    """Say at leaving what goes on."""
    running = view.digest.running
    if not running:
        return "Left the screen; the cluster stays as it is."
    return f"Left the screen; {_named(running)} goes on. Back: sciabc-tui"


def _named(jobs: Sequence[Job]) -> str:
    names = ", ".join(f"{job.id} {plain(job.name)}" for job in jobs[:3])
    return f"job {names}" + (f" and {len(jobs) - 3} more" if len(jobs) > 3 else "")
