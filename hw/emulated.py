"""Devices that are not there, for the demonstration and for tests: same methods, same faults, same manners.

The display has its own clock: a transfer takes its time at 100 kHz, `sleep` takes what it is told, and
nothing waits really.
"""

from collections import deque

from hw.emulated_controller import Controller
from hw.errors import BusError, BusFault
from hw.hd44780 import PinMap, Size

_BYTE = 90.0  # microseconds: nine bits at 100 kHz


class EmulatedLcd:
    """A bus with one HD44780 behind a PCF8574; `glass` is what a person would read.

    `violations` counts what a datasheet forbids: E raised while the chip is busy, RS or R/W changed together
    with a rising E, anything changed together with a falling one. A real chip might do anything then; this
    one does what it was told.
    """

    def __init__(self, size: Size, *, address: int = 0x27, pins: PinMap | None = None) -> None:
        """Switch the power on."""
        self.violations = 0
        self.written = 0
        """Bytes written so far, without the addresses."""
        self.closed = False
        self._size = size
        self._address = address
        self._pins = pins or PinMap()
        self._now = 0.0
        self._plugged = True
        self._refuse_after: int | None = None
        self._drop_after: int | None = None
        self._port = 0xFF
        self._chip = Controller(self._now)

    @property
    def backlight(self) -> bool:
        """Whether the light behind the glass is on."""
        return self._plugged and bool(self._port >> self._pins.backlight & 1)

    @property
    def cursor(self) -> bool:
        """Whether the chip shows its own cursor or blinks."""
        return self._chip.cursor

    @property
    def seconds(self) -> float:
        """The display's clock."""
        return self._now / 1_000_000

    def write(self, address: int, data: bytes) -> None:
        """Do what a `hw.bus.Bus` does."""
        self._select(address)
        for byte in data:
            if self._refuse_after == 0:
                self._refuse_after = None
                raise _refused(address)
            if self._refuse_after is not None:
                self._refuse_after -= 1
            self._now += _BYTE
            self.written += 1
            self._latch(byte)

    def read(self, address: int) -> int:
        """Do what a `hw.bus.Bus` does."""
        self._select(address)
        self._now += _BYTE
        return self._port

    def close(self) -> None:
        """Do what a `hw.bus.Bus` does."""
        self.closed = True

    def sleep(self, seconds: float) -> None:
        """Let the display's time pass."""
        self._now += seconds * 1_000_000

    def glass(self) -> tuple[str, ...]:
        """Return the text as seen: glyphs by the pattern that the chip really holds."""
        if not self._plugged:
            return (" " * self._size.columns,) * self._size.rows
        return tuple(
            "".join(
                self._chip.cell(row % 2, self._size.columns * (row // 2) + column)
                for column in range(self._size.columns)
            )
            for row in range(self._size.rows)
        )

    def refuse(self, after: int) -> None:
        """Let so many bytes through, then refuse the next one, once."""
        self._refuse_after = after

    def drop_nibble(self, after: int) -> None:
        """Let so many nibbles through, then lose the next one, once and with no error."""
        self._drop_after = after

    def unplug(self) -> None:
        """Take the display off the wires."""
        self._plugged = False

    def plug(self) -> None:
        """Put it back: the power comes on anew."""
        self._plugged = True
        self._port = 0xFF
        self._chip = Controller(self._now)

    def _select(self, address: int) -> None:
        self._now += _BYTE
        if not self._plugged or address != self._address:
            raise _refused(address)

    def _latch(self, byte: int) -> None:
        old, self._port = self._port, byte
        enable = 1 << self._pins.e
        selects = 1 << self._pins.rs | 1 << self._pins.rw
        if byte & ~old & enable:
            late = self._now < self._chip.busy_until
            self.violations += int(late) + int(bool((byte ^ old) & selects))
        elif old & ~byte & enable:
            self.violations += int(bool((old ^ byte) & ~(enable | 1 << self._pins.backlight)))
            self._clock(old)

    def _clock(self, port: int) -> None:
        if self._drop_after == 0:
            self._drop_after = None
            return
        if self._drop_after is not None:
            self._drop_after -= 1
        pins = self._pins
        nibble = sum((port >> pin & 1) << bit for bit, pin in enumerate((pins.d4, pins.d5, pins.d6, pins.d7)))
        data, read = bool(port >> pins.rs & 1), bool(port >> pins.rw & 1)
        self._chip.clock(self._now, nibble, data=data, read=read)


class EmulatedStick:
    """A BlinkStick that remembers its colours; the same methods as `hw.stick.Stick`."""

    def __init__(self) -> None:
        """Plug it in, dark."""
        self.colours: deque[tuple[int, int, int]] = deque([(0, 0, 0)], maxlen=256)
        """The newest last."""
        self.closed = False

    def set(self, red: int, green: int, blue: int) -> None:
        """Show a colour, 0-255 each."""
        if not all(0 <= part <= 255 for part in (red, green, blue)):
            raise ValueError(f"a colour has parts of 0-255, not {red}, {green}, {blue}")
        self.colours.append((red, green, blue))

    def off(self) -> None:
        """Go dark."""
        self.set(0, 0, 0)

    def close(self) -> None:
        """Give the device back; the last colour stays."""
        self.closed = True


def _refused(address: int) -> BusError:
    return BusError(BusFault.ABSENT, f"emulated bus: nothing answers at 0x{address:02x}: plug the display in")
