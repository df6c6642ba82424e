"""The application as a guest in a terminal: colours, title, bell, toasts, and errors that it survives."""

import io
import logging
import os
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from rich.console import Console, RenderableType
from rich.text import Text
from textual import events, on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.filter import LineFilter, NoColor
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.theme import Theme
from typing_extensions import override

from sciabc_tui.tui.guard import Surprises
from sciabc_tui.tui.hooks import OutputApp, SurvivingApp, hasten, screen_of, was_mounted
from sciabc_tui.tui.looks import Looks
from sciabc_tui.tui.output.driver import TerminalDriver
from sciabc_tui.tui.present.glyphs import ASCII
from sciabc_tui.tui.present.view import View
from sciabc_tui.tui.screens.too_small import TooSmallScreen, too_small
from sciabc_tui.tui.themes import THEMES, ThemeName, following
from sciabc_tui.tui.title import TerminalTitle, title

if TYPE_CHECKING:
    from sciabc_tui.tui.notices import Watch

log = logging.getLogger(__name__)

TOGETHER = 1.0
"""Seconds within which what happens is told as one."""

_BASE = 1
"""The first screen: it is never left."""


class TerminalApp(SurvivingApp, OutputApp):
    """The part of the application that knows the terminal and not the cluster.

    Args:
        looks: What the terminal can show, and what the user wants of the screen.
        clock: This machine's monotonic clock.
        log_name: Where unexpected errors are written, for the line that tells of one.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+z", "suspend_process", "Suspend", show=False, priority=True)
    ]

    def __init__(self, looks: Looks, clock: Callable[[], float], *, log_name: str = "") -> None:
        # before Textual's own: put on later, all that is styled by then would be styled once more
        self.set_reactive(App.theme, THEMES[looks.theme].name)
        hasten()
        # without colours Textual must not make any of the sixteen: it would of a style that is none
        super().__init__(driver_class=TerminalDriver, ansi_color=None if looks.colours else True)
        self.looks = looks
        self.surprises = Surprises(self._tell_surprise, clock, log_name=log_name)
        self._title = TerminalTitle(self.tell_terminal)
        self._watch: Watch | None = None
        self._telling = False
        self._painted = False
        self._is_lent = False
        self._colourless = NoColor(enabled=not looks.colours)
        self.animation_level = "none"  # an animation is bytes on a slow link, and tells nothing
        self.set_class(looks.glyphs is ASCII, "-ascii")
        for theme in THEMES.values():
            self.register_theme(theme)
        self._worn = looks.theme
        self._reverse(looks.theme)

    @override
    def get_theme(self, theme_name: str) -> Theme | None:
        """Give a theme by its name, ours also before they are registered."""
        ours = (theme for theme in THEMES.values() if theme.name == theme_name)
        return next(ours, None) or super().get_theme(theme_name)

    @override
    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = super().get_line_filters()
        return [*filters, self._colourless] if self._colourless.enabled else filters

    @on(events.Resize)
    def _cover(self, event: events.Resize) -> None:
        """Cover what would lose its meaning, and uncover it."""
        covered = isinstance(self.screen, TooSmallScreen)
        if too_small(event.size) and not covered:
            self.push_screen(TooSmallScreen(lambda: self.size, self.pop_screen))
        elif covered and not too_small(event.size):
            self.pop_screen()

    def next_theme(self) -> None:
        """Put on the next theme, and say which."""
        self._wear(following(self._worn))
        self.notify(
            f'{self._worn.value}; for good: theme = "{self._worn.value}" in [tui]', timeout=3, markup=False
        )

    def _wear(self, name: ThemeName) -> None:
        self._worn = name
        self._reverse(name)
        self.theme = THEMES[name].name

    def _reverse(self, name: ThemeName) -> None:
        self.set_class(not self.looks.colours or name is ThemeName.CONSOLE, "-reverse")

    def begin_to_survive(self) -> None:
        """There was a first frame: from here on an unexpected error ends nothing."""
        self._painted = True

    @override
    def action_suspend_process(self) -> None:
        if not _can_come_back():
            self.notify("nothing here would bring it back; q leaves, jobs go on", timeout=4, markup=False)
            return
        self._title.give_back()
        super().action_suspend_process()

    @contextmanager
    def lent(self) -> Generator[None, None, None]:
        """Lend the terminal to another program for the length of the block; nothing is shown meanwhile."""
        self._title.give_back()
        self._is_lent = True
        failure: Exception | None = None
        with self.suspend():
            try:
                with self.batch_update():
                    yield
            except Exception as error:  # noqa: BLE001 - Textual would not take the terminal back
                failure = error  # but when it is cancelled the application ends, and needs it no more
        self._is_lent = False
        if failure is not None:
            raise failure

    @override
    def survives(self, error: Exception, pump: MessagePump | None) -> bool:
        if not self._painted:
            return False
        self.surprises.take(error)
        screen = screen_of(pump) if pump is not None and not was_mounted(pump) else None
        if screen is not None:
            self.call_later(self._give_up, screen)
        return True

    def _give_up(self, screen: Screen[object]) -> None:
        """Leave a screen that could not be built."""
        if screen is self.screen and len(self.screen_stack) > _BASE:
            self.pop_screen()

    @override
    def end_with(self, error: BaseException | None) -> None:
        error = error or RuntimeError()
        log.error("the screen failed", exc_info=error)
        self.exit(
            return_code=1,
            message=Text(f"sciabc-tui: {self.surprises.line(error)}. Jobs and service go on."),
        )

    @override
    def panic(self, *renderables: RenderableType) -> None:
        text = io.StringIO()
        Console(file=text, width=110).print(*renderables)
        log.error("the screen can't go on:\n%s", text.getvalue())
        super().panic()

    def _tell_surprise(self, text: str) -> None:
        self.notify(text, severity="error", timeout=10, markup=False)

    def follow(self, view: View) -> None:
        """Show health in the terminal's title, and tell what happened since the last view."""
        if self.looks.title and not self._is_lent:
            self._title.show(title(view))
        if view.state is None:
            return
        if self._watch is None:
            from sciabc_tui.tui.notices import Watch  # noqa: PLC0415 - the first frame waits for no state

            self._watch = Watch()
        if self._watch.look(view.state) and not self._telling:
            self._telling = True
            self.set_timer(TOGETHER, partial(self._tell, self._watch))

    def give_back(self) -> None:
        """Leave the terminal as it was found, as far as Textual does not."""
        self._title.give_back()

    def _tell(self, watch: "Watch") -> None:
        self._telling = False
        told = [notice for notice in watch.tell() if self._wanted(problem=notice.problem)]
        for notice in told:
            severity = "error" if notice.problem else "information"
            self.notify(notice.text, severity=severity, timeout=10 if notice.problem else 5, markup=False)
        if told and self.looks.wanted.bell:
            self.bell()

    def _wanted(self, *, problem: bool) -> bool:
        return self.looks.wanted.notify == "all" or (problem and self.looks.wanted.notify == "problems")


def _can_come_back() -> bool:
    """Is a shell with job control above us? Nobody else goes on with what was stopped: see setpgid(2)."""
    above = os.getppid()
    try:
        return os.getsid(above) == os.getsid(0) and os.getpgid(above) != os.getpgrp()
    except OSError:
        return False
