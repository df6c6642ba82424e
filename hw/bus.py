"""What a display driver needs of an I2C bus, and how to find the display on it."""

from collections.abc import Iterable
from typing import Protocol

from hw.errors import BusError, BusFault

ADDRESSES = (0x27, 0x3F)
"""Where the backpacks of character displays answer: PCF8574 and PCF8574A with no jumper set."""


class Bus(Protocol):
    """An I2C bus; every method may raise `BusError` and blocks until the transfer ended."""

    def write(self, address: int, data: bytes) -> None:
        """Send all of `data` in one transfer."""
        ...

    def read(self, address: int) -> int:
        """Return the one byte that the device sends, 0-255."""
        ...

    def close(self) -> None:
        """Give the bus back; a second call does nothing."""
        ...


def probe(bus: Bus, addresses: Iterable[int] = ADDRESSES) -> int | None:
    """Find the first address that acknowledges a read; None if none does.

    Raises:
        BusError: of any other kind than `absent`: then silence would say nothing about the display.
    """
    for address in addresses:
        try:
            bus.read(address)
        except BusError as error:
            if error.kind is not BusFault.ABSENT:
                raise
        else:
            return address
    return None
