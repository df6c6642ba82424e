"""Tables whose columns are chosen by width: a narrow screen loses columns, never meaning."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sciabc_tui.tui.present.cells import Cell, Line, fit

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Column(Generic[Item]):
    """One column. `goes` says how soon it goes when the screen is narrow (0: never)."""

    heading: str
    width: int
    of: Callable[[Item], Cell]
    goes: int = 0
    right: bool = False
    gap: int = 2
    """Cells between this column and the next."""
    by: Callable[[Item], Any] | None = None
    """Gives what rows are sorted by, None where it is unknown; a column without it sorts nothing."""
    greatest_first: bool = False


@dataclass(frozen=True, slots=True)
class Sorting:
    """By which column rows are sorted, and whether against the direction that is its own."""

    heading: str
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Item]):
    """The columns that a width holds; the last one takes what is left."""

    columns: tuple[Column[Item], ...]
    rest: Column[Item]
    room: int
    cut: str

    @property
    def heading(self) -> str:
        """The names of the columns, above them."""
        return self.marked("", "")

    @property
    def sortable(self) -> tuple[str, ...]:
        """The names of the columns that rows can be sorted by."""
        return tuple(column.heading for column in (*self.columns, self.rest) if column.by)

    def marked(self, heading: str, mark: str) -> str:
        """Give the names of the columns with a mark of one cell behind one of them."""
        names: list[str] = []
        for column in (*self.columns, self.rest):
            here = mark if column.heading == heading else ""
            width = self.room if column is self.rest else column.width
            text = fit(column.heading, width, right=column.right, cut=self.cut)
            if not here:
                names.append(text + " " * column.gap)
            elif column.right:
                names.append(text + here + " " * (column.gap - 1))
            else:
                names.append(fit(column.heading + here, width + column.gap))
        line = "".join(names)
        return line[: len(line) - self.rest.gap]

    def line(self, item: Item) -> Line:
        """Give an item's cells, padded, with the gaps between them."""
        cells: list[Cell] = []
        for column in self.columns:
            cell = column.of(item)
            text = fit(cell.text, column.width, right=column.right, cut=self.cut)
            cells.append(Cell(text + " " * column.gap, cell.tone))
        last = self.rest.of(item)
        cells.append(Cell(fit(last.text, self.room, cut=self.cut), last.tone))
        return tuple(cells)


def choose(columns: Sequence[Column[Item]], rest: Column[Item], *, width: int, cut: str) -> Chosen[Item]:
    """Drop columns until the rest of the line has at least the width that `rest` asks for."""
    kept = list(columns)
    while (room := width - sum(column.width + column.gap for column in kept)) < rest.width:
        first = max(kept, key=lambda column: column.goes, default=None)
        if first is None or first.goes == 0:
            break
        kept.remove(first)
    return Chosen(tuple(kept), rest, max(0, room), cut)


def in_order(items: Iterable[Item], column: Column[Item], *, reverse: bool) -> list[Item]:
    """Sort by a column; what is unknown comes last either way, and equals stay as they were."""
    by = column.by
    if by is None:
        return list(items)
    known: list[tuple[Any, Item]] = []
    unknown: list[Item] = []
    for item in items:
        value = by(item)
        if value is None:
            unknown.append(item)
        else:
            known.append((value, item))
    known.sort(key=lambda pair: pair[0], reverse=column.greatest_first != reverse)
    return [*(item for _, item in known), *unknown]
