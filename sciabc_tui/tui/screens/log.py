"""A job with what it prints."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.api.messages import AttemptHost, JobDetail
from sciabc_tui.cluster.job import Job, JobId, JobState
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.allowed import not_for
from sciabc_tui.tui.keys import bindings
from sciabc_tui.tui.log_asking import HINTS, Ask, carry_out
from sciabc_tui.tui.log_desk import LogMessage
from sciabc_tui.tui.log_reader import LogSource
from sciabc_tui.tui.log_reading import LogReading
from sciabc_tui.tui.messages import DetailReceived, Refused
from sciabc_tui.tui.present import logs, metrics, preflight
from sciabc_tui.tui.present.cells import Cell, Tone
from sciabc_tui.tui.present.detail import job_heading
from sciabc_tui.tui.present.job import details as job_details
from sciabc_tui.tui.present.log_records import EVERYTHING
from sciabc_tui.tui.requests import (
    AskBefore,
    CancelJob,
    CopyText,
    EditJob,
    HoldJob,
    OpenPicture,
    OpenPreflight,
    ReadDetail,
    Reads,
    ReleaseJob,
    RequeueJob,
)
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.widgets.lines import Lines
from sciabc_tui.tui.widgets.pager import PagerView

_FIRST = {Verb.HOLD, Verb.RELEASE, Verb.SEARCH, Verb.GREP, Verb.RANKS, Verb.JUMP, Verb.SAVE}
"""What is typed behind these in one packet is theirs already."""

_SIDEWAYS = 16
"""Cells that a log moves sideways at once."""

_COPIED = 100_000
"""Characters that are copied at most: a terminal takes no more."""


class LogScreen(ClusterScreen):
    """The job's state above, its output below; opens at the end and follows."""

    # While the job waits there is little to move sideways, which is what h does to a log.
    BINDINGS: ClassVar[list[BindingType]] = bindings(Place.LOG, first=_FIRST)
    PERIOD: ClassVar[float] = 0.25

    def __init__(self, link: Link, source: LogSource, *, job: JobId, known: Job | None = None) -> None:
        super().__init__(link)
        self.job = job
        self._known = known
        self._attempt = known.attempt if known else 0
        self._heading = Lines()
        self._detail: JobDetail | None = None
        self._told_of: tuple[int, JobState] | None = None
        self._details = Lines(id="details")
        self._pane = VerticalScroll(self._details, id="details-pane")
        self._rule = Lines()
        self._lines = PagerView(id="log")
        self._prompt = Input(compact=True, id="filter")
        self._prompt.cursor_blink = False
        self._ask = Ask.SEARCH
        self._typed: dict[Ask, str] = {}
        self._note = ""
        self.reading = LogReading(source, job, self.view.glyphs, self.post_message, self._run)

    def _run(self, work: Callable[[], None]) -> None:
        self.run_worker(work, thread=True, group="log")

    @override
    def body(self) -> ComposeResult:
        yield self._heading
        yield self._pane
        yield self._rule
        yield self._lines
        yield self._prompt

    @override
    def on_mount(self) -> None:
        self._pane.display = self._prompt.display = False
        self._lines.focus()

    def on_unmount(self) -> None:
        """End what goes on for this screen."""
        self.reading.stop()

    @override
    def present(self) -> None:
        width = self.size.width
        found = self.view.state.jobs.get(self.job) if self.view.state else None
        self._known = found or self._known
        if self._known is None:
            self._heading.put(((Cell(f" job {self.job}: not known here any longer", Tone.DIM),),))
            return
        if self._known.attempt != self._attempt:
            self._attempt = self._known.attempt
            self.reading.begin(self._attempt)
        told = metrics.lines(self.view, self._known, width)
        self._heading.put((*job_heading(self.view, self._known, width, ""), *told))
        if self._pane.display:
            self._present_details(self._known, width)
        self._show(self._known)

    def _show(self, job: Job) -> None:
        """Show the lines and how they are read."""
        reading, size = self.reading, self._lines.size
        ranks = sum(part.slots for part in job.allocation)
        look = replace(reading.printer.look, gutter=logs.gutter_for(ranks), began=job.started_at)
        reading.printer.use(look)
        self._lines.put(reading.lines(size.width, size.height))
        of_attempt = f" of attempt {self._attempt}" if self._attempt > 1 else ""
        output = "Output" if reading.pager.records or reading.pager.size else "No output yet"
        title = self._note or reading.problem or reading.seeker.note or output + of_attempt
        self._rule.put((logs.rule(title, reading.notes(), self.size.width, self.view.glyphs.rule),))

    def _present_details(self, job: Job, width: int) -> None:
        """Show the attempts; they are read anew when there is another one, or it stands differently."""
        self._ask_details(job)
        if self._detail is not None:
            self._details.put(job_details(self._detail, width - 2, self.view.glyphs))
        self._pane.styles.height = min(max(1, self._details.line_count), max(4, self.size.height // 2))

    def _ask_details(self, job: Job) -> None:
        if self._told_of != (job.attempt, job.state):
            self._told_of = job.attempt, job.state
            self.link.tell(ReadDetail(self.job))

    @override
    def tick(self) -> None:
        super().tick()
        if self.is_current and self._known is not None and self.view.gone is None:
            waits = self._known.state is JobState.PENDING
            if not waits or (self._known.attempt and not self.reading.read_once):
                self.reading.look(final=self._known.state.ended)

    @override
    def shows(self, request: Reads) -> bool:
        return isinstance(request, ReadDetail) and request.job == self.job

    @property
    @override
    def place(self) -> Place:
        return Place.FILTER if self.focused is self._prompt else Place.LOG

    @override
    def hidden(self) -> set[Verb]:
        searched = set[Verb]() if self.reading.seeker.hits else {Verb.NEXT_HIT, Verb.LAST_HIT}
        return super().hidden() | not_for(self._known) | searched

    @on(LogMessage)
    def take(self, message: LogMessage) -> None:
        """Show what came of reading."""
        message.stop()
        self.reading.take(message)
        if (saved := self.reading.saved) is not None:
            self.reading.saved = None
            self.notify(f"{saved.lines:,} lines saved in {saved.path}", timeout=6, markup=False)
        if self.reading.failure:
            self.notify(self.reading.failure, severity="error", timeout=10, markup=False)
            self.reading.failure = ""
        if self._known is not None and self.is_current:
            self._show(self._known)

    def on_detail_received(self, message: DetailReceived) -> None:
        """Show the attempts."""
        message.stop()
        self._detail = message.detail
        self.present()

    def on_refused(self, message: Refused) -> None:
        """Say why the details can't be told."""
        message.stop()
        self._note = message.text
        self.present()

    def _again(self) -> None:
        self._note = ""
        self.present()
        self.show_keys()

    def on_pager_view_moved(self, message: PagerView.Moved) -> None:
        """Move by lines."""
        self.reading.move(message.by)
        self._again()

    def on_pager_view_jumped(self, message: PagerView.Jumped) -> None:
        """Go to the begin or the end."""
        self.reading.go_to_edge(message.to)
        self._again()

    def on_pager_view_shifted(self, message: PagerView.Shifted) -> None:
        """Move the text sideways."""
        look = self.reading.printer.look
        self.reading.printer.use(replace(look, left=max(0, look.left + message.by * _SIDEWAYS)))
        self._again()

    def on_pager_view_resized(self) -> None:
        """Show as many lines as there is room for."""
        self.present()

    def action_follow(self) -> None:
        """Follow the end, or stay here."""
        self.reading.follow(following=not self.reading.pager.following)
        self._again()

    def action_wrap(self) -> None:
        """Let long lines go on in further rows, or not."""
        look = self.reading.printer.look
        self.reading.printer.use(replace(look, wrap=not look.wrap))
        self._again()

    def action_times(self) -> None:
        """Show when each line was written: at what time of day, since the start, or not."""
        look = self.reading.printer.look
        self.reading.printer.use(replace(look, times=look.times.following))
        self._again()

    def action_stream(self) -> None:
        """Show both streams, only standard output, or only standard error."""
        order = {"": "out", "out": "err", "err": ""}
        chosen = self.reading.chosen
        self.reading.choose(replace(chosen, stream=order[chosen.stream]))
        self._again()

    def action_next_hit(self) -> None:
        """Go to the next line in which it was found."""
        self.reading.next_hit(1)
        self._again()

    def action_last_hit(self) -> None:
        """Go to the line before in which it was found."""
        self.reading.next_hit(-1)
        self._again()

    def action_mark(self) -> None:
        """Begin to select lines, or end it."""
        if self.reading.selected is None:
            self.reading.select()
        else:
            self.reading.selected = None
        self._again()

    def action_copy(self) -> None:
        """Copy the selected lines, the hit, or what is on the screen."""
        text, lines = self.reading.copied(_COPIED)
        self.reading.selected = None
        self.link.tell(CopyText(text))
        self.notify(f"{lines} line{'s' if lines != 1 else ''} copied", timeout=3, markup=False)
        self._again()

    def _open(self, ask: Ask) -> None:
        self._ask, self._note = ask, ""
        self._prompt.placeholder = HINTS[ask]
        self._prompt.value = self._typed.get(ask, "")
        self._prompt.cursor_position = len(self._prompt.value)
        self._prompt.display = True
        self.set_focus(self._prompt)
        self._again()

    def action_ranks(self) -> None:
        """Ask for the ranks to show."""
        if self._known is not None:
            self._ask_details(self._known)  # says which ranks are on a node
        self._open(Ask.RANKS)

    def action_search(self) -> None:
        """Ask for what to search."""
        self._typed.pop(Ask.SEARCH, None)
        self._open(Ask.SEARCH)

    def action_grep(self) -> None:
        """Ask for what the lines to show must hold."""
        self._open(Ask.GREP)

    def action_jump(self) -> None:
        """Ask for a time."""
        self._open(Ask.TIME)

    def action_save(self) -> None:
        """Ask for the file."""
        self._typed.setdefault(Ask.SAVE, f"~/job-{self.job}.log")
        self._open(Ask.SAVE)

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Do what was asked for; say why if it can't be done, and let it be mended."""
        text = message.value
        try:
            if self._ask is Ask.SAVE:
                if not text.strip():
                    raise ValueError("a file has a name. Next: such as ~/job.log")  # noqa: TRY301
                self._save(Path(text).expanduser())
            else:
                hosts = {host.name: host.ranks for host in self._hosts()}
                began = self._known.started_at if self._known else None
                carry_out(self._ask, text, self.reading, hosts=hosts, began=began)
        except (OSError, ValueError, RuntimeError) as error:
            self._note = str(error)
            self.present()
            return
        self._typed[self._ask] = text
        self._close()

    def _hosts(self) -> tuple[AttemptHost, ...]:
        attempts = self._detail.attempts if self._detail else ()
        return attempts[-1].hosts if attempts else ()

    def _save(self, path: Path) -> None:
        if not path.exists():
            self.reading.save(path, overwrite=False)
            return
        question = logs.overwrite_question(str(path))
        self.link.tell(AskBefore(question, lambda: self.reading.save(path, overwrite=True)))

    def _close(self) -> None:
        self._prompt.display = False
        self.set_focus(self._lines)
        self._again()

    @override
    def action_back(self) -> None:
        """Leave what was begun last, and only then the screen."""
        if self._prompt.display:
            self._note = ""
            self._close()
        elif self.reading.leave():
            self._again()
        elif self.reading.chosen != EVERYTHING:
            self.reading.choose(EVERYTHING)
            self._again()
        else:
            super().action_back()

    def action_details(self) -> None:
        """Show the job's attempts above its output, or hide them."""
        self._pane.display = not self._pane.display
        self._told_of = None
        self.present()

    def action_picture(self) -> None:
        """Ask for what the job draws."""
        self.link.tell(OpenPicture(self.job))

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

    def action_edit(self) -> None:
        """Ask for the form that asks for the job once more."""
        self.link.tell(EditJob(self.job))
