"""A character display that is told frames, sends only what changed, and heals.

Every `show` looks at the port first: whether the display acknowledges, kept its power and is in step
(`hw.instep`). If not, the controller is started again and everything is written; so it is, in part, at times
with no reason at all (`hw.care`). A write of more than a few characters is looked at at once, too.

A second, in bytes of the wire: 2 if nothing changed, 16 for the heart, 24 for three digits. To stay below
that, a short write either ends a standing read or begins one, in turn: it is looked at in every other second.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

from hw import hd44780, instep
from hw.bus import Bus
from hw.care import Care, Cared
from hw.hd44780 import Frame, Operations, PinMap, Size, Step

_SHORT = 17
"""Bytes of the wire that write up to three adjacent characters."""

_STARTS = 3
"""Tries to start a controller that answers, but not what it should."""


@dataclass(frozen=True, slots=True)
class _Glass:
    """What the display shows after a transfer that went through.

    Attributes:
        frame: the text.
        backlight: whether it is lit.
        shows: the half of its address counter that it shows in a standing read; None: the port is at rest.
    """

    frame: Frame
    backlight: bool
    shows: int | None = None


class Lcd:
    """An HD44780 of the given size behind a PCF8574 at an address of a bus.

    It owns the bus. All calls block (a frame about 30 ms, a start 130 ms, a stuck bus a second) and belong in
    one thread. Call `show` once a second, also with what it shows already: that is when it looks.
    """

    def __init__(
        self,
        bus: Bus,
        address: int,
        size: Size,
        *,
        pins: PinMap | None = None,
        sleep: Callable[[float], object] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Touch nothing yet; the first `show` starts the controller.

        Args:
            bus: closed with the display.
            address: of the port expander, see `hw.bus.probe`.
            size: of the glass.
            pins: how the expander is wired to the controller; None for the usual backpack.
            sleep: waits that many seconds; None for real time.
            clock: seconds that never jump.
        """
        self._bus = bus
        self._address = address
        self._size = size
        self._pins = pins or PinMap()
        self._sleep = sleep or threading.Event().wait
        self._clock = clock
        self._glass: _Glass | None = None  # None: unknown, start again
        self._answers = False  # R/W is wired: the chip can be asked whether it is in step
        self._cared = Cared(0.0, 0.0)

    def show(self, lines: Sequence[str], *, backlight: bool = True) -> None:
        """Look whether the display is well, and make the glass show these lines.

        Raises:
            ValueError: the lines do not have exactly the size of the glass.
            BusError: the display did not take it; what it shows now is unknown.
        """
        wanted = _Glass(hd44780.encode(lines, self._size), backlight)
        glass, self._glass = self._glass, None  # unknown until all transfers went through
        if glass is None or not self._is_well(glass):
            self._glass = self._start(wanted)
            return
        care = self._cared.due(self._clock(), answers=self._answers)
        match care:
            case Care.NOTHING:
                self._glass = self._repaint(glass, wanted)
            case Care.REWRITE:
                self._glass = self._rewrite(glass, wanted)
            case Care.RESYNC:
                self._glass = self._start(wanted)
            case _:
                assert_never(care)

    def close(self) -> None:
        """Give the bus back; the last frame stays on the glass."""
        self._bus.close()

    def _is_well(self, glass: _Glass) -> bool:
        """Look at the port. At rest only a loss of power shows: all pins are high then, and we left E low."""
        port = self._bus.read(self._address)
        if glass.shows is None:
            return not port >> self._pins.e & 1
        return instep.answer(self._pins, port) == glass.shows

    def _start(self, wanted: _Glass) -> _Glass:
        now = self._clock()
        self._cared = Cared(now, now)
        for _ in range(_STARTS):
            # The read goes first: it fails where a kernel driver owns the display, a write would disturb it.
            port = self._bus.read(self._address)
            for step in hd44780.start(self._pins, port, backlight=wanted.backlight):
                self._take(step)
            parked = self._park(wanted, hd44780.everything(wanted.frame, self._size))
            half = instep.answer(self._pins, self._bus.read(self._address))
            self._answers = half == parked.shows
            if self._answers:
                return parked
            if half == instep.UNREAD:
                break
        # The chip took the read for the two halves of an instruction, "go to 7F", which does no harm.
        self._send(instep.let_go(self._pins, backlight=wanted.backlight))
        return replace(wanted, shows=None)

    def _rewrite(self, glass: _Glass, wanted: _Glass) -> _Glass:
        self._cared = replace(self._cared, rewritten=self._clock())
        modes = hd44780.settle(self._pins, backlight=wanted.backlight)
        self._take(replace(modes, data=self._end_read(glass, wanted) + modes.data))
        return self._checked(self._park(wanted, hd44780.everything(wanted.frame, self._size)))

    def _repaint(self, glass: _Glass, wanted: _Glass) -> _Glass:
        """Send what changed; leave it so that the next look tells something."""
        runs = hd44780.difference(self._size, glass.frame, wanted.frame)
        if not runs and (glass.shows is not None or not self._answers):
            return self._relight(glass, wanted)
        begin = self._end_read(glass, wanted)
        operations = hd44780.writes(runs)
        data = hd44780.wire(operations, self._pins, backlight=wanted.backlight)
        if self._answers and (not runs or len(data) > _SHORT):
            return self._checked(self._park(wanted, operations, begin))
        if self._answers and not begin:
            self._send(data + instep.ask(self._pins, backlight=wanted.backlight))
            return replace(wanted, shows=instep.lower_half(hd44780.counter_after(runs)))
        self._send(begin + data + hd44780.rest(self._pins, backlight=wanted.backlight))
        return wanted

    def _relight(self, glass: _Glass, wanted: _Glass) -> _Glass:
        if wanted.backlight is not glass.backlight:
            port = hd44780.rest if glass.shows is None else instep.asking
            self._send(port(self._pins, backlight=wanted.backlight))
        return replace(wanted, shows=glass.shows)

    def _park(self, wanted: _Glass, operations: Operations, begin: bytes = b"") -> _Glass:
        """Send operations, and let the chip show where it stands then."""
        operations = [*operations, *hd44780.goto(instep.PARKED)]
        data = hd44780.wire(operations, self._pins, backlight=wanted.backlight)
        self._send(begin + data + instep.ask(self._pins, backlight=wanted.backlight))
        return replace(wanted, shows=instep.lower_half(instep.PARKED))

    def _checked(self, glass: _Glass) -> _Glass:
        return glass if self._is_well(glass) else self._start(glass)

    def _end_read(self, glass: _Glass, wanted: _Glass) -> bytes:
        return b"" if glass.shows is None else instep.let_go(self._pins, backlight=wanted.backlight)

    def _take(self, step: Step) -> None:
        self._send(step.data)
        self._sleep(step.wait)

    def _send(self, data: bytes) -> None:
        self._bus.write(self._address, data)
