"""What the command palette finds: the actions of the screen beneath it, nodes and jobs."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.content import Content
from textual.types import IgnoreReturnCallbackType
from typing_extensions import override

from sciabc_tui.tui.present import jobs, nodes
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.requests import OpenJob, OpenNode
from sciabc_tui.tui.screens.base import ClusterScreen


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that can be found by its name."""

    name: str
    about: str
    do: IgnoreReturnCallbackType


class ClusterProvider(Provider):
    """Finds actions, nodes and jobs. Names are plain text, never markup."""

    @override
    async def discover(self) -> Hits:
        for entry in self._entries():
            yield DiscoveryHit(_shown(Content(entry.name), entry), entry.do, text=entry.name)

    @override
    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for entry in self._entries():
            score = matcher.match(entry.name)
            if score > 0:
                yield Hit(score, _shown(matcher.highlight(entry.name), entry), entry.do, text=entry.name)

    def _entries(self) -> Iterator[Entry]:
        screen = self.screen
        if not isinstance(screen, ClusterScreen):
            return
        for action in screen.available():
            name = f"{action.shown:<5}  {action.label}"
            yield Entry(name, action.about, partial(screen.run_action, action.verb.value))
        if screen.view.state is None:
            return
        for seat in nodes.seats(screen.view):
            node = seat.node
            opened = partial(screen.link.tell, OpenNode(node.id))
            yield Entry(f"node   {plain(node.name)}", seat.word.value, opened)
        for job in jobs.ordered(screen.view.state):
            opened = partial(screen.link.tell, OpenJob(job.id))
            yield Entry(f"job    {job.id} {plain(job.name)}", job.state.value, opened)


def _shown(name: Content, entry: Entry) -> Content:
    return Content.assemble(name, (f"  {entry.about}", "dim"))
