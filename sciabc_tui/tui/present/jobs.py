"""The jobs table."""

from dataclasses import dataclass

from msgspec.structs import replace

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.schedule import queue
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import Cell, Row, Table, Tone, dimmed, plain
from sciabc_tui.tui.present.columns import Column, choose
from sciabc_tui.tui.present.metrics import column as progress_column
from sciabc_tui.tui.present.view import UNKNOWN, View, clock_time

TONES = {
    JobState.PENDING: Tone.ACCENT,
    JobState.RUNNING: Tone.BUSY,
    JobState.COMPLETED: Tone.OK,
    JobState.FAILED: Tone.BAD,
    JobState.CANCELLED: Tone.DIM,
    JobState.TIMEOUT: Tone.BAD,
    JobState.NODE_FAIL: Tone.BAD,
}

_PRIORITY = "prio"
"""The column that is there only while a job has one that is not 0."""

_PROGRESS = "progress"
"""The column that is there only while a job tells how far it is."""

_BAR = 15


@dataclass(frozen=True, slots=True)
class Entry:
    """A job with what its row needs beside it."""

    job: Job
    view: View


def ordered(state: State) -> tuple[Job, ...]:
    """Give the jobs as they are listed: what runs, what waits (next first), what ended (newest first).

    What waits in another cluster's queue comes after what waits here: its turn is not known.
    """
    others = sorted(
        (job for job in state.jobs.values() if job.state is not JobState.PENDING),
        key=lambda job: (job.state.ended, -job.id),
    )
    running = sum(not job.state.ended for job in others)
    here = queue(state)
    known = {job.id for job in here}
    away = sorted(
        (job for job in state.jobs.values() if job.state is JobState.PENDING and job.id not in known),
        key=lambda job: job.id,
    )
    return (*others[:running], *here, *away, *others[running:])


def table(view: View, width: int, wanted: str = "") -> Table:
    """Give the jobs table in `width` cells, those only that match `wanted`."""
    jobs = ordered(view.state) if view.state else ()
    shown = [job for job in jobs if _matches(job, wanted.lower())]
    note = f"/{plain(wanted)}  {len(shown)} of {len(jobs)}" if wanted else str(len(jobs) or "")
    empty = "no job matches" if wanted else "no job yet: n runs one" if view.state else ""
    return _table(view, width, shown, Table("Jobs", "", (), note=note, empty=empty))


def table_of_node(view: View, node: NodeId, width: int) -> Table:
    """Give the jobs that run or ran on a node."""
    jobs = ordered(view.state) if view.state else ()
    shown = [job for job in jobs if any(part.node == node for part in job.allocation)]
    return _table(
        view, width, shown, Table("Jobs there", "", (), note=str(len(shown)), empty="no job was there")
    )


def _table(view: View, width: int, shown: list[Job], frame: Table) -> Table:
    known = tuple(view.state.jobs.values()) if view.state else ()
    longest = max((len(plain(job.name)) for job in known), default=4)
    digits = max((len(str(job.id)) for job in known), default=2)
    widest = max((len(ranks(job)) for job in known), default=5)
    columns = _columns(max(2, digits), min(18, max(8, longest)), max(5, widest))
    if not any(job.priority for job in known if not job.state.ended):
        columns = tuple(column for column in columns if column.heading != _PRIORITY)
    any_tells = any(job.progress for job in known if job.state is JobState.RUNNING)
    if not any_tells:
        columns = tuple(column for column in columns if column.heading != _PROGRESS)
    chosen = choose(
        columns,
        Column("nodes and result", 12 if any_tells else 24, lambda entry: details(entry.job)),
        width=width,
        cut=view.glyphs.cut,
    )
    rows = tuple(Row(str(job.id), chosen.line(Entry(job, view))) for job in shown)
    result = replace(frame, heading=chosen.heading, rows=rows)
    return dimmed(result) if view.stale else result


def _matches(job: Job, wanted: str) -> bool:
    if not wanted:
        return True
    nodes = (part.name for part in job.allocation)
    words = (str(job.id), job.name, job.program, job.state.value, *nodes, details(job).text)
    return wanted in " ".join(words).lower()


def _columns(id_width: int, name_width: int, ranks_width: int) -> tuple[Column[Entry], ...]:
    return (
        Column("id", id_width, lambda entry: Cell(str(entry.job.id)), right=True),
        Column("name", name_width, lambda entry: Cell(plain(entry.job.name))),
        Column("state", 11, state_cell),
        Column("ranks", ranks_width, lambda entry: Cell(ranks(entry.job)), goes=2, right=True),
        Column(_PRIORITY, 5, lambda entry: Cell(_priority(entry.job)), goes=3, right=True),
        Column("time", 7, _time, goes=1, right=True),
        Column(_PROGRESS, _BAR, lambda entry: progress_column(entry.job, _BAR, entry.view.glyphs)),
        Column("submitted", 9, lambda entry: Cell(clock_time(entry.job.submitted_at), Tone.DIM), goes=4),
    )


def state_cell(entry: Entry) -> Cell:
    """Give the state as a glyph and a word."""
    state = entry.job.state
    return Cell(f"{entry.view.glyphs.jobs[state]} {state.value}", TONES[state])


def ranks(job: Job) -> str:
    """Say how many ranks it has, or asks for; `8 of 12` of one that goes on without those it lost."""
    held = sum(part.slots for part in job.allocation)
    left = sum(part.slots for part in job.allocation if part.name not in job.lost)
    return f"{left} of {held}" if left < held else str(held or job.ranks or "all")


def _priority(job: Job) -> str:
    return str(job.priority) if job.priority else ""


def _time(entry: Entry) -> Cell:
    return Cell(run_time(entry.job, entry.view.wall))


def run_time(job: Job, wall: float) -> str:
    """Say for how long it has run, or ran."""
    if job.started_at is None:
        return UNKNOWN
    seconds = int(max(0.0, (wall if job.ended_at is None else job.ended_at) - job.started_at))
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours}:{minutes:02d}:{seconds % 60:02d}" if hours else f"{minutes}:{seconds % 60:02d}"


def details(job: Job) -> Cell:
    """Say where it runs and what it lost, what it waits for or who holds it, or how it ended."""
    nodes = plain(fold(part.name for part in job.allocation if part.name not in job.lost))
    reason = plain(job.reason)
    match job.state:
        case JobState.PENDING if job.held_by:
            return Cell(f"held by {plain(job.held_by)}", Tone.WARN)
        case JobState.PENDING:
            return Cell(reason or "waits", Tone.DIM)
        case JobState.RUNNING if job.lost:
            return Cell(f"lost {plain(fold(job.lost))}  {nodes}".rstrip(), Tone.WARN)
        case JobState.RUNNING:
            return Cell(nodes)
        case _:
            code = UNKNOWN if job.exit_code is None else str(job.exit_code)
            parts = (f"exit {code}", reason or nodes)
            return Cell("  ".join(part for part in parts if part), _end_tone(job))


def _end_tone(job: Job) -> Tone:
    tone = TONES[job.state]
    return tone if tone is Tone.BAD else Tone.DIM
