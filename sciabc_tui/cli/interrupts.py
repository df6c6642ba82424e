"""Ctrl-C that waits for the end of what must not be done by half."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType
from typing import Self


class Interrupts:
    """Holds a Ctrl-C back while `whole` runs; a second one is let through, should that be stuck.

    To be used with `with`, in the main thread.
    """

    def __init__(self) -> None:
        self._busy = False
        self._pending = False
        self._before = signal.getsignal(signal.SIGINT)

    def __enter__(self) -> Self:
        signal.signal(signal.SIGINT, self._interrupted)
        return self

    def __exit__(self, *_: object) -> None:
        signal.signal(signal.SIGINT, self._before)

    @contextmanager
    def whole(self) -> Generator[None, None, None]:
        """Let the block finish before a KeyboardInterrupt is raised."""
        self._busy = True
        try:
            yield
        finally:
            self._busy = False
        if self._pending:
            self._pending = False
            raise KeyboardInterrupt

    def _interrupted(self, _: int, __: FrameType | None) -> None:
        if self._busy and not self._pending:
            self._pending = True
            return
        self._pending = False
        raise KeyboardInterrupt
