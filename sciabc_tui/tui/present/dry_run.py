"""What would become of the job in the form: the very command line, and where each rank goes."""

import shlex
from dataclasses import dataclass, field
from typing import TypeAlias

from sciabc_tui.api.messages import AttemptHost, JobPreview, PreflightWish, SubmitJob
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.schedule import capacity, queue, total_slots, used_slots
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present import preflight
from sciabc_tui.tui.present.cells import Cell, Line, Tone, dimmed_line, fit, plain, wrapped
from sciabc_tui.tui.present.new_job import Wish
from sciabc_tui.tui.present.preflight import Asking
from sciabc_tui.tui.present.view import View

_LABEL = 10
_MOST_LINES = 4
"""Lines of the map of ranks; with more it is folded."""

_NARROWEST = 6
"""Cells of a node in the map, at least."""

Situation: TypeAlias = tuple[object, ...]
"""What decides where a job would go, to be compared with another one."""


@dataclass(frozen=True, slots=True)
class DryRun:
    """What is known of the job in the form.

    Attributes:
        preview: The newest that the service gave.
        problem: Why it gave none.
        refused: It would not take the job; else it did not answer.
        late: What is known is of before, and the answer takes its time.
        fitness: What a preflight says of its nodes.
    """

    preview: JobPreview | None = None
    problem: str = ""
    refused: bool = False
    late: bool = False
    fitness: Asking = field(default_factory=Asking)


def situation(state: State) -> Situation:
    """Give what a job's place depends on; readings and clocks are none of it."""
    slots = tuple((node.id, node.name, capacity(node)) for node in state.nodes.values() if capacity(node))
    waiting = tuple((job.id, job.priority, job.held_by) for job in queue(state))
    return (slots, tuple(used_slots(state).items()), waiting, state.head.launcher)


def to_check(request: SubmitJob, preview: JobPreview | None) -> PreflightWish:
    """Wish for the check of the nodes that the job would get, or of those that it may use."""
    where = tuple(host.name for host in preview.hosts) if preview else ()
    where = where or request.nodes
    others = () if where else request.exclude
    return PreflightWish(
        request.program, request.cwd, where, others, each=request.each, launcher=request.launcher
    )


def lines(view: View, wish: Wish, known: DryRun, width: int) -> tuple[Line, ...]:
    """Say what would run and where, in lines of at most `width` cells."""
    if wish.request is None:
        return _told("", wish.problem, Tone.WARN, width)
    if view.state is None:
        return _told("", "waiting for the head service: where the ranks go is not known yet", Tone.DIM, width)
    if known.problem:
        why = known.problem if known.refused else f"not known: {known.problem}"
        return _told("", plain(why), Tone.BAD if known.refused else Tone.WARN, width)
    if known.preview is None:
        return _told("", "asking the head service what would run", Tone.DIM, width)
    found = _found(view, view.state, wish.request, known, known.preview, width)
    return tuple(map(dimmed_line, found)) if known.late or view.stale else found


def _found(
    view: View, state: State, request: SubmitJob, known: DryRun, preview: JobPreview, width: int
) -> tuple[Line, ...]:
    shown: list[Line] = []
    if preview.waits:
        behind = f", {preview.ahead} before it in the queue" if preview.ahead else ""
        shown += _told("for now", f"{plain(preview.waits)}{behind}; starts by itself", Tone.WARN, width)
    elif preview.hosts:
        count = sum(len(host.ranks) for host in preview.hosts)
        places = "1 node" if len(preview.hosts) == 1 else f"{len(preview.hosts)} nodes"
        shown += _told("ranks", f"{count} of {total_slots(state)} slots, on {places}", Tone.PLAIN, width)
        shown += _rank_map(preview.hosts, width)
    else:
        shown += _told("ranks", "the other cluster decides where", Tone.PLAIN, width)
    if preview.problem:
        shown += _told("fails", plain(preview.problem), Tone.BAD, width)
    if request.launcher != "slurm":
        fit_line = preflight.in_short(view, known.fitness, width - _LABEL)
        shown.append((Cell(fit("nodes", _LABEL), Tone.DIM), *fit_line))
    if preview.launcher:
        shown += _told("with", plain(preview.launcher), Tone.PLAIN, width)
    if preview.command:
        return (*shown, *_told("command", plain(preview.command), Tone.PLAIN, width))
    return (*shown, *_told("program", plain(shlex.join((preview.program, *request.args))), Tone.PLAIN, width))


def _told(label: str, text: str, tone: Tone, width: int) -> tuple[Line, ...]:
    room = _LABEL if label else 0
    parts = wrapped(text, max(10, width - room))
    return tuple(
        (Cell(fit(label if number == 0 else "", room), Tone.DIM), Cell(part, tone))
        for number, part in enumerate(parts)
    )


def _rank_map(hosts: tuple[AttemptHost, ...], width: int) -> list[Line]:
    """Give the map rank -> node in columns; of many nodes those with the same number of ranks as one."""
    hosts = tuple(host for host in hosts if host.ranks)
    if len(hosts) <= _MOST_LINES * width // _NARROWEST:
        texts = [(_numbers(host.ranks), plain(host.name)) for host in hosts]
        drawn = _columns(texts, width) if texts else []
        if len(drawn) <= _MOST_LINES:
            return drawn
    groups: list[list[AttemptHost]] = []
    for host in hosts:
        if groups and len(groups[-1][0].ranks) == len(host.ranks):
            groups[-1].append(host)
        else:
            groups.append([host])
    folded = [part for group in groups for part in _group(group, width)]
    return folded[:_MOST_LINES] if len(folded) <= _MOST_LINES else [*folded[: _MOST_LINES - 1], _rest(folded)]


def _group(group: list[AttemptHost], width: int) -> tuple[Line, ...]:
    ranks = (*group[0].ranks, *group[-1].ranks)
    each = f" ({len(group[0].ranks)} each)" if len(group) > 1 else ""
    text = f"{_numbers(ranks)} {plain(fold(host.name for host in group))}{each}"
    return _told(" ", text, Tone.PLAIN, width)


def _rest(folded: list[Line]) -> Line:
    return (Cell(" " * _LABEL), Cell(f"and {len(folded) - _MOST_LINES + 1} lines more", Tone.DIM))


def _numbers(ranks: tuple[int, ...]) -> str:
    return str(ranks[0]) if ranks[0] == ranks[-1] else f"{ranks[0]}-{ranks[-1]}"


def _columns(texts: list[tuple[str, str]], width: int) -> list[Line]:
    left = max(len(numbers) for numbers, _ in texts)
    right = min(20, max(len(name) for _, name in texts))
    columns = max(1, (width - _LABEL) // (left + right + 4))
    drawn: list[Line] = []
    for start in range(0, len(texts), columns):
        cells: list[Cell] = [Cell(" " * _LABEL)]
        for numbers, name in texts[start : start + columns]:
            cells += [Cell(fit(numbers, left, right=True) + " ", Tone.ACCENT), Cell(fit(name, right + 3))]
        drawn.append(tuple(cells))
    return drawn
