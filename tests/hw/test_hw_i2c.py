"""The real bus adapter above a kernel that is replaced at smbus2's class."""

import errno
import os
from collections.abc import Callable
from ctypes import string_at

import pytest
from smbus2 import i2c_msg

from hw.bus import probe
from hw.errors import BusError, BusFault
from hw.hd44780 import SIZE_16X2
from hw.i2c import SmbusBus
from hw.lcd import Lcd

FAULTS = [
    (errno.EREMOTEIO, BusFault.ABSENT, "i2cdetect"),
    (errno.ENXIO, BusFault.ABSENT, "i2cdetect"),
    (errno.ENOENT, BusFault.NO_BUS, "dtparam=i2c_arm=on"),
    (errno.ENODEV, BusFault.NO_BUS, "dtparam=i2c_arm=on"),
    (errno.EACCES, BusFault.DENIED, "-aG i2c"),
    (errno.EPERM, BusFault.DENIED, "-aG i2c"),
    (errno.EBUSY, BusFault.BUSY, "hd44780-i2c-lcd"),
    (errno.ETIMEDOUT, BusFault.STUCK, "stuck"),
    (errno.EIO, BusFault.OTHER, "errno 5"),
    (errno.EAGAIN, BusFault.OTHER, "errno 11"),
    (errno.EOPNOTSUPP, BusFault.OTHER, "errno 95"),
]


class _Kernel:
    """Stands for `smbus2.SMBus`: remembers transfers, fails as told."""

    def __init__(self) -> None:
        self.opened: list[int] = []
        self.closed = 0
        self.written: list[tuple[int, bytes]] = []
        self.present = {0x3F}
        self.owned: set[int] = set()
        self.fault: int | None = None

    def __call__(self) -> "_Kernel":
        return self

    def open(self, number: int) -> None:
        self._fail()
        self.opened.append(number)

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        self._fail()
        self.written += [(message.addr, string_at(message.buf, message.len)) for message in messages]

    def read_byte(self, address: int) -> int:
        self._fail()
        if address in self.owned:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        if address not in self.present:
            raise OSError(errno.EREMOTEIO, os.strerror(errno.EREMOTEIO))
        return 0xFF

    def close(self) -> None:
        self.closed += 1

    def _fail(self) -> None:
        if self.fault is not None:
            raise OSError(self.fault, os.strerror(self.fault))


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> _Kernel:
    """Put our kernel under the adapter."""
    kernel = _Kernel()
    monkeypatch.setattr("hw.i2c.SMBus", kernel)
    return kernel


def _write(bus: SmbusBus) -> None:
    bus.write(0x27, b"\x08")


def _read(bus: SmbusBus) -> None:
    bus.read(0x27)


@pytest.mark.parametrize("transfer", [_write, _read])
@pytest.mark.parametrize(("number", "kind", "hint"), FAULTS)
def test_every_errno_of_a_transfer_has_its_kind_and_next_step(
    kernel: _Kernel, transfer: Callable[[SmbusBus], None], number: int, kind: BusFault, hint: str
) -> None:
    """What the kernel says becomes one line that names the bus and what to do."""
    bus = SmbusBus(1)
    kernel.fault = number
    with pytest.raises(BusError) as caught:
        transfer(bus)
    text = str(caught.value)
    assert caught.value.kind is kind
    assert hint in text
    assert "/dev/i2c-1" in text
    assert "\n" not in text


@pytest.mark.parametrize(("number", "kind", "hint"), FAULTS)
def test_every_errno_of_opening_has_its_kind(kernel: _Kernel, number: int, kind: BusFault, hint: str) -> None:
    """A bus that can't be opened is told the same way."""
    kernel.fault = number
    with pytest.raises(BusError) as caught:
        SmbusBus(1)
    assert caught.value.kind is kind
    assert hint in str(caught.value)


def test_a_bus_that_is_not_there_is_told_by_the_real_library() -> None:
    """smbus2 itself raises what the table expects."""
    with pytest.raises(BusError, match="dtparam") as caught:
        SmbusBus(4711)
    assert caught.value.kind is BusFault.NO_BUS


def test_a_write_is_one_transfer_of_all_its_bytes(kernel: _Kernel) -> None:
    """Nothing is split or added."""
    data = bytes(range(256)) * 3
    SmbusBus(1).write(0x27, data)
    assert kernel.written == [(0x27, data)]


def test_closing_gives_the_bus_back(kernel: _Kernel) -> None:
    """The adapter holds the file until then and not longer."""
    bus = SmbusBus(3)
    assert (kernel.opened, kernel.closed) == ([3], 0)
    bus.close()
    assert kernel.closed == 1


def test_probing_finds_the_address_that_answers(kernel: _Kernel) -> None:
    """Both usual addresses are tried, by reading only."""
    assert probe(SmbusBus(1)) == 0x3F
    kernel.present = {0x27, 0x3F}
    assert probe(SmbusBus(1)) == 0x27
    kernel.present = set()
    assert probe(SmbusBus(1)) is None
    assert kernel.written == []


def test_probing_does_not_call_a_broken_bus_empty(kernel: _Kernel) -> None:
    """A display behind a kernel driver or a stuck bus is not reported as missing."""
    kernel.owned = {0x27}
    with pytest.raises(BusError) as caught:
        probe(SmbusBus(1))
    assert caught.value.kind is BusFault.BUSY


def test_a_display_that_the_kernel_owns_is_not_written_to(kernel: _Kernel) -> None:
    """The driver finds out by a read and leaves the other's display alone."""
    kernel.owned = {0x27}
    waits: list[float] = []
    lcd = Lcd(SmbusBus(1), 0x27, SIZE_16X2, sleep=waits.append)
    with pytest.raises(BusError, match="kernel driver") as caught:
        lcd.show((" " * 16, " " * 16))
    assert caught.value.kind is BusFault.BUSY
    assert kernel.written == []
    assert waits == []
