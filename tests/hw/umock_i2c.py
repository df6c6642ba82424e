"""An I2C adapter below the system calls: answers the ioctls of /dev/i2c-N as the Raspberry Pi's driver does.

Source: the kernel's Documentation/i2c/dev-interface.rst, include/uapi/linux/i2c.h and i2c-dev.h; that a read
must come last in a transfer: drivers/i2c/busses/i2c-bcm2835.c.
"""

import errno
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from hw.errors import BusError
from tests.hw.umock_gi import FAILED, PERFORMED, Call, memory_at

_SLAVE, _FUNCS, _RDWR, _SMBUS = 0x0703, 0x0705, 0x0707, 0x0720
_I2C_AND_SMBUS_EMULATED = 0x0EFF0009
_READ = 1  # I2C_M_RD, I2C_SMBUS_READ
_ONE_BYTE = 1  # I2C_SMBUS_BYTE
_TRANSFER = struct.Struct("@PI")  # struct i2c_rdwr_ioctl_data
_MESSAGE = struct.Struct("@HHHP")  # struct i2c_msg
_SMBUS_CALL = struct.Struct("@BBIP")  # struct i2c_smbus_ioctl_data
_POINTER = struct.calcsize("@P")

Later = Callable[[float, Callable[[], None]], None]
"""Calls a function after so many seconds."""


class Display(Protocol):
    """What hangs on the bus: `hw.emulated.EmulatedLcd`."""

    @property
    def seconds(self) -> float:
        """Its own clock; a transfer takes it along by 90 us a byte."""
        ...

    def write(self, address: int, data: bytes) -> None:
        """Take bytes."""
        ...

    def read(self, address: int) -> int:
        """Give a byte."""
        ...

    def sleep(self, seconds: float) -> None:
        """Let its time pass."""
        ...


@dataclass(slots=True)
class Trouble:
    """What is wrong with the bus.

    Attributes:
        number: The errno that every transfer ends with; 0 for none.
        takes: Seconds that a transfer takes at least.
        owned: Whether a kernel driver has the display: a claim of its address is refused, a transfer is not.
        hangs: Whether transfers never end.
    """

    number: int = 0
    takes: float = 0.0
    owned: bool = False
    hangs: bool = False


@dataclass(slots=True)
class Adapter:
    """One adapter with one display, which lives in real time: a transfer takes as long as on a real wire."""

    display: Display
    later: Later
    lock: threading.RLock
    changed: Callable[[], None]
    """Called when a transfer that went through is over."""
    trouble: Trouble = field(default_factory=Trouble)
    transfers: int = 0
    """How many ended, well or not."""
    held: list[Call] = field(default_factory=list[Call])
    """Those that hang."""
    _began: float = field(default_factory=time.monotonic)
    _claimed: dict[Call, int] = field(default_factory=dict[Call, int])

    def handle(self, call: Call) -> bool:
        """Answer an ioctl."""
        request = call.get_request()
        with self.lock:
            if request == _SLAVE:
                self._claim(call)
            elif request == _FUNCS:
                able = struct.pack("@L", _I2C_AND_SMBUS_EMULATED)
                memory_at(call.get_arg(), 0, len(able)).update(0, able)
                call.complete(PERFORMED, 0)
            elif request == _RDWR:
                self._transfer(call, self._messages)
            elif request == _SMBUS:
                self._transfer(call, self._byte)
            else:
                call.complete(FAILED, errno.ENOTTY)
        return True

    def release(self) -> None:
        """End the hanging transfers, with a time-out."""
        held, self.held = self.held, []
        for call in held:
            self.transfers += 1
            call.complete(FAILED, errno.ETIMEDOUT)

    def _claim(self, call: Call) -> None:
        (address,) = struct.unpack("@P", bytes(call.get_arg().retrieve()))
        if self.trouble.owned:
            call.complete(FAILED, errno.EBUSY)
            return
        self._claimed[call] = address
        call.complete(PERFORMED, 0)

    def _transfer(self, call: Call, perform: Callable[[Call], int]) -> None:
        if self.trouble.hangs:
            self.held.append(call)
        elif self.trouble.number:
            self._end(call, FAILED, self.trouble.number, self.trouble.takes)
        else:
            self._wait_for_now()
            try:
                result = perform(call)
            except BusError:
                self._end(call, FAILED, errno.EREMOTEIO, 0.0)
            except OSError as error:
                self._end(call, FAILED, error.errno or errno.EIO, 0.0)
            else:
                self._end(call, result, 0, max(self.display.seconds - self._now(), self.trouble.takes))

    def _end(self, call: Call, result: int, number: int, seconds: float) -> None:
        def end() -> None:
            with self.lock:
                self.transfers += 1
                if not number:
                    self.changed()
            call.complete(result, number)

        self.later(max(0.0, seconds), end)

    def _now(self) -> float:
        return time.monotonic() - self._began

    def _wait_for_now(self) -> None:
        """Let the display live through what has passed really since its last transfer."""
        self.display.sleep(max(0.0, self._now() - self.display.seconds))

    def _messages(self, call: Call) -> int:
        """Do what I2C_RDWR asks; give the number of messages.

        Raises:
            BusError: Nothing acknowledged.
            OSError: A read is not the last message.
        """
        head = memory_at(call.get_arg(), 0, _TRANSFER.size)
        count = _TRANSFER.unpack(bytes(head.retrieve()))[1]
        messages = memory_at(head, 0, count * _MESSAGE.size)
        fields = tuple(_MESSAGE.iter_unpack(bytes(messages.retrieve())))
        if any(flags & _READ for _, flags, _, _ in fields[:-1]):
            raise OSError(errno.EOPNOTSUPP, "the Pi reads in the last message only")
        for number, (address, flags, length, _) in enumerate(fields):
            pointer = number * _MESSAGE.size + _MESSAGE.size - _POINTER
            data = memory_at(messages, pointer, length)
            if flags & _READ:
                data.update(0, bytes(self.display.read(address) for _ in range(length)))
            else:
                self.display.write(address, bytes(data.retrieve()))
        return count

    def _byte(self, call: Call) -> int:
        """Do what I2C_SMBUS asks, as far as it is about one byte.

        Raises:
            BusError: Nothing acknowledged.
            OSError: It asks for something else.
        """
        asked = memory_at(call.get_arg(), 0, _SMBUS_CALL.size)
        direction, command, size, _ = _SMBUS_CALL.unpack(bytes(asked.retrieve()))
        if size != _ONE_BYTE:
            raise OSError(errno.EOPNOTSUPP, "one byte at a time")
        address = self._claimed.get(call, 0)
        if direction == _READ:
            memory_at(asked, _SMBUS_CALL.size - _POINTER, 1).update(0, bytes([self.display.read(address)]))
        else:
            self.display.write(address, bytes([command]))
        return PERFORMED
