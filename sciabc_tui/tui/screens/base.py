"""What every screen has: the header, the banner, the footer, and one timer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from typing_extensions import override

from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.tui.actions import Action, Place, Verb, at, footer
from sciabc_tui.tui.present.trust import to_judge
from sciabc_tui.tui.present.view import View, banner, header
from sciabc_tui.tui.requests import Do, Request
from sciabc_tui.tui.widgets.lines import Banner, FooterBar, HeaderBar

_VERBS = {verb.value for verb in Verb}


def not_for(job: Job | None) -> set[Verb]:
    """Give the actions that a job, as it is now, does not allow."""
    verbs = {Verb.CANCEL, Verb.HOLD, Verb.RELEASE, Verb.REQUEUE}
    # our nodes have nothing to do with what another cluster runs
    strange = {Verb.PREFLIGHT} if job is None or job.elsewhere else set[Verb]()
    if job is None:
        return verbs | strange
    if job.state.ended:
        return (verbs - {Verb.REQUEUE}) | strange
    if job.state is not JobState.PENDING or job.handed_over:
        return (verbs - {Verb.CANCEL}) | strange
    return {Verb.REQUEUE, Verb.HOLD if job.held_by else Verb.RELEASE} | strange


@dataclass(frozen=True, slots=True)
class Link:
    """How a screen sees the cluster and asks for something."""

    look: Callable[[], View]
    tell: Callable[[Request], None]
    ticking: bool


class ClusterScreen(Screen[None]):
    """A screen over the whole terminal."""

    PERIOD: ClassVar[float] = 1.0
    """Seconds between two looks, so that ages and the clock go on when nothing comes in."""

    def __init__(self, link: Link) -> None:
        super().__init__()
        self.link = link
        self.view = link.look()
        self._header = HeaderBar()
        self._banner = Banner()
        self._footer = FooterBar()

    @override
    def compose(self) -> ComposeResult:
        yield self._header
        yield self._banner
        yield from self.body()
        yield self._footer

    def body(self) -> ComposeResult:
        """Give what stands between the banner and the footer."""
        yield from ()

    def present(self) -> None:
        """Put `self.view` into the body."""

    @property
    def place(self) -> Place:
        """Where keys are pressed now."""
        raise NotImplementedError

    def hidden(self) -> set[Verb]:
        """Give the actions of this place that can't be done now."""
        state = self.view.state
        return set() if state and to_judge(state) else {Verb.APPROVE, Verb.APPROVE_ALL}

    def available(self) -> tuple[Action, ...]:
        """Give the actions that can be done here and now."""
        return at(self.place, self.hidden())

    def on_mount(self) -> None:
        """Begin to look."""
        self.tick()
        if self.link.ticking:
            self.set_interval(self.PERIOD, self.tick)

    def on_screen_resume(self) -> None:
        """Look at once when the screen is on top again."""
        self.tick()

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self.tick()

    def tick(self) -> None:
        """Show the newest view; nothing is done while another screen is on top."""
        if not self.is_current or not self.size.width:
            return
        self.view = self.link.look()
        width = self.size.width
        self._header.put((header(self.view, width),))
        line = banner(self.view, width)
        self._banner.put((line,) if line else ())
        self.present()
        self.show_keys()

    def show_keys(self) -> None:
        """Print the keys of this place."""
        self._footer.put((footer(self.available(), self.size.width),))

    @override
    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action not in _VERBS:
            return super().check_action(action, parameters)
        return any(action == known.verb.value for known in self.available())

    def action_new_job(self) -> None:
        """Ask for the form of a new job."""
        self.link.tell(Do(Verb.NEW_JOB))

    def action_approve(self) -> None:
        """Ask for the list of host keys."""
        self.link.tell(Do(Verb.APPROVE))

    def action_events(self) -> None:
        """Ask for all that happened."""
        self.link.tell(Do(Verb.EVENTS))

    def action_palette(self) -> None:
        """Ask for the command palette."""
        self.link.tell(Do(Verb.PALETTE))

    def action_help(self) -> None:
        """Ask for the list of keys."""
        self.link.tell(Do(Verb.HELP))

    def action_quit(self) -> None:
        """Ask to leave."""
        self.link.tell(Do(Verb.QUIT))

    def action_back(self) -> None:
        """Go back."""
        self.link.tell(Do(Verb.BACK))
