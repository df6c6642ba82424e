"""Tells who started the head service how it stands."""

import contextlib
import os
from collections.abc import Callable

import sdnotify  # pyright: ignore[reportMissingTypeStubs]

from sciabc_tui.head.watchdog import patience

_SYSTEMD = ("NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC")


class Herald:
    """Tells a client through a pipe, and systemd through its socket."""

    def __init__(self, ready_fd: int | None) -> None:
        """Take what systemd says to us alone out of the environment: a job must not speak for the service.

        Args:
            ready_fd: A pipe to tell that the service stands, by the line `READY`.
        """
        self._pipe = ready_fd
        self._notify: Callable[[str], None] = sdnotify.SystemdNotifier().notify  # pyright: ignore[reportUnknownMemberType] - the package has no types
        self.patience = patience(os.environ, os.getpid())
        """Seconds within which systemd expects a sign of life; None when it does not."""
        for name in _SYSTEMD:
            os.environ.pop(name, None)

    def ready(self) -> None:
        """Clients may connect."""
        self._notify("READY=1")
        if self._pipe is not None:
            with contextlib.suppress(BrokenPipeError):  # whoever waited is gone: nobody to tell
                os.write(self._pipe, b"READY\n")
            self.close()

    def alive(self) -> None:
        """What matters works."""
        self._notify("WATCHDOG=1")

    def stopping(self) -> None:
        """It was told to stop."""
        self._notify("STOPPING=1")

    def close(self) -> None:
        """Let go of the pipe."""
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None
