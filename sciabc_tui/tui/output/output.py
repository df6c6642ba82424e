"""Brings the newest frame to the terminal, whenever that can take one."""

from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec import Struct
from rich.segment import Segment

from sciabc_tui.tui.output.frame import Canvas
from sciabc_tui.tui.output.grid import Grid
from sciabc_tui.tui.output.ink import Palette
from sciabc_tui.tui.output.pace import Pace

ASK = "\x1b[6n"
"""DSR: the terminal answers with the place of its cursor (CPR)."""

_SYNC = ("\x1b[?2026h", "\x1b[?2026l")
"""Begin and end of what a terminal that can should show at once."""

_LONG = 1024
"""Characters of a frame that is worth the bytes of `_SYNC`."""

_WITHOUT_BCE = ("screen", "vt", "ansi", "dumb")
"""Names of terminals that (may) erase with their own background."""


class Piece(Struct, frozen=True):
    """Cells of a line: `width` from column `x` on."""

    x: int
    y: int
    width: int
    segments: Iterable[Segment]


class Handle(Protocol):
    """What is going to happen."""

    def cancel(self) -> None:
        """Let it not happen."""
        ...


class Output:
    """Keeps what the terminal should show; used in the event loop only.

    Args:
        send: Writes a frame without blocking.
        idle: Tells whether all that was sent is written.
        later: Calls back after so many seconds.
        clock: A monotonic clock.
        colors: As for `Palette`.
        term: The terminal's name (TERM).
    """

    def __init__(
        self,
        *,
        send: Callable[[str], None],
        idle: Callable[[], bool],
        later: Callable[[float, Callable[[], None]], Handle],
        clock: Callable[[], float],
        colors: str | None,
        term: str,
    ) -> None:
        self._send = send
        self._idle = idle
        self._later = later
        self._clock = clock
        self._palette = Palette(colors)
        self._canvas = Canvas(self._palette, erases_in_colour=not term.startswith(_WITHOUT_BCE))
        self._pace = Pace()
        self._grid: Grid | None = None
        self._cursor: tuple[int, int] | None = None
        self._due: Handle | None = None
        self.synchronizes = False
        """Whether the terminal can show a frame at once."""

    def show(self, size: tuple[int, int], pieces: Iterable[Piece], cursor: tuple[int, int] | None) -> None:
        """Take over what changed; it is sent when it is its turn, with all that changed until then."""
        if self._grid is None or (self._grid.width, self._grid.height) != size:
            self._grid = Grid(*size)
            self._canvas.forget()
        for piece in pieces:
            self._grid.put(piece.x, piece.y, piece.width, piece.segments, self._palette.ink)
        self._cursor = cursor
        self._flush()

    def resized(self, size: tuple[int, int]) -> None:
        """Paint everything, for the terminal's content is not what it was; at once if it has this size."""
        self._canvas.forget()
        if self._grid and (self._grid.width, self._grid.height) == size:
            self._flush()

    def begin_anew(self) -> None:
        """Paint everything, and forget what the terminal was asked: it was someone else's meanwhile."""
        self._pace = Pace()
        self._canvas.forget()
        self._flush()

    def key(self) -> None:
        """A key was pressed: its answer goes first, so what waits is not sent just before it."""
        self._pace.key(self._clock())

    def answered(self) -> None:
        """The terminal answered `ASK`."""
        self._pace.answered(self._clock())
        self._flush()

    @property
    def patience(self) -> float:
        """Seconds for which the terminal's next answer is worth waiting for; 0 if none is due."""
        return self._pace.patience(self._clock())

    def written(self) -> None:
        """What was sent was written, perhaps."""
        if self._idle():
            self._pace.written(self._clock())
            self._flush()

    def _flush(self) -> None:
        self._cancel()
        if self._grid is None:
            return
        wait = self._pace.wait(self._clock())
        if wait is None:
            return
        if wait > 0:
            self._due = self._later(wait, self._flush)
            return
        frame = self._canvas.frame(self._grid, self._cursor)
        if frame:
            self._send(self._wrapped(frame))
            self._pace.sent(self._clock())

    def _wrapped(self, frame: str) -> str:
        if self.synchronizes and len(frame) > _LONG:
            frame = frame.join(_SYNC)
        return frame + ASK if self._pace.asks else frame

    def _cancel(self) -> None:
        if self._due is not None:
            self._due.cancel()
            self._due = None
