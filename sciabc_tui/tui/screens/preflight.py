"""The grid of nodes and checks: are they fit for a job?"""

from dataclasses import replace
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from typing_extensions import override

from sciabc_tui.api.messages import PreflightWish
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import PreflightEnded, PreflightTold, Refused
from sciabc_tui.tui.present import preflight
from sciabc_tui.tui.present.cells import titled
from sciabc_tui.tui.present.layout import SIDE, WIDE
from sciabc_tui.tui.present.preflight import Asking
from sciabc_tui.tui.requests import AskNodes, OpenNode, StopAsking
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.grid import GridView
from sciabc_tui.tui.widgets.lines import Lines


class PreflightScreen(ClusterScreen):
    """Asks as soon as it is opened; below the grid stands what to do about the cell under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.PREFLIGHT)

    def __init__(self, link: Link, *, title: str, wish: PreflightWish) -> None:
        super().__init__(link)
        self._title = title
        self._wish = wish
        self._asking = Asking()
        self._number = 0
        self._pointed = False
        self._told = ("", "")
        glyphs = self.view.glyphs
        self._status = Lines(id="preflight-status")
        self._grid = GridView(glyphs.rule, glyphs.cursor, id="grid")
        self._remedy_title = Lines()
        self._remedy = Lines(id="remedy")
        self._side_title = Lines()
        self._node = Lines(id="node")
        self._side = Vertical(self._side_title, self._node, id="side")

    @override
    def body(self) -> ComposeResult:
        yield self._status
        with Horizontal(id="columns"):
            yield self._grid
            yield self._side
        yield self._remedy_title
        yield self._remedy

    @override
    def on_mount(self) -> None:
        self._grid.focus()

    @override
    def present(self) -> None:
        asking = self._asking
        if asking.since is None and asking.report is None and not asking.problem:
            self._ask(fresh=False)
        width = self.size.width
        wide = width >= WIDE
        self._status.put(preflight.status(self.view, self._title, self._wish, self._asking, width))
        self._grid.put(preflight.grid(self.view, self._asking, width - (SIDE if wide else 0)))
        self._side.display = wide
        self._present_cell()

    def _present_cell(self) -> None:
        width, rule = self.size.width, self.view.glyphs.rule
        node, subject = self._grid.row, self._grid.column
        self._remedy_title.put((titled("Cell under the cursor", width, rule),))
        told = preflight.remedy(self.view, self._asking, node, subject, width - 4)
        more = preflight.presses(node, width - 4) if self._told == (node, subject) else ()
        self._remedy.put((*told, *more))
        self._side_title.put((titled("Node under the cursor", SIDE - 2, rule),))
        self._node.put(preflight.node_in_full(self.view, self._asking, node, SIDE - 2))

    def _ask(self, *, fresh: bool) -> None:
        """Ask the nodes, if any are known."""
        names = preflight.to_ask(self.view.state, self._wish) if self.view.state else ()
        self._asking = replace(self._asking, names=names, problem="", heard=frozenset())
        if not names:
            return
        self._number += 1
        self._asking = replace(self._asking, since=self.view.now)
        wish = msgspec.structs.replace(self._wish, nodes=names, exclude=(), fresh=fresh)
        self.link.tell(AskNodes(wish, self._number))

    def on_preflight_told(self, message: PreflightTold) -> None:
        """Show what a node said, unless the question was given up meanwhile."""
        message.stop()
        if message.number == self._number and self._asking.since is not None:
            self.view = self.link.look()
            self._asking = preflight.with_part(self._asking, message.part, self.view.now)
            self.tick()

    def on_preflight_ended(self, message: PreflightEnded) -> None:
        """Take in what was asked for, unless it was given up meanwhile."""
        message.stop()
        if message.number != self._number or self._asking.since is None:
            return
        first = not self._pointed
        self._pointed = self._pointed or message.report is not None
        self.view = self.link.look()
        self._asking = replace(self._asking, since=None)
        if message.report is not None:
            self._asking = replace(self._asking, report=message.report, answered=self.view.now)
        elif self.is_current:
            self._asking = replace(self._asking, problem=message.problem)
        self.tick()
        if first and message.report is not None:
            self._grid.point(*preflight.first_bad(message.report))

    def on_refused(self, message: Refused) -> None:
        """Tell of an error that nobody expected."""
        message.stop()
        self._asking = replace(self._asking, since=None, problem=message.text)
        self.tick()

    @property
    @override
    def place(self) -> Place:
        return Place.PREFLIGHT

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        if self._asking.since is not None:
            hidden.add(Verb.REFRESH)
        if preflight.node_of(self.view.state, self._grid.row) is None:
            hidden.add(Verb.OPEN)
        return hidden

    def on_grid_view_moved(self) -> None:
        """Tell what belongs to the cell under the cursor."""
        self._present_cell()
        self.show_keys()

    def action_refresh(self) -> None:
        """Ask every node anew, also those that were well a moment ago."""
        self._ask(fresh=True)
        self.tick()

    def action_open(self) -> None:
        """Say what to press about a cell that is not well; else, or then, open its node."""
        cell = (self._grid.row, self._grid.column)
        if self._told != cell and preflight.is_bad(self._asking, *cell):
            self._told = cell
            self._present_cell()
            return
        node = preflight.node_of(self.view.state, self._grid.row)
        if node is not None:
            self.link.tell(OpenNode(node))

    @override
    def action_back(self) -> None:
        """Stop asking; go back, unless what was found before can be shown again."""
        stopped, self._asking = self._asking.since is not None, replace(self._asking, since=None)
        if stopped:
            self.link.tell(StopAsking())
        if not stopped or self._asking.report is None or not self._asking.report.rows:
            super().action_back()
        else:
            self.tick()
