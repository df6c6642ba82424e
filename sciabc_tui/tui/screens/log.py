"""A job with what it prints."""

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from typing_extensions import override

from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.messages import LogReceived, Refused
from sciabc_tui.tui.present import logs, preflight
from sciabc_tui.tui.present.cells import Cell, Tone, titled
from sciabc_tui.tui.present.detail import job_heading
from sciabc_tui.tui.requests import CancelJob, HoldJob, OpenPreflight, ReadLog, ReleaseJob, RequeueJob
from sciabc_tui.tui.screens.base import ClusterScreen, Link, not_for
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.log import LogView

CHUNK = 256 * 1024
"""Bytes that are asked for at once; at first the last ones."""


class LogScreen(ClusterScreen):
    """The job's state above, its output below; opens at the end and follows."""

    # While the job waits there is little to move sideways, which is what h does to a log.
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.LOG, first={Verb.HOLD, Verb.RELEASE})
    PERIOD: ClassVar[float] = 0.25

    def __init__(self, link: Link, *, job: JobId, known: Job | None = None) -> None:
        super().__init__(link)
        self.job = job
        self._known = known
        self._attempt = known.attempt if known else 0
        self._heading = Lines()
        self._rule = Lines()
        self._lines = LogView(id="log")
        self._read_to: int = -CHUNK
        self._asked = False
        self._outdated = False
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
        if self._known.attempt != self._attempt:
            self._begin_anew(self._known.attempt)
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
        of_attempt = f" of attempt {self._attempt}" if self._attempt > 1 else ""
        return self._problem or ("Output" if self._lines.total else "No output yet") + of_attempt

    def _begin_anew(self, attempt: int) -> None:
        """Go from the output of one attempt to that of the next; drop an answer under way."""
        if self._attempt:
            self._lines.put(())
            self._read_to, self._ended, self._outdated = -CHUNK, False, self._asked
        self._attempt = attempt

    @property
    @override
    def place(self) -> Place:
        return Place.LOG

    @override
    def hidden(self) -> set[Verb]:
        return super().hidden() | not_for(self._known)

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
        waits = self._known.state is JobState.PENDING
        if waits and (self._known.attempt == 0 or self._read_to >= 0):
            return  # nothing was printed yet, or all that the attempt before printed is there
        self._asked = True
        self.link.tell(ReadLog(self.job, self._read_to))

    def on_log_received(self, message: LogReceived) -> None:
        """Take in what was asked for."""
        message.stop()
        chunk = message.chunk
        self._asked, self._problem = False, ""
        if self._outdated:
            self._outdated = False
            return
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
        self._asked, self._outdated, self._problem = False, False, message.text

    def on_log_view_changed(self) -> None:
        """Say whether the end is followed."""
        self.present()

    def action_follow(self) -> None:
        """Follow the end, or stay here."""
        self._lines.follow(following=not self._lines.following)

    def action_preflight(self) -> None:
        """Check the nodes for this job."""
        if self._known is not None:
            title = f"job {self._known.id} {self._known.name}"
            self.link.tell(OpenPreflight(title, preflight.of_job(self._known)))

    def action_cancel(self) -> None:
        """Ask for the job's end."""
        self.link.tell(CancelJob(self.job))

    def action_hold(self) -> None:
        """Ask that the job does not start."""
        self.link.tell(HoldJob(self.job))

    def action_release(self) -> None:
        """Ask that the job starts again."""
        self.link.tell(ReleaseJob(self.job))

    def action_requeue(self) -> None:
        """Ask for the job's next attempt."""
        self.link.tell(RequeueJob(self.job))
