"""The stick through the real blinkstick and pyusb, above an emulated USB backend."""

import errno
import importlib

import pytest

from hw.errors import StickError, StickFault
from hw.stick import Stick
from tests.hw.usb_sticks import Usb


@pytest.fixture
def usb(monkeypatch: pytest.MonkeyPatch) -> Usb:
    """Put our libusb under the real pyusb."""
    usb = Usb()
    monkeypatch.setattr("usb.backend.libusb1.get_backend", lambda: usb)
    return usb


def test_every_colour_arrives_as_it_was_meant(usb: Usb) -> None:
    """No part of a colour is rounded, clipped or swapped on the way to the wire."""
    stick = Stick.open_first()
    for part in range(256):
        stick.set(part, 255 - part, 7)
    stick.off()
    assert usb.reports == [*((1, bytes([0, part, 255 - part, 7])) for part in range(256)), (1, bytes(4))]


def test_opening_takes_it_from_the_kernel_and_keeps_its_colour(usb: Usb) -> None:
    """The HID driver lets go, and nothing is sent before a colour is asked for."""
    Stick.open_first()
    assert not usb.driver_active
    assert usb.reports == []


def test_closing_gives_the_device_back(usb: Usb) -> None:
    """Every handle that was opened is closed, also by a second call."""
    stick = Stick.open_first()
    stick.set(1, 2, 3)
    assert usb.handles == 1
    stick.close()
    stick.close()
    assert usb.handles == 0


def test_no_stick_is_absent(usb: Usb) -> None:
    """An empty USB is told as such."""
    usb.unplug()
    with pytest.raises(StickError, match="plug one in") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.ABSENT


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM])
def test_a_missing_udev_rule_is_told_when_opening(usb: Usb, number: int) -> None:
    """Not being allowed to open names the rule."""
    usb.open_fault = number
    with pytest.raises(StickError, match="udev rule") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.DENIED


@pytest.mark.parametrize("number", [errno.EIO, errno.ETIMEDOUT, errno.ENODEV, errno.EPIPE])
def test_a_stick_that_fails_at_its_first_transfer_is_gone_and_given_back(
    usb: Usb, number: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where the package ends in an AttributeError, one line says what to do and no handle stays."""
    usb.transfer_fault = number
    with pytest.raises(StickError, match="plug it in again") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.GONE
    assert usb.handles == 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("serial", [b"\x00\xd8", b"\x00\xd8\x00"])
def test_a_serial_number_of_garbage_is_told_and_the_stick_given_back(usb: Usb, serial: bytes) -> None:
    """What a device sends is not believed to be text."""
    usb.board.serial = serial
    with pytest.raises(StickError, match="garbage") as caught:
        Stick.open_first()
    assert caught.value.kind is StickFault.GONE
    assert usb.handles == 0


def test_an_unplugged_stick_is_gone_and_a_new_opening_finds_it(
    usb: Usb, capfd: pytest.CaptureFixture[str]
) -> None:
    """Pulling it out raises at the next colour, prints nothing, and plugging it in is all it takes."""
    stick = Stick.open_first()
    stick.set(1, 2, 3)
    usb.unplug()
    with pytest.raises(StickError) as caught:
        stick.set(4, 5, 6)
    assert caught.value.kind is StickFault.GONE
    assert "\n" not in str(caught.value)
    stick.close()
    usb.plug()
    Stick.open_first().set(7, 8, 9)
    assert usb.reports == [(1, bytes([0, 1, 2, 3])), (1, bytes([0, 7, 8, 9]))]
    assert capfd.readouterr() == ("", "")


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
def test_a_part_out_of_range_is_refused(usb: Usb, colour: tuple[int, int, int]) -> None:
    """A mistake of the caller does not reach the stick."""
    stick = Stick.open_first()
    with pytest.raises(ValueError, match="0-255"):
        stick.set(*colour)
    assert usb.reports == []
