"""Tables whose columns are chosen by width: a narrow screen loses columns, never meaning."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

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
        names = [fit(c.heading, c.width, right=c.right, cut=self.cut) + " " * c.gap for c in self.columns]
        return "".join([*names, fit(self.rest.heading, self.room, cut=self.cut)])

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
