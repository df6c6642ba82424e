"""The stick through the real blinkstick and pyusb, above an emulated USB backend."""

import errno
import importlib
import os
from array import array
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from hw.errors import StickError, StickFault
from hw.stick import Stick

SET_REPORT = 0x09
GET_DESCRIPTOR = 0x06


def _usb_error(number: int) -> Exception:
    error: Exception = importlib.import_module("usb.core").USBError(os.strerror(number), None, number)
    return error


class _Usb:
    """Stands for libusb: one BlinkStick on a bus, and what may go wrong with it."""

    def __init__(self) -> None:
        self.plugged = True
        self.serial = "BS001234-1.1".encode("utf-16-le")
        self.open_fault: int | None = None
        self.transfer_fault: int | None = None
        self.driver_active = True
        self.handles = 0
        self.reports: list[tuple[int, bytes]] = []

    def enumerate_devices(self) -> Iterator[str]:
        return iter(["stick"] if self.plugged else [])

    def get_device_descriptor(self, _device: str) -> SimpleNamespace:
        names = "bLength bDescriptorType bcdUSB bDeviceClass bDeviceSubClass bDeviceProtocol bMaxPacketSize0"
        fields = dict.fromkeys([*names.split(), "iManufacturer", "iProduct", "iSerialNumber"], 0)
        fields |= {"idVendor": 0x20A0, "idProduct": 0x41E5, "bcdDevice": 0x0101, "bNumConfigurations": 1}
        return SimpleNamespace(**fields, address=4, bus=1, port_number=1, port_numbers=(1,), speed=1)

    def open_device(self, _device: str) -> str:
        if self.open_fault is not None:
            raise _usb_error(self.open_fault)
        self.handles += 1
        return "handle"

    def close_device(self, _handle: str) -> None:
        self.handles -= 1

    def is_kernel_driver_active(self, _handle: str, _interface: int) -> bool:
        return self.driver_active

    def detach_kernel_driver(self, _handle: str, _interface: int) -> None:
        self.driver_active = False

    def ctrl_transfer(
        self, _handle: str, kind: int, request: int, value: int, index: int, data: "array[int]", timeout: int
    ) -> int:
        if not self.plugged:
            raise _usb_error(errno.ENODEV)
        if self.transfer_fault is not None:
            raise _usb_error(self.transfer_fault)
        if request == GET_DESCRIPTOR:
            answer = bytes([len(self.serial) + 2, 3]) + self.serial
            for place, byte in enumerate(answer):
                data[place] = byte
            return len(answer)
        assert request == SET_REPORT
        self.reports.append((value, data.tobytes()))
        return len(data)


@pytest.fixture
def usb(monkeypatch: pytest.MonkeyPatch) -> _Usb:
    """Put our libusb under the real pyusb."""
    usb = _Usb()
    monkeypatch.setattr("usb.backend.libusb1.get_backend", lambda: usb)
    return usb


def test_every_colour_arrives_as_it_was_meant(usb: _Usb) -> None:
    """No part of a colour is rounded, clipped or swapped on the way to the wire."""
    stick = Stick.open_first()
    for part in range(256):
        stick.set(part, 255 - part, 7)
    stick.off()
    assert usb.reports == [*((1, bytes([0, part, 255 - part, 7])) for part in range(256)), (1, bytes(4))]


def test_opening_takes_it_from_the_kernel_and_keeps_its_colour(usb: _Usb) -> None:
    """The HID driver lets go, and nothing is sent before a colour is asked for."""
    Stick.open_first()
    assert not usb.driver_active
    assert usb.reports == []


def test_closing_gives_the_device_back(usb: _Usb) -> None:
    """Every handle that was opened is closed, also by a second call."""
    stick = Stick.open_first()
    stick.set(1, 2, 3)
    assert usb.handles == 1
    stick.close()
    stick.close()
    assert usb.handles == 0


def test_no_stick_is_absent(usb: _Usb) -> None:
    """An empty USB is told as such."""
    usb.plugged = False
    with pytest.raises(StickError, match="plug one in") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.ABSENT


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_missing_udev_rule_is_told_when_opening(usb: _Usb, number: int) -> None:
    """Not being allowed to open names the rule."""
    usb.open_fault = number
    with pytest.raises(StickError, match="udev rule") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.DENIED


@pytest.mark.parametrize("number", [errno.EIO, errno.ETIMEDOUT, errno.ENODEV, errno.EPIPE])
def test_a_stick_that_fails_at_its_first_transfer_is_gone_and_given_back(
    usb: _Usb, number: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where the package ends in an AttributeError, one line says what to do and no handle stays."""
    usb.transfer_fault = number
    with pytest.raises(StickError, match="plug it in again") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.GONE
    assert usb.handles == 0
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("serial", [b"\x00\xd8", b"\x00\xd8\x00"])
def test_a_serial_number_of_garbage_is_told_and_the_stick_given_back(usb: _Usb, serial: bytes) -> None:
    """What a device sends is not believed to be text."""
    usb.serial = serial
    with pytest.raises(StickError, match="garbage") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.GONE
    assert usb.handles == 0


def test_an_unplugged_stick_is_gone_and_a_new_opening_finds_it(
    usb: _Usb, capsys: pytest.CaptureFixture[str]
) -> None:
    """Pulling it out raises at the next colour, prints nothing, and plugging it in is all it takes."""
    stick = Stick.open_first()
    stick.set(1, 2, 3)
    usb.plugged = False
    with pytest.raises(StickError) as caught:
        stick.set(4, 5, 6)
    assert caught.value.kind is StickFault.GONE
    assert "\n" not in str(caught.value)
    stick.close()
    usb.plugged = True
    Stick.open_first().set(7, 8, 9)
    assert usb.reports == [(1, bytes([0, 1, 2, 3])), (1, bytes([0, 7, 8, 9]))]
    assert capsys.readouterr() == ("", "")


def test_no_libusb_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pyusb without a backend says what to install."""
    for backend in ("libusb1", "libusb0", "openusb"):
        monkeypatch.setattr(f"usb.backend.{backend}.get_backend", lambda: None)
    with pytest.raises(StickError, match=r"libusb-1\.0-0") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.NO_LIBUSB


def test_no_python_package_is_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    """A head with no blinkstick package runs on without a lamp."""
    monkeypatch.setitem(importlib.import_module("sys").modules, "blinkstick.blinkstick", None)
    with pytest.raises(StickError, match="blinkstick") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.NO_LIBUSB


@pytest.mark.parametrize("colour", [(256, 0, 0), (0, -1, 0), (0, 0, 1000)])
def test_a_part_out_of_range_is_refused(usb: _Usb, colour: tuple[int, int, int]) -> None:
    """A mistake of the caller does not reach the stick."""
    stick = Stick.open_first()
    with pytest.raises(ValueError, match="0-255"):
        stick.set(*colour)
    assert usb.reports == []
