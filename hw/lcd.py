"""A character display that is told frames and sends only what changed."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hw import hd44780
from hw.bus import Bus
from hw.hd44780 import Frame, PinMap, Size


@dataclass(frozen=True, slots=True)
class _Glass:
    """What the display shows after a transfer that went through."""

    frame: Frame
    backlight: bool


class Lcd:
    """An HD44780 of the given size behind a PCF8574 at an address of a bus.

    It owns the bus. All calls block (a frame about 30 ms, the first 130 ms, a stuck bus a second) and belong
    in one thread. A display that lost a transfer or its power is started again by the next `show`.
    """

    def __init__(
        self,
        bus: Bus,
        address: int,
        size: Size,
        *,
        pins: PinMap | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        """Touch nothing yet; the first `show` starts the controller.

        Args:
            bus: closed with the display.
            address: of the port expander, see `hw.bus.probe`.
            size: of the glass.
            pins: how the expander is wired to the controller; None for the usual backpack.
            sleep: waits that many seconds; None for real time.
        """
        self._bus = bus
        self._address = address
        self._size = size
        self._pins = pins or PinMap()
        self._sleep = sleep or threading.Event().wait
        self._glass: _Glass | None = None  # None: unknown, start again

    def show(self, lines: Sequence[str], *, backlight: bool = True) -> None:
        """Make the glass show these lines, in one transfer unless the controller must be started.

        Raises:
            ValueError: the lines do not have exactly the size of the glass.
            BusError: the display did not take it; what it shows now is unknown.
        """
        frame = hd44780.encode(lines, self._size)
        glass, self._glass = self._glass, None  # unknown until the transfer went through
        if glass is None or self._lost_power():
            self._refill(frame, backlight=backlight)
        else:
            self._repaint(glass, frame, backlight=backlight)
        self._glass = _Glass(frame, backlight)

    def forget(self) -> None:
        """Let the next `show` start the controller and write everything: the cure for a lost nibble."""
        self._glass = None

    def close(self) -> None:
        """Give the bus back; the last frame stays on the glass."""
        self._bus.close()

    def _lost_power(self) -> bool:
        """Look at the port: its pins are high after power-up, and we never leave E high."""
        return bool(self._bus.read(self._address) >> self._pins.e & 1)

    def _refill(self, frame: Frame, *, backlight: bool) -> None:
        # The read goes first: it fails where a kernel driver owns the display, a write would disturb it.
        port = self._bus.read(self._address)
        for step in hd44780.start(self._pins, port, backlight=backlight):
            self._bus.write(self._address, step.data)
            self._sleep(step.wait)
        runs = hd44780.difference(self._size, None, frame)
        self._bus.write(self._address, hd44780.refill(runs, self._pins, backlight=backlight))

    def _repaint(self, glass: _Glass, frame: Frame, *, backlight: bool) -> None:
        runs = hd44780.difference(self._size, glass.frame, frame)
        data = hd44780.repaint(runs, self._pins, backlight=backlight)
        if not data and backlight is not glass.backlight:
            data = bytes([self._pins.port(hd44780.Register.COMMAND, 0, backlight=backlight)])
        if data:
            self._bus.write(self._address, data)
