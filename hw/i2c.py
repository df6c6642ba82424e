"""The I2C bus of the Raspberry Pi through smbus2; the only file that knows that library."""

import errno
import os
from collections.abc import Generator
from contextlib import contextmanager

from smbus2 import SMBus, i2c_msg

from hw.errors import BusError, BusFault

_KINDS = {
    errno.EREMOTEIO: BusFault.ABSENT,  # a NACK, as the Pi's adapter reports it
    errno.ENXIO: BusFault.ABSENT,  # a NACK, as most others do
    errno.ENOENT: BusFault.NO_BUS,
    errno.ENODEV: BusFault.NO_BUS,  # the adapter went away: an overlay was removed
    errno.EACCES: BusFault.DENIED,
    errno.EPERM: BusFault.DENIED,
    errno.EBUSY: BusFault.BUSY,
    errno.ETIMEDOUT: BusFault.STUCK,
}

_TEXTS = {
    BusFault.ABSENT: "nothing answers{where}. Next: check the display's four wires, then i2cdetect -y {bus}",
    BusFault.NO_BUS: "no such bus. Next: put dtparam=i2c_arm=on into config.txt and reboot",
    BusFault.DENIED: "may not be opened. Next: sudo usermod -aG i2c $USER, then log in again",
    BusFault.BUSY: "a kernel driver owns the display{where}. "
    "Next: remove dtoverlay=hd44780-i2c-lcd from config.txt and reboot",
    BusFault.STUCK: "the bus is stuck. Next: switch the display off and on, look for a short of SDA or SCL",
    BusFault.OTHER: "{reason} (errno {number}){where}. Next: check the wires, then sudo dmesg | grep i2c",
}


class SmbusBus:
    """One adapter of the kernel, `/dev/i2c-<number>`, held open until `close`."""

    def __init__(self, number: int) -> None:
        """Open the adapter.

        Raises:
            BusError: it is not there (`no_bus`) or not allowed (`denied`).
        """
        self._number = number
        self._bus = SMBus()
        with self._mapped():
            try:
                self._bus.open(number)
            except OSError:
                self._bus.close()  # the file is open already if asking what the adapter can do fails
                raise

    def write(self, address: int, data: bytes) -> None:
        """Send all of `data` in one transfer (at 100 kHz: 90 us a byte, and one byte more)."""
        with self._mapped(address):
            self._bus.i2c_rdwr(i2c_msg.write(address, data))

    def read(self, address: int) -> int:
        """Return the one byte that the device sends.

        The plain read also claims the address, which a transfer through `i2c_rdwr` does not: only so the
        kernel tells that a driver of its own has the display.
        """
        with self._mapped(address):
            return self._bus.read_byte(address)

    def close(self) -> None:
        """Give the file back; a second call does nothing."""
        self._bus.close()

    @contextmanager
    def _mapped(self, address: int | None = None) -> Generator[None]:
        try:
            yield
        except OSError as error:
            number = error.errno or 0
            kind = _KINDS.get(number, BusFault.OTHER)
            where = "" if address is None else f" at 0x{address:02x}"
            reason = os.strerror(number)
            text = _TEXTS[kind].format(bus=self._number, where=where, number=number, reason=reason)
            raise BusError(kind, f"/dev/i2c-{self._number}: {text}") from error
