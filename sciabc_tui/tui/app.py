"""The application: what is known of the cluster, which screen is on top, and what the service is asked."""

import logging
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import ClassVar, assert_never

from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette, Provider
from textual.filter import LineFilter
from textual.message import Message
from textual.message_pump import MessagePump
from typing_extensions import override

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobId
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui import messages as msg
from sciabc_tui.tui import requests as req
from sciabc_tui.tui.actions import Verb
from sciabc_tui.tui.errands import Errands
from sciabc_tui.tui.feed import Feed
from sciabc_tui.tui.firewall import Firewall
from sciabc_tui.tui.ports import ClusterClient
from sciabc_tui.tui.present.cells import plain
from sciabc_tui.tui.present.forms import (
    Question,
    cancel_question,
    drain_question,
    farewell,
    requeue_question,
)
from sciabc_tui.tui.present.glyphs import ASCII, UNICODE, Glyphs
from sciabc_tui.tui.present.history import KEPT
from sciabc_tui.tui.present.trust import forget_question
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.screens.approve import ApproveScreen
from sciabc_tui.tui.screens.base import ClusterScreen, Link
from sciabc_tui.tui.screens.confirm import ConfirmScreen
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.help import HelpScreen
from sciabc_tui.tui.screens.history import HistoryScreen
from sciabc_tui.tui.screens.log import CHUNK, LogScreen
from sciabc_tui.tui.screens.new_job import NewJobScreen
from sciabc_tui.tui.screens.node import NodeScreen
from sciabc_tui.tui.screens.palette import ClusterProvider
from sciabc_tui.tui.screens.preflight import PreflightScreen
from sciabc_tui.tui.theme import BRIEFCASE, CONSOLE, CONSOLE_VARIABLES, CSS

log = logging.getLogger(__name__)


class ClusterApp(App[None]):
    """The control panel over a client of the head service.

    Args:
        client: The head service.
        begin: Starts a head service if none answers; may block, and runs beside the screen.
        clock: This machine's monotonic clock.
        glyphs: What the terminal can show.
        ticking: Let ages and the clock go on by themselves.
        log_name: Where unexpected errors are written, for the line that tells of one.
    """

    TITLE = "sciabc-tui"
    CSS = CSS
    BINDINGS: ClassVar[list[BindingType]] = [Binding("ctrl+c", "quit", "Leave", show=False, priority=True)]
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {ClusterProvider}

    def __init__(
        self,
        client: ClusterClient,
        *,
        begin: Callable[[], object] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        glyphs: Glyphs = UNICODE,
        ticking: bool = True,
        log_name: str = "",
    ) -> None:
        super().__init__()
        self._errands = Errands(client)
        self._clock = clock
        self._glyphs = glyphs
        self._link = Link(self.view, self.take, ticking)
        self._log_name = log_name
        self._state: State | None = None
        self._received_at = 0.0
        self._gone_since: float | None = None
        self._gone_why = ""
        self._feed = Feed(client, self.post_message, clock, begin)
        self._firewall = Firewall()
        self.set_class(glyphs is ASCII, "-ascii")
        self.animation_level = "none"  # an animation is bytes on a slow link, and tells nothing
        self.register_theme(BRIEFCASE)
        self.theme = CONSOLE if os.environ.get("TERM") == "linux" else BRIEFCASE.name

    @override
    def get_theme_variable_defaults(self) -> dict[str, str]:
        return CONSOLE_VARIABLES

    @override
    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._firewall]

    def view(self) -> View:
        """Give what there is to show now."""
        now = self._clock()
        gone = None if self._gone_since is None else now - self._gone_since
        if self._state is None:
            return View(self._glyphs, gone=gone, problem=self._gone_why)
        elapsed = max(0.0, now - self._received_at)
        state = self._state
        return View(self._glyphs, state, state.at + elapsed, state.wall + elapsed, gone, self._gone_why)

    def on_mount(self) -> None:
        """Show the first frame; the service may answer later."""
        self.push_screen(DashboardScreen(self._link))
        self.run_worker(self._feed.run, thread=True, group="feed", name="feed")

    def on_unmount(self) -> None:
        """Let go of the service; what runs there goes on."""
        self._feed.stop()
        self._errands.stop_preflight()

    def on_state_received(self, message: msg.StateReceived) -> None:
        """Take over the newest state."""
        self._state, self._received_at, self._gone_since = message.state, message.at, None
        self._look_again()

    def on_service_lost(self, message: msg.ServiceLost) -> None:
        """Keep what is known, and say since when it is no longer fresh."""
        if self._gone_since is None:
            self._gone_since = self._clock()
        self._gone_why = message.why
        self._look_again()

    def _look_again(self) -> None:
        if isinstance(self.screen, ClusterScreen):
            self.screen.tick()

    def take(self, request: req.Request) -> None:
        """Carry out what a screen asks, at once, so that the next key goes to the next screen."""
        match request:
            case req.Do(verb):
                self._do(verb)
            case req.OpenNode(node):
                self._open_node(node)
            case req.OpenJob(job):
                self._open_log(job)
            case req.ReadLog(job, offset):
                self._read_more(job, offset)
            case req.ReadEvents(since):
                self._read_events(since)
            case req.OpenPreflight() | req.AskNodes() | req.StopAsking():
                self._check(request)
            case req.DrainNode() | req.ForgetNode() | req.CancelJob() | req.RequeueJob():
                self._ask_first(request)
            case _:
                self._ask_at_once(request)

    def _check(self, request: req.Checks) -> None:
        match request:
            case req.OpenPreflight(title, wish):
                self._errands.stop_preflight()  # nobody looks at that of another screen now
                self.push_screen(PreflightScreen(self._link, title=title, wish=wish))
            case req.AskNodes(wish, number):
                self._ask(self.screen, partial(self._errands.preflight, wish, number))
            case req.StopAsking():
                self._errands.stop_preflight()
            case _:
                assert_never(request)

    def _ask_first(self, request: req.Risky) -> None:
        """Carry out what takes something away, after a yes; nothing if it is gone meanwhile."""
        state, view, errands = self._state or State(), self.view(), self._errands
        match request:
            case req.DrainNode(id_) if node := state.nodes.get(id_):
                self._confirm(drain_question(node, view), partial(errands.drain, id_, plain(node.name)))
            case req.ForgetNode(id_) if node := state.nodes.get(id_):
                self._confirm(forget_question(node, view), partial(errands.forget, id_, plain(node.name)))
            case req.CancelJob(id_) if job := state.jobs.get(id_):
                self._confirm(cancel_question(job, view), partial(errands.cancel, id_))
            case req.RequeueJob(id_) if job := state.jobs.get(id_):
                self._confirm(requeue_question(job, view), partial(errands.requeue, id_))
            case _:
                return

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
            case Verb.NEW_JOB:
                self.push_screen(NewJobScreen(self._link))
            case Verb.APPROVE:
                self.push_screen(ApproveScreen(self._link))
            case Verb.EVENTS:
                self.push_screen(HistoryScreen(self._link))
            case Verb.HELP:
                self.push_screen(HelpScreen(self._link))
            case Verb.PALETTE:
                self.action_command_palette()
            case Verb.QUIT:
                self._leave()
            case Verb.BACK:
                self._back()
            case _:
                log.error("nobody does %s", verb)

    def _back(self) -> None:
        if len(self.screen_stack) > 2:
            self.pop_screen()

    def _leave(self) -> None:
        self.exit(message=Text(farewell(self.view())))

    @override
    async def action_quit(self) -> None:
        self._leave()

    @override
    def action_command_palette(self) -> None:
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(CommandPalette(placeholder="an action, a node or a job"))

    def _open_node(self, node: NodeId) -> None:
        self.push_screen(NodeScreen(self._link, node=node))

    def _open_log(self, job: JobId, known: Job | None = None) -> None:
        self.push_screen(LogScreen(self._link, job=job, known=known))

    def on_job_accepted(self, message: msg.JobAccepted) -> None:
        """Go from the form to the job's log."""
        if isinstance(self.screen, NewJobScreen):
            self.pop_screen()
        self._open_log(message.job.id, message.job)

    def _read_more(self, job: JobId, offset: int) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, LogScreen) and screen.job == job:
                self._ask(screen, partial(self._errands.read_log, job, offset, CHUNK))

    def _read_events(self, since: int) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, HistoryScreen):
                self._ask(screen, partial(self._errands.read_events, since, KEPT))

    def on_accepted(self, message: msg.Accepted) -> None:
        """Tell that it was done."""
        self.notify(message.text, timeout=4, markup=False)

    def on_refused(self, message: msg.Refused) -> None:
        """Tell why it was not done."""
        self.notify(plain(message.text), severity="error", timeout=10, markup=False)

    def _confirm(self, question: Question, work: Callable[[], Message]) -> None:
        def answered(answer: bool | None) -> None:  # noqa: FBT001 (Textual calls it so)
            if answer:
                self._ask(self, work)

        self.push_screen(ConfirmScreen(question), answered)

    def _ask(self, target: MessagePump, work: Callable[[], Message]) -> None:
        """Ask the service in a thread of its own; the answer goes to `target` as a message."""

        def run() -> None:
            try:
                answer = work()
            except SciabcError as error:
                answer = msg.Refused(str(error))
            except Exception as error:
                log.exception("asking the head service failed")
                answer = msg.Refused(self._surprise(error))
            target.post_message(answer)

        self.run_worker(run, thread=True, group="ask")

    def _surprise(self, error: Exception) -> str:
        where = f"; see {self._log_name}" if self._log_name else ""
        return f"unexpected error ({type(error).__name__}){where}"

    @override
    def _fatal_error(self) -> None:
        """Tell of an unexpected error in one line; the traceback goes to the log, never to the screen."""
        error = self._exception or RuntimeError()
        log.error("the screen failed", exc_info=error)
        self.exit(
            return_code=1, message=Text(f"sciabc-tui: {self._surprise(error)}. Jobs and service go on.")
        )
        self._close_messages_no_wait()
