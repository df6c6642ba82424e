"""The application: what is known of the cluster, which screen is on top, and what the service is asked."""

import gc
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, assert_never

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.message import Message
from textual.message_pump import MessagePump
from typing_extensions import override

from sciabc_tui.cluster.ids import JobId, NodeId
from sciabc_tui.config import Loaded
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui import messages as msg
from sciabc_tui.tui import requests as req
from sciabc_tui.tui.actions import Place, Verb
from sciabc_tui.tui.errands import Errands
from sciabc_tui.tui.feed import Feed
from sciabc_tui.tui.firewall import Firewall
from sciabc_tui.tui.late import LateClient
from sciabc_tui.tui.looks import Looks
from sciabc_tui.tui.openings import Openings, load_all, load_sections
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.terminal_app import TerminalApp
from sciabc_tui.tui.theme import CSS

if TYPE_CHECKING:
    from sciabc_tui.cluster.job import Job
    from sciabc_tui.cluster.state import State
    from sciabc_tui.tui.ports import ClusterClient, Shell
    from sciabc_tui.tui.present.digest import Digest
    from sciabc_tui.tui.present.forms import Question

log = logging.getLogger(__name__)

READ_ONLY = "Read-only: nothing is changed from here. Next: sciabc-tui without --read-only and tui.read_only"


class ClusterApp(TerminalApp):
    """The control panel over a client of the head service.

    Args:
        client: Gives the client of the head service; called once, beside the screen.
        begin: Starts a head service if none answers; may block, and runs beside the screen.
        clock: This machine's monotonic clock.
        looks: What the terminal can show, and what the user wants of the screen.
        ticking: Let ages and the clock go on by themselves.
        log_name: Where unexpected errors are written, for the line that tells of one.
        loaded: The settings that the settings screen shows.
        form_file: Where what stands in the form of a new job is kept; None forgets it in the end.
        shell: Makes what logs in to nodes from this terminal; None: nobody can, from here.
    """

    TITLE = "sciabc-tui"
    CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", "Leave", show=False, priority=True)]

    def __init__(  # noqa: PLR0913 - what the panel is made of; all but the client has a default
        self,
        client: "Callable[[], ClusterClient]",
        *,
        begin: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        looks: Looks = Looks(),  # noqa: B008 (frozen)
        ticking: bool = True,
        log_name: str = "",
        loaded: Loaded | None = None,
        form_file: Path | None = None,
        shell: "Callable[[], Shell] | None" = None,
    ) -> None:
        super().__init__(looks, clock, log_name=log_name)
        late = LateClient(client)
        self._errands = Errands(late)
        self._clock = clock
        self._glyphs = looks.glyphs
        self._read_only = looks.wanted.read_only
        self._link = Link(self.view, self.take, ticking)
        self._openings = Openings(self._link, self._errands, loaded, form_file, self._ask, shell)
        self._state: State | None = None
        self._digest: Digest | None = None
        self._received_at = 0.0
        self._gone_since: float | None = None
        self._gone_why = ""
        self._feed = Feed(late, self.post_message, clock, begin)
        self._firewall = Firewall()
        self._loads = False

    @override
    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._firewall]

    def view(self) -> View:
        """Give what there is to show now."""
        now = self._clock()
        gone = None if self._gone_since is None else now - self._gone_since
        if self._state is None:
            return View(self._glyphs, gone=gone, problem=self._gone_why, read_only=self._read_only)
        state = self._state
        elapsed = max(0.0, now - self._received_at) * state.head.pace
        return View(
            self._glyphs,
            state,
            state.at + elapsed,
            state.wall + elapsed,
            gone,
            self._gone_why,
            self._read_only,
            blinking=self._openings.blinking,
            worked_out=self._digest,
        )

    @override
    def get_default_screen(self) -> DashboardScreen:
        return DashboardScreen(self._link)

    def on_ready(self) -> None:
        """There is a first frame, which waits neither for the service nor for what shows a state."""
        if not gc.isenabled():  # `sciabc_tui.__main__` switched it off for the imports
            gc.freeze()  # what is there now stays: nobody need look through it
            gc.enable()
        self.begin_to_survive()
        self.run_worker(self._follow, thread=True, group="feed", name="feed")

    def _follow(self) -> None:
        load_sections()
        self._feed.run()

    def on_unmount(self) -> None:
        """Let go of the service; what runs there goes on."""
        self.give_back()
        self._feed.stop()
        self._errands.stop_preflight()
        self._openings.close()

    def on_state_received(self, message: msg.StateReceived) -> None:
        """Take over the newest state."""
        self._state, self._received_at, self._gone_since = message.state, message.at, None
        self._digest = self._openings.digest(message.state, self._digest)
        self._look_again()

    def on_service_lost(self, message: msg.ServiceLost) -> None:
        """Keep what is known, and say since when it is no longer fresh."""
        if self._gone_since is None:
            self._gone_since = self._clock()
        self._gone_why = message.why
        self._look_again()

    def _look_again(self) -> None:
        self.follow(self.view())
        if isinstance(self.screen, ClusterScreen):
            self.screen.news()
        if not self._loads:  # what is known now is shown first
            self._loads = True
            self.call_after_refresh(self.run_worker, load_all, thread=True, name="load")

    def take(self, request: req.Request) -> None:
        """Carry out what a screen asks, at once, so that the next key goes to the next screen."""
        if self._read_only and req.changes(request):
            self.screen.post_message(msg.Refused(READ_ONLY))
        else:
            self._carry_out(request)

    def _carry_out(self, request: req.Request) -> None:
        match request:
            case req.Do(verb):
                self._do(verb)
            case req.OpenNode() | req.OpenJob() | req.OpenPicture() | req.CopyText() | req.AskBefore():
                self._show(request)
            case req.ReadDetail() | req.ReadEvents() | req.ReadHistory():
                self._read(request)
            case req.OpenPreflight() | req.AskNodes() | req.StopAsking():
                self._check(request)
            case req.EditJob() | req.AskPreview() | req.ListPaths() | req.KeepForm():
                self._openings.forms.take(request, self.screen, self)
            case req.OnNodes() | req.OpenWork() | req.StartWork() | req.StopWork():
                self._openings.works.take(request, self.screen, self)
            case req.DrainNode() | req.ForMany() | req.ForgetNode() | req.CancelJob() | req.RequeueJob():
                self._ask_first(request)
            case _:
                self._ask_at_once(request)

    def _show(self, request: req.Shows) -> None:
        match request:
            case req.OpenNode(node):
                self._open_node(node)
            case req.OpenJob(job):
                self._open_log(job)
            case req.OpenPicture(job):
                self.push_screen(self._openings.picture(job))
            case req.CopyText(text):
                self.copy_to_clipboard(text)
            case req.AskBefore(question, then):
                self.push_screen(self._openings.confirm(question), lambda answer: then() if answer else None)
            case _:
                assert_never(request)

    def _check(self, request: req.Checks) -> None:
        match request:
            case req.OpenPreflight(title, wish):
                self._errands.stop_preflight()  # nobody looks at that of another screen now
                self.push_screen(self._openings.preflight(title, wish))
            case req.AskNodes(wish, number):
                post = self.screen.post_message
                self._ask(self.screen, partial(self._errands.preflight, wish, number, post))
            case req.StopAsking():
                self._errands.stop_preflight()
            case _:
                assert_never(request)

    def _ask_first(self, request: req.Risky) -> None:
        """Carry out what takes something away, after a yes; nothing if it is gone meanwhile."""
        if plan := self._openings.plan(request, self.view()):
            self._confirm(plan.question, plan.work)

    def _ask_at_once(self, request: req.Harmless) -> None:
        errands = self._errands
        match request:
            case req.ResumeNode(node):
                self._ask(self, partial(errands.resume, node))
            case req.ApproveKey(node, fingerprint):
                self._ask(self, partial(errands.approve, node, fingerprint))
            case req.HoldJob(job):
                self._ask(self, partial(errands.hold, job))
            case req.ReleaseJob(job):
                self._ask(self, partial(errands.release, job))
            case req.Submit(job):
                self._ask(self.screen, partial(errands.submit, job))
            case _:
                assert_never(request)

    def _do(self, verb: Verb) -> None:
        match verb:
            case Verb.PALETTE:
                self.action_command_palette()
            case Verb.THEME:
                self.next_theme()
            case Verb.QUIT if question := self._openings.goodbye():
                self.push_screen(self._openings.confirm(question), lambda yes: self._leave() if yes else None)
            case Verb.QUIT:
                self._leave()
            case Verb.BACK:
                self._back()
            case _:
                self._open(verb)

    def _open(self, verb: Verb) -> None:
        below = self.screen
        opened = self._openings.by_verb(verb, below) if isinstance(below, ClusterScreen) else None
        if opened is None:
            log.error("nobody does %s", verb)
        else:
            self.push_screen(opened)

    def _back(self) -> None:
        at_nodes = isinstance(self.screen, ClusterScreen) and self.screen.place in {Place.NODES, Place.NODE}
        if at_nodes and self._openings.end_identify():
            return
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def _leave(self) -> None:
        self.exit(message=Text(self._openings.farewell(self.view())))

    @override
    async def action_quit(self) -> None:
        self._leave()

    @override
    def action_command_palette(self) -> None:
        if isinstance(self.screen, ClusterScreen):
            self.push_screen(self._openings.palette(self.screen, self))

    def _open_node(self, node: NodeId) -> None:
        self.push_screen(self._openings.node(node))

    def _open_log(self, job: JobId, known: "Job | None" = None) -> None:
        self.push_screen(self._openings.log(job, known))

    def on_form_filled(self, message: msg.FormFilled) -> None:
        """Open the form that asks for a job once more."""
        self.push_screen(self._openings.forms.again(self._link, message))

    def on_job_accepted(self, message: msg.JobAccepted) -> None:
        """Go from the form to the job's log, and say how to see what the program draws."""
        if isinstance(self.screen, ClusterScreen) and self.screen.place is Place.FORM:
            self.pop_screen()
        self._open_log(message.job.id, message.job)
        if hint := self._openings.picture_hint(message.job):
            self.notify(hint, timeout=8, markup=False)

    def _read(self, request: req.Reads) -> None:
        """Read for the screens that show this; what is not shown any more needs no answer."""
        for screen in self.screen_stack:
            if isinstance(screen, ClusterScreen) and screen.shows(request):
                self._ask(screen, partial(self._errands.read, request))

    def on_accepted(self, message: msg.Accepted) -> None:
        """Tell that it was done."""
        self.notify(message.text, timeout=4, markup=False)

    def on_refused(self, message: msg.Refused) -> None:
        """Tell why it was not done."""
        self.notify(plain(message.text), severity="error", timeout=10, markup=False)

    def _confirm(self, question: "Question | None", work: Callable[[], Message]) -> None:
        if question is None:
            self._ask(self, work)
            return

        def answered(answer: bool | None) -> None:  # noqa: FBT001 (Textual calls it so)
            if answer:
                self._ask(self, work)

        self.push_screen(self._openings.confirm(question), answered)

    def _ask(self, target: MessagePump, work: Callable[[], Message]) -> None:
        """Ask the service in a thread of its own; the answer goes to `target` as a message."""

        def run() -> None:
            try:
                answer = work()
            except SciabcError as error:
                answer = msg.Refused(str(error))
            except Exception as error:
                log.exception("asking the head service failed")
                answer = msg.Refused(self.surprises.line(error))
            target.post_message(answer)

        self.run_worker(run, thread=True, group="ask")
