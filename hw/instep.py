"""Whether the controller is in step: it is left in the middle of a read, and one look at the port tells.

It takes a byte as two halves. A half that got lost, or a spike on E that adds one, makes it put the wrong
halves together from then on, and it reports nothing. So a transfer may end with a read of the address counter
that is begun and not ended: E and R/W stay high, and the data lines carry the counter's lower half as long as
that stands. A chip out of step shows the upper half, which has the busy flag as its highest bit; that is off
by then, so it is below 8. `PARKED` has a lower half above 8: the two can't be taken for each other.

Nothing can be written by a spike while a read stands. A port that lost its power has all pins high, RS too.

Read: HD44780U datasheet p. 24 (instruction "read busy flag and address"), p. 33 (a read by halves).
"""

from hw.hd44780 import PinMap, Register, rest

PARKED = 0x4A
"""An address of the second line. In 8-bit mode (a chip that was reset) its halves can't show either: 4, 4."""

UNREAD = 0xF
"""What the data lines show where R/W is not wired: what we wrote to them, so that they can be read."""


def lower_half(address: int) -> int:
    """Return what a chip in step shows of its address counter."""
    return address & 0x0F


def ask(pins: PinMap, *, backlight: bool) -> bytes:
    """Encode the read up to the lower half, E standing; from any port with E low."""
    reading = _reading(pins, backlight=backlight)
    return bytes((reading, reading | 1 << pins.e)) * 2


def asking(pins: PinMap, *, backlight: bool) -> bytes:
    """Encode the port as `ask` leaves it: changes the light and nothing else."""
    return ask(pins, backlight=backlight)[-1:]


def let_go(pins: PinMap, *, backlight: bool) -> bytes:
    """Encode the end of the read, and the port at rest."""
    return ask(pins, backlight=backlight)[:1] + rest(pins, backlight=backlight)


def answer(pins: PinMap, port: int) -> int | None:
    """Return the half that the port shows; None if it is not as `ask` left it."""
    asked = port >> pins.e & 1 and not port >> pins.rs & 1
    return pins.nibble(port) if asked else None


def _reading(pins: PinMap, *, backlight: bool) -> int:
    """Return the port's byte with E low and R/W high; the data lines are let go, which is high."""
    return pins.port(Register.COMMAND, 0xF, backlight=backlight) | 1 << pins.rw
