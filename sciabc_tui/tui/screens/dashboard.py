"""The main screen: nodes, jobs, events; on wide terminals the front panel and the node under the cursor."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.api.messages import PreflightWish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.node import Node
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present import detail, events, jobs, nodes, preflight
from sciabc_tui.tui.present.cells import titled
from sciabc_tui.tui.present.layout import SIDE, WIDE, share
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.requests import (
    CancelJob,
    DrainNode,
    HoldJob,
    OpenJob,
    OpenNode,
    OpenPreflight,
    ReleaseJob,
    RequeueJob,
    ResumeNode,
)
from sciabc_tui.tui.screens.base import ClusterScreen, Link, not_for
from sciabc_tui.tui.widgets.lines import Lines, PanelMirror
from sciabc_tui.tui.widgets.table import TableView


class DashboardScreen(ClusterScreen):
    """Everything at a glance."""

    # The next key goes to the next section, however fast it comes.
    BINDINGS: ClassVar[list[BindingType]] = bindings(
        Place.NODES, Place.JOBS, Place.EVENTS, first={Verb.SECTION}
    )

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        glyphs = self.view.glyphs
        self._roster = TableView(glyphs.rule, glyphs.cursor, id="nodes")
        self._first_run = Lines(id="first-run")
        self._jobs = TableView(glyphs.rule, glyphs.cursor, id="jobs")
        self._events = TableView(glyphs.rule, glyphs.cursor, id="events", newest_first=True)
        self._panel_title = Lines()
        self._panel = PanelMirror()
        self._node_title = Lines()
        self._node = Lines(id="node")
        self._side = Vertical(self._panel_title, self._panel, self._node_title, self._node, id="side")
        self._filter = Input(compact=True, id="filter", placeholder="filter nodes and jobs")
        self._filter.cursor_blink = False

    @override
    def body(self) -> ComposeResult:
        with Horizontal(id="columns"):
            yield Vertical(self._roster, self._first_run, self._jobs, self._events, id="sections")
            yield self._side
        yield self._filter

    @override
    def on_mount(self) -> None:
        self._filter.display = False
        self._roster.focus()
        super().on_mount()

    @override
    def present(self) -> None:
        view = self.view
        wide = self.size.width >= WIDE
        width = self.size.width - (SIDE if wide else 0)
        wanted = self._filter.value if self._filter.display else ""
        self._roster.put(nodes.table(view, width - 3, wanted))
        self._jobs.put(jobs.table(view, width - 3, wanted))
        self._events.put(events.table(view, width - 3))
        first_run = () if wanted else detail.first_run(view, width - 3)
        self._first_run.put(first_run)
        self._side.display = wide
        if wide:
            self._present_side(view)
        self._share(len(first_run))

    def _present_side(self, view: View) -> None:
        width, rule = SIDE - 2, view.glyphs.rule
        self._panel_title.put((titled("Front panel", width, rule),))
        self._panel.put(events.mirror(view, width))
        self._node_title.put((titled("Node under the cursor", width, rule),))
        key = self._roster.key
        self._node.put(detail.facts(view, NodeId(key), width) if key else ())

    def _share(self, taken: int) -> None:
        height = self.size.height - 2 - taken - self._banner.line_count - int(self._filter.display)
        heights = share(height, nodes=self._roster.needed, jobs=self._jobs.needed, events=self._events.needed)
        self._roster.styles.height = heights.nodes
        self._jobs.styles.height = heights.jobs

    @property
    @override
    def place(self) -> Place:
        if self.focused is self._filter:
            return Place.FILTER
        if self.focused is self._jobs:
            return Place.JOBS
        return Place.EVENTS if self.focused is self._events else Place.NODES

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        if not self._filter.display:
            hidden.add(Verb.BACK)
        node, job = self._node_here(), self._job_here()
        hidden |= not_for(job) if self.place is Place.JOBS else not_for(job) - {Verb.PREFLIGHT}
        if node is None or node.drained is not None:
            hidden.add(Verb.DRAIN)
        if node is None or node.drained is None:
            hidden.add(Verb.RESUME)
        if self.place is not Place.EVENTS and (node if self.place is Place.NODES else job) is None:
            hidden |= {Verb.OPEN, Verb.LOG}
        return hidden

    def _node_here(self) -> Node | None:
        state = self.view.state
        return state.nodes.get(NodeId(self._roster.key)) if state else None

    def _job_here(self) -> Job | None:
        state = self.view.state
        return state.jobs.get(JobId(int(self._jobs.key))) if state and self._jobs.key else None

    def on_table_view_moved(self) -> None:
        """Show what belongs to the row under the cursor."""
        if self.view.state is not None and self.size.width >= WIDE:
            self._present_side(self.view)
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
        elif self.place is Place.NODES and self._roster.key:
            self.link.tell(OpenNode(NodeId(self._roster.key)))

    def action_log(self) -> None:
        """Show what the job under the cursor prints."""
        if self._jobs.key:
            self.link.tell(OpenJob(JobId(int(self._jobs.key))))

    def action_preflight(self) -> None:
        """Check the nodes for the job under the cursor, those that the filter shows, or all."""
        job = self._job_here() if self.place is Place.JOBS else None
        wanted = self._filter.value if self._filter.display else ""
        shown = tuple(seat.node.name for seat in nodes.seats(self.view, wanted)) if wanted else ()
        if job is not None:
            self.link.tell(OpenPreflight(f"job {job.id} {job.name}", preflight.of_job(job)))
        elif shown:
            self.link.tell(OpenPreflight(f"nodes with /{wanted}", PreflightWish(nodes=shown)))
        else:
            self.link.tell(OpenPreflight("all nodes that may take jobs", PreflightWish()))

    def action_drain(self) -> None:
        """Ask for no new jobs on the node under the cursor."""
        self.link.tell(DrainNode(NodeId(self._roster.key)))

    def action_resume(self) -> None:
        """Ask for new jobs on the node under the cursor."""
        self.link.tell(ResumeNode(NodeId(self._roster.key)))

    def action_cancel(self) -> None:
        """Ask for the end of the job under the cursor."""
        self.link.tell(CancelJob(JobId(int(self._jobs.key))))

    def action_hold(self) -> None:
        """Ask that the job under the cursor does not start."""
        self.link.tell(HoldJob(JobId(int(self._jobs.key))))

    def action_release(self) -> None:
        """Ask that the job under the cursor starts again."""
        self.link.tell(ReleaseJob(JobId(int(self._jobs.key))))

    def action_requeue(self) -> None:
        """Ask for the next attempt of the job under the cursor."""
        self.link.tell(RequeueJob(JobId(int(self._jobs.key))))

    def action_section(self) -> None:
        """Go to the next section."""
        self.focus_next()

    def action_filter(self) -> None:
        """Begin to type a filter."""
        self._filter.display = True
        self._filter.focus()
        self.tick()

    def on_input_changed(self) -> None:
        """Filter while it is typed."""
        self.tick()

    def on_input_submitted(self) -> None:
        """Keep the filter and go back to the rows; an empty one is taken away."""
        if not self._filter.value:
            self._filter.display = False
        self._roster.focus()
        self.tick()

    @override
    def action_back(self) -> None:
        self._filter.value = ""
        self._filter.display = False
        self._roster.focus()
        self.tick()
