"""The main screen: nodes, jobs, events; on wide terminals the front panel and the node under the cursor."""

from math import floor
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.cluster.ids import JobId, NodeId
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.allowed import not_for, not_for_nodes
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present import blank
from sciabc_tui.tui.present.layout import SIDE, WIDE, share
from sciabc_tui.tui.requests import (
    CancelJob,
    DrainNode,
    EditJob,
    ForMany,
    HoldJob,
    OpenJob,
    OpenNode,
    OpenPreflight,
    ReleaseJob,
    RequeueJob,
    ResumeNode,
)
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.rows import MARGIN
from sciabc_tui.tui.widgets.table import TableView

if TYPE_CHECKING:
    from sciabc_tui.cluster.job import Job
    from sciabc_tui.cluster.node import Node
    from sciabc_tui.cluster.state import State
    from sciabc_tui.tui.present.board import Board
    from sciabc_tui.tui.screens.side import SideColumn
    from sciabc_tui.tui.widgets.heat import HeatView


class DashboardScreen(ClusterScreen):
    """Everything at a glance."""

    # The next key goes to the next section, or into the filter, however fast it comes.
    BINDINGS: ClassVar[list[BindingType]] = bindings(
        Place.NODES,
        Place.JOBS,
        Place.EVENTS,
        Place.FILTER,
        first={Verb.SECTION, Verb.FILTER, Verb.KEEP, Verb.BACK, Verb.HEAT},
    )

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        glyphs = self.view.glyphs
        self._shown: object = None
        self._presented: State | None = None
        self._sections = Vertical(id="sections")
        self._columns = Horizontal(id="columns")
        self._roster = TableView(glyphs.rule, glyphs.cursor, id="nodes")
        self._first_run = Lines(id="first-run")
        self._jobs = TableView(glyphs.rule, glyphs.cursor, id="jobs")
        self._events = TableView(glyphs.rule, glyphs.cursor, id="events", newest_first=True)
        # what the first frame does not show is made when it is wanted
        self._known_board: Board | None = None
        self._heat: HeatView | None = None
        self._side: SideColumn | None = None
        self._filter: Input | None = None

    @override
    def body(self) -> ComposeResult:
        with self._columns, self._sections:
            yield self._roster
            yield self._first_run
            yield self._jobs
            yield self._events

    @override
    def on_mount(self) -> None:
        self._roster.focus()

    @property
    def _board(self) -> "Board":
        """What works out the sections; the application has it loaded before the first state."""
        if self._known_board is None:
            from sciabc_tui.tui.present.board import Board  # noqa: PLC0415 - the first frame waits for none

            self._known_board = Board()
        return self._known_board

    @override
    def present(self) -> None:
        view, wanted = self.view, self._wanted
        wide = self.size.width >= WIDE
        # two looks in the same second at the same state show the same: with many nodes the second is dear
        shown = (floor(view.wall), view.gone is None, view.stale, self.size, wanted)
        if shown == self._shown and view.state is self._presented:
            return
        self._shown, self._presented = shown, view.state
        if view.state is None and view.gone is None and not wanted:
            self._present_nothing()
            return
        width = self._width
        self._present_nodes(width)
        self._jobs.put(self._board.jobs(view, width - 3, wanted))
        self._events.put(self._board.events(view, width - 3))
        first_run = self._board.first_run(view, width - 3, wanted)
        self._first_run.put(first_run)
        self._present_side(shown=wide)
        self._share(len(first_run))

    def _present_nothing(self) -> None:
        self._roster.put(blank.NODES)
        self._jobs.put(blank.JOBS)
        self._events.put(blank.EVENTS)
        self._share(0)

    def _present_nodes(self, width: int) -> None:
        board = self._board
        if self._heat is not None and self._heat.display:
            self._heat.put(board.heat(self.view, width - MARGIN, self._wanted), board.roster.selected)
        else:
            self._roster.put(board.nodes(self.view, width - 3, self._wanted), board.roster.selected)

    def _present_side(self, *, shown: bool) -> None:
        if self._side is None and shown:
            from sciabc_tui.tui.screens.side import SideColumn  # noqa: PLC0415 - narrow terminals have none

            self._side = SideColumn()
            self._columns.mount(self._side)
        if self._side is not None:
            self._side.display = shown
            if shown:
                width = SIDE - 2
                self._side.put(self._board.side(self.view, width))
                self._side.put_node(self._board.node(self.view, self._node_view.key, width))

    def _again(self) -> None:
        """Show the nodes anew at once: what is asked of them changed."""
        self._shown = None
        self.tick()

    @property
    def _width(self) -> int:
        """Cells of the sections."""
        return self.size.width - (SIDE if self.size.width >= WIDE else 0)

    @property
    def _filters(self) -> bool:
        """Is there a field behind `/`?"""
        return self._filter is not None and self._filter.display

    @property
    def _wanted(self) -> str:
        """What is typed behind `/`."""
        return self._filter.value if self._filter is not None and self._filter.display else ""

    @property
    def _node_view(self) -> "TableView | HeatView":
        """The table or the heat map, whichever is shown."""
        return self._heat if self._heat is not None and self._heat.display else self._roster

    def _share(self, taken: int) -> None:
        height = self.size.height - 2 - taken - self._banner.line_count - int(self._filters)
        heights = share(
            height,
            nodes=self._node_view.needed,
            jobs=self._jobs.needed,
            events=self._events.needed,
            nodes_first=self._node_view is self._heat,
        )
        self._node_view.styles.height = heights.nodes
        self._jobs.styles.height = heights.jobs

    @property
    @override
    def place(self) -> Place:
        if self._filter is not None and self.focused is self._filter:
            return Place.FILTER
        if self.focused is self._jobs:
            return Place.JOBS
        return Place.EVENTS if self.focused is self._events else Place.NODES

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        if not self._filters and not self._selected and not self.view.blinking:
            hidden.add(Verb.BACK)
        node, job = self._node_here(), self._job_here()
        hidden |= not_for(job) if self.place is Place.JOBS else not_for(job) - {Verb.PREFLIGHT}
        hidden |= not_for_nodes(node, self._chosen())
        if self.place is not Place.EVENTS and (node if self.place is Place.NODES else job) is None:
            hidden |= {Verb.OPEN, Verb.LOG}
        return hidden

    @property
    def _selected(self) -> frozenset[NodeId]:
        return self._known_board.roster.selected if self._known_board else frozenset()

    def _chosen(self) -> "tuple[Node, ...]":
        """Give the selected nodes, in the order of their names."""
        return self._board.chosen(self.view) if self._selected and self.place is Place.NODES else ()

    def _node_here(self) -> "Node | None":
        state = self.view.state
        return state.nodes.get(NodeId(self._node_view.key)) if state else None

    def _job_here(self) -> "Job | None":
        state = self.view.state
        return state.jobs.get(JobId(int(self._jobs.key))) if state and self._jobs.key else None

    def on_heat_view_moved(self) -> None:
        """Show what belongs to the node under the cursor."""
        self.on_table_view_moved()

    def on_table_view_moved(self) -> None:
        """Show what belongs to the row under the cursor."""
        if self.view.state is not None and self._side is not None and self._side.display:
            self._side.put_node(self._board.node(self.view, self._node_view.key, SIDE - 2))
        self.show_keys()

    def on_descendant_focus(self) -> None:
        """Print the keys of the section."""
        self.show_keys()

    def action_open(self) -> None:
        """Open the node or the job under the cursor, or all events."""
        if self.place is Place.EVENTS:
            self.action_events()
        elif self.place is Place.JOBS and self._jobs.key:
            self.link.tell(OpenJob(JobId(int(self._jobs.key))))
        elif self.place is Place.NODES and self._node_view.key:
            self.link.tell(OpenNode(NodeId(self._node_view.key)))

    def action_log(self) -> None:
        """Show what the job under the cursor prints."""
        if self._jobs.key:
            self.link.tell(OpenJob(JobId(int(self._jobs.key))))

    def action_preflight(self) -> None:
        """Check nodes for the job under the cursor; else those selected, those shown by a filter, or all."""
        jobs, nodes = self.place is Place.JOBS, self.place is Place.NODES
        job = self._job_here() if jobs else None
        self.link.tell(OpenPreflight(*self._board.to_check(self.view, job, self._wanted, chosen=nodes)))

    @override
    def on_nodes(self, verb: Verb) -> tuple[NodeId, ...]:
        """Give the selected nodes, else the one under the cursor; provisioning begins with those selected."""
        chosen = tuple(node.id for node in self._chosen()) if verb is not Verb.SHELL else ()
        if chosen or verb is Verb.PROVISION or self.place is not Place.NODES:
            return chosen
        return (NodeId(self._node_view.key),) if self._node_view.key else ()

    def action_drain(self) -> None:
        """Ask for no new jobs on the selected nodes, or on the one under the cursor."""
        if not self._for_chosen(Verb.DRAIN):
            self.link.tell(DrainNode(NodeId(self._node_view.key)))

    def action_resume(self) -> None:
        """Ask for new jobs on the selected nodes, or on the one under the cursor."""
        if not self._for_chosen(Verb.RESUME):
            self.link.tell(ResumeNode(NodeId(self._node_view.key)))

    def action_forget(self) -> None:
        """Ask that the selected nodes are forgotten."""
        self._for_chosen(Verb.FORGET)

    @override
    def action_approve(self) -> None:
        """Ask for trust in the selected nodes' keys if one question holds them, else for the list."""
        if not self._board.approvable(self._chosen()):
            super().action_approve()
        else:
            self._for_chosen(Verb.APPROVE)

    def _for_chosen(self, verb: Verb) -> bool:
        """Ask for something for all selected nodes; tell whether there are some."""
        chosen = self._chosen()
        if chosen:
            self.link.tell(ForMany(verb, tuple(node.id for node in chosen)))
        return bool(chosen)

    def action_select(self) -> None:
        """Select the node under the cursor, or no longer, and go to the next."""
        self._board.roster.toggle(NodeId(self._node_view.key))
        if self._node_view is self._roster:
            self._roster.action_move(1)
        self._again()

    def action_select_all(self) -> None:
        """Select all nodes that are shown, or none."""
        roster = self._board.roster
        roster.toggle_all(node.id for node in roster.listing(self.view, self._wanted).nodes)
        self._again()

    def action_sort(self) -> None:
        """Sort by the next column that is seen."""
        self._board.sort_by_next(self.view, self._width - 3)
        self._again()

    def action_turn(self) -> None:
        """Sort the other way round."""
        self._board.roster.turn_round()
        self._again()

    def action_heat(self) -> None:
        """Show the heat map, or the table again, with the cursor on the same node."""
        before = self._node_view
        if self._heat is None:
            self._heat = self._mounted_heat()
        else:
            self._heat.display = not self._heat.display
        self._roster.display = not self._heat.display
        self._again()
        self._node_view.point(before.key)
        self.set_focus(self._node_view)
        self.tick()

    def _mounted_heat(self) -> "HeatView":
        from sciabc_tui.tui.widgets.heat import HeatView  # noqa: PLC0415 - the first frame shows none

        glyphs = self.view.glyphs
        heat = HeatView(glyphs.rule, glyphs.cursor, id="heat")
        self._sections.mount(heat, after=self._roster)
        return heat

    def action_cancel(self) -> None:
        """Ask for the end of the job under the cursor."""
        self.link.tell(CancelJob(JobId(int(self._jobs.key))))

    def action_hold(self) -> None:
        """Ask that the job under the cursor does not start."""
        self.link.tell(HoldJob(JobId(int(self._jobs.key))))

    def action_release(self) -> None:
        """Ask that the job under the cursor starts again."""
        self.link.tell(ReleaseJob(JobId(int(self._jobs.key))))

    def action_edit(self) -> None:
        """Ask for the form that asks for the job under the cursor once more."""
        self.link.tell(EditJob(JobId(int(self._jobs.key))))

    def action_requeue(self) -> None:
        """Ask for the next attempt of the job under the cursor."""
        self.link.tell(RequeueJob(JobId(int(self._jobs.key))))

    def action_section(self) -> None:
        """Go to the next section."""
        self.focus_next()

    def action_filter(self) -> None:
        """Begin to type a filter; the keys behind `/` are its already."""
        if self._filter is None:
            self._filter = Input(compact=True, id="filter", placeholder="filter nodes and jobs")
            self._filter.cursor_blink = False
            self.mount(self._filter, before=self._footer)
        self._filter.display = True
        self.set_focus(self._filter)
        self._again()

    def on_input_changed(self) -> None:
        """Filter while it is typed."""
        self._again()

    def action_keep(self) -> None:
        """Keep the filter and go back to the rows."""
        self.set_focus(self._node_view)
        if self._filter is not None:  # behind the keys that it has not taken yet
            self._filter.call_later(self._drop_empty, self._filter)

    def _drop_empty(self, field: Input) -> None:
        if self.focused is field:
            return  # it was asked for again meanwhile
        if not field.value:
            field.display = False
        self._again()

    @override
    def action_back(self) -> None:
        """Take the filter away; without one, select nothing."""
        if self._filter is not None and self._filter.display:
            self.set_focus(self._node_view)
            self._filter.value = ""
            self._filter.display = False
            self._filter.call_later(_empty, self._filter)  # as above
        elif self._selected:
            self._board.roster.clear()
        else:
            super().action_back()
        self._again()


def _empty(field: Input) -> None:
    if not field.display:
        field.value = ""
