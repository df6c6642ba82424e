"""A pyusb backend with emulated BlinkSticks: the real blinkstick and the real pyusb run above it.

The sticks do what their firmware does (github.com/arvydas/blinkstick-firmware, main.cpp): report 1 sets the
first LED, in mode 3 all of them; 4 is the mode, kept in an EEPROM; 6 to 9 are the colours of 8, 16, 32 or 64
LEDs as green, red, blue, and only mode 2 shows them; 0x81 is a Flex's number of LEDs.
"""

import errno
import os
import threading
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import SimpleNamespace

from usb.backend import IBackend
from usb.core import USBError, USBTimeoutError

SET_REPORT = 0x09
GET_REPORT = 0x01
GET_DESCRIPTOR = 0x06
_FRAMES = {6: 8, 7: 16, 8: 32, 9: 64}
_LENGTHS = {1: 4, 4: 2, **{report: 2 + 3 * count for report, count in _FRAMES.items()}}

Colour = tuple[int, int, int]


@dataclass(slots=True)
class Board:
    """A stick in somebody's hand."""

    version: str
    """The end of its serial number; the first digit tells the family."""
    device: int
    """Its USB device number, bcdDevice; tells the models of a family."""
    leds: int = 1
    mode: int = 0
    tells_count: int | None = None
    """What it says when it is asked for its number of LEDs; None: it does not understand."""
    serial: bytes | None = None
    """Garbage, in place of its serial number."""
    lit: list[Colour] = field(default_factory=list[Colour])
    reports: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    """What it was sent: number and bytes."""
    mode_writes: int = 0

    def power(self) -> None:
        """Plug it in, dark."""
        self.lit = [(0, 0, 0)] * self.leds

    def receive(self, report: int, data: bytes) -> bool:
        """Take a report; False: it stalls."""
        self.reports.append((report, data))
        if len(data) != _LENGTHS.get(report):
            return False
        if report == 1:
            colour = (data[1], data[2], data[3])
            self.lit[:] = [colour] * self.leds if self.mode == 3 else [colour, *self.lit[1:]]
        elif report == 4:
            self.mode = data[1]
            self.mode_writes += 1
        elif self.mode == 2:
            row = [(data[at + 1], data[at], data[at + 2]) for at in range(2, len(data), 3)]
            self.lit[: len(row)] = row[: self.leds]
        return True

    def tell(self, report: int) -> bytes | None:
        """Answer; None: it stalls."""
        if report == 4:
            return bytes([4, self.mode])
        if report == 0x81 and self.tells_count is not None:
            return bytes([0x81, self.tells_count])
        return None

    def describe(self) -> bytes:
        """Give the string descriptor of its serial number."""
        text = f"BS001234-{self.version}".encode("utf-16-le") if self.serial is None else self.serial
        return bytes([len(text) + 2, 3]) + text


def blinkstick() -> Board:
    """Give one of one LED."""
    return Board("1.1", 0x0101)


def pro(mode: int = 0) -> Board:
    """Give one whose LEDs somebody wired."""
    return Board("2.2", 0x0101, mode=mode)


def square(mode: int = 3) -> Board:
    """Give one of eight LEDs, which repeat the first one as it comes from the shop."""
    return Board("3.0", 0x0200, 8, mode)


def strip() -> Board:
    """Give one of eight LEDs in a row."""
    return Board("3.0", 0x0201, 8, 3)


def nano() -> Board:
    """Give one of two LEDs, front and back."""
    return Board("3.1", 0x0202, 2, 3)


def flex(tells_count: int | None = 32) -> Board:
    """Give one whose owner says how many LEDs there are."""
    return Board("3.1", 0x0203, 32, 2, tells_count)


@dataclass(frozen=True)
class _Handle:
    plug: int


class Usb(IBackend):
    """Stands for libusb: one BlinkStick on a bus, and what may go wrong with it."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or blinkstick()
        self.open_fault: int | None = None
        self.transfer_fault: int | None = None
        self.fault_at: dict[int, int] = {}
        """The number of a transfer, counted from 1, and its errno: once, then all is well again."""
        self.unplug_at = 0
        """The number of the transfer during which it is pulled out."""
        self.hangs: threading.Event | None = None
        """Transfers wait for it, and then time out."""
        self.hanging = threading.Event()
        """Set when one does."""
        self.transfers = 0
        self.driver_active = True
        self.handles = 0
        self._plug = 0
        self._plugged = False
        self.plug()

    @property
    def reports(self) -> list[tuple[int, bytes]]:
        """What the stick was sent."""
        return self.board.reports

    def plug(self, board: Board | None = None) -> None:
        """Plug it in, or another one: it is dark, has a new address, and the kernel's driver takes it."""
        self.board = board or self.board
        self.board.power()
        self._plug += 1
        self._plugged = True
        self.driver_active = True

    def unplug(self) -> None:
        """Pull it out."""
        self._plugged = False

    def enumerate_devices(self) -> Iterator[int]:
        """Name the devices on the bus."""
        return iter([self._plug] if self._plugged else [])

    def get_device_descriptor(self, _device: int) -> SimpleNamespace:
        """Describe one."""
        names = "bLength bDescriptorType bcdUSB bDeviceClass bDeviceSubClass bDeviceProtocol bMaxPacketSize0"
        fields = dict.fromkeys([*names.split(), "iManufacturer", "iProduct", "iSerialNumber"], 0)
        fields |= {"idVendor": 0x20A0, "idProduct": 0x41E5, "bcdDevice": self.board.device}
        fields |= {"bNumConfigurations": 1, "address": self._plug, "bus": 1, "port_number": 1, "speed": 1}
        return SimpleNamespace(**fields, port_numbers=(1,))

    def open_device(self, device: int) -> _Handle:
        """Open one; counted."""
        if self.open_fault is not None:
            raise _error(self.open_fault)
        if not self._there(device):
            raise _error(errno.ENODEV)
        self.handles += 1
        return _Handle(device)

    def close_device(self, _handle: _Handle) -> None:
        """Give one back; counted."""
        self.handles -= 1

    def is_kernel_driver_active(self, handle: _Handle, _interface: int) -> bool:
        """Say whether the kernel's HID driver has it."""
        if not self._there(handle.plug):
            raise _error(errno.ENODEV)
        return self.driver_active

    def detach_kernel_driver(self, _handle: _Handle, _interface: int) -> None:
        """Take it from the kernel."""
        self.driver_active = False

    def ctrl_transfer(
        self,
        handle: _Handle,
        kind: int,
        request: int,
        value: int,
        _index: int,
        data: "array[int]",
        _timeout: int,
    ) -> int:
        """Pass a control transfer to the stick, or fail as told."""
        self.transfers += 1
        if self.transfers == self.unplug_at:
            self.unplug()
        if self.hangs is not None:
            self.hanging.set()
            self.hangs.wait(30)
            raise USBTimeoutError(os.strerror(errno.ETIMEDOUT), None, errno.ETIMEDOUT)
        fault = self.fault_at.get(self.transfers, self.transfer_fault)
        if not self._there(handle.plug):
            fault = errno.ENODEV
        if fault is not None:
            raise _error(fault)
        return self._transfer(kind, request, value, data)

    def _transfer(self, kind: int, request: int, value: int, data: "array[int]") -> int:
        if (kind, request) == (0x20, SET_REPORT):
            if not self.board.receive(value, data.tobytes()):
                raise _error(errno.EPIPE)
            return len(data)
        answer = None
        if (kind, request) == (0x80, GET_DESCRIPTOR) and value == 0x0303:
            answer = self.board.describe()
        elif (kind, request) == (0xA0, GET_REPORT):
            answer = self.board.tell(value)
        if answer is None:
            raise _error(errno.EPIPE)
        sent = answer[: len(data)]
        for place, byte in enumerate(sent):
            data[place] = byte
        return len(sent)

    def _there(self, plug: int) -> bool:
        return self._plugged and plug == self._plug


def _error(number: int) -> USBError:
    return USBError(os.strerror(number), None, number)
