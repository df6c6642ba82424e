"""What a command said on nodes: equal outputs once, under the nodes that said it; those that failed last."""

from collections.abc import Sequence
from dataclasses import dataclass

from sciabc_tui.cluster.gather import Gathering, Group, Outcome
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.tui.present.ansi import spans
from sciabc_tui.tui.present.cells import (
    Cell,
    LazyRows,
    Line,
    Row,
    Table,
    Tone,
    cell_width,
    crop,
    fit,
    line_width,
    plain,
)
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.view import View

MOST = 20_000
"""Lines that are shown of all groups; the file that is saved has all that was kept."""

_FEWEST = 50
"""Lines of a group that are shown, however many groups there are."""

_CANCELS = "; esc cancels"

_ERR = "! "
"""Stands before what was written to standard error; in every character set."""
_OUT = "  "


@dataclass(frozen=True, slots=True)
class Ran:
    """How far a command is.

    Attributes:
        command: As it was typed; empty when none ran yet.
        said: What the nodes said.
        since: When it began, on the head's clock.
        until: When it ended; None while it runs.
        problem: Why it could not be run.
        cancelled: It was cancelled.
    """

    command: str = ""
    said: Gathering | None = None
    since: float = 0.0
    until: float | None = None
    problem: str = ""
    cancelled: bool = False

    @property
    def running(self) -> bool:
        """Is it under way?"""
        return bool(self.command) and self.until is None


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line of the table before it is drawn."""

    text: str
    mark: str = _OUT
    tone: Tone = Tone.PLAIN
    group: Group | None = None


def in_order(groups: Sequence[Group]) -> tuple[Group, ...]:
    """Put groups where they are looked for: what went well, what runs, and the worst last."""
    return tuple(sorted(groups, key=lambda group: _badness(group.outcome)))


def _badness(outcome: Outcome) -> tuple[int, int]:
    if outcome.running:
        return 1, 0
    if outcome.ok and not outcome.code:
        return 0, 0
    return (2, outcome.code) if outcome.code else (3, 0)


def worst(said: Gathering) -> int:
    """Give the exit code of all: the worst one; 1 where a node has none and failed."""
    codes = [group.outcome for group in said.groups() if not group.outcome.running]
    return max((abs(outcome.code or 0) or int(not outcome.ok) for outcome in codes), default=0)


def table(view: View, ran: Ran, wanted: str, width: int) -> Table:
    """List what was said, in rows of at most `width` cells; long lines go on in further rows.

    Args:
        view: For the glyphs.
        ran: What was run.
        wanted: Only lines that hold this, and the groups that have some.
        width: Cells of a row.
    """
    groups = in_order(ran.said.groups()) if ran.said else ()
    last = max(_FEWEST, MOST // max(1, len(groups)))
    keys: list[str] = []
    places: list[tuple[_Piece, int]] = []
    room = max(8, width - len(_OUT))
    for group in groups:
        pieces = _pieces(group, wanted.lower(), last)
        for number, piece in enumerate(pieces):
            rows = 1 if piece.group else max(1, -(-cell_width(piece.text) // room))
            for part in range(rows):
                keys.append(f"{group.nodes[0]}\n{number}\n{part}")
                places.append((piece, part))

    def made(number: int) -> Row:
        piece, part = places[number]
        return Row(keys[number], _drawn(piece, part, room, view.glyphs, running=ran.running))

    note = f"with {plain(wanted)}" if wanted else ""
    empty = "nothing was said" if ran.command else "type a command, and enter"
    return Table("Output", "", LazyRows(keys, made), note, empty)


def _pieces(group: Group, wanted: str, last: int) -> list[_Piece]:
    out, err = group.out(last), group.err(last)
    found = [_Piece(_plain(text)) for text in out] + [_Piece(_plain(text), _ERR, Tone.WARN) for text in err]
    if wanted:
        found = [piece for piece in found if wanted in piece.text.lower()]
        if not found:
            return []
    more = group.count - len(out) - len(err)
    if more > 0 and not wanted:
        found.insert(0, _Piece(f"({more:,} lines above are not shown; S saves them)", tone=Tone.DIM))
    if group.lost:
        found.append(_Piece(f"({group.lost:,} bytes more were not kept)", tone=Tone.DIM))
    outcome = group.outcome
    if outcome.fix and not outcome.ok:
        found.append(_Piece(plain(outcome.fix), tone=Tone.ACCENT))
    return [_Piece("", group=group), *found]


def _plain(text: str) -> str:
    """Give a line as a terminal would have left it; its colours mean nothing beside other nodes' lines."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(span.text for span in spans(text.encode(errors="replace"), len(text) + 8))


def _drawn(piece: _Piece, part: int, room: int, glyphs: Glyphs, *, running: bool) -> Line:
    if piece.group is not None:
        return header(piece.group, room, glyphs, running=running)
    text = piece.text
    for _ in range(part):
        text = text[len(crop(text, room)) :]
    return (
        Cell(piece.mark, Tone.WARN if piece.mark == _ERR else Tone.DIM),
        Cell(crop(text, room), piece.tone),
    )


def header(group: Group, width: int, glyphs: Glyphs, *, running: bool) -> Line:
    """Name the nodes of a group, how many they are, and how it went there; `running`: it is not all over."""
    names = plain(fold(group.nodes))
    count = f" ({len(group.nodes)})"
    word = outcome_cell(group.outcome, glyphs, running=running)
    room = max(4, width - len(count) - cell_width(word.text) - 2)
    name = names if cell_width(names) <= room else crop(names, room - 1) + glyphs.cut
    line = (Cell(f"{name}{count}  ", Tone.ACCENT), word)
    rest = width - line_width(line)
    return (*line, Cell(f" {glyphs.rule * max(0, rest - 1)}", Tone.DIM))


def outcome_cell(outcome: Outcome, glyphs: Glyphs, *, running: bool) -> Cell:
    """Give how it went as a glyph and words."""
    if outcome.running and not running:
        return Cell(f"{glyphs.unknown} ended before it was over", Tone.DIM)
    if outcome.running:
        return Cell(f"{glyphs.levels[-1]} runs", Tone.BUSY)
    text = plain(outcome.text)
    if outcome.ok and not outcome.code:
        return Cell(f"{glyphs.well} {text or 'ok'}", Tone.OK)
    code = "" if outcome.code is None else f"exit {outcome.code}"
    return Cell(f"{glyphs.failed} {text or code or 'failed'}", Tone.BAD)


def status(view: View, ran: Ran, width: int) -> Line:
    """Say how far it is, or how it came out."""
    if not ran.command:
        return (Cell(fit("", width)),)
    cut, glyphs = view.glyphs.cut, view.glyphs
    said = ran.said
    if ran.problem:
        return (Cell(fit(f" {plain(ran.problem)}", width, cut=cut), Tone.BAD),)
    if said is None:
        return (Cell(fit(" asking the nodes; esc cancels", width), Tone.BUSY),)
    over, of = said.over, said.over + len(said.running)
    if ran.running:
        seconds = max(0.0, view.now - ran.since)
        waits = f", waiting for {plain(fold(said.running))}" if over and of - over <= 8 else ""
        text = f" {seconds:.0f} s: {over} of {of} over{waits}"
        room = max(0, width - len(_CANCELS))
        shown = text if cell_width(text) <= room else fit(text, room, cut=cut)
        return (Cell(shown, Tone.BUSY), Cell(_CANCELS, Tone.DIM))
    took = max(0.0, (ran.until or 0.0) - ran.since)
    if ran.cancelled:
        return (Cell(fit(f" cancelled after {took:.0f} s: {over} of {of} were over", width), Tone.WARN),)
    code = worst(said)
    sign, tone = (glyphs.well, Tone.OK) if not code else (glyphs.failed, Tone.BAD)
    groups = len(said.groups())
    kinds = "all said the same" if groups == 1 else f"{groups} different outputs"
    text = f" {sign} {of} node{'s' if of != 1 else ''} in {took:.1f} s, {kinds}; exit code {code}"
    return (Cell(fit(text, width, cut=cut), tone),)


def file_text(ran: Ran) -> str:
    """Give all that was kept, for a file."""
    made: list[str] = [f"$ {ran.command}\n"]
    for group in in_order(ran.said.groups()) if ran.said else ():
        outcome = group.outcome
        how = outcome.text or ("runs" if outcome.running else f"exit {outcome.code}")
        made.append(f"\n--- {fold(group.nodes)} ({len(group.nodes)})  {how}\n")
        made += [f"{line}\n" for line in group.out()]
        made += [f"{_ERR}{line}\n" for line in group.err()]
    return "".join(made)
