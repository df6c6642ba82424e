"""The BlinkStick: one RGB LED on USB; the only file that knows blinkstick and pyusb.

The package answers a USB error by looking for the stick again, prints what it meets to stdout and may end
in an AttributeError. So it never meets one: the device that it talks to is ours (`_Device`), which raises
`StickError` where the USB error happens.
"""

import errno
import importlib
from collections.abc import Generator
from contextlib import contextmanager
from types import ModuleType
from typing import Protocol

from hw.errors import StickError, StickFault

_TEXTS = {
    StickFault.ABSENT: "no BlinkStick found: plug one in, then check with lsusb -d 20a0:41e5",
    StickFault.DENIED: "BlinkStick may not be opened: install the udev rule for 20a0:41e5, then replug it",
    StickFault.NO_LIBUSB: "no way to USB ({why}): sudo apt install libusb-1.0-0, pip install pyusb",
    StickFault.GONE: "BlinkStick does not answer ({why}): unplug it and plug it in again",
}


class _Package(Protocol):
    """What we use of the package's class."""

    def set_color(self, *, red: int, green: int, blue: int) -> None: ...


class _Usb(Protocol):
    """What the package uses of pyusb's device."""

    def is_kernel_driver_active(self, interface: int) -> bool: ...

    def detach_kernel_driver(self, interface: int) -> None: ...

    def ctrl_transfer(self, *arguments: object, **named: object) -> object: ...


class Stick:
    """One open BlinkStick. All calls block (a hanging stick a second) and belong in one thread.

    After a `StickError` close it and open again: a stick that comes back is dark.
    """

    def __init__(self, package: _Package, device: "_Device") -> None:
        """Take what `open_first` found."""
        self._package = package
        self._device = device

    @classmethod
    def open_first(cls) -> "Stick":
        """Open the first stick that is plugged in; its colour stays as it was.

        Raises:
            StickError: there is none, or it can't be used: `kind` says which.
        """
        usb, package = _library("usb.core"), _library("blinkstick.blinkstick")
        try:
            with _mapped():
                found = usb.find(idVendor=package.VENDOR_ID, idProduct=package.PRODUCT_ID)
        except ValueError as error:  # pyusb's NoBackendError is one
            raise _error(StickFault.NO_LIBUSB, str(error)) from error
        if found is None:
            raise _error(StickFault.ABSENT)
        device = _Device(found)
        try:
            return cls(package.BlinkStick(device=device), device)
        except (AttributeError, IndexError, ValueError) as error:  # a serial number that is no text
            device.close()
            raise _error(StickFault.GONE, "its serial number is garbage") from error
        except StickError:
            device.close()
            raise

    def set(self, red: int, green: int, blue: int) -> None:
        """Show a colour, 0-255 each, until the next one; the stick keeps it also when we die.

        Raises:
            ValueError: a part is out of range.
            StickError: the stick did not take it.
        """
        if not all(0 <= part <= 255 for part in (red, green, blue)):
            raise ValueError(f"a colour has parts of 0-255, not {red}, {green}, {blue}")
        self._package.set_color(red=red, green=green, blue=blue)

    def off(self) -> None:
        """Go dark.

        Raises:
            StickError: the stick did not take it.
        """
        self.set(0, 0, 0)

    def close(self) -> None:
        """Give the device back; the last colour stays. A second call does nothing."""
        self._device.close()


class _Device:
    """The USB device as the package sees it: the calls it makes, with errors that it does not catch."""

    def __init__(self, device: _Usb) -> None:
        self._device = device

    def is_kernel_driver_active(self, interface: int) -> bool:
        with _mapped():
            return self._device.is_kernel_driver_active(interface)

    def detach_kernel_driver(self, interface: int) -> None:
        with _mapped():
            self._device.detach_kernel_driver(interface)

    def ctrl_transfer(self, *arguments: object, **named: object) -> object:
        with _mapped():
            return self._device.ctrl_transfer(*arguments, **named)

    def close(self) -> None:
        _library("usb.util").dispose_resources(self._device)


@contextmanager
def _mapped() -> Generator[None]:
    try:
        yield
    except OSError as error:  # pyusb's USBError is one
        if error.errno in {errno.EACCES, errno.EPERM}:
            raise _error(StickFault.DENIED) from error
        raise _error(StickFault.GONE, error.strerror or "USB error") from error


def _library(name: str) -> ModuleType:
    """Import on first use: a head with no stick pays nothing, and one with no library says so.

    Both libraries are untyped and come without stubs; what is used of them stands in this file.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise _error(StickFault.NO_LIBUSB, str(error)) from error


def _error(kind: StickFault, why: str = "") -> StickError:
    return StickError(kind, _TEXTS[kind].format(why=why))
