"""A job with what it prints."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import LogReceived, Refused
from sciabc_tui.tui.present import logs
from sciabc_tui.tui.present.cells import Cell, Tone, titled
from sciabc_tui.tui.present.detail import job_heading
from sciabc_tui.tui.requests import CancelJob, ReadLog
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.log import LogView

CHUNK = 256 * 1024
"""Bytes that are asked for at once; at first the last ones."""


class LogScreen(ClusterScreen):
    """The job's state above, its output below; opens at the end and follows."""

    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.LOG)
    PERIOD: ClassVar[float] = 0.25

    def __init__(self, link: Link, *, job: JobId, known: Job | None = None) -> None:
        super().__init__(link)
        self.job = job
        self._known = known
        self._heading = Lines()
        self._rule = Lines()
        self._lines = LogView(id="log")
        self._read_to: int = -CHUNK
        self._asked = False
        self._ended = False
        self._problem = ""

    @override
    def body(self) -> ComposeResult:
        yield self._heading
        yield self._rule
        yield self._lines

    @override
    def on_mount(self) -> None:
        self._lines.focus()
        super().on_mount()

    @override
    def present(self) -> None:
        width = self.size.width
        found = self.view.state.jobs.get(self.job) if self.view.state else None
        self._known = found or self._known
        if self._known is None:
            self._heading.put(((Cell(f" job {self.job}: not known here any longer", Tone.DIM),),))
            return
        status = logs.status(
            self._lines.total, self._lines.kept, following=self._lines.following, ended=self._ended
        )
        self._heading.put(job_heading(self.view, self._known, width, status))
        self._rule.put((titled(self._title(), width, self.view.glyphs.rule),))

    @override
    def tick(self) -> None:
        super().tick()
        self._ask()

    def _title(self) -> str:
        return self._problem or ("Output" if self._lines.total else "No output yet")

    @property
    @override
    def place(self) -> Place:
        return Place.LOG

    @override
    def hidden(self) -> set[Verb]:
        ended = self._known is None or self._known.state.ended
        return super().hidden() | ({Verb.CANCEL} if ended else set())

    def _ask(self) -> None:
        """Ask for more, once at a time, while more can come."""
        if (
            not self.is_current
            or self._asked
            or self._ended
            or self._known is None
            or self.view.gone is not None
        ):
            return
        if self._known.started_at is None and not self._known.state.ended:
            return
        self._asked = True
        self.link.tell(ReadLog(self.job, self._read_to))

    def on_log_received(self, message: LogReceived) -> None:
        """Take in what was asked for."""
        message.stop()
        chunk = message.chunk
        self._asked, self._problem = False, ""
        self._read_to = chunk.next_offset
        self._ended = chunk.ended and not chunk.data
        ranks = sum(part.slots for part in self._known.allocation) if self._known else 0
        self._lines.extend(logs.lines_of(chunk.data, logs.gutter_for(ranks), self.view.glyphs))
        self.present()
        if len(chunk.data) > CHUNK // 2 or (chunk.ended and chunk.data):
            self._ask()  # there is more already; otherwise the next look asks

    def on_refused(self, message: Refused) -> None:
        """Say why there is no more of it; the next look asks again."""
        message.stop()
        self._asked, self._problem = False, message.text

    def on_log_view_changed(self) -> None:
        """Say whether the end is followed."""
        self.present()

    def action_follow(self) -> None:
        """Follow the end, or stay here."""
        self._lines.follow(following=not self._lines.following)

    def action_cancel(self) -> None:
        """Ask for the job's end."""
        self.link.tell(CancelJob(self.job))
