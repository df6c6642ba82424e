"""One node in full."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.api.messages import PreflightWish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import JobId
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.series import SPANS
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import HistoryReceived, Refused
from sciabc_tui.tui.present import jobs, node, plots
from sciabc_tui.tui.present.cells import titled
from sciabc_tui.tui.present.plots import Load
from sciabc_tui.tui.requests import DrainNode, OpenJob, OpenPreflight, ReadHistory, Reads, ResumeNode
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.page import Page
from sciabc_tui.tui.widgets.table import TableView

_FEWEST = 4
"""Lines that the jobs keep, however much there is to tell of the node."""

_SOON = 1.0
"""Seconds until the load of a node that is measured by now is asked for again, when there was none."""


class NodeScreen(ClusterScreen):
    """Its state, its load now and before, what is known of it, and the jobs there."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.NODE, first={Verb.SECTION})

    def __init__(self, link: Link, *, node: NodeId) -> None:
        super().__init__(link)
        self.node = node
        self._load = Load()
        self._asked_at: float | None = None
        glyphs = self.view.glyphs
        self._title = Lines()
        self._facts = Lines(id="facts")
        self._page = Page(self._facts, id="page")
        self._jobs = TableView(glyphs.rule, glyphs.cursor, id="jobs-there")

    @override
    def body(self) -> ComposeResult:
        yield self._title
        yield self._page
        yield self._jobs

    @override
    def on_mount(self) -> None:
        self._jobs.focus()

    @override
    def present(self) -> None:
        self._ask_when_due()
        self._show()

    def _show(self) -> None:
        size = self.size
        room = size.height - 3 - self._banner.line_count
        table = jobs.table_of_node(self.view, self.node, size.width - 3)
        self._jobs.put(table)
        for_page = room - min(self._jobs.needed, max(_FEWEST, room // 4))
        self._facts.put(node.page(self.view, self.node, self._load, size.width - 4, for_page))
        height = max(1, min(self._facts.line_count, for_page))
        self._page.styles.height = height
        self._page.can_focus = self._facts.line_count > height
        if self._page.has_focus and not self._page.can_focus:
            self._jobs.focus()
        self._title.put((titled(self._heading(height), size.width, self.view.glyphs.rule),))

    def _heading(self, height: int) -> str:
        said = plots.heading(self._load, self.size.width - 30, self.view.glyphs)
        hidden = self._facts.line_count - height
        more = f"  tab: {hidden} more line{'s' if hidden > 1 else ''}" if hidden > 0 else ""
        return f"Node  {said}{more}"

    def _ask_when_due(self) -> None:
        """Ask for the load again when the ring has a new place; not while nobody answers."""
        view, found = self.view, self._found()
        if view.stale or found is None:
            return
        # the first place of a node that has just begun to tell of itself is not waited for
        step = _SOON if found.reading and self._load.empty else self._load.span // plots.PLACES
        if self._asked_at is not None and view.now - self._asked_at < step:
            return
        self._asked_at = view.now
        self.link.tell(ReadHistory(self.node, self._load.span))

    def on_history_received(self, message: HistoryReceived) -> None:
        """Take in what was asked for, unless another span is wanted by now."""
        message.stop()
        if message.series.span == self._load.span:
            self._load = Load(self._load.span, message.series)
            self._show()

    def on_refused(self, message: Refused) -> None:
        """Say why there is no newer plot; the next one is asked for in its time."""
        message.stop()
        self._load = Load(self._load.span, self._load.series, message.text)
        self._show()

    @override
    def shows(self, request: Reads) -> bool:
        return isinstance(request, ReadHistory) and request.node == self.node

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
            hidden |= {Verb.PREFLIGHT, Verb.IDENTIFY, Verb.SHELL, Verb.EXEC, Verb.POWER, Verb.PROVISION}
        if not self._page.can_focus:
            hidden.add(Verb.SECTION)
        place = SPANS.index(self._load.span)
        if place == 0:
            hidden.add(Verb.SHORTER)
        if place == len(SPANS) - 1:
            hidden.add(Verb.LONGER)
        return hidden

    def _found(self) -> Node | None:
        return self.view.state.nodes.get(self.node) if self.view.state else None

    def on_table_view_moved(self) -> None:
        """Print the keys that apply."""
        self.show_keys()

    @override
    def on_nodes(self, verb: Verb) -> tuple[NodeId, ...]:
        return (self.node,)

    def action_shorter(self) -> None:
        """Plot a shorter time."""
        self._reach(-1)

    def action_longer(self) -> None:
        """Plot a longer time."""
        self._reach(1)

    def _reach(self, by: int) -> None:
        self._load = Load(SPANS[SPANS.index(self._load.span) + by])
        self._asked_at = None
        self.tick()

    def action_section(self) -> None:
        """Go from the jobs to the page above them, or back."""
        self.focus_next()

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
