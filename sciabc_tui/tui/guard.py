"""What happens to an unexpected error: a traceback in the log, one line on the screen, and that goes on."""

import asyncio
import logging
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgspec import Struct
from textual.worker import WorkerFailed

if TYPE_CHECKING:
    # only a type checker knows it by this name
    from sys import UnraisableHookArgs

log = logging.getLogger(__name__)

QUIET = 60.0
"""Seconds in which an error of the same kind, at the same place, is only counted."""

_KINDS = 50
"""So many kinds of errors are kept apart; then it begins anew."""


class _Seen(Struct):
    at: float
    since: int = 0
    """How often it came again, untold."""


class Surprises:
    """Logs unexpected errors and tells of them; what comes again with each tick floods neither.

    Args:
        tell: Shows a line; called from any thread.
        clock: This machine's monotonic clock.
        log_name: Where the log is, for the line.
    """

    def __init__(
        self, tell: Callable[[str], object], clock: Callable[[], float], *, log_name: str = ""
    ) -> None:
        self._tell = tell
        self._clock = clock
        self._log_name = log_name
        self._seen: dict[tuple[str, str, int], _Seen] = {}
        self._lock = threading.Lock()
        self.count = 0
        """How many came, told or not."""

    def take(self, error: BaseException) -> None:
        """Log the error and tell of it, unless its like was just told."""
        error = _cause(error)
        with self._lock:
            self.count += 1
            again = self._again(_kind(error))
        if again is None:
            return
        log.error("unexpected error%s", f" ({again} more since the last)" if again else "", exc_info=error)
        self._tell(self.line(error))

    def line(self, error: BaseException) -> str:
        """Say it in one line."""
        where = f"; see {self._log_name}" if self._log_name else ""
        return f"unexpected error ({type(_cause(error)).__name__}){where}"

    def _again(self, kind: tuple[str, str, int]) -> int | None:
        """Count it; give how often it came since it was told last, None when it is not to be told now."""
        now = self._clock()
        seen = self._seen.get(kind)
        if seen is not None and now - seen.at < QUIET:
            seen.since += 1
            return None
        if len(self._seen) >= _KINDS:
            self._seen.clear()
        self._seen[kind] = _Seen(now)
        return seen.since if seen else 0


def _cause(error: BaseException) -> BaseException:
    return error.error if isinstance(error, WorkerFailed) else error


def _kind(error: BaseException) -> tuple[str, str, int]:
    """Tell errors apart by their type and by the line that raised them."""
    trace, code, line = error.__traceback__, "", 0
    while trace is not None:
        code, line, trace = trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_next
    return type(error).__name__, code, line


@contextmanager
def nothing_printed(take: Callable[[BaseException], object]) -> Generator[None, None, None]:
    """Hand over, for the length of the block, what Python itself would print onto the screen.

    These are errors that end a thread, errors where none can be raised, and warnings (to the log).
    """

    def ended_thread(args: threading.ExceptHookArgs) -> None:
        if args.exc_value is not None:
            take(args.exc_value)

    def unraisable(args: "UnraisableHookArgs") -> None:
        if args.exc_value is not None:
            take(args.exc_value)

    before = threading.excepthook, sys.unraisablehook
    threading.excepthook, sys.unraisablehook = ended_thread, unraisable
    logging.captureWarnings(capture=True)
    try:
        yield
    finally:
        logging.captureWarnings(capture=False)
        threading.excepthook, sys.unraisablehook = before


def watch_loop(loop: asyncio.AbstractEventLoop, take: Callable[[BaseException], object]) -> None:
    """Hand over what the loop would print of tasks and callbacks that failed."""

    def failed(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        del loop
        error = context.get("exception")
        if isinstance(error, BaseException):
            take(error)
        else:
            log.warning("asyncio: %s", context.get("message"))

    loop.set_exception_handler(failed)
