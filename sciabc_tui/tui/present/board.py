"""What the sections of the dashboard show of the cluster, and what can be asked for what they show.

All of the domain and most of what presents it is loaded with this, once the first frame is there.
"""

from math import floor

from sciabc_tui.api.messages import PreflightWish
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job
from sciabc_tui.cluster.node import TREND_LENGTH, Node
from sciabc_tui.tui.actions import Verb
from sciabc_tui.tui.present import detail, events, jobs, node_table, preflight
from sciabc_tui.tui.present.cells import Line, Table, titled
from sciabc_tui.tui.present.heat import HeatMap, heat_map
from sciabc_tui.tui.present.load import cluster_load
from sciabc_tui.tui.present.many import MOST_KEYS, concerned, names_of
from sciabc_tui.tui.present.roster import Roster
from sciabc_tui.tui.present.view import View

_FEW = 3
"""With fewer nodes it is looked whether there is but the head."""


class Board:
    """Knows which nodes are listed, in what order and which are selected, from look to look."""

    def __init__(self) -> None:
        self.roster = Roster()
        self._told: object = None
        self._events = Table("", "", ())

    def nodes(self, view: View, width: int, wanted: str) -> Table:
        """Give the nodes table."""
        return node_table.table(view, width, self.roster.listing(view, wanted))

    def heat(self, view: View, width: int, wanted: str) -> HeatMap:
        """Give the nodes as a map, a cell a node."""
        return heat_map(view, width, self.roster.listing(view, wanted))

    def jobs(self, view: View, width: int, wanted: str) -> Table:
        """Give the jobs table."""
        return jobs.table(view, width, wanted)

    def events(self, view: View, width: int) -> Table:
        """Give what happened; it is wrapped anew only when something did, or the day may be another."""
        log = view.state.log if view.state else ()
        of = (log, width, view.stale, floor(view.wall) // 60)
        if of != self._told:
            self._told, self._events = of, events.table(view, width)
        return self._events

    def first_run(self, view: View, width: int, wanted: str) -> tuple[Line, ...]:
        """Tell the owner of a cluster without nodes what to do."""
        few = view.state is None or len(view.state.nodes) < _FEW
        return detail.first_run(view, width) if few and not wanted else ()

    def side(self, view: View, width: int) -> tuple[tuple[Line, ...], ...]:
        """Give the parts of the column at the right, but for the last: titles, and what stands below them."""
        rule = view.glyphs.rule
        return (
            (titled("Front panel", width, rule),),
            events.mirror(view, width),
            (titled(f"Load, the last {TREND_LENGTH} readings", width, rule),),
            cluster_load(view, width),
        )

    def node(self, view: View, key: str, width: int) -> tuple[tuple[Line, ...], ...]:
        """Give the last part of the column at the right: the node under the cursor."""
        title = titled("Node under the cursor", width, view.glyphs.rule)
        return (title,), detail.facts(view, NodeId(key), width) if key else ()

    def sort_by_next(self, view: View, width: int) -> None:
        """Sort by the next column that is seen."""
        self.roster.sort_by_next(node_table.columns(view, width).sortable)

    def chosen(self, view: View) -> tuple[Node, ...]:
        """Give the selected nodes, in the order of their names."""
        selected = self.roster.selected
        return tuple(node for node in view.digest.nodes if node.id in selected) if selected else ()

    def to_check(
        self, view: View, job: Job | None, wanted: str, *, chosen: bool
    ) -> tuple[str, PreflightWish]:
        """Say what a preflight is of, and what it asks: a job, the selected nodes, those listed, or all."""
        if job is not None:
            return f"job {job.id} {job.name}", preflight.of_job(job)
        nodes = self.chosen(view) if chosen else ()
        if nodes:
            return names_of(nodes), PreflightWish(nodes=tuple(node.name for node in nodes))
        listed = self.roster.listing(view, wanted).nodes if wanted else ()
        if listed:
            return f"nodes with /{wanted}", PreflightWish(nodes=tuple(node.name for node in listed))
        return "all nodes that may take jobs", PreflightWish()

    @staticmethod
    def approvable(nodes: tuple[Node, ...]) -> bool:
        """Can one question hold the keys that wait among these nodes'?"""
        return 0 < len(concerned(Verb.APPROVE, nodes)) <= MOST_KEYS
