"""Which nodes the dashboard lists, in what order, and which of them are selected: from look to look."""

from collections.abc import Iterable

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present.columns import Sorting, in_order
from sciabc_tui.tui.present.node_table import BY_NAME, Listing, columns
from sciabc_tui.tui.present.nodes import Seat, matches
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.present.wanted import parse

RESORT_AFTER = 0.9
"""Seconds for which rows keep their places, whatever is measured meanwhile: a state comes each second."""

_ANY_WIDTH = 1000


class Roster:
    """Remembers the sorting, the order of the rows and the selection."""

    def __init__(self) -> None:
        self.sorting = BY_NAME
        self.selected: frozenset[NodeId] = frozenset()
        self._listing: Listing | None = None
        self._of: tuple[State | None, str, Sorting, frozenset[NodeId]] | None = None
        self._ranks: dict[NodeId, int] = {}
        self._ranked_by = BY_NAME
        self._ranked_at: Instant = 0.0

    def listing(self, view: View, wanted: str) -> Listing:
        """Give the nodes that match the filter, in their order; what is gone is no longer selected."""
        if self.selected:
            known = view.digest.state.nodes
            self.selected = frozenset(id_ for id_ in self.selected if id_ in known)
        of = (view.state, wanted, self.sorting, self.selected)
        if self._listing is None or self._of is None or not _same(of, self._of):
            nodes = self._sorted(view, _matching(view, wanted))
            self._listing = Listing(nodes, wanted, self.sorting, len(self.selected))
            self._of = of
        return self._listing

    def _sorted(self, view: View, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        if self.sorting == BY_NAME:
            return nodes
        ranked = self.sorting == self._ranked_by and all(node.id in self._ranks for node in nodes)
        if ranked and 0 <= view.now - self._ranked_at < RESORT_AFTER:
            return tuple(sorted(nodes, key=lambda node: self._ranks[node.id]))
        nodes = _sorted_anew(view, nodes, self.sorting)
        self._ranks = {node.id: number for number, node in enumerate(nodes)}
        self._ranked_by, self._ranked_at = self.sorting, view.now
        return nodes

    def sort_by_next(self, headings: tuple[str, ...]) -> None:
        """Sort by the next one of the columns that are seen."""
        here = self.sorting.heading
        after = headings.index(here) + 1 if here in headings else 0
        self.sorting = Sorting(headings[after % len(headings)])

    def turn_round(self) -> None:
        """Sort against the direction of now."""
        self.sorting = Sorting(self.sorting.heading, not self.sorting.reverse)

    def toggle(self, node: NodeId) -> None:
        """Select a node, or no longer."""
        self.selected ^= {node}

    def toggle_all(self, nodes: Iterable[NodeId]) -> None:
        """Select these nodes as well; if they are all selected, none is any longer."""
        these = frozenset(nodes)
        self.selected = frozenset() if these <= self.selected else self.selected | these

    def clear(self) -> None:
        """Select nothing."""
        self.selected = frozenset()


def _same(
    one: tuple[State | None, str, Sorting, frozenset[NodeId]],
    other: tuple[State | None, str, Sorting, frozenset[NodeId]],
) -> bool:
    """Compare without a look into the states: with thousands of nodes that is dear."""
    return one[0] is other[0] and one[1:] == other[1:]


def _matching(view: View, text: str) -> tuple[Node, ...]:
    nodes, wanted, used = view.digest.nodes, parse(text), view.digest.used
    if not wanted:
        return nodes
    return tuple(node for node in nodes if matches(Seat(node, used.get(node.id, 0), view), wanted))


def _sorted_anew(view: View, nodes: tuple[Node, ...], sorting: Sorting) -> tuple[Node, ...]:
    chosen = columns(view, _ANY_WIDTH)
    column = next((c for c in (*chosen.columns, chosen.rest) if c.heading == sorting.heading), None)
    if column is None:
        return nodes
    used = view.digest.used
    seats = [Seat(node, used.get(node.id, 0), view) for node in nodes]
    return tuple(seat.node for seat in in_order(seats, column, reverse=sorting.reverse))
