"""What every screen has: the header, the banner, the footer, and one timer."""

from collections.abc import Callable
from typing import ClassVar

from msgspec import Struct
from textual.app import ComposeResult
from textual.screen import Screen
from typing_extensions import override

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.tui.actions import CHANGES, Action, Place, Verb, at, footer
from sciabc_tui.tui.present.cells import Line
from sciabc_tui.tui.present.view import View, banner, first_header
from sciabc_tui.tui.requests import Do, OnNodes, Reads, Request
from sciabc_tui.tui.widgets.lines import Banner, FooterBar, HeaderBar
from sciabc_tui.tui.widgets.paint import TONES

_VERBS = {verb.value for verb in Verb}


def nothing_happened(old: View, new: View, within: float) -> bool:
    """Tell whether `new` is but newer readings, and less than so many seconds later."""
    if old.state is None or new.state is None or old.gone is not None or new.gone is not None:
        return False
    same = old.state.log[-1:] == new.state.log[-1:] and old.state.jobs == new.state.jobs
    return same and 0 <= new.now - old.now < within


def _header(view: View, width: int) -> Line:
    if view.state is None:
        return first_header(view, width)
    from sciabc_tui.tui.present.heading import header  # noqa: PLC0415 - the first frame waits for no state

    return header(view, width)


class Link(Struct, frozen=True):
    """How a screen sees the cluster and asks for something."""

    look: Callable[[], View]
    tell: Callable[[Request], None]
    ticking: bool


class ClusterScreen(Screen[None]):
    """A screen over the whole terminal."""

    COMPONENT_CLASSES: ClassVar[set[str]] = TONES

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

    def shows(self, request: Reads) -> bool:  # noqa: ARG002 - most screens read nothing
        """Tell whether what is read so is shown here."""
        return False

    @property
    def place(self) -> Place:
        """Where keys are pressed now."""
        raise NotImplementedError

    def hidden(self) -> set[Verb]:
        """Give the actions of this place that can't be done now."""
        judged = self.view.state is None or not self.view.digest.to_judge
        return {Verb.APPROVE, Verb.APPROVE_ALL} if judged else set()

    def available(self) -> tuple[Action, ...]:
        """Give the actions that can be done here and now."""
        return at(self.place, self.hidden() | (CHANGES if self.view.read_only else frozenset()))

    def on_mount(self) -> None:
        """Begin to look."""
        self.tick()
        if self.link.ticking:
            self.set_interval(self.PERIOD, self._go_on)

    def _go_on(self) -> None:
        """Let ages and the clock go on where no new state just did it; each look costs bytes on the link."""
        view = self.link.look()
        fresh = view.state is not None and view.gone is None and view.now - view.state.at < self.PERIOD
        if not fresh:
            self.tick()

    def news(self) -> None:
        """Look at a new state: at once if something happened, else as often as ages go on.

        The readings of some nodes come one by one: a look at each would cost bytes on the link.
        """
        if self.link.ticking and nothing_happened(self.view, self.link.look(), 0.9 * self.PERIOD):
            return
        self.tick()

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
        self._header.put((_header(self.view, width),))
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

    def on_nodes(self, verb: Verb) -> tuple[NodeId, ...]:  # noqa: ARG002 - most screens are about none
        """Give the nodes that a work is about here and now."""
        return ()

    def _work(self, verb: Verb) -> None:
        self.link.tell(OnNodes(verb, self.on_nodes(verb)))

    def action_provision(self) -> None:
        """Ask for boards to be made to compute."""
        self._work(Verb.PROVISION)

    def action_scan(self) -> None:
        """Ask for new boards to be looked for."""
        self._work(Verb.SCAN)

    def action_identify(self) -> None:
        """Ask for boards to blink, or no longer."""
        self._work(Verb.IDENTIFY)

    def action_shell(self) -> None:
        """Ask for a shell on a node."""
        self._work(Verb.SHELL)

    def action_exec(self) -> None:
        """Ask for a command on nodes."""
        self._work(Verb.EXEC)

    def action_power(self) -> None:
        """Ask for the menu of what can be done with the power of nodes."""
        self._work(Verb.POWER)

    def action_pack(self) -> None:
        """Ask for everything to be ended in order."""
        self._work(Verb.PACK)

    def action_unpack(self) -> None:
        """Ask for all nodes to be waited for."""
        self._work(Verb.UNPACK)

    def action_events(self) -> None:
        """Ask for all that happened."""
        self.link.tell(Do(Verb.EVENTS))

    def action_settings(self) -> None:
        """Ask for the settings."""
        self.link.tell(Do(Verb.SETTINGS))

    def action_scale(self) -> None:
        """Ask for the scaling lesson."""
        self.link.tell(Do(Verb.SCALE))

    def action_wing(self) -> None:
        """Ask for the wing."""
        self.link.tell(Do(Verb.WING))

    def action_theme(self) -> None:
        """Ask for other colours."""
        self.link.tell(Do(Verb.THEME))

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
