"""The heat map: a cell a node, hundreds of them on one screen.

letter = state, shade = CPU load, a capital for more than half of it; names folded at the left
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from sciabc_tui.cluster.node import Node, RowWord
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.tui.present.cells import Cell, Line, Tone, fit, line_width, plain
from sciabc_tui.tui.present.node_table import Listing, note
from sciabc_tui.tui.present.nodes import TONES, WORST_FIRST, Seat, percent
from sciabc_tui.tui.present.nodes import state_cell as state_of
from sciabc_tui.tui.present.view import UNKNOWN, View

SHADES = 5
"""How many steps the load has, 0 for none or an unknown one."""

LETTERS = {
    RowWord.READY: "r",
    RowWord.BUSY: "b",
    RowWord.NEW: "n",
    RowWord.SUSPECT: "s",
    RowWord.DOWN: "x",
    RowWord.LEFT: "l",
    RowWord.DRAINED: "d",
    RowWord.REFUSED: "!",
}

_LENGTHS = (128, 100, 64, 50, 32, 20, 16, 10, 8, 5, 4, 2, 1)
"""How many cells a row may have: counts that people and node names like."""

_FAMILY = 8
"""From so many nodes of one name on they have rows of their own."""


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One node: a letter, what it means, and how dark its ground is."""

    letter: str
    tone: Tone
    shade: int


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One line of nodes, with their keys; its cells are made when they are drawn."""

    label: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The map, ready to be drawn.

    Attributes:
        title: Stands above it.
        note: Stands at the end of the title's line.
        rows: The lines of nodes.
        label_width: Cells of the labels.
        cell: Gives the cell of a node's key.
        told: Gives the line that tells of a node's key.
        legend: The last lines.
        empty: What stands there when there is no row.
    """

    title: str
    note: str
    rows: tuple[HeatRow, ...]
    label_width: int
    cell: Callable[[str], HeatCell]
    told: Callable[[str], Line]
    legend: tuple[Line, ...]
    empty: str = ""


def heat_map(view: View, width: int, listing: Listing) -> HeatMap:
    """Draw the listed nodes in `width` cells, in the order of their names whatever they are sorted by."""
    wanted = {node.id for node in listing.nodes}
    nodes = [node for node in view.digest.nodes if node.id in wanted]
    seats = {str(node.id): Seat(node, view.digest.used.get(node.id, 0), view) for node in nodes}
    rows, label_width = _rows(nodes, width)
    stale = view.stale

    def cell(key: str) -> HeatCell:
        made = _cell(seats[key])
        return HeatCell(made.letter, Tone.DIM, 0) if stale else made

    def told(key: str) -> Line:
        return _told(seats[key], width)

    return HeatMap(
        "Nodes, heat map",
        note(view, listing),
        rows,
        label_width,
        cell,
        told,
        _legend(seats.values(), width),
        "no node matches" if listing.wanted else "",
    )


def _rows(nodes: Sequence[Node], width: int) -> tuple[tuple[HeatRow, ...], int]:
    """Break the nodes into lines; the label is as wide as the widest name set needs, within reason."""
    families = _families(nodes)
    widest, parts = 8, list[list[Node]]()
    for length in _LENGTHS:
        parts = [part for family in families for part in _parts(family, length)]
        widest = min(max((len(_label(part)) for part in parts), default=8), max(12, width // 3))
        if widest + 1 + length <= width:
            break
    rows = tuple(HeatRow(fit(_label(p), widest), tuple(str(node.id) for node in p)) for p in parts)
    return rows, widest


def _label(nodes: Sequence[Node]) -> str:
    return plain(fold(node.name for node in nodes))


def _families(nodes: Sequence[Node]) -> list[list[Node]]:
    """Group nodes whose names differ in their numbers only; small groups that are neighbours go together."""
    families: list[list[Node]] = []
    mixed = False
    for _, group in groupby(nodes, key=lambda node: node.name.rstrip("0123456789")):
        family = list(group)
        small = len(family) < _FAMILY
        if small and mixed:
            families[-1] += family
        else:
            families.append(family)
        mixed = small
    return families


def _parts(nodes: list[Node], length: int) -> list[list[Node]]:
    return [nodes[first : first + length] for first in range(0, len(nodes), length)]


def _cell(seat: Seat) -> HeatCell:
    letter, tone = LETTERS[seat.word], TONES[seat.word]
    reading = seat.node.reading if seat.node.present else None
    load = reading.cpu_percent if reading else None
    if load is None:
        return HeatCell(letter, tone, 0)
    shade = min(SHADES - 1, max(0, int(load * SHADES / 100)))
    return HeatCell(letter.upper() if load > 50 else letter, tone, shade)


def _told(seat: Seat, width: int) -> Line:
    """Tell of the node under the cursor."""
    reading = seat.node.reading if seat.node.present else None
    degrees = reading.temperature if reading else None
    warmth = UNKNOWN if degrees is None else f"{degrees:.0f}{seat.glyphs.degree}"
    told = (
        f"cpu {percent(reading.cpu_percent if reading else None)}",
        f"mem {percent(reading.memory_percent if reading else None)}",
        warmth,
        f"slots {seat.used}/{seat.node.slots}" if seat.node.slots else f"slots {UNKNOWN}",
        seat.why,
    )
    head = (Cell(f"{plain(seat.node.name)}  ", Tone.ACCENT), state_of(seat), Cell("  "))
    return (*head, Cell(fit("  ".join(told), max(0, width - line_width(head)), cut=seat.glyphs.cut)))


def _legend(seats: Iterable[Seat], width: int) -> tuple[Line, ...]:
    """Say what the letters mean, and how many there are of each."""
    counts = Counter(seat.word for seat in seats)
    parts = [
        (Cell(f"{LETTERS[word]} ", TONES[word]), Cell(f"{word.value} {counts[word]}  ", Tone.DIM))
        for word in reversed(WORST_FIRST)
        if counts[word]
    ]
    parts.append((Cell("A-Z ", Tone.ACCENT), Cell("cpu > 50%", Tone.DIM)))
    lines: list[Line] = [()]
    for part in parts:
        if line_width((*lines[-1], *part)) > width and lines[-1]:
            lines.append(())
        lines[-1] = (*lines[-1], *part)
    return tuple(lines)
