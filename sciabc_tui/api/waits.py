"""A connection on which a signal ends every wait, at any moment: see ``jobs.wakeup``.

On any other a Ctrl-C may do nothing until something arrives there.
"""

import os
import select
import socket
import threading
from typing import TYPE_CHECKING

from typing_extensions import override

from jobs.wakeup import signalled

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_READ = 64

_heard: tuple[int, int] | None = None
"""What becomes readable when a signal comes, and the thread that listens."""


def hear_signals() -> None:
    """Let signals end the waits of this thread, the main one, for as long as the process lives."""
    global _heard  # noqa: PLW0603 - a process has one such descriptor: signal.set_wakeup_fd
    if _heard is not None:
        return
    _heard = signalled().detach(), threading.get_ident()


class Wire(socket.socket):
    """A stream socket; in the thread that hears signals it waits for both."""

    @override
    def recv_into(self, buffer: "WriteableBuffer", nbytes: int = 0, flags: int = 0) -> int:
        """Receive as every socket does.

        Raises:
            TimeoutError: Nothing came in time.
        """
        if _heard is not None and _heard[1] == threading.get_ident():
            self._wait(_heard[0])
        return super().recv_into(buffer, nbytes, flags)

    def _wait(self, signals: int) -> None:
        patience = self.gettimeout()
        poller = select.poll()
        poller.register(self, select.POLLIN)
        poller.register(signals, select.POLLIN)
        while True:
            ready = dict(poller.poll(None if patience is None else patience * 1000))
            if not ready:
                raise TimeoutError("timed out")
            if signals not in ready:
                return
            os.read(signals, _READ)  # its handler runs now, and may raise
