"""The BlinkStick: one RGB LED on USB, or a row of them; the only file that knows blinkstick and pyusb.

The package answers a USB error by looking for the stick again, prints what it meets to stdout and may end
in an AttributeError. So it never meets one: the device that it talks to is ours (`_Device`), which raises
`StickError` where the USB error happens.

How many LEDs there are: Square and Strip eight, Nano two (front and back), Flex as many as its owner told it
(`blinkstick --set-led-count`), 32 at most; all others one. A Pro has one, too: nobody can tell how many are
wired to its pins, and its mode says how they are.
"""

import errno
import importlib
import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType, ModuleType
from typing import Protocol, TypeAlias

from hw.errors import StickError, StickFault

Colour: TypeAlias = tuple[int, int, int]
"""Red, green, blue; 0 to 255 each."""

MOST_LEDS = 32

_LEDS: Mapping[str, int] = MappingProxyType(
    {"BLINKSTICK_STRIP": 8, "BLINKSTICK_SQUARE": 8, "BLINKSTICK_NANO": 2, "BLINKSTICK_FLEX": MOST_LEDS}
)
"""How many LEDs a model has, by the package's names for what `get_variant` gives."""

_EACH_ITS_OWN = 2
"""The mode in which each LED has its own colour; in 3 all show that of the first. The stick
keeps it without power."""

_MODE_SETTLES = 0.1
"""Seconds for which the stick is busy after it was told a mode: it blinks once and writes its EEPROM."""

_ONCE_MORE = frozenset({errno.EPIPE, errno.EIO})
"""What a transfer now and then ends in, and not when it is sent again: the stick does USB in software, beside
its LEDs (github.com/arvydas/blinkstick-python, issue 42)."""

_TEXTS = {
    StickFault.ABSENT: "no BlinkStick found. Next: plug one in, then check with lsusb -d 20a0:41e5",
    StickFault.DENIED: "BlinkStick may not be opened. Next: install the udev rule of 20a0:41e5 and replug it",
    StickFault.NO_LIBUSB: "no way to USB ({why}). Next: sudo apt install libusb-1.0-0, pip install pyusb",
    StickFault.GONE: "BlinkStick does not answer ({why}). Next: unplug it and plug it in again",
}


class _Package(Protocol):
    """What we use of the package's class."""

    def get_variant(self) -> int: ...

    def get_mode(self) -> int: ...

    def set_mode(self, mode: int) -> None: ...

    def get_led_count(self) -> int: ...

    def set_color(self, *, red: int, green: int, blue: int) -> None: ...

    def set_led_data(self, channel: int, data: Sequence[int]) -> None: ...


class _Usb(Protocol):
    """What the package uses of pyusb's device."""

    @property
    def bcdDevice(self) -> int: ...  # noqa: N802 - USB's own name

    def is_kernel_driver_active(self, interface: int) -> bool: ...

    def detach_kernel_driver(self, interface: int) -> None: ...

    def ctrl_transfer(self, *arguments: object, **named: object) -> object: ...


class Stick:
    """One open BlinkStick. All calls block (a hanging stick a second) and belong in one thread.

    After a `StickError` close it and open again: a stick that comes back is dark.
    """

    def __init__(self, package: _Package, device: "_Device", count: int) -> None:
        """Take what `open_first` found."""
        self._package = package
        self._device = device
        self._count = count

    @classmethod
    def open_first(cls, *, sleep: Callable[[float], object] | None = None) -> "Stick":
        """Open the first stick that is plugged in; its colours stay as they were.

        One with several LEDs is told, if it does not know it yet, that each has its own colour.

        Args:
            sleep: Waits that many seconds; None for real time.

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
            stick = package.BlinkStick(device=device)
            count = _count(stick, package.BlinkStick)
            if count > 1 and stick.get_mode() != _EACH_ITS_OWN:
                stick.set_mode(_EACH_ITS_OWN)
                (sleep or threading.Event().wait)(_MODE_SETTLES)
            return cls(stick, device, count)
        except (AttributeError, IndexError, ValueError) as error:  # a serial number that is no text
            device.close()
            raise _error(StickFault.GONE, "its serial number is garbage") from error
        except StickError:
            device.close()
            raise

    @property
    def count(self) -> int:
        """How many LEDs it has."""
        return self._count

    def show(self, colours: Sequence[Colour]) -> None:
        """Show a colour on each LED, the first one beside the plug, in one transfer; no colour is dark.

        The stick keeps them until the next ones, also when we die.

        Raises:
            ValueError: a part is out of range, or there are more colours than LEDs.
            StickError: the stick did not take it.
        """
        row = fitted(colours, self._count)
        if self._count == 1:
            red, green, blue = row[0]
            self._package.set_color(red=red, green=green, blue=blue)
        else:
            self._package.set_led_data(0, [part for red, green, blue in row for part in (green, red, blue)])

    def set(self, red: int, green: int, blue: int) -> None:
        """Show one colour, 0-255 each, on all LEDs.

        Raises:
            ValueError: a part is out of range.
            StickError: the stick did not take it.
        """
        self.show(((red, green, blue),) * self._count)

    def off(self) -> None:
        """Go dark.

        Raises:
            StickError: the stick did not take it.
        """
        self.set(0, 0, 0)

    def close(self) -> None:
        """Give the device back; the last colours stay. A second call does nothing."""
        self._device.close()


class _Device:
    """The USB device as the package sees it: the calls it makes, with errors that it does not catch."""

    def __init__(self, device: _Usb) -> None:
        self._device = device

    @property
    def bcdDevice(self) -> int:  # noqa: N802 - the package asks for it by USB's own name
        return self._device.bcdDevice

    def is_kernel_driver_active(self, interface: int) -> bool:
        with _mapped():
            return self._device.is_kernel_driver_active(interface)

    def detach_kernel_driver(self, interface: int) -> None:
        with _mapped():
            self._device.detach_kernel_driver(interface)

    def ctrl_transfer(self, *arguments: object, **named: object) -> object:
        with _mapped():
            try:
                return self._device.ctrl_transfer(*arguments, **named)
            except OSError as error:
                if error.errno not in _ONCE_MORE:
                    raise
                return self._device.ctrl_transfer(*arguments, **named)

    def close(self) -> None:
        _library("usb.util").dispose_resources(self._device)


def fitted(colours: Sequence[Colour], count: int) -> tuple[Colour, ...]:
    """Give a colour for each of `count` LEDs; no colour is dark.

    Raises:
        ValueError: a part is out of range, or there are more colours than LEDs.
    """
    if len(colours) > count:
        raise ValueError(f"{len(colours)} colours for {count} LEDs")
    for red, green, blue in colours:
        if not all(0 <= part <= 255 for part in (red, green, blue)):
            raise ValueError(f"a colour has parts of 0-255, not {red}, {green}, {blue}")
    return (*colours, *((0, 0, 0),) * (count - len(colours)))


def _count(stick: _Package, names: object) -> int:
    """Give how many LEDs the stick has; one of a kind that we do not know has one."""
    try:
        variant = stick.get_variant()
    except (IndexError, TypeError):  # a serial number too short to tell
        return 1
    model = next((name for name in _LEDS if getattr(names, name) == variant), "")
    if model == "BLINKSTICK_FLEX":
        told = stick.get_led_count()
        return told if 1 <= told <= MOST_LEDS else MOST_LEDS
    return _LEDS.get(model, 1)


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
