"""A display that is not there, for the demonstration and for tests: same methods, same faults, same manners.

It has its own clock: a transfer takes its time at 100 kHz, `sleep` takes what it is told, and
nothing waits really.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from hw.emulated_controller import Controller
from hw.errors import BusError, BusFault
from hw.hd44780 import PinMap, Size

_BYTE = 90.0  # microseconds: nine bits at 100 kHz
_STUCK = 1_000_000.0  # microseconds until the kernel gives a transfer up


class Mishap(StrEnum):
    """What may happen to a byte on its way.

    refused: not acknowledged. stuck: the bus stands still until the kernel gives up. lost_nibble: the chip
    misses the next falling E. extra_nibble: a spike on E. flipped_bit: a pin gets the other level.
    power_dip: the display starts anew and acknowledges no more. reset: only its controller starts anew.
    """

    REFUSED = "refused"
    STUCK = "stuck"
    LOST_NIBBLE = "lost_nibble"
    EXTRA_NIBBLE = "extra_nibble"
    FLIPPED_BIT = "flipped_bit"
    POWER_DIP = "power_dip"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class _Coming:
    mishap: Mishap
    byte: int
    bit: int


class EmulatedLcd:
    """A bus with one HD44780 behind a PCF8574; `glass` is what a person would read.

    `violations` counts what a datasheet forbids: E raised while the chip is busy, RS or R/W changed together
    with a rising E, anything changed together with a falling one that ends a write. A real chip might do
    anything then; this one does what it was told.
    """

    def __init__(
        self, size: Size, *, address: int = 0x27, pins: PinMap | None = None, rw_wired: bool = True
    ) -> None:
        """Switch the power on.

        Args:
            size: of the glass.
            address: of the port expander.
            pins: how it is wired to the controller; None for the usual backpack.
            rw_wired: whether R/W is wired too, or grounded as on some boards.
        """
        self.violations = 0
        self.written = 0
        """Bytes written so far, without the addresses."""
        self.on_wire = 0
        """Bytes of the wire so far: written, read, and the address of each transfer."""
        self.closed = False
        self._size = size
        self._address = address
        self._pins = pins or PinMap()
        self._now = 0.0
        self._enable = 1 << self._pins.e
        self._selects = 1 << self._pins.rs | 1 << self._pins.rw
        self._held = 0xFF & ~(self._enable | 1 << self._pins.backlight)
        self._rw_wired = rw_wired
        self._plugged = True
        self._coming: _Coming | None = None
        self._misses_fall = False
        self._port = 0xFF
        self._chip = Controller(self._now)

    @property
    def backlight(self) -> bool:
        """Whether the light behind the glass is on."""
        high = bool(self._port >> self._pins.backlight & 1)
        return self._plugged and high is not self._pins.lit_low

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
            coming = self._coming
            if coming is None or self.written < coming.byte:
                self._arrive(byte)
            else:
                self._coming = None
                self._arrive_badly(byte, coming, address)

    def read(self, address: int) -> int:
        """Do what a `hw.bus.Bus` does; the light's transistor holds its pin low."""
        self._select(address)
        self._pass(1)
        value = self._port & ~(1 << self._pins.backlight)
        if self._reads(self._port):
            driven = self._chip.output(self._now, data=bool(self._port >> self._pins.rs & 1))
            value &= ~self._pins.lines(~driven & 0x0F)
        return value

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

    def harm(self, mishap: Mishap, after: int, *, bit: int = 0) -> None:
        """Let so many bytes through; to the next one this happens, once.

        Args:
            mishap: what.
            after: how many bytes arrive before.
            bit: which pin is flipped.
        """
        self._coming = _Coming(mishap, self.written + after, bit)

    def refuse(self, after: int) -> None:
        """Let so many bytes through, then refuse the next one, once."""
        self.harm(Mishap.REFUSED, after)

    def drop_nibble(self, after: int) -> None:
        """Let so many bytes through, then lose the next nibble, once and with no error."""
        self.harm(Mishap.LOST_NIBBLE, after)

    def unplug(self) -> None:
        """Take the display off the wires."""
        self._plugged = False

    def plug(self) -> None:
        """Put it back: the power comes on anew."""
        self._plugged = True
        self._port = 0xFF
        self._chip = Controller(self._now)

    def _select(self, address: int) -> None:
        self._pass(1)
        if not self._plugged or address != self._address:
            raise _refused(address)

    def _pass(self, count: int) -> None:
        self._now += _BYTE * count
        self.on_wire += count

    def _arrive(self, byte: int) -> None:
        self._pass(1)
        self.written += 1
        self._latch(byte)

    def _arrive_badly(self, byte: int, coming: _Coming, address: int) -> None:
        match coming.mishap:
            case Mishap.REFUSED:
                raise _refused(address)
            case Mishap.STUCK:
                self._now += _STUCK
                raise BusError(BusFault.STUCK, "emulated bus: stuck. Next: switch the display off and on")
            case Mishap.LOST_NIBBLE:
                self._misses_fall = True
                self._arrive(byte)
            case Mishap.EXTRA_NIBBLE:
                self._arrive(byte)
                self._clock(self._port)
            case Mishap.FLIPPED_BIT:
                self._arrive(byte ^ 1 << coming.bit)
            case Mishap.POWER_DIP:
                self.plug()
                raise _refused(address)
            case Mishap.RESET:
                self._chip = Controller(self._now)
                self._arrive(byte)
            case _:
                assert_never(coming.mishap)

    def _latch(self, byte: int) -> None:
        old, self._port = self._port, byte
        changed = old ^ byte
        if not changed & self._enable:
            return
        if byte & self._enable:
            late = self._now < self._chip.busy_until and not self._reads(byte)
            self.violations += late + bool(changed & self._selects)
        else:
            held = self._selects if self._reads(old) else self._held
            self.violations += bool(changed & held)
            self._clock(old)

    def _clock(self, port: int) -> None:
        if self._misses_fall:
            self._misses_fall = False
            return
        pins = self._pins
        data, read = bool(port >> pins.rs & 1), bool(port >> pins.rw & 1) and self._rw_wired
        nibble = pins.nibble(port)
        if read:
            nibble &= self._chip.output(self._now, data=data)
        self._chip.clock(self._now, nibble, data=data, read=read)

    def _reads(self, port: int) -> bool:
        """Tell whether the chip drives the data lines."""
        return self._rw_wired and bool(port >> self._pins.e & port >> self._pins.rw & 1)


def _refused(address: int) -> BusError:
    return BusError(
        BusFault.ABSENT, f"emulated bus: nothing answers at 0x{address:02x}. Next: plug the display in"
    )
