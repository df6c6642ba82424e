"""A BlinkStick below the system calls: the ioctls of its /dev/bus/usb/001/NNN, answered as usbfs does.

Source: the kernel's include/uapi/linux/usbdevice_fs.h and drivers/usb/core/devio.c; what the stick answers:
USB 2.0 chapter 9.4, HID 1.11 chapter 7.2, and the reports that the `blinkstick` package sends.
"""

import errno
import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.hw.umock_gi import FAILED, PERFORMED, Call, memory_at
from tests.hw.umock_i2c import Later

_SUBMIT, _DISCARD, _REAP, _REAP_NOW = 10, 11, 12, 13
_GET_DRIVER, _IOCTL, _GET_CAPABILITIES = 8, 18, 26
_CLAIM, _RELEASE = 15, 16
_DISCONNECT, _CONNECT = 22, 23  # the numbers inside _IOCTL
_ZERO_PACKET_AND_REAP_AFTER_DISCONNECT = 0x11
_CONTROL = 2
_URB = struct.Struct("@BBiIPiiiiiIP")  # struct usbdevfs_urb
_URB_STATUS, _URB_BUFFER, _URB_ACTUAL = 4, 16, 28
_SETUP = struct.Struct("<BBHHH")
_LATENCY = 0.001  # seconds: a control transfer takes a few frames of 1 ms at full speed
_POLL = 0.02  # seconds until a look at a transfer that does not end is answered "not yet"

_KEPT = 256  # reports: a lamp gets twenty a second

_GET_DESCRIPTOR, _SET_REPORT, _GET_REPORT = 0x06, 0x09, 0x01
_LANGUAGES = bytes.fromhex("04030904")
_COLOUR, _MODE, _COUNT = 1, 4, 0x81  # feature reports that can be read


class Manner(StrEnum):
    """How a stick behaves: well; it never answers; or the very system call never returns."""

    WELL = "well"
    SILENT = "silent"
    HANGS = "hangs"


@dataclass(slots=True)
class UsbStick:
    """A plugged-in BlinkStick, dark.

    Attributes:
        serial: `BS......-M.m`: M is what the package tells the models by.
        reports: What it was sent last, the newest at the end: the number of the report, and its bytes.
        driven: Whether the kernel's HID driver has it.
        held: Transfers whose system call hangs.
        waiting: Transfers that it did not answer, as pointers to their URBs.
    """

    serial: str
    later: Later
    lock: threading.RLock
    manner: Manner = Manner.WELL
    plugged: bool = True
    driven: bool = True
    reports: deque[tuple[int, bytes]] = field(default_factory=lambda: deque[tuple[int, bytes]](maxlen=_KEPT))
    held: list[Call] = field(default_factory=list[Call])
    waiting: list[bytes] = field(default_factory=list[bytes])
    _done: deque[bytes] = field(default_factory=deque[bytes])
    _kept: dict[int, bytes] = field(
        default_factory=lambda: {_COLOUR: bytes(4), _MODE: bytes([_MODE, 0]), _COUNT: bytes([_COUNT, 8])}
    )

    def handle(self, call: Call) -> bool:
        """Answer an ioctl."""
        answers: dict[int, Callable[[Call], None]] = {
            _SUBMIT: self._submit,
            _DISCARD: self._discard,
            _REAP: self._reap,
            _REAP_NOW: self._reap,
            _GET_DRIVER: self._tell_driver,
            _IOCTL: self._change_driver,
            _GET_CAPABILITIES: self._begin,
            _CLAIM: _agree,
            _RELEASE: _agree,
        }
        request = call.get_request()
        with self.lock:
            if not self.plugged and not (self._done and request & 0xFF in {_REAP, _REAP_NOW}):
                call.complete(FAILED, errno.ENODEV)
            elif request >> 8 & 0xFF != ord("U") or request & 0xFF not in answers:
                call.complete(FAILED, errno.ENOTTY)
            else:
                answers[request & 0xFF](call)
        return True

    def unplug(self) -> None:
        """Pull it out: whoever waits for it is told so, and what it did not end is ended for it."""
        self.plugged = False
        self._done += self.waiting
        self.waiting.clear()
        self._let_go(errno.ENODEV)

    def release(self) -> None:
        """Let it behave well again; system calls that hung end with a time-out."""
        self.manner = Manner.WELL
        self._let_go(errno.ETIMEDOUT)

    def _let_go(self, number: int) -> None:
        held, self.held = self.held, []
        for call in held:
            call.complete(FAILED, number)

    def _begin(self, call: Call) -> None:
        """Answer what libusb asks first of an open file; what another had under way went with its own."""
        self._done.clear()
        self.waiting.clear()
        _tell_capabilities(call)

    def _submit(self, call: Call) -> None:
        if self.manner is Manner.HANGS:
            self.held.append(call)
            return
        pointer = bytes(call.get_arg().retrieve())
        if self.manner is Manner.SILENT:
            self.waiting.append(pointer)
            call.complete(PERFORMED, 0)
            return
        urb = memory_at(call.get_arg(), 0, _URB.size)
        kind, _, _, _, _, length, *_ = _URB.unpack(bytes(urb.retrieve()))
        buffer = memory_at(urb, _URB_BUFFER, length)
        asked = bytes(buffer.retrieve())
        answer = self._control(asked[: _SETUP.size], asked[_SETUP.size :]) if kind == _CONTROL else None
        status = -errno.EPIPE if answer is None else 0
        if answer:
            buffer.update(_SETUP.size, answer)
        urb.update(_URB_STATUS, struct.pack("@i", status))
        urb.update(_URB_ACTUAL, struct.pack("@i", len(answer) if answer else length - _SETUP.size))
        self._done.append(pointer)
        self.later(_LATENCY, lambda: call.complete(PERFORMED, 0))

    def _control(self, setup: bytes, data: bytes) -> bytes | None:
        """Do what a control transfer asks; give what goes to the host (or nothing), None for a stall."""
        _, request, value, _, length = _SETUP.unpack(setup)
        if request == _SET_REPORT:
            self.reports.append((value, data[:length]))
            self._kept[value] = data[:length]
            return b""
        if request == _GET_DESCRIPTOR and value == 0x0300:
            return _LANGUAGES[:length]
        if request == _GET_DESCRIPTOR and value >> 8 == 3:
            text = {1: "Agile Innovative Ltd", 2: "BlinkStick", 3: self.serial}.get(value & 0xFF, "")
            coded = text.encode("utf-16-le")
            return (bytes([len(coded) + 2, 3]) + coded)[:length]
        if request == _GET_REPORT and value in self._kept:
            return self._kept[value][:length]
        return None

    def _reap(self, call: Call) -> None:
        if self._done:
            ended = memory_at(call.get_arg(), 0, struct.calcsize("@P"))
            ended.update(0, self._done.popleft())
            if not self.plugged:
                status = struct.pack("@i", -errno.ESHUTDOWN)
                memory_at(ended, 0, _URB.size).update(_URB_STATUS, status)
            call.complete(PERFORMED, 0)
        else:
            # a file is always ready for poll(2): without a pause libusb would turn round and round
            self.later(_POLL if self.waiting else 0.0, lambda: call.complete(FAILED, errno.EAGAIN))

    def _discard(self, call: Call) -> None:
        pointer = bytes(call.get_arg().retrieve())
        if pointer not in self.waiting:
            call.complete(FAILED, errno.EINVAL)
            return
        self.waiting.remove(pointer)
        urb = memory_at(call.get_arg(), 0, _URB.size)
        urb.update(_URB_STATUS, struct.pack("@i", -errno.ENOENT))
        self._done.append(pointer)
        call.complete(PERFORMED, 0)

    def _tell_driver(self, call: Call) -> None:
        if self.driven:
            memory_at(call.get_arg(), 0, 4 + 256).update(4, b"usbhid\0")
            call.complete(PERFORMED, 0)
        else:
            call.complete(FAILED, errno.ENODATA)

    def _change_driver(self, call: Call) -> None:
        (code,) = struct.unpack_from("@i", bytes(memory_at(call.get_arg(), 0, 16).retrieve()), 4)
        self.driven = code & 0xFF == _CONNECT
        known = code & 0xFF in {_DISCONNECT, _CONNECT}
        call.complete(PERFORMED if known else FAILED, 0 if known else errno.ENOTTY)


def _tell_capabilities(call: Call) -> None:
    memory_at(call.get_arg(), 0, 4).update(0, struct.pack("@I", _ZERO_PACKET_AND_REAP_AFTER_DISCONNECT))
    call.complete(PERFORMED, 0)


def _agree(call: Call) -> None:
    call.complete(PERFORMED, 0)
