"""The front panel: the I2C bus, the display on it, the BlinkStick and what it takes to reach it."""

import ctypes
import grp
import importlib.util
import os
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hw.bus import ADDRESSES, probe
from hw.errors import BusError, BusFault
from hw.i2c import SmbusBus
from sciabc_tui.cli.checks.findings import Finding, absent, fail, failed, ok, split, warn
from sciabc_tui.cli.checks.machine import Machine
from sciabc_tui.cli.checks.service import Sight
from sciabc_tui.cli.harmless import one_line
from sciabc_tui.config import PanelSettings

VENDOR, PRODUCT = "20a0", "41e5"
"""Of the BlinkStick, as the kernel writes them."""

_LIBUSB = "libusb-1.0.so.0"
_RULES = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d", "/usr/lib/udev/rules.d")
_CONFIGS = ("/boot/firmware/config.txt", "/boot/config.txt")
_I2C_ON = re.compile(r"^\s*dtparam=.*\bi2c(?:_arm|1)?=on\b", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Node:
    """A device file and who may use it.

    Attributes:
        path: Where it is.
        usable: By this process, for reading and writing.
        group: Of the file, if its members may use it; else empty.
        member: The user is one by /etc/group; a session that began before does not know it yet.
    """

    path: str
    usable: bool
    group: str = ""
    member: bool = False


def look_at_node(path: Path, user: str) -> Node | None:
    """Look at a device file; None where there is none. It is not opened."""
    try:
        found = path.stat()
    except OSError:
        return None
    usable = os.access(path, os.R_OK | os.W_OK)
    if found.st_mode & 0o060 != 0o060:
        return Node(str(path), usable)
    try:
        group = grp.getgrgid(found.st_gid)
    except KeyError:
        return Node(str(path), usable)
    return Node(str(path), usable, group.gr_name, user in group.gr_mem)


def how_to_enter(node: Node) -> str:
    """Say how the user gets to use a device file."""
    if not node.group or node.group == "root":
        return f"ls -l {node.path}: its group should be allowed to use it, by a udev rule"
    if node.member:
        return f"log out and in again: this session does not know of the group {node.group} yet"
    return f"sudo usermod -aG {node.group} $USER, then log in again"


@dataclass(frozen=True, slots=True)
class I2c:
    """What is known of the bus.

    Attributes:
        bus: N of /dev/i2c-N.
        node: The device file.
        is_pi: It is a Raspberry Pi, which has that bus.
        configured: config.txt switches it on.
        raspi_config: The program that does so is here.
        driven: The head service, which may have more rights than this session, drives the display on it.
    """

    bus: int
    node: Node | None = None
    is_pi: bool = False
    configured: bool = False
    raspi_config: bool = False
    driven: bool = False


def look_at_i2c(machine: Machine, panel: PanelSettings, sight: Sight, user: str) -> I2c:
    """Look at the bus that the settings name."""
    config = "\n".join(machine.text(place) for place in _CONFIGS)
    return I2c(
        panel.i2c_bus,
        look_at_node(machine.path(f"/dev/i2c-{panel.i2c_bus}"), user),
        machine.is_pi,
        _I2C_ON.search(config) is not None,
        machine.which("raspi-config") is not None,
        sight.panel is not None and not sight.panel.lcd_problem,
    )


def judge_i2c(i2c: I2c, panel: PanelSettings) -> Finding:
    """Judge the bus."""
    subject, name = "I2C", f"/dev/i2c-{i2c.bus}"
    if panel.lcd == "off":
        return absent(subject, "not used: panel.lcd is off")
    if i2c.node is not None:
        if i2c.node.usable or i2c.driven:
            return ok(subject, name)
        judge = fail if i2c.is_pi else absent
        return judge(subject, f"{name} may not be opened", how_to_enter(i2c.node))
    if not i2c.is_pi:
        return absent(subject, f"no {name}")
    if i2c.bus != 1:
        return warn(subject, f"no {name}", "ls /dev/i2c-*, then set panel.i2c_bus")
    if i2c.configured:
        return warn(subject, f"switched on, but no {name}", "sudo modprobe i2c-dev, or reboot")
    fix = "put dtparam=i2c_arm=on into /boot/firmware/config.txt, then reboot"
    if i2c.raspi_config:
        fix = "sudo raspi-config nonint do_i2c 0, then reboot"
    return warn(subject, "switched off: no display can be driven", fix)


@dataclass(frozen=True, slots=True)
class Display:
    """What is known of the display.

    Attributes:
        address: Where one answered us; None: none did, or we did not ask.
        error: What came of asking; None if we did not, or if one answered.
        driven: The head service drives it.
        complaint: What hinders the head service, in its words.
    """

    address: int | None = None
    error: BusError | None = None
    driven: bool = False
    complaint: str = ""


def look_at_display(machine: Machine, panel: PanelSettings, sight: Sight) -> Display:
    """Take the head service's word for it; where it has none, or can't do it, ask the bus for an answer.

    Asking is a read of one byte: it does not disturb whoever drives the display.
    """
    view = sight.panel
    if panel.lcd == "off" or (view is None and not sight.leaves_devices):
        return Display()
    # a service whose own settings have it off, or that has not tried yet, has no problem either
    if view is not None and not view.lcd_problem and machine.path(f"/dev/i2c-{panel.i2c_bus}").exists():
        return Display(driven=True)
    complaint = view.lcd_problem if view else ""
    try:
        return Display(_probe(panel), complaint=complaint)
    except BusError as error:
        return Display(error=error, complaint=complaint)


def _probe(panel: PanelSettings) -> int:
    bus = SmbusBus(panel.i2c_bus)
    addresses = (panel.i2c_address,) if panel.i2c_address else ADDRESSES
    try:
        found = probe(bus, addresses)
    finally:
        bus.close()
    if found is None:
        tried = ", ".join(f"0x{address:02x}" for address in addresses)
        text = f"none answers at {tried}. Next: check its four wires, then i2cdetect -y {panel.i2c_bus}"
        raise BusError(BusFault.ABSENT, text)
    return found


def judge_display(display: Display, panel: PanelSettings) -> Finding:
    """Judge the display. One that is nowhere is no failure, unless the settings say where it is."""
    subject = "display"
    if panel.lcd == "off":
        return absent(subject, "not used: panel.lcd is off")
    if display.driven:
        return ok(subject, f"the head service drives it ({panel.size})")
    if display.error is not None:
        kind, (value, fix) = display.error.kind, split(one_line(display.error))
        if kind in {BusFault.NO_BUS, BusFault.DENIED}:
            return absent(subject, "no way to it, see I2C")
        nowhere = kind is BusFault.ABSENT and not panel.i2c_address
        return (absent if nowhere else fail)(subject, value, fix)
    if display.address is None:
        return absent(subject, "not asked: it may be the head service's", "see the head service above")
    if display.complaint:
        return failed(subject, display.complaint)
    return ok(subject, f"answers at 0x{display.address:02x} on /dev/i2c-{panel.i2c_bus}")


@dataclass(frozen=True, slots=True)
class Usb:
    """What is known of the BlinkStick and the way to it.

    Attributes:
        bus: This machine has USB.
        node: The stick's device file; None if none is plugged in.
        rule: The udev rule's file; empty if there is none.
        libusb: The C library can be loaded.
        packages: The Python packages are here.
        watched: The head service, which may have more rights than this session, looks after the stick.
        complaint: What hinders the head service, in its words.
    """

    bus: bool = False
    node: Node | None = None
    rule: str = ""
    libusb: bool = False
    packages: bool = False
    watched: bool = False
    complaint: str = ""


def look_at_usb(machine: Machine, sight: Sight, user: str) -> Usb:
    """Look for the stick in the kernel's list; it is not opened, so that its colour and its driver stay."""
    devices = machine.path("/sys/bus/usb/devices")
    return Usb(
        devices.is_dir(),
        _stick(machine, user),
        _rule(machine),
        _loads(_LIBUSB),
        all(importlib.util.find_spec(name) for name in ("blinkstick", "usb")),
        sight.panel is not None,
        sight.panel.stick_problem if sight.panel else "",
    )


def _stick(machine: Machine, user: str) -> Node | None:
    for vendor in sorted(machine.path("/sys/bus/usb/devices").glob("*/idVendor")):
        device = f"/sys/bus/usb/devices/{vendor.parent.name}"
        found = tuple(machine.text(f"{device}/{name}") for name in ("idVendor", "idProduct"))
        numbers = tuple(machine.text(f"{device}/{name}") for name in ("busnum", "devnum"))
        if found == (VENDOR, PRODUCT) and all(number.isdecimal() for number in numbers):
            bus, number = map(int, numbers)
            path = machine.path(f"/dev/bus/usb/{bus:03d}/{number:03d}")
            return look_at_node(path, user) or Node(str(path), usable=False)
    return None


def _rule(machine: Machine) -> str:
    for folder in _RULES:
        for path in sorted(machine.path(folder).glob("*.rules")):
            lines = machine.text(f"{folder}/{path.name}").lower().splitlines()
            if any(VENDOR in line and PRODUCT in line and not line.strip().startswith("#") for line in lines):
                return f"{folder}/{path.name}"
    return ""


def _loads(library: str) -> bool:
    with suppress(OSError):
        return bool(ctypes.CDLL(library))
    return False


def judge_stick(usb: Usb, panel: PanelSettings) -> Finding:
    """Judge the BlinkStick. None at all is no failure."""
    subject = "BlinkStick"
    if panel.lamp == "off":
        return absent(subject, "not used: panel.lamp is off")
    if usb.node is None:
        return absent(subject, "none plugged in" if usb.bus else "no USB here")
    if usb.watched:
        return failed(subject, usb.complaint) if usb.complaint else ok(subject, "the head service drives it")
    if not usb.node.usable:
        rule = "sudo udevadm control --reload, then unplug it and plug it in again"
        if not usb.rule:
            rule = "install the udev rule (below), then unplug it and plug it in again"
        enter = how_to_enter(usb.node) if usb.node.group not in {"", "root"} else rule
        return fail(subject, f"{usb.node.path} may not be opened", enter)
    return ok(subject, usb.node.path)


def judge_libusb(usb: Usb, panel: PanelSettings) -> Finding:
    """Judge the libraries that lead to the BlinkStick."""
    subject = "libusb"
    if panel.lamp == "off":
        return absent(subject, "not used: panel.lamp is off")
    judge = absent if usb.node is None else fail
    if not usb.libusb:
        return judge(subject, f"no {_LIBUSB}", "sudo apt install libusb-1.0-0")
    if not usb.packages:
        return judge(subject, "the packages blinkstick and pyusb are missing", "pip install blinkstick pyusb")
    return ok(subject, _LIBUSB)


def judge_rule(usb: Usb, panel: PanelSettings) -> Finding:
    """Judge the udev rule, without which only root may use the BlinkStick."""
    subject = "udev rule"
    if panel.lamp == "off":
        return absent(subject, "not used: panel.lamp is off")
    if usb.rule:
        return ok(subject, usb.rule)
    judge = absent if usb.node is None else warn
    return judge(subject, f"none for {VENDOR}:{PRODUCT}", "sciabc-tui install-service, or see docs/head.md")
