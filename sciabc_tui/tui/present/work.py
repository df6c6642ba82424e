"""How far a work on nodes is: the grid of nodes and steps, and what is told of the one under the cursor."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sciabc_tui.api.works import Begun, Board, Ended, Outcome, Over, Part, Said, Step
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.tui.present.cells import (
    Cell,
    Grid,
    GridColumn,
    GridRow,
    Line,
    Tone,
    cell_width,
    fit,
    line_width,
    plain,
    wrapped,
)
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.view import UNKNOWN, View

_CANCELS = "; esc cancels"

_WHAT_KEY = "what"

RESULT = "result"
"""The key of the column that says what came of a node; no step is called so."""

_WORDS: Mapping[Outcome, str] = {
    "running": "runs",
    "done": "done",
    "unchanged": "ok",
    "would": "would",
    "failed": "FAIL",
    "skipped": "skip",
}
_TONES: Mapping[Outcome, Tone] = {
    "running": Tone.BUSY,
    "done": Tone.OK,
    "unchanged": Tone.OK,
    "would": Tone.WARN,
    "failed": Tone.BAD,
    "skipped": Tone.DIM,
}
_WELL = frozenset({"done", "unchanged", "skipped"})
_LEAST = 7
"""Cells of a column: a glyph, a space and the longest word."""
_WIDEST = 12
_BETWEEN = 2
_NAME = 24
_SHORT_NAME = 12
_WHAT = 20
"""Cells that the text beside the steps needs at least."""
_MOST_LINES = 200
"""Lines of what a dry run found that are told."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What was told of a work so far.

    Attributes:
        names: The nodes that are worked on.
        steps: What is done on each, in order; none where there is only one thing to do.
        known: What was last told of a step on a node.
        newest: What was last told of a node.
        ended: The nodes that are over.
        over: The end of all; None before.
        since: When it began, on the head's clock; None when it does not run.
        until: When it ended.
        problem: Why it could not be done, or went no further.
        cancelled: It was cancelled.
    """

    names: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    known: Mapping[tuple[str, str], Step] = field(default_factory=dict[tuple[str, str], Step])
    newest: Mapping[str, Step] = field(default_factory=dict[str, Step])
    ended: Mapping[str, Ended] = field(default_factory=dict[str, Ended])
    over: Over | None = None
    since: float | None = None
    until: float = 0.0
    problem: str = ""
    cancelled: bool = False

    @property
    def running(self) -> bool:
        """Is it under way?"""
        return self.since is not None and self.until < self.since

    @property
    def failed(self) -> tuple[str, ...]:
        """The nodes on which it did not go well, or of which the end was not told."""
        if self.running:
            return ()
        bad = (name for name in self.names if not (name in self.ended and self.ended[name].ok))
        return tuple(bad)

    @property
    def changes(self) -> int:
        """How many things were changed on all nodes."""
        return sum(ended.changes for ended in self.ended.values())


def begun(now: float) -> Progress:
    """Give a work that was just asked for."""
    return Progress(since=now, until=now - 1)


def told(progress: Progress, parts: Iterable[Part]) -> Progress:
    """Take in what was told; many parts at once cost one copy."""
    known, newest, ended = dict(progress.known), dict(progress.newest), dict(progress.ended)
    for part in parts:
        match part:
            case Begun(nodes, steps):
                progress = replace(progress, names=nodes, steps=steps)
            case Step(node, step):
                known[node, step] = newest[node] = part
            case Ended(node):
                ended[node] = part
            case Over():
                progress = replace(progress, over=part)
            case Said() | Board():
                pass
    return replace(progress, known=known, newest=newest, ended=ended)


def finished(progress: Progress, now: float, problem: str, *, cancelled: bool = False) -> Progress:
    """Take in that nothing more is told."""
    since = now if progress.since is None else progress.since
    return replace(progress, until=max(now, since), problem=problem, cancelled=cancelled)


def grid(view: View, title: str, progress: Progress, width: int) -> Grid:
    """Give the grid; steps that went well everywhere go first when `width` cells are too few for all."""
    longest = max((cell_width(plain(name)) for name in progress.names), default=4)
    longest = min(_NAME, max(4, longest))
    columns = [_column(step) for step in progress.steps] or [GridColumn(RESULT, RESULT, _LEAST)]
    room = width - _BETWEEN - min(longest, _SHORT_NAME)
    gone: list[str] = []
    for column in tuple(columns):
        if _needed(columns) <= room:
            break
        if progress.names and all(_is_well(progress, name, column.key) for name in progress.names):
            columns.remove(column)
            gone.append(column.heading.strip())
    name_width = max(min(longest, _SHORT_NAME), min(longest, width - _BETWEEN - _needed(columns)))
    left = width - _BETWEEN - name_width - _needed(columns) - _BETWEEN
    if left >= _WHAT:
        columns.append(GridColumn(_WHAT_KEY, "", left - 1))
    note = f"{len(progress.names) or ''}" + (f"  {', '.join(gone)}: ok on all" if gone else "")
    rows = tuple(_row(view, progress, name, columns, name_width) for name in progress.names)
    return Grid(title, tuple(columns), rows, "node", name_width, note, "waiting for the first word")


def _column(step: str) -> GridColumn:
    heading = plain(step)
    return GridColumn(step, heading, max(_LEAST, min(_WIDEST, cell_width(heading))))


def _needed(columns: Sequence[GridColumn]) -> int:
    return sum(column.width + _BETWEEN for column in columns)


def _is_well(progress: Progress, name: str, key: str) -> bool:
    step = progress.known.get((name, key))
    return step is not None and step.outcome in _WELL


def _row(
    view: View, progress: Progress, name: str, columns: Sequence[GridColumn], name_width: int
) -> GridRow:
    glyphs = view.glyphs
    cells = tuple(
        _cell(progress, name, column.key, glyphs)
        if column.key != _WHAT_KEY
        else Cell(fit(_now(progress, name), column.width, cut=glyphs.cut), Tone.DIM)
        for column in columns
    )
    return GridRow(name, fit(plain(name), name_width, cut=glyphs.cut), cells)


def _cell(progress: Progress, name: str, key: str, glyphs: Glyphs) -> Cell:
    if key == RESULT:
        return result_cell(progress, name, glyphs)
    step = progress.known.get((name, key))
    if step is None:
        return Cell(f"{glyphs.unknown} {UNKNOWN}", Tone.DIM)
    return step_cell(step, glyphs, running=progress.running)


def step_cell(step: Step, glyphs: Glyphs, *, running: bool) -> Cell:
    """Give where a step stands as a glyph and a word; or how much is done, while the work is `running`."""
    if step.outcome == "running" and not running:
        return Cell(f"{glyphs.unknown} {UNKNOWN}", Tone.DIM)
    word = _WORDS[step.outcome]
    if step.outcome == "running" and step.share is not None:
        word = f"{max(0.0, min(1.0, step.share)):.0%}"
    return Cell(f"{_sign(step.outcome, glyphs)} {word}", _TONES[step.outcome])


def _sign(outcome: Outcome, glyphs: Glyphs) -> str:
    match outcome:
        case "done" | "unchanged":
            return glyphs.well
        case "running":
            return glyphs.levels[-1]
        case "would":
            return glyphs.alarm
        case "failed":
            return glyphs.failed
        case "skipped":
            return "-"


def result_cell(progress: Progress, name: str, glyphs: Glyphs) -> Cell:
    """Give how it went on a node."""
    ended = progress.ended.get(name)
    if ended is not None:
        good, bad = Cell(f"{glyphs.well} done", Tone.OK), Cell(f"{glyphs.failed} FAIL", Tone.BAD)
        return good if ended.ok else bad
    if not progress.running:
        return Cell(f"{glyphs.unknown} {UNKNOWN}", Tone.DIM)
    newest = progress.newest.get(name)
    return step_cell(newest, glyphs, running=True) if newest else Cell(f"{glyphs.unknown} waits", Tone.DIM)


def _now(progress: Progress, name: str) -> str:
    """Say what came of a node, or what is under way there."""
    ended, newest = progress.ended.get(name), progress.newest.get(name)
    if ended is not None:
        return plain(ended.text)
    if newest is None:
        return ""
    return plain(newest.text or (newest.step if newest.outcome == "running" else ""))


def status(view: View, title: str, progress: Progress, meaning: str, width: int) -> tuple[Line, ...]:
    """Say in two lines or more what is done, how far it is, or what came of it, means, and is to do next."""
    cut = view.glyphs.cut
    lines: list[Line] = [(Cell(fit(f" {plain(title)}", width, cut=cut), Tone.ACCENT),)]
    if progress.running:
        seconds = max(0.0, view.now - (progress.since or 0.0))
        over = f": {len(progress.ended)} of {len(progress.names)} over" if progress.names else ""
        text = f" {seconds:.0f} s{over}{_last(progress)}"
        room = max(0, width - len(_CANCELS))
        shown = text if cell_width(text) <= room else fit(text, room, cut=cut)
        return (*lines, (Cell(shown, Tone.BUSY), Cell(_CANCELS, Tone.DIM)))
    if progress.problem or progress.cancelled:
        text = plain(progress.problem) or "Cancelled: what was begun on the nodes is ended."
        tone = Tone.BAD if progress.problem else Tone.WARN
        lines += [(Cell(f" {part}", tone),) for part in wrapped(text, width - 2)]
    lines.append(_counts(view, progress, width))
    texts = [(meaning, Tone.ACCENT)]
    if progress.over is not None:
        texts = [(progress.over.text, Tone.PLAIN), (progress.over.fix, Tone.ACCENT), *texts]
    lines += [(Cell(f" {p}", tone),) for text, tone in texts if text for p in wrapped(plain(text), width - 2)]
    return tuple(lines)


def _last(progress: Progress) -> str:
    """Say what was told last of a node that is not over."""
    under_way = [step for name, step in progress.newest.items() if name not in progress.ended]
    if not under_way:
        return ""
    step = under_way[-1]
    share = "" if step.share is None else f" {max(0.0, min(1.0, step.share)):.0%}"
    text = f" ({step.text})" if step.text else ""
    return plain(f", {step.node}: {step.step}{share}{text}")


def _counts(view: View, progress: Progress, width: int) -> Line:
    """Count how the nodes came out."""
    bad = Counter(name in progress.ended for name in progress.failed)
    well = len(progress.names) - sum(bad.values())
    glyphs = view.glyphs
    cells = [
        Cell(f" {sign} {count} {word} ", tone)
        for sign, count, word, tone in (
            (glyphs.well, well, "done", Tone.OK),
            (glyphs.failed, bad[True], "FAILED", Tone.BAD),
            (glyphs.unknown, bad[False], "not over", Tone.DIM),
        )
        if count
    ]
    failed = [name for name in progress.failed if name in progress.ended]
    rest = f" {plain(fold(failed))}" if failed else ""
    return (*cells, Cell(fit(rest, max(0, width - line_width(cells)), cut=glyphs.cut), Tone.DIM))


def remedy(view: View, progress: Progress, name: str, key: str, width: int) -> tuple[Line, ...]:
    """Tell of the cell under the cursor: what was found, done or would be changed, and what to do next."""
    if not name:
        return ()
    step, ended = progress.known.get((name, key)), progress.ended.get(name)
    if step is None:
        step = progress.newest.get(name)
    lines: list[Line] = []
    if step is not None:
        cell = step_cell(step, view.glyphs, running=progress.running)
        lines.append((Cell(f"{plain(name)}  {plain(step.step)}  ", Tone.ACCENT), cell))
        lines += _told(step.text, step.fix, width)
    if ended is not None and not (step and ended.text.endswith(step.text) and ended.fix == step.fix):
        lines.append((Cell(f"{plain(name)}  ", Tone.ACCENT), result_cell(progress, name, view.glyphs)))
        lines += _told(ended.text, ended.fix, width)
    return tuple(lines)


def _told(text: str, fix: str, width: int) -> list[Line]:
    """Give a text of one line or more, and what to do next."""
    texts = [(line, Tone.PLAIN) for line in text.splitlines()[:_MOST_LINES]] + [(fix, Tone.ACCENT)]
    return [(Cell(part, tone),) for text, tone in texts if text for part in wrapped(plain(text), width)]


def first_bad(progress: Progress) -> tuple[str, str]:
    """Give the node and the step of the first failure; empty if there is none."""
    for name in progress.names:
        for step in progress.steps:
            found = progress.known.get((name, step))
            if found is not None and found.outcome == "failed":
                return name, step
    failed = [name for name in progress.names if name in progress.ended and not progress.ended[name].ok]
    return (failed[0], RESULT) if failed else ("", "")
