"""All that happened, and why."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.cluster.state import LogEntry
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import EventsReceived, Refused
from sciabc_tui.tui.present import history
from sciabc_tui.tui.present.cells import Cell, Tone
from sciabc_tui.tui.requests import ReadEvents, Reads
from sciabc_tui.tui.screens.base import Link
from sciabc_tui.tui.screens.filtered import FilteredScreen
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.log import LogView


class HistoryScreen(FilteredScreen):
    """Every event that is kept, the newest at the end, which it follows; with a filter."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.HISTORY, first={Verb.FILTER})

    def __init__(self, link: Link) -> None:
        self._lines = LogView(id="history")
        super().__init__(link, self._lines, "filter events")
        self._rule = Lines()
        self._known: tuple[LogEntry, ...] = ()
        self._drawn: tuple[LogEntry, ...] = ()
        self._look = (0, "", False, False)
        self._shown = 0
        self._service = 0.0
        self._asked = False
        self._problem = ""

    @override
    def body(self) -> ComposeResult:
        yield self._rule
        yield from super().body()

    def _ask(self, since: int) -> None:
        self._asked = True
        self.link.tell(ReadEvents(since, history.KEPT))

    @override
    def present(self) -> None:
        log = self.view.state.log if self.view.state else ()
        service = self.view.state.head.started if self.view.state else 0.0
        if service != self._service:  # another one than before: its numbers may begin anew
            self._known, self._service = (), service
            self._ask(0)
        if log and self._known and log[0].seq > self._known[-1].seq + 1 and not self._asked:
            self._ask(self._known[-1].seq)
        newest = self._known[-1].seq if self._known else 0
        if log and log[-1].seq > newest:
            self._known = history.merged(self._known, (entry for entry in log if entry.seq > newest))
        self._draw()

    def _draw(self) -> None:
        """Draw what is known, if it is not drawn already."""
        width, wanted = self.size.width - 1, self.wanted
        dated = history.spans_days(self._known, self.view)
        look = (width, wanted, self.view.stale, dated)
        before, self._drawn = self._drawn, self._known
        if look != self._look or not self._shown or self._known[: len(before)] != before:
            self._look = look
            self._shown = self._lines_of(self._known, anew=True)
        elif len(self._known) > len(before):
            self._shown += self._lines_of(self._known[len(before) :], anew=False)
        text = history.title(
            self._shown, len(self._known), wanted, self._problem, following=self._lines.following
        )
        self._rule.put((history.heading(text, self.view, self.size.width),))

    def _lines_of(self, entries: tuple[LogEntry, ...], *, anew: bool) -> int:
        """Draw events that match, in place of the others or after them; tell how many these are."""
        width, wanted, _, dated = self._look
        chosen = history.matching(entries, wanted)
        lines = history.lines(chosen, self.view, width, dated=dated)
        if anew:
            nothing = "no event matches" if wanted else "nothing happened yet"
            self._lines.put(lines or ((Cell(f" {nothing}", Tone.DIM), Cell("")),))
        else:
            self._lines.extend(lines)
        return len(chosen)

    @override
    def shows(self, request: Reads) -> bool:
        return isinstance(request, ReadEvents)

    @property
    @override
    def own_place(self) -> Place:
        return Place.HISTORY

    def on_events_received(self, message: EventsReceived) -> None:
        """Take in what was asked for."""
        message.stop()
        self._asked, self._problem = False, ""
        self._known = history.merged(self._known, message.entries)
        self._draw()

    def on_refused(self, message: Refused) -> None:
        """Say why there is no more than the state carries."""
        message.stop()
        self._asked, self._problem = False, message.text
        self._draw()

    def on_log_view_changed(self) -> None:
        """Say whether the end is followed."""
        self._draw()

    def action_follow(self) -> None:
        """Follow the end, or stay here."""
        self._lines.follow(following=not self._lines.following)
