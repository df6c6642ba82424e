"""Whether nodes are fit for a job: the grid of nodes and checks, and what is to be done about a cell."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from msgspec import structs

from sciabc_tui.api.messages import (
    PreflightBegun,
    PreflightCheck,
    PreflightReport,
    PreflightRow,
    PreflightWish,
)
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.cells import (
    Cell,
    Grid,
    GridColumn,
    GridRow,
    Line,
    Tone,
    cell_width,
    dimmed_line,
    fit,
    plain,
    wrapped,
)
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.nodes import ordered
from sciabc_tui.tui.present.view import UNKNOWN, View

_WORDS = {"ok": "ok", "warn": "warn", "fail": "FAIL", "unknown": UNKNOWN}
_TONES = {"ok": Tone.OK, "warn": Tone.WARN, "fail": Tone.BAD, "unknown": Tone.DIM}
_SEVERITY = ("ok", "unknown", "warn", "fail")
_HEADINGS = {"directory": "dir"}
_LEAST = 6
"""Cells of a column: a glyph, a space and the longest word."""
_BETWEEN = 2
_NAME = 24
_SHORT_NAME = 12
_FIX_LINES = 3
_LABEL = 11
_NODE = "node"
"""What stands above the names."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How far it is.

    Attributes:
        names: The nodes that are asked, or will be.
        since: When they were asked, on the head's clock; None while nobody is.
        answered: When the report came, on the head's clock.
        report: The newest that came; while nodes are asked, what is known of them so far.
        heard: The nodes that have answered since they were asked.
        problem: Why none came.
    """

    names: tuple[str, ...] = ()
    since: float | None = None
    answered: float = 0.0
    report: PreflightReport | None = None
    problem: str = ""
    heard: frozenset[str] = frozenset()


def with_part(asking: Asking, part: PreflightBegun | PreflightRow, now: float) -> Asking:
    """Take in which nodes are asked, or what one of them said; what others said before stays."""
    rows = asking.report.rows if asking.report else ()
    if isinstance(part, PreflightBegun):
        return replace(asking, report=PreflightReport(part.launcher, rows), names=part.nodes)
    launcher = asking.report.launcher if asking.report else ""
    known = {row.node: row for row in rows} | {part.node: part}
    ordered = tuple(known[node] for node in dict.fromkeys((*asking.names, *known)) if node in known)
    answered = asking.answered if rows else now
    heard = asking.heard | {part.node}
    return replace(asking, report=PreflightReport(launcher, ordered), heard=heard, answered=answered)


def to_ask(state: State, wish: PreflightWish) -> tuple[str, ...]:
    """Name the nodes that a wish is about, the head first: those it names, else all that may take jobs."""
    names = wish.nodes or tuple(node.name for node in ordered(state) if _takes_jobs(node))
    return tuple(name for name in dict.fromkeys(names) if name not in wish.exclude)


def _takes_jobs(node: Node) -> bool:
    """Would it take jobs, if it is as it should be?"""
    trusted = node.present and node.trust is Trust.TRUSTED and node.drained is None
    return trusted or node.origin is Origin.LOCAL


def of_job(job: Job) -> PreflightWish:
    """Wish for the check of a job: where it runs, or else where it may run."""
    where = tuple(part.name for part in job.allocation) if job.state is JobState.RUNNING else job.nodes
    others = () if where else job.exclude
    return PreflightWish(job.program, job.cwd, where, others, each=job.each, launcher=job.launcher)


def node_of(state: State | None, name: str) -> NodeId | None:
    """Find a node by its name."""
    nodes = state.nodes.values() if state else ()
    return next((node.id for node in nodes if node.name == name), None)


def grid(view: View, asking: Asking, width: int) -> Grid:
    """Give the grid: of the newest report, else of the nodes that are asked.

    Columns in which all is well go first when `width` cells are too few; the note names them.
    """
    if asking.report is None or not asking.report.rows:
        return _unanswered(view, asking)
    rows = asking.report.rows
    subjects = [check.subject for check in rows[0].checks]
    silent = _silent(asking)
    longest = _name_width((*(row.node for row in rows), *silent))
    columns = [GridColumn(subject, _heading(subject), 0) for subject in subjects]
    columns = [structs.replace(column, width=max(_LEAST, cell_width(column.heading))) for column in columns]
    room = width - _BETWEEN - min(longest, _SHORT_NAME)
    gone: list[str] = []
    for column in reversed(columns):
        if _needed(columns) <= room:
            break
        if all(_check(row, column.key).verdict == "ok" for row in rows):
            columns = [kept for kept in columns if kept is not column]
            gone.insert(0, column.heading)
    name_width = max(min(longest, _SHORT_NAME), min(longest, width - _BETWEEN - _needed(columns)))
    count = len(rows) + len(silent)
    note = f"{count}  {', '.join(gone)}: ok on all" if gone else str(count)
    waits = tuple(Cell(view.glyphs.unknown, Tone.DIM) for _ in columns)
    drawn = {row.node: _row(row, columns, name_width, view) for row in rows}
    drawn |= {
        name: GridRow(name, fit(plain(name), name_width, cut=view.glyphs.cut), waits) for name in silent
    }
    places = {name: place for place, name in enumerate(asking.names)} if silent else {}
    made = tuple(sorted(drawn.values(), key=lambda row: places.get(row.key, len(places))))
    return Grid("Preflight", tuple(columns), made, _NODE, name_width, note, "no node was asked")


def _silent(asking: Asking) -> tuple[str, ...]:
    """Name the nodes of which nothing is known yet."""
    known = {row.node for row in asking.report.rows} if asking.report else set[str]()
    return tuple(name for name in asking.names if name not in known) if asking.since is not None else ()


def _name_width(names: Iterable[str]) -> int:
    widest = max((cell_width(plain(name)) for name in names), default=0)
    return min(_NAME, max(cell_width(_NODE), widest))


def _heading(subject: str) -> str:
    return plain(_HEADINGS.get(subject, subject))


def _needed(columns: list[GridColumn]) -> int:
    return sum(column.width + _BETWEEN for column in columns)


def _unanswered(view: View, asking: Asking) -> Grid:
    width = _name_width(asking.names)
    word = "not asked" if asking.since is None else "asking"
    cell = Cell(f"{view.glyphs.unknown} {word}", Tone.DIM)
    rows = tuple(
        GridRow(name, fit(plain(name), width, cut=view.glyphs.cut), (cell,)) for name in asking.names
    )
    empty = "no node to check" if view.state else "waiting for the head service"
    columns = (GridColumn("", "", 12),)
    return Grid("Preflight", columns, rows, _NODE, width, str(len(rows) or ""), empty)


def _row(row: PreflightRow, columns: list[GridColumn], width: int, view: View) -> GridRow:
    cells = tuple(verdict_cell(_check(row, column.key), view.glyphs) for column in columns)
    name = fit(plain(row.node), width, cut=view.glyphs.cut)
    return GridRow(row.node, name, dimmed_line(cells) if view.stale else cells)


def _check(row: PreflightRow, subject: str) -> PreflightCheck:
    found = (check for check in row.checks if check.subject == subject)
    return next(found, PreflightCheck(subject, "unknown", "not asked"))


def verdict_cell(check: PreflightCheck, glyphs: Glyphs) -> Cell:
    """Give what came of a check as a glyph and a word."""
    return Cell(f"{_glyph(check.verdict, glyphs)} {_WORDS[check.verdict]}", _TONES[check.verdict])


def _glyph(verdict: str, glyphs: Glyphs) -> str:
    signs = {"ok": glyphs.well, "warn": glyphs.alarm, "fail": glyphs.failed}
    return signs.get(verdict, glyphs.unknown)


def first_bad(report: PreflightReport) -> tuple[str, str]:
    """Give the node and the check of the first of the worst cells that name a fix; empty if none does."""
    found = [(row.node, check) for row in report.rows for check in row.checks if check.fix]
    worst = max(found, key=lambda cell: _SEVERITY.index(cell[1].verdict), default=None)
    return (worst[0], worst[1].subject) if worst else ("", "")


def status(view: View, title: str, wish: PreflightWish, asking: Asking, width: int) -> tuple[Line, ...]:
    """Say what is checked, and how far it is or how it came out: in two lines, and why not in more."""
    with_ = f" with {plain(asking.report.launcher)}" if asking.report else ""
    what = f": {plain(wish.program)} in {plain(wish.cwd) or 'the home directory'}" if wish.program else ""
    first = (Cell(fit(f" {plain(title)}{what}{with_}", width, cut=view.glyphs.cut), Tone.ACCENT),)
    problem = plain(asking.problem) if asking.since is None else ""
    why = tuple((Cell(fit(f" {part}", width), Tone.BAD),) for part in wrapped(problem, width - 2) if part)
    return (first, *why, _progress(view, asking, width))


def _progress(view: View, asking: Asking, width: int) -> Line:
    count = len(asking.names)
    nodes = "1 node" if count == 1 else f"{count} nodes"
    if asking.since is not None:
        waited = max(0.0, view.now - asking.since)
        heard = f", {len(asking.heard)} of {count} have answered" if asking.heard else ""
        return (Cell(fit(f" asking {nodes}: {waited:.0f} s{heard}; esc stops", width), Tone.BUSY),)
    if asking.report is None or not asking.report.rows:
        return (Cell(fit(f" {nodes} not asked: r asks again" if count else "", width), Tone.DIM),)
    cells = [structs.replace(cell, text=f" {cell.text}") for cell in _counts(asking.report, view.glyphs)]
    oldest = max((row.age for row in asking.report.rows), default=0.0)
    seconds = oldest + max(0.0, view.now - asking.answered)
    age = f" {'just now' if seconds < 1 else f'as of {span(seconds)} ago'}: r asks again"
    room = width - sum(cell_width(cell.text) for cell in cells)
    return (*cells, Cell(fit(age, room, cut=view.glyphs.cut), Tone.DIM))


def _counts(report: PreflightReport, glyphs: Glyphs) -> list[Cell]:
    """Count how the nodes came out."""
    counts = Counter(_worst(row) for row in report.rows)
    return [
        Cell(f"{_glyph(verdict, glyphs)} {counts[verdict]} {word} ", _TONES[verdict])
        for verdict, word in (
            ("ok", "fit"),
            ("warn", "with a warning"),
            ("fail", "NOT FIT"),
            ("unknown", "unknown"),
        )
        if counts[verdict]
    ]


def in_short(view: View, asking: Asking, width: int) -> Line:
    """Say in one line whether the nodes are fit, and if not, what is the worst of it."""
    count = len(asking.names)
    if asking.report is None:
        nodes = "1 node" if count == 1 else f"{count} nodes"
        text = "not asked yet whether they are fit; ctrl+t asks"
        if asking.since is not None:
            text = f"asking {nodes} whether they are fit"
        if asking.problem:
            text = plain(asking.problem)
        return (Cell(fit(text, width, cut=view.glyphs.cut), Tone.DIM),)
    node, subject = first_bad(asking.report)
    cells = _counts(asking.report, view.glyphs)
    row = _row_of(asking, node)
    why = f"{plain(node)}: {plain(subject)}, {plain(_check(row, subject).value)}; " if row else ""
    room = width - sum(cell_width(cell.text) for cell in cells)
    return (*cells, Cell(fit(f" {why}ctrl+t tells more", room, cut=view.glyphs.cut), Tone.DIM))


def _worst(row: PreflightRow) -> str:
    return max((check.verdict for check in row.checks), key=_SEVERITY.index, default="unknown")


def remedy(view: View, asking: Asking, node: str, subject: str, width: int) -> tuple[Line, ...]:
    """Say of the cell under the cursor what was found and what is to be done, in at least so many lines."""
    row = _row_of(asking, node)
    lines: list[Line] = []
    if row is not None and subject:
        check = _check(row, subject)
        lines.append(
            (
                Cell(f"{plain(node)}  {plain(subject)}  ", Tone.ACCENT),
                verdict_cell(check, view.glyphs),
            )
        )
        lines += [(Cell(part),) for part in wrapped(plain(check.value), width)]
        lines += [(Cell(part, Tone.ACCENT),) for part in wrapped(_fix(row, check), width) if part]
    blank: Line = (Cell(""),)
    lines += [blank] * (1 + _FIX_LINES - len(lines))
    return tuple(dimmed_line(line) for line in lines) if view.stale else tuple(lines)


def is_bad(asking: Asking, node: str, subject: str) -> bool:
    """Tell whether a cell is one that has to be explained."""
    row = _row_of(asking, node)
    return row is not None and bool(subject) and _check(row, subject).verdict in {"warn", "fail"}


def presses(node: str, width: int) -> tuple[Line, ...]:
    """Say what to press when a cell was explained."""
    text = f"r asks again when that is done; enter once more: the page of {plain(node)}"
    return tuple((Cell(part, Tone.BUSY),) for part in wrapped(text, width))


def _fix(row: PreflightRow, check: PreflightCheck) -> str:
    if check.fix or check.verdict == "ok":
        return plain(check.fix)
    first = next((other for other in row.checks if other.fix), None)
    return f"first {plain(first.subject)}, {plain(first.value)}. {plain(first.fix)}" if first else ""


def node_in_full(view: View, asking: Asking, node: str, width: int) -> tuple[Line, ...]:
    """Tell all that was found on a node, in lines of at most `width` cells."""
    row = _row_of(asking, node)
    if row is None:
        return ()
    lines: list[Line] = [(Cell(fit(plain(node), width, cut=view.glyphs.cut), Tone.ACCENT),)]
    for check in row.checks:
        sign = _glyph(check.verdict, view.glyphs)
        tone = _TONES[check.verdict]
        parts = wrapped(plain(check.value) or UNKNOWN, max(8, width - _LABEL))
        lines.append((Cell(fit(f"{sign} {_heading(check.subject)}", _LABEL), tone), Cell(parts[0])))
        lines += [(Cell(" " * _LABEL), Cell(part)) for part in parts[1:]]
        fix = wrapped(plain(check.fix), max(8, width - _LABEL)) if check.fix else ()
        lines += [(Cell(" " * _LABEL), Cell(part, Tone.ACCENT)) for part in fix]
    return tuple(dimmed_line(line) for line in lines) if view.stale else tuple(lines)


def _row_of(asking: Asking, node: str) -> PreflightRow | None:
    rows = asking.report.rows if asking.report else ()
    return next((row for row in rows if row.node == node), None)
