"""Makes every screen but the first, and loads each when it is wanted: the first frame waits for none."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen

from sciabc_tui.cluster.ids import JobId, NodeId
from sciabc_tui.config import Loaded
from sciabc_tui.tui.actions import Verb
from sciabc_tui.tui.errands import Errands
from sciabc_tui.tui.screens.base import ClusterScreen, Link

if TYPE_CHECKING:
    from textual.app import App

    from sciabc_tui.api.messages import PreflightWish
    from sciabc_tui.cluster.job import Job
    from sciabc_tui.cluster.state import State
    from sciabc_tui.tui import requests as req
    from sciabc_tui.tui.job_forms import JobForms
    from sciabc_tui.tui.many import Plan
    from sciabc_tui.tui.ports import Shell
    from sciabc_tui.tui.present.digest import Digest
    from sciabc_tui.tui.present.forms import Question
    from sciabc_tui.tui.present.view import View
    from sciabc_tui.tui.works import Works


_LATER = (
    "approve",
    "confirm",
    "help",
    "history",
    "log",
    "new_job",
    "node",
    "palette",
    "picture",
    "preflight",
    "settings",
)


def load_sections() -> None:
    """Load what shows a state; called once the first frame, which has none, is there."""
    import_module("sciabc_tui.tui.present.board")


def load_all() -> None:
    """Load what the first frame did without, so that no key has to wait for it."""
    for name in _LATER:
        import_module(f"sciabc_tui.tui.screens.{name}")
    import_module("sciabc_tui.tui.works")  # with the screens of works


class Openings:
    """Makes screens.

    Args:
        link: How a screen sees the cluster.
        errands: What the service is asked.
        loaded: What the settings screen shows.
        form_file: Where what stood in the form of a new job is kept; None forgets it in the end.
        ask: Does work in a thread; its answer goes to the first of the two as a message.
        shell: Makes what logs in to nodes; None: nobody can, from here.
    """

    def __init__(
        self,
        link: Link,
        errands: Errands,
        loaded: Loaded | None,
        form_file: Path | None,
        ask: Callable[[MessagePump, Callable[[], Message]], None],
        shell: "Callable[[], Shell] | None" = None,
    ) -> None:
        self._link = link
        self._errands = errands
        self._loaded = loaded
        self._form_file = form_file
        self._ask = ask
        self._shell = shell
        self._forms: JobForms | None = None
        self._works: Works | None = None

    @property
    def forms(self) -> "JobForms":
        """The forms of new jobs."""
        from sciabc_tui.tui.job_forms import JobForms
        from sciabc_tui.tui.memory import FormMemory

        if self._forms is None:
            self._forms = JobForms(self._errands, FormMemory(self._form_file), self._ask)
        return self._forms

    @property
    def works(self) -> "Works":
        """The works on nodes."""
        from sciabc_tui.tui.works import Works

        if self._works is None:
            self._works = Works(self._link, self._errands, self._shell, self._ask)
        return self._works

    @property
    def blinking(self) -> bool:
        """Do boards blink because somebody looks for them here?"""
        return self._works is not None and self._works.blinking

    def end_identify(self) -> bool:
        """Let no board blink any longer; tell whether one did."""
        return self._works is not None and self._works.end_identify()

    def goodbye(self) -> "Question | None":
        """Give what is asked before the screen is left; None: nothing ends with it."""
        if self._works is None or not self._works.under_way:
            return None
        from sciabc_tui.tui.present.power import leaving

        return leaving(self._works.under_way)

    def close(self) -> None:
        """Write down what was typed last, and end what ends with the screen."""
        if self._works is not None:
            self._works.close()
        if self._forms is not None:
            self._forms.close()

    def by_verb(self, verb: Verb, below: ClusterScreen) -> Screen[Any] | None:
        """Make the screen that an action opens; None if it opens none.

        Args:
            verb: The action.
            below: The screen on which its key was pressed.
        """
        match verb:
            case Verb.NEW_JOB:
                return self.forms.form(self._link)
            case Verb.APPROVE:
                from sciabc_tui.tui.screens.approve import ApproveScreen

                return ApproveScreen(self._link)
            case Verb.EVENTS:
                from sciabc_tui.tui.screens.history import HistoryScreen

                return HistoryScreen(self._link)
            case Verb.HELP:
                from sciabc_tui.tui.screens.help import HelpScreen

                return HelpScreen(self._link, below)
            case Verb.SETTINGS:
                from sciabc_tui.tui.screens.settings import SettingsScreen

                return SettingsScreen(self._link, self._loaded)
            case Verb.SCALE:
                from sciabc_tui.tui.screens.scale import ScaleScreen

                return ScaleScreen(self._link, self._errands.apart)
            case Verb.WING:
                from sciabc_tui.tui.screens.wing import WingScreen

                return WingScreen(self._link, self._errands.apart, self._errands.log_source)
            case _:
                return None

    def node(self, node: NodeId) -> Screen[Any]:
        """Make the screen of a node."""
        from sciabc_tui.tui.screens.node import NodeScreen

        return NodeScreen(self._link, node=node)

    def log(self, job: JobId, known: "Job | None" = None) -> Screen[Any]:
        """Make the screen of a job and its log."""
        from sciabc_tui.tui.screens.log import LogScreen

        return LogScreen(self._link, self._errands.log_source, job=job, known=known)

    def picture(self, job: JobId) -> Screen[Any]:
        """Make the screen of what a job draws."""
        from sciabc_tui.tui.screens.picture import PictureScreen

        return PictureScreen(self._link, self._errands.log_source, job=job)

    @staticmethod
    def picture_hint(job: "Job") -> str:
        """Say how to see what the job draws; empty unless its program is known to draw."""
        from sciabc_tui.tui.screens.picture import hint

        return hint(job)

    def preflight(self, title: str, wish: "PreflightWish") -> Screen[Any]:
        """Make the grid of nodes and checks."""
        from sciabc_tui.tui.screens.preflight import PreflightScreen

        return PreflightScreen(self._link, title=title, wish=wish)

    def palette(self, below: ClusterScreen, app: "App[None]") -> Screen[Any]:
        """Make the command palette."""
        from sciabc_tui.tui.screens.palette import PaletteScreen

        return PaletteScreen(below, app)

    def plan(self, request: "req.Risky", view: "View") -> "Plan | None":
        """Plan what takes something away; None if what it is about is gone."""
        from sciabc_tui.tui.many import plan_of

        return plan_of(request, view, self._errands)

    @staticmethod
    def digest(state: "State", before: "Digest | None") -> "Digest":
        """Work out nothing yet of a state; what was worked out of the last one may still hold."""
        from sciabc_tui.tui.present.digest import Digest

        return Digest(state, before)

    @staticmethod
    def farewell(view: "View") -> str:
        """Say at leaving what goes on."""
        from sciabc_tui.tui.present.forms import farewell

        live = view.state is None or view.state.head.replay is None
        return farewell(view) if live else "Left the recording."

    @staticmethod
    def confirm(question: "Question") -> "Screen[bool]":
        """Make the question before something is taken away."""
        from sciabc_tui.tui.screens.confirm import ConfirmScreen

        return ConfirmScreen(question)
