"""Every private name of Textual that is touched. Each has a test, and without it Textual goes its own way."""

import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from typing import Any, TypeAlias, cast

from rich.console import RenderableType
from textual import message_pump
from textual import screen as screens
from textual.app import App
from textual.dom import DOMNode
from textual.events import Resize
from textual.geometry import Region
from textual.message import Message
from textual.message_pump import MessagePump
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget
from textual.widgets import Input
from typing_extensions import override

from sciabc_tui.tui.output.driver import TerminalDriver
from sciabc_tui.tui.output.output import Piece

log = logging.getLogger(__name__)

Survives: TypeAlias = Callable[[Exception, MessagePump | None], bool]
"""Takes an error that came up in a message pump; tells whether the application can go on."""

FRAME_SECONDS = 1 / 120
"""The least time between two frames; what a link takes is reckoned in `sciabc_tui.tui.output.pace`."""

_PERIOD = "UPDATE_PERIOD"
_DISPLAY = "_display"
_DISPATCH = "_dispatch_message"
_PAINT = "render_lines"
_PUMP: ContextVar[MessagePump] | None = getattr(message_pump, "active_message_pump", None)


class SurvivingApp(App[None]):
    """An application that decides itself whether an unexpected error ends it; Textual ends at each.

    Handlers, timers, workers, layout and painting come here.
    """

    def survives(self, error: Exception, pump: MessagePump | None) -> bool:
        """Take an error that came up in a message pump; tell whether the application can go on."""
        raise NotImplementedError

    def end_with(self, error: BaseException | None) -> None:
        """End with one line about the error."""
        raise NotImplementedError

    @override
    def _handle_exception(self, error: Exception) -> None:
        if not self.survives(error, _PUMP.get(None) if _PUMP else None):
            super()._handle_exception(error)

    @override
    def _fatal_error(self) -> None:
        self.end_with(self._exception)
        self._close_messages_no_wait()

    @override
    def panic(self, *renderables: RenderableType) -> None:
        self.end_with(self._exception)
        self._close_messages_no_wait()

    @override
    async def _dispatch_message(self, message: Message) -> None:
        try:
            await super()._dispatch_message(message)
        except Exception as error:
            if not self.survives(error, self):
                raise

    @override
    def _register_child(self, parent: DOMNode, child: Widget, before: int | None, after: int | None) -> None:
        shield(child, self.survives)
        super()._register_child(parent, child, before, after)

    @override
    def _start_widget(self, parent: Widget, widget: Widget) -> None:
        shield(widget, self.survives)
        super()._start_widget(parent, widget)


class OutputApp(App[None]):
    """An application that sends only the cells that differ; see `sciabc_tui.tui.output`."""

    @override
    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        driver = getattr(self, "_driver", None)
        if not isinstance(driver, TerminalDriver) or driver.output is None:
            getattr(super(), _DISPLAY)(screen, renderable)  # Textual leaves its screen's type open
            return
        try:
            if renderable is not None and self._running and not (self._closed or self._batch_count):
                driver.output.synchronizes = self._sync_available
                driver.output.show(screen.outer_size, _pieces(renderable), self._typing_at(screen))
        except Exception:
            log.exception("output goes Textual's own way from now on")
            driver.go_stock()
            screen.refresh(layout=True)
        finally:
            self.post_display_hook()

    def _typing_at(self, screen: Screen[Any]) -> tuple[int, int] | None:
        """Give the place where something is typed, for an input method shows its choices there."""
        if not isinstance(screen.focused, Input):
            return None
        return screen.outer_size.clamp_offset(self.cursor_position)

    def on_resize(self, event: Resize) -> None:
        """Paint everything: what a terminal makes of its content then is its own affair."""
        driver = getattr(self, "_driver", None)
        if isinstance(driver, TerminalDriver) and driver.output:
            driver.output.resized(event.size)

    def tell_terminal(self, sequence: str) -> None:
        """Send a control sequence of our own, as the title's; lost if the terminal does not read."""
        driver = getattr(self, "_driver", None)
        if isinstance(driver, TerminalDriver):
            driver.write(sequence)


def _pieces(update: Any) -> Iterator[Piece]:  # noqa: ANN401 (the compositor's types are private)
    """Read a compositor's update: of the whole screen, or of some spans of its lines."""
    if hasattr(update, "chops"):
        for y, first, last in update.spans:
            for end, (x, strip) in zip(update.chop_ends[y], update.chops[y].items(), strict=False):
                if strip is not None and x < last and end > first:
                    yield Piece(x, y, min(end, last) - x, strip)
        return
    for y, strips in enumerate(update.strips, update.region.y):
        x = update.region.x
        for strip in strips:
            yield Piece(x, y, strip.cell_length, strip)
            x += strip.cell_length


def hasten() -> None:
    """Let a frame follow soon on another; call it before the first screen is made.

    By itself Textual lets up to two of its periods pass, 33 ms: so long did a key wait that was pressed when
    the cluster had just been drawn anew. Whoever sets TEXTUAL_FPS has what he wants.
    """
    if "TEXTUAL_FPS" not in os.environ and hasattr(screens, _PERIOD):
        setattr(screens, _PERIOD, FRAME_SECONDS)


def shield(widget: Widget, survives: Survives) -> None:
    """Let an error in one of the widget's handlers, or while it paints, end no more than that.

    Textual would end the widget's message loop, and so the screen.
    """
    for name, around in ((_DISPATCH, _around_handlers), (_PAINT, _around_painting)):
        method = getattr(widget, name, None)
        if method is not None and name not in vars(widget):
            setattr(widget, name, around(widget, method, survives))


def _around_handlers(
    widget: Widget, dispatch: Callable[[Message], Awaitable[None]], survives: Survives
) -> Callable[[Message], Awaitable[None]]:
    async def dispatch_message(message: Message) -> None:
        try:
            await dispatch(message)
        except Exception as error:
            if not survives(error, widget):
                raise

    return dispatch_message


def _around_painting(
    widget: Widget, paint: Callable[[Region], list[Strip]], survives: Survives
) -> Callable[[Region], list[Strip]]:
    def render_lines(crop: Region) -> list[Strip]:
        try:
            return paint(crop)
        except Exception as error:
            if not survives(error, widget):
                raise
            return [Strip.blank(crop.width, widget.rich_style)] * crop.height

    return render_lines


def was_mounted(pump: MessagePump) -> bool:
    """Did it come as far as to its first message?"""
    return bool(getattr(pump, "_is_mounted", True))


def screen_of(pump: MessagePump) -> Screen[Any] | None:
    """Give the screen that it belongs to, while it does to one."""
    node: object = pump
    while isinstance(node, MessagePump):
        if isinstance(node, Screen):
            return cast("Screen[Any]", node)
        node = getattr(node, "_parent", None)
    return None
