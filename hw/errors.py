"""The errors of this package; each text is one line and names the next step.

::

    HwError
    ├── BusError     the display or its I2C bus: `kind` is a BusFault
    └── StickError   the BlinkStick or its USB: `kind` is a StickFault

A missing device is normal life in a briefcase: who drives a device catches `HwError`, says it once and
tries again later.
"""

from enum import StrEnum


class BusFault(StrEnum):
    """What is wrong with the display or its bus.

    absent: nothing acknowledges the address. no_bus: no such adapter. denied: the file may not be opened.
    busy: a kernel driver owns the address. stuck: a line is held low. other: what the kernel said.
    """

    ABSENT = "absent"
    NO_BUS = "no_bus"
    DENIED = "denied"
    BUSY = "busy"
    STUCK = "stuck"
    OTHER = "other"


class StickFault(StrEnum):
    """What is wrong with the BlinkStick.

    absent: none is plugged in. denied: the udev rule is missing. no_libusb: a library is missing.
    gone: it was there and answers no more; open it again.
    """

    ABSENT = "absent"
    DENIED = "denied"
    NO_LIBUSB = "no_libusb"
    GONE = "gone"


class HwError(Exception):
    """Anything that this package raises on account of a device."""


class BusError(HwError):
    """A transfer on the I2C bus failed; how much of it arrived is unknown."""

    def __init__(self, kind: BusFault, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class StickError(HwError):
    """The BlinkStick could not be opened or did not take a colour."""

    def __init__(self, kind: StickFault, text: str) -> None:
        super().__init__(text)
        self.kind = kind
