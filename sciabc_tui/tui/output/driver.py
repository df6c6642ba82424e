"""Textual's driver of a terminal, but with our output."""

import asyncio
import logging
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from typing_extensions import override

from sciabc_tui.tui.output.outbox import Outbox
from sciabc_tui.tui.output.output import ASK, Output

if TYPE_CHECKING:
    from textual.app import App

log = logging.getLogger(__name__)

_LAST_ANSWER = 4.0
"""Seconds at most, at the end, for an answer that is on its way over a slow link."""


def hung_up(descriptor: int) -> bool:
    """Is the terminal gone? Reading it then gives nothing, at once and for ever."""
    watch = select.poll()  # one for each call: two threads ask
    watch.register(descriptor, 0)
    return bool(watch.poll(0))


class _Over(threading.Event):
    """Ends the thread that reads keys: when it is set, and when the terminal is gone."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor

    @override
    def is_set(self) -> bool:
        return super().is_set() or hung_up(self._descriptor)


class TerminalDriver(LinuxDriver):
    """Has an `output` as long as that works; without it everything goes Textual's own way."""

    def __init__(
        self, app: "App[Any]", *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        stock = cast("Any", super())  # Textual leaves an app's type open
        stock.__init__(app, debug=debug, mouse=mouse, size=size)
        self.output: Output | None = None
        self._colors = app.console.color_system
        self._terminal = sys.__stderr__  # Textual takes `sys.stderr` for itself
        self._outbox: Outbox | None = None
        self._output_loop: asyncio.AbstractEventLoop | None = None
        self._stock = self._terminal is None
        self._ending = True  # nothing began yet
        self._suspended = False
        self._leave = app.exit
        self._owed = 0  # answers of the terminal
        self._answered = threading.Condition()
        self.exit_event = _Over(self.fileno)

    @override
    def start_application_mode(self) -> None:
        if self._terminal and not self._stock:
            loop = self._output_loop = asyncio.get_running_loop()
            self._outbox, self._ending = Outbox(self._terminal.fileno(), self._written), False
            self.output = self.output or self._made(loop)
            self._soon(self.output.begin_anew)
        super().start_application_mode()

    def _made(self, loop: asyncio.AbstractEventLoop) -> Output:
        return Output(
            send=self._send,
            idle=lambda: self._outbox is not None and self._outbox.idle,
            later=loop.call_later,
            clock=time.monotonic,
            colors=self._colors,
            term=os.environ.get("TERM", ""),
        )

    @override
    def write(self, data: str) -> None:
        if self._outbox:
            self._outbox.write(self._encoded(data), must=self._ending)
        elif not hung_up(self.fileno):  # nobody empties Textual's queue then, and it would wait for ever
            super().write(data)

    def _send(self, frame: str) -> None:
        if self._outbox:
            with self._answered:
                self._owed += frame.endswith(ASK)
            self._outbox.write(self._encoded(frame), must=True)

    @override
    def run_input_thread(self) -> None:
        self._suspended = False
        while True:
            try:
                super().run_input_thread()
            except UnicodeDecodeError:
                continue  # what is no UTF-8 is no key: that read is lost, the rest not
            except OSError:
                log.debug("the terminal can't be read", exc_info=True)
            break
        if hung_up(self.fileno):
            self._soon(self._leave)

    @override
    def process_message(self, message: Message) -> None:  # in the thread that reads keys
        if self.output is not None:
            if isinstance(message, events.CursorPosition):
                with self._answered:
                    self._owed = max(0, self._owed - 1)
                    self._answered.notify()
                self._soon(self.output.answered)
                return
            if isinstance(message, (events.Key, events.Paste)):
                self._soon(self.output.key)
        super().process_message(message)

    @override
    def stop_application_mode(self) -> None:
        self._ending = True
        self._await_answers()
        super().stop_application_mode()

    def _await_answers(self) -> None:
        """Let answers arrive that are on their way: the shell would take them for what somebody types."""
        if self.output is not None and not hung_up(self.fileno):
            with self._answered:
                self._answered.wait_for(lambda: not self._owed, min(_LAST_ANSWER, self.output.patience))
        self._owed = 0

    @override
    def suspend_application_mode(self) -> None:
        self._suspended = True
        super().suspend_application_mode()

    @override
    def resume_application_mode(self) -> None:
        """Begin again. SIGCONT comes without a stop, too: at a hang-up, from timeout(1), from systemd."""
        if hung_up(self.fileno) or (self._ending and not self._suspended):
            return  # there is nothing to come back to
        if not self._suspended:  # else a second thread would read keys, and raw be taken for the shell's mode
            self.suspend_application_mode()
        super().resume_application_mode()

    @override
    def close(self) -> None:
        super().close()
        if self._outbox:
            self._outbox.close()

    def go_stock(self) -> None:
        """Do without the output from now on."""
        self._stock, self.output = True, None
        if self._outbox:
            self._outbox.close()
            self._outbox = None

    def _written(self) -> None:  # in the thread that writes
        if self.output is not None:
            self._soon(self.output.written)

    def _soon(self, call: Callable[[], None]) -> None:
        if self._output_loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nothing is shown any more
                self._output_loop.call_soon_threadsafe(call)

    def _encoded(self, text: str) -> bytes:
        encoding = self._terminal.encoding if self._terminal else None
        return text.encode(encoding or "ascii", "replace")
