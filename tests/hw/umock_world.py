"""The devices' side: run by Debian's Python, it makes a /dev with an LCD and a BlinkStick, and obeys orders.

    /usr/bin/python3 -m tests.hw.umock_world '{"size": [16, 2], "address": 39}'

The first line that it prints is `{"root": ...}`, the folder for `UMOCKDEV_DIR`. Then every line of stdin is
an order, `{"do": NAME, ...}` with the arguments of the method of that name of `Orders`, and one line answers
it. It ends with its stdin. `tests.hw.umock.Umock` is the other side.
"""

import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from hw.emulated import EmulatedLcd
from hw.hd44780 import Size
from tests.hw.umock_gi import Call, Handler, Testbed, glib, handler, main_loop, testbed
from tests.hw.umock_i2c import Adapter, Trouble
from tests.hw.umock_usb import Manner, UsbStick

_BUS = "/devices/platform/soc/i2c-1"
_I2C = f"""P: {_BUS}/i2c-dev/i2c-1
N: i2c-1=00
E: DEVNAME=/dev/i2c-1
E: SUBSYSTEM=i2c-dev
E: MAJOR=89
E: MINOR=1
A: name=bcm2835 (i2c@7e804000)\\n
"""

# USB 2.0 tables 9-8, 9-10 and 9-12, HID 1.11 chapter 6.2.1: one configuration, one interface, one endpoint
_DEVICE = "1201100100000008a020e541{version}01020301"
_CONFIGURATION = "09022200010100803209040000010300000009210101000122210007058103080014"
_PORT = "/sys/devices/platform/soc/usb1/1-1"
_USB = """P: /devices/platform/soc/usb1/1-1
N: bus/usb/001/{number:03}=00
E: BUSNUM=001
E: DEVNAME=/dev/bus/usb/001/{number:03}
E: DEVNUM={number:03}
E: DEVTYPE=usb_device
E: SUBSYSTEM=usb
A: bConfigurationValue=1\\n
A: busnum=1\\n
A: devnum={number}\\n
A: idProduct=41e5\\n
A: idVendor=20a0\\n
A: speed=1.5\\n
H: descriptors={descriptors}
"""


class Orders:
    """What may be asked for; each answer is made of what JSON has."""

    def __init__(self, bed: Testbed, size: Size, address: int) -> None:
        """Switch the display on; nothing is plugged in yet."""
        self._bed = bed
        self._lock = threading.RLock()
        self._lcd = EmulatedLcd(size, address=address)
        self._adapter = Adapter(self._lcd, later, self._lock, self._look)
        self._shown: list[tuple[float, tuple[str, ...]]] = []
        self._stick: UsbStick | None = None
        self._node = ""
        self._number = 3
        self._handlers: list[Handler] = []  # kept: nothing else holds them

    def obey(self, name: str, arguments: dict[str, Any]) -> object:
        """Do it."""
        with self._lock:
            return getattr(self, name)(**arguments)

    def state(self) -> dict[str, object]:
        """Tell all that can be seen, and what was counted."""
        stick = self._stick
        return {
            "glass": self._lcd.glass(),
            "backlight": self._lcd.backlight,
            "violations": self._lcd.violations,
            "written": self._lcd.written,
            "transfers": self._adapter.transfers,
            "hanging_lcd": len(self._adapter.held),
            "hanging_stick": len(stick.held) + len(stick.waiting) if stick else 0,
            "reports": [(number, data.hex()) for number, data in stick.reports] if stick else [],
            "driven": stick.driven if stick else False,
        }

    def shown(self) -> list[tuple[float, tuple[str, ...]]]:
        """Tell every text that stood on the glass after a transfer, and since when (`time.monotonic()`)."""
        return self._shown

    def add_bus(self) -> None:
        """Let /dev/i2c-1 come."""
        self._bed.add_from_string(_I2C)
        self._attach("/dev/i2c-1", self._adapter.handle)

    def remove_bus(self) -> None:
        """Let it go, as when the overlay is removed."""
        self._remove("/dev/i2c-1", f"/sys{_BUS}/i2c-dev/i2c-1")

    def unplug_lcd(self) -> None:
        """Take the display off the bus."""
        self._lcd.unplug()

    def plug_lcd(self) -> None:
        """Put it back; it has just got its power."""
        self._lcd.plug()

    def refuse(self, after: int) -> None:
        """Let the display acknowledge so many bytes, and then not the next."""
        self._lcd.refuse(after)

    def drop_nibble(self, after: int) -> None:
        """Let so many nibbles through and lose the next, with no error."""
        self._lcd.drop_nibble(after)

    def trouble(self, number: int = 0, takes: float = 0.0, owned: bool = False, hangs: bool = False) -> None:
        """Let the bus be as the fields of `Trouble` say; by default it is well, and what hung ends."""
        self._adapter.trouble = Trouble(number, takes, owned, hangs)
        if not hangs:
            self._adapter.release()

    def plug_stick(self, serial: str, version: int) -> str:
        """Plug a BlinkStick in; give its device node.

        Args:
            serial: As `BS012345-1.1`.
            version: bcdDevice, which tells the models of the third series apart.
        """
        self._number += 1
        self._node = f"/dev/bus/usb/001/{self._number:03}"
        self._stick = UsbStick(serial, later, self._lock)
        descriptors = _DEVICE.format(version=version.to_bytes(2, "little").hex()) + _CONFIGURATION
        self._bed.add_from_string(_USB.format(number=self._number, descriptors=descriptors))
        self._attach(self._node, self._stick.handle)
        self._bed.uevent(_PORT, "add")  # once more, now that all of it is there
        return self._node

    def unplug_stick(self) -> None:
        """Pull it out."""
        if self._stick is not None:
            self._stick.unplug()
        self._stick = None
        self._bed.uevent(_PORT, "remove")
        self._remove(self._node, _PORT)

    def manner(self, manner: str) -> None:
        """Let the stick behave so from now on; what hung ends when it behaves well."""
        assert self._stick is not None
        if Manner(manner) is Manner.WELL:
            self._stick.release()
        self._stick.manner = Manner(manner)

    def _attach(self, node: str, handle: Callable[[Call], bool]) -> None:
        attached = handler(handle)
        self._handlers.append(attached)
        self._bed.attach_ioctl(node, attached)

    def _remove(self, node: str, path: str) -> None:
        self._bed.detach_ioctl(node)
        self._bed.remove_device(path)
        Path(self._bed.get_root_dir(), node.lstrip("/")).unlink()

    def _look(self) -> None:
        glass = self._lcd.glass()
        if not self._shown or self._shown[-1][1] != glass:
            self._shown.append((time.monotonic(), glass))


def later(seconds: float, call: Callable[[], None]) -> None:
    """Call after so many seconds."""

    def once() -> bool:
        call()
        return False

    glib().timeout_add(max(0, round(seconds * 1000 + 0.5)), once)


def main() -> None:
    """Obey until stdin ends."""
    wishes = json.loads(sys.argv[1])
    bed, loop, g = testbed(), main_loop(), glib()
    orders = Orders(bed, Size(*wishes["size"]), wishes["address"])
    _say({"root": bed.get_root_dir()})

    def read(*_: object) -> bool:
        line = sys.stdin.readline()
        if not line:
            loop.quit()
            return False
        order = cast("dict[str, Any]", json.loads(line))
        name = order.pop("do")
        try:
            _say(orders.obey(name, order))
        except Exception as error:
            _say({"error": f"{type(error).__name__}: {error}"})
            raise
        return True

    g.io_add_watch(sys.stdin.fileno(), 0, g.IO_IN | g.IO_HUP, read)
    loop.run()
    shutil.rmtree(bed.get_root_dir(), ignore_errors=True)
    os._exit(0)  # the testbed would remove its folder too, or never, as the interpreter's end has it


def _say(answer: object) -> None:
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
