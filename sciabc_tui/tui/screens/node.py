"""One node in full."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from typing_extensions import override

from sciabc_tui.api.messages import PreflightWish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.node import Node
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.present import detail, jobs
from sciabc_tui.tui.present.cells import titled
from sciabc_tui.tui.requests import DrainNode, OpenJob, OpenPreflight, ResumeNode
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.table import TableView

_FEWEST = 3
"""Lines that the jobs keep, however much there is to tell of the node."""


class NodeScreen(ClusterScreen):
    """Facts, evidence, host key, load, and the jobs there."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.NODE)

    def __init__(self, link: Link, *, node: NodeId) -> None:
        super().__init__(link)
        self.node = node
        glyphs = self.view.glyphs
        self._title = Lines()
        self._facts = Lines(id="facts")
        self._page = VerticalScroll(self._facts, id="page", can_focus=False)
        self._jobs = TableView(glyphs.rule, glyphs.cursor, id="jobs-there")

    @override
    def body(self) -> ComposeResult:
        yield self._title
        yield self._page
        yield self._jobs

    @override
    def on_mount(self) -> None:
        self._jobs.focus()
        super().on_mount()

    @override
    def present(self) -> None:
        size = self.size
        self._title.put((titled("Node", size.width, self.view.glyphs.rule),))
        self._facts.put(detail.facts(self.view, self.node, size.width - 4))
        self._jobs.put(jobs.table_of_node(self.view, self.node, size.width - 3))
        room = size.height - 3 - self._banner.line_count
        self._page.styles.height = min(self._facts.line_count, max(4, room - _FEWEST))

    @property
    @override
    def place(self) -> Place:
        return Place.NODE

    @override
    def hidden(self) -> set[Verb]:
        hidden = super().hidden()
        node = self._found()
        if node is None or node.drained is not None:
            hidden.add(Verb.DRAIN)
        if node is None or node.drained is None:
            hidden.add(Verb.RESUME)
        if not self._jobs.key:
            hidden.add(Verb.OPEN)
        if node is None:
            hidden.add(Verb.PREFLIGHT)
        return hidden

    def _found(self) -> Node | None:
        return self.view.state.nodes.get(self.node) if self.view.state else None

    def on_table_view_moved(self) -> None:
        """Print the keys that apply."""
        self.show_keys()

    def action_open(self) -> None:
        """Open the job under the cursor."""
        self.link.tell(OpenJob(JobId(int(self._jobs.key))))

    def action_preflight(self) -> None:
        """Check whether the node is fit for jobs."""
        node = self._found()
        if node is not None:
            self.link.tell(OpenPreflight(node.name, PreflightWish(nodes=(node.name,))))

    def action_drain(self) -> None:
        """Ask for no new jobs here."""
        self.link.tell(DrainNode(self.node))

    def action_resume(self) -> None:
        """Ask for new jobs here."""
        self.link.tell(ResumeNode(self.node))
