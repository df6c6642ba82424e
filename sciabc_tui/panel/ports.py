"""What the front panel needs of the world, so that tests and the emulated devices can stand in for it."""

from collections.abc import Sequence
from time import struct_time
from typing import Protocol

from sciabc_tui.cluster.changes import PanelShown
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.state import State


class Clock(Protocol):
    """The two clocks. Rhythms follow the first, people read the second."""

    def monotonic(self) -> Instant:
        """Give seconds that never jump."""
        ...

    def wall(self) -> float:
        """Give seconds since the epoch."""
        ...


class LocalTime(Protocol):
    """Turns seconds since the epoch into the time on the wall; `time.localtime` is one."""

    def __call__(self, seconds: float, /) -> struct_time:
        """Give the local time."""
        ...


class Sleep(Protocol):
    """`asyncio.sleep`, or simulated time."""

    async def __call__(self, seconds: float, /) -> object:
        """Let so many seconds pass."""
        ...


class Hub(Protocol):
    """Where the newest state is, and who tells the mirrors. `sciabc_tui.head.hub.StateHub` is one."""

    @property
    def state(self) -> State:
        """The newest state."""
        ...

    def publish(self, events: Sequence[PanelShown]) -> None:
        """Take what the panel shows now; only from the loop's thread."""
        ...


class Lcd(Protocol):
    """A character display. Calls block and may raise `hw.errors.HwError`; `hw.lcd.Lcd` is one."""

    def show(self, lines: Sequence[str], /, *, backlight: bool) -> None:
        """Make the glass show these lines, which have exactly its size."""
        ...

    def close(self) -> None:
        """Give the bus back; the last lines stay."""
        ...


class Stick(Protocol):
    """RGB LEDs in a row. Calls block and may raise `hw.errors.HwError`; `hw.stick.Stick` is one."""

    @property
    def count(self) -> int:
        """How many LEDs it has."""
        ...

    def show(self, colours: Sequence[tuple[int, int, int]], /) -> None:
        """Show a colour on each LED, 0-255 each part, until the next ones; no colour is dark."""
        ...

    def off(self) -> None:
        """Go dark."""
        ...

    def close(self) -> None:
        """Give the device back; the last colours stay."""
        ...
