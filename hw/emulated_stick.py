"""A BlinkStick that is not there, for the demonstration and for tests."""

from collections import deque
from collections.abc import Sequence

from hw.stick import Colour, fitted


class EmulatedStick:
    """A BlinkStick that remembers its colours; the same methods as `hw.stick.Stick`."""

    def __init__(self, count: int = 1) -> None:
        """Plug one with so many LEDs in, dark."""
        self.frames: deque[tuple[Colour, ...]] = deque([((0, 0, 0),) * count], maxlen=256)
        """The colours of all LEDs, the newest last."""
        self.closed = False
        self._count = count

    @property
    def count(self) -> int:
        """How many LEDs it has."""
        return self._count

    @property
    def colours(self) -> list[Colour]:
        """The colours of the first LED, the newest last."""
        return [frame[0] for frame in self.frames]

    def show(self, colours: Sequence[Colour]) -> None:
        """Show a colour on each LED; no colour is dark."""
        self.frames.append(fitted(colours, self._count))

    def set(self, red: int, green: int, blue: int) -> None:
        """Show one colour, 0-255 each, on all LEDs."""
        self.show(((red, green, blue),) * self._count)

    def off(self) -> None:
        """Go dark."""
        self.set(0, 0, 0)

    def close(self) -> None:
        """Give the device back; the last colours stay."""
        self.closed = True
