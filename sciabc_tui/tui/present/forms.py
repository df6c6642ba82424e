"""What is asked of the user: the new job with its preview, keys to approve, and what would be lost."""

import shlex
from dataclasses import dataclass, replace

from sciabc_tui.cluster.job import Allocation, Job, JobState
from sciabc_tui.cluster.job import Wish as Places
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.schedule import Placed, Waits, place, queue, total_slots
from sciabc_tui.cluster.state import State
from sciabc_tui.cluster.wording import outcome
from sciabc_tui.tui.present.cells import (
    Cell,
    Line,
    Tone,
    dimmed_line,
    fit,
    plain,
    wrapped,
)
from sciabc_tui.tui.present.jobs import ranks as ranks_of
from sciabc_tui.tui.present.jobs import run_time
from sciabc_tui.tui.present.view import View

BUNDLED = ("hello", "powers", "mergesort")
"""The programs that come with sciabc-tui; the service finds them by name."""

_MAX_RANKS = 4096
_LABEL = 12


@dataclass(frozen=True, slots=True)
class Wish:
    """A new job, as far as it can be used. `problem` is empty when it can."""

    program: str = ""
    args: tuple[str, ...] = ()
    ranks: int | None = None
    problem: str = ""


def read_wish(program: str, arguments: str, ranks: str) -> Wish:
    """Read the form's fields."""
    if not program.strip():
        return Wish(problem="program: name one of " + ", ".join(BUNDLED) + ", or a path")
    try:
        args = tuple(shlex.split(arguments))
    except ValueError:
        return Wish(problem="arguments: a quotation mark is open; close it")
    wanted = ranks.strip().lower()
    if wanted in {"", "all"}:
        return Wish(program.strip(), args)
    if not (wanted.isascii() and wanted.isdigit()) or not 1 <= int(wanted) <= _MAX_RANKS:
        return Wish(problem=f"ranks: a number from 1 to {_MAX_RANKS}, or all")
    return Wish(program.strip(), args, int(wanted))


def preview(view: View, wish: Wish, width: int) -> tuple[Line, ...]:
    """Say what will run and where each rank goes."""
    if wish.problem:
        return ((Cell(wish.problem, Tone.WARN),),)
    if view.state is None:
        return ((Cell("waiting for the head service: where the ranks go is not known yet", Tone.DIM),),)
    command = shlex.join((wish.program, *wish.args))
    total = total_slots(view.state)
    head: list[Line] = [
        (Cell(fit(label, _LABEL), Tone.DIM), Cell(text))
        for label, text in _labelled("will run", plain(command), width)
    ]
    if view.state.head.launcher:
        head.append((Cell(fit("with", _LABEL), Tone.DIM), Cell(plain(view.state.head.launcher))))
    lines = [*head, *_placement(view, wish, total, width)]
    return tuple(dimmed_line(line) for line in lines) if view.stale else tuple(lines)


def _labelled(label: str, text: str, width: int) -> list[tuple[str, str]]:
    parts = wrapped(text, max(10, width - _LABEL))
    return [(label if number == 0 else "", part) for number, part in enumerate(parts)]


def _placement(view: View, wish: Wish, total: int, width: int) -> list[Line]:
    state = view.state
    if state is None:
        return []
    if wish.ranks is not None and total and wish.ranks > total:
        return [
            (
                Cell(
                    f"{wish.ranks} ranks, but the cluster has {total} slots: ask for fewer, or all", Tone.WARN
                ),
            )
        ]
    match place(state, Places(ranks=wish.ranks)):
        case Waits(reason):
            return [
                (
                    Cell(fit("for now", _LABEL), Tone.DIM),
                    Cell(f"{plain(reason)}, then starts by itself", Tone.WARN),
                )
            ]
        case Placed(allocation):
            waiting = [job for job in state.jobs.values() if job.state is JobState.PENDING]
            queue = f"; {len(waiting)} before it in the queue" if waiting else ""
            count = sum(part.slots for part in allocation)
            head: Line = (
                Cell(fit("ranks", _LABEL), Tone.DIM),
                Cell(f"{count} of {total} slots{queue}"),
            )
            return [head, *_rank_map(allocation, width)]


def _rank_map(allocation: tuple[Allocation, ...], width: int) -> list[Line]:
    """Give the map rank -> node, several to a line, in columns."""
    texts: list[tuple[str, str]] = []
    first = 0
    for part in allocation:
        last = first + part.slots - 1
        texts.append((str(first) if first == last else f"{first}-{last}", plain(part.name)))
        first = last + 1
    left = max(len(numbers) for numbers, _ in texts)
    right = min(20, max(len(name) for _, name in texts))
    columns = max(1, (width - _LABEL) // (left + right + 4))
    lines: list[Line] = []
    for start in range(0, len(texts), columns):
        cells: list[Cell] = [Cell(" " * _LABEL)]
        for numbers, name in texts[start : start + columns]:
            cells += [Cell(fit(numbers, left, right=True) + " ", Tone.ACCENT), Cell(fit(name, right + 3))]
        lines.append(tuple(cells))
    return lines


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
    again = replace(job, state=JobState.PENDING, held_by="")
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
    stay = (
        f"{len(here)} running job{'s' if len(here) > 1 else ''} there will go on to the end."
        if here
        else "Nothing runs there now."
    )
    lost = f"The cluster loses {node.slots} slots for new jobs until d resumes it."
    return Question(f"Drain {plain(node.name)}?", (lost, stay), "drain the node")


def farewell(view: View) -> str:
    """Say at leaving what goes on."""
    running = [job for job in view.state.jobs.values() if job.state is JobState.RUNNING] if view.state else []
    if not running:
        return "Left the screen; the cluster stays as it is."
    names = ", ".join(f"{job.id} {plain(job.name)}" for job in running[:3])
    more = f" and {len(running) - 3} more" if len(running) > 3 else ""
    return f"Left the screen; job {names}{more} goes on. Back: sciabc-tui"
