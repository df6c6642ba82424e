"""The form of a new job: what its fields say, and the preview of what would run and where each rank goes."""

import shlex
from dataclasses import dataclass, replace

from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState, OnNodeLoss
from sciabc_tui.cluster.nodeset import unfold
from sciabc_tui.cluster.schedule import Placed, Waits, queue, total_slots, turns
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import Cell, Line, Tone, dimmed_line, fit, plain, wrapped
from sciabc_tui.tui.present.view import View

BUNDLED = ("hello", "powers", "mergesort")
"""The programs that come with sciabc-tui; the service finds them by name."""

LOSSES = tuple(OnNodeLoss)
YES, NO = "yes", "no"

_MAX_RANKS = 4096
_LABEL = 12


@dataclass(frozen=True, slots=True)
class Fields:
    """What stands in the form, as it was typed."""

    program: str
    arguments: str = ""
    ranks: str = "all"
    nodes: str = ""
    files: str = ""
    outputs: str = ""
    loss: str = OnNodeLoss.FAIL
    grow: str = NO


@dataclass(frozen=True, slots=True)
class Wish:
    """A new job, as far as it can be used. `problem` is empty when it can."""

    program: str = ""
    args: tuple[str, ...] = ()
    ranks: int | None = None
    nodes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    on_node_loss: OnNodeLoss = OnNodeLoss.FAIL
    grow: bool = False
    problem: str = ""


class _UnusableError(Exception):
    """A field can't be used; says which, and what it takes."""


def read_wish(fields: Fields) -> Wish:
    """Read the form's fields."""
    try:
        return _read(fields)
    except _UnusableError as error:
        return Wish(problem=str(error))


def _read(fields: Fields) -> Wish:
    if not fields.program.strip():
        raise _UnusableError(f"program: name one of {', '.join(BUNDLED)}, or a path")
    wish = Wish(
        fields.program.strip(),
        _words("arguments", fields.arguments),
        _ranks(fields.ranks),
        _nodes(fields.nodes),
        _words("with files", fields.files),
        _words("collect", fields.outputs),
        _loss(fields.loss),
        _yes("grow", fields.grow),
    )
    if wish.grow and (wish.ranks is not None or wish.on_node_loss is not OnNodeLoss.REQUEUE):
        raise _UnusableError("grow: it is launched again for that: ranks all, and requeue on node loss")
    return wish


def _words(field: str, text: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise _UnusableError(f"{field}: a quotation mark or backslash is open; close it") from error


def _ranks(text: str) -> int | None:
    wanted = text.strip().lower()
    if wanted in {"", "all"}:
        return None
    if not (wanted.isascii() and wanted.isdigit()) or not 1 <= int(wanted) <= _MAX_RANKS:
        raise _UnusableError(f"ranks: a number from 1 to {_MAX_RANKS}, or all")
    return int(wanted)


def _nodes(text: str) -> tuple[str, ...]:
    try:
        return unfold(text) if text.strip() else ()
    except ValueError as error:
        raise _UnusableError(f"nodes: {plain(str(error))}") from error


def _loss(text: str) -> OnNodeLoss:
    try:
        return OnNodeLoss(text.strip().lower())
    except ValueError as error:
        raise _UnusableError(f"node loss: one of {', '.join(LOSSES)}") from error


def _yes(field: str, text: str) -> bool:
    wanted = text.strip().lower()
    if wanted not in {YES, NO}:
        raise _UnusableError(f"{field}: {YES} or {NO}")
    return wanted == YES


def preview(view: View, wish: Wish, width: int) -> tuple[Line, ...]:
    """Say what will run and where each rank goes."""
    if wish.problem:
        return tuple((Cell(part, Tone.WARN),) for part in wrapped(wish.problem, width))
    if view.state is None:
        return ((Cell("waiting for the head service: where the ranks go is not known yet", Tone.DIM),),)
    command = shlex.join((wish.program, *wish.args))
    head: list[Line] = [
        (Cell(fit(label, _LABEL), Tone.DIM), Cell(text))
        for label, text in _labelled("will run", plain(command), width)
    ]
    if view.state.head.launcher:
        head.append((Cell(fit("with", _LABEL), Tone.DIM), Cell(plain(view.state.head.launcher))))
    lines = [*head, *_placement(view.state, wish, width)]
    return tuple(dimmed_line(line) for line in lines) if view.stale else tuple(lines)


def _labelled(label: str, text: str, width: int) -> list[tuple[str, str]]:
    parts = wrapped(text, max(10, width - _LABEL))
    return [(label if number == 0 else "", part) for number, part in enumerate(parts)]


def _placement(state: State, wish: Wish, width: int) -> list[Line]:
    total = total_slots(state)
    if wish.ranks is not None and total and wish.ranks > total:
        text = f"{wish.ranks} ranks, but the cluster has {total} slots: ask for fewer, or all"
        return [(Cell(text, Tone.WARN),)]
    match turn(state, wish):
        case Waits(reason):
            ahead = _ahead(state)
            queued = f", {ahead} before it in the queue" if ahead else ""
            text = f"{plain(reason)}{queued}; starts by itself"
            return [
                (Cell(fit(label, _LABEL), Tone.DIM), Cell(part, Tone.WARN))
                for label, part in _labelled("for now", text, width)
            ]
        case Placed(allocation):
            count = sum(part.slots for part in allocation)
            head: Line = (Cell(fit("ranks", _LABEL), Tone.DIM), Cell(f"{count} of {total} slots"))
            return [head, *_rank_map(allocation, width)]


def turn(state: State, wish: Wish) -> Placed | Waits:
    """Say where the job would start now, or what it would wait for behind those that wait already."""
    job = _made(state, wish)
    given = turns(replace(state, jobs={**state.jobs, job.id: job}))
    return next(one.outcome for one in given if one.job.id == job.id)


def _made(state: State, wish: Wish) -> Job:
    number = JobId(max(state.jobs, default=0) + 1)
    return Job(
        number,
        "",
        wish.program,
        wish.args,
        wish.ranks,
        JobState.PENDING,
        state.wall,
        nodes=wish.nodes,
    )


def _ahead(state: State) -> int:
    """Count the jobs whose turn comes first: those that are held, or run elsewhere, let others pass."""
    return sum(not job.held_by and not job.elsewhere and job.priority >= 0 for job in queue(state))


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
