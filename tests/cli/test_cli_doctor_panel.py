"""What is judged of the display and the BlinkStick."""

import grp
from pathlib import Path

import pytest

from hw.errors import BusError, BusFault
from sciabc_tui.cli.checks.findings import Verdict
from sciabc_tui.cli.checks.machine import Machine
from sciabc_tui.cli.checks.panel import (
    Display,
    I2c,
    Node,
    Usb,
    how_to_enter,
    judge_display,
    judge_i2c,
    judge_libusb,
    judge_rule,
    judge_stick,
    look_at_display,
    look_at_i2c,
    look_at_node,
    look_at_usb,
)
from sciabc_tui.cli.checks.service import Sight, Standing
from sciabc_tui.cluster.state import LampState, PanelView, State
from sciabc_tui.config import PanelSettings

AUTO = PanelSettings()
OFF = PanelSettings(lcd="off", lamp="off")
NONE = Sight(Standing.NONE)
BUS = Node("/dev/i2c-1", usable=True, group="i2c")
CLOSED = Node("/dev/i2c-1", usable=False, group="i2c")
RULE = 'SUBSYSTEM=="usb", ENV{DEVTYPE}=="usb_device", ATTR{idVendor}=="20A0", ATTR{idProduct}=="41E5"\n'


def _runs(lcd_problem: str = "") -> Sight:
    view = PanelView((" " * 16,) * 2, LampState.IDLE, lcd_problem)
    return Sight(Standing.RUNS, State(panel=view))


def _lay(root: Path, **files: str) -> Machine:
    for place, text in files.items():
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Machine(root, which=lambda name: None)


@pytest.mark.parametrize(
    ("i2c", "verdict", "says"),
    [
        (I2c(1, BUS), Verdict.OK, ""),
        (I2c(1), Verdict.ABSENT, ""),
        (I2c(1, CLOSED), Verdict.ABSENT, "sudo usermod -aG i2c $USER, then log in again"),
        (I2c(1, CLOSED, is_pi=True), Verdict.FAIL, "sudo usermod -aG i2c $USER, then log in again"),
        (I2c(1, CLOSED, is_pi=True, driven=True), Verdict.OK, ""),
        (I2c(1, is_pi=True), Verdict.WARN, "put dtparam=i2c_arm=on into /boot/firmware/config.txt"),
        (
            I2c(1, is_pi=True, raspi_config=True),
            Verdict.WARN,
            "sudo raspi-config nonint do_i2c 0, then reboot",
        ),
        (I2c(1, is_pi=True, configured=True), Verdict.WARN, "sudo modprobe i2c-dev, or reboot"),
        (I2c(3, is_pi=True), Verdict.WARN, "ls /dev/i2c-*, then set panel.i2c_bus"),
    ],
)
def test_the_bus(i2c: I2c, verdict: Verdict, says: str) -> None:
    """There and open to us, or what to do; what only a Raspberry Pi has is no failure elsewhere."""
    found = judge_i2c(i2c, AUTO)
    assert found.verdict is verdict
    assert says in found.fix
    assert bool(found.fix) is bool(says)


def test_who_is_in_the_group_already_is_sent_to_log_in() -> None:
    """Adding somebody twice helps nobody."""
    assert how_to_enter(Node("/dev/x", usable=False, group="i2c", member=True)).startswith("log out and in")
    assert "udev" in how_to_enter(Node("/dev/x", usable=False, group="root"))
    assert "udev" in how_to_enter(Node("/dev/x", usable=False))


def test_a_device_file_tells_whose_group_it_is(tmp_path: Path) -> None:
    """It is looked at and not opened."""
    node = tmp_path / "i2c-1"
    assert look_at_node(node, "pi") is None
    node.touch(mode=0o600)
    assert look_at_node(node, "pi") == Node(str(node), usable=True)
    node.chmod(0o660)
    group = grp.getgrgid(node.stat().st_gid).gr_name
    assert look_at_node(node, "nobody at all") == Node(str(node), True, group)


@pytest.mark.parametrize(
    ("config", "on"),
    [
        ("dtparam=i2c_arm=on\n", True),
        ("  dtparam=spi=on,i2c_arm=on\n", True),
        ("dtparam=i2c=on\n", True),
        ("#dtparam=i2c_arm=on\n", False),
        ("dtparam=i2c_arm=off\n", False),
        ("dtparam=i2c_vc=on\n", False),
    ],
)
def test_the_boards_configuration_is_read(tmp_path: Path, config: str, on: bool) -> None:
    """What is commented out does not count."""
    files = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.5\0", "boot/firmware/config.txt": config}
    found = look_at_i2c(_lay(tmp_path, **files), AUTO, NONE, "pi")
    assert (found.is_pi, found.configured, found.node) == (True, on, None)


ABSENT = BusError(BusFault.ABSENT, "none answers at 0x27. Next: check its four wires")


@pytest.mark.parametrize(
    ("display", "panel", "verdict"),
    [
        (Display(driven=True), AUTO, Verdict.OK),
        (Display(address=0x27), AUTO, Verdict.OK),
        (Display(), AUTO, Verdict.ABSENT),
        (Display(error=ABSENT), AUTO, Verdict.ABSENT),
        (Display(error=ABSENT), PanelSettings(i2c_address=0x27), Verdict.FAIL),
        (Display(error=BusError(BusFault.NO_BUS, "x. Next: y")), AUTO, Verdict.ABSENT),
        (Display(error=BusError(BusFault.DENIED, "x. Next: y")), AUTO, Verdict.ABSENT),
        (Display(error=BusError(BusFault.BUSY, "x. Next: y")), AUTO, Verdict.FAIL),
        (Display(error=BusError(BusFault.STUCK, "x. Next: y")), AUTO, Verdict.FAIL),
        (Display(error=BusError(BusFault.OTHER, "x. Next: y")), AUTO, Verdict.FAIL),
        (Display(address=0x27, complaint="glass does not follow. Next: replug it"), AUTO, Verdict.FAIL),
        (Display(address=0x27), OFF, Verdict.ABSENT),
    ],
)
def test_the_display(display: Display, panel: PanelSettings, verdict: Verdict) -> None:
    """Driven, answering, or why not; one that nobody said is there may be missing."""
    assert judge_display(display, panel).verdict is verdict


def test_the_services_word_on_the_display_is_taken(tmp_path: Path) -> None:
    """It owns the bus: we ask the bus only if it has trouble, or if it does not run."""
    machine = _lay(tmp_path, **{"dev/i2c-77": ""})
    there = PanelSettings(i2c_bus=77)
    assert look_at_display(machine, there, _runs()) == Display(driven=True)
    assert look_at_display(machine, there, Sight(Standing.MUTE)) == Display()
    assert look_at_display(machine, there, Sight(Standing.FOREIGN)) == Display()
    troubled = look_at_display(machine, there, _runs(lcd_problem="it is gone. Next: look"))
    assert troubled.complaint == "it is gone. Next: look"
    assert troubled.error is not None
    assert troubled.error.kind is BusFault.NO_BUS


def test_a_service_without_trouble_is_no_proof_of_a_display(tmp_path: Path) -> None:
    """Its own settings may have it off: without a bus there is none."""
    found = look_at_display(Machine(tmp_path), PanelSettings(i2c_bus=77), _runs())
    assert not found.driven
    assert judge_display(found, AUTO).verdict is Verdict.ABSENT


def _stick(root: Path) -> Machine:
    files = {
        "sys/bus/usb/devices/1-1/idVendor": "1d6b\n",
        "sys/bus/usb/devices/1-1/idProduct": "0002\n",
        "sys/bus/usb/devices/1-1.4/idVendor": "20a0\n",
        "sys/bus/usb/devices/1-1.4/idProduct": "41e5\n",
        "sys/bus/usb/devices/1-1.4/busnum": "1\n",
        "sys/bus/usb/devices/1-1.4/devnum": "7\n",
        "dev/bus/usb/001/007": "",
    }
    return _lay(root, **files)


def test_the_stick_is_found_in_the_kernels_list(tmp_path: Path) -> None:
    """By its numbers among other devices; its device file tells who may use it."""
    found = look_at_usb(_stick(tmp_path), NONE, "pi")
    assert found.bus
    assert found.node is not None
    assert found.node.path == str(tmp_path / "dev/bus/usb/001/007")
    assert found.node.usable


def test_no_usb_and_no_stick_are_told_apart(tmp_path: Path) -> None:
    """Neither is a failure."""
    nothing = look_at_usb(Machine(tmp_path), NONE, "pi")
    assert judge_stick(nothing, AUTO).value == "no USB here"
    (tmp_path / "sys/bus/usb/devices").mkdir(parents=True)
    empty = look_at_usb(Machine(tmp_path), NONE, "pi")
    assert judge_stick(empty, AUTO).value == "none plugged in"
    assert {judge(empty, AUTO).verdict for judge in (judge_stick, judge_rule)} == {Verdict.ABSENT}


def test_the_udev_rule_is_found_wherever_udev_looks(tmp_path: Path) -> None:
    """A comment is no rule, and numbers may be in capitals."""
    machine = _stick(tmp_path)
    rules = tmp_path / "etc/udev/rules.d"
    rules.mkdir(parents=True)
    (rules / "99-blinkstick.rules").write_text(f"# {RULE}")
    assert look_at_usb(machine, NONE, "pi").rule == ""
    (rules / "99-blinkstick.rules").write_text(RULE)
    assert look_at_usb(machine, NONE, "pi").rule == "/etc/udev/rules.d/99-blinkstick.rules"


@pytest.mark.parametrize(
    ("usb", "verdict", "says"),
    [
        (Usb(True, Node("/dev/x", usable=True)), Verdict.OK, ""),
        (Usb(True, Node("/dev/x", usable=False)), Verdict.FAIL, "install the udev rule (below)"),
        (
            Usb(True, Node("/dev/x", usable=False, group="root"), "/r"),
            Verdict.FAIL,
            "sudo udevadm control --reload",
        ),
        (Usb(True, Node("/dev/x", usable=False, group="plugdev"), "/r"), Verdict.FAIL, "usermod -aG plugdev"),
        (Usb(True, Node("/dev/x", usable=False), watched=True), Verdict.OK, ""),
        (
            Usb(True, Node("/dev/x", usable=True), watched=True, complaint="gone. Next: replug"),
            Verdict.FAIL,
            "replug",
        ),
    ],
)
def test_the_stick(usb: Usb, verdict: Verdict, says: str) -> None:
    """Plugged in and open to us or to the service, or what to do."""
    found = judge_stick(usb, AUTO)
    assert found.verdict is verdict
    assert says in found.fix
    assert bool(found.fix) is bool(says)


def test_what_leads_to_the_stick_matters_when_there_is_one() -> None:
    """Without a stick a missing library is no failure."""
    plugged = Usb(True, Node("/dev/x", usable=True))
    assert judge_libusb(Usb(), AUTO).verdict is Verdict.ABSENT
    assert judge_libusb(plugged, AUTO).verdict is Verdict.FAIL
    assert judge_libusb(plugged, AUTO).fix == "Next: sudo apt install libusb-1.0-0"
    assert judge_libusb(Usb(True, plugged.node, "", True), AUTO).fix == "Next: pip install blinkstick pyusb"
    assert judge_libusb(Usb(libusb=True, packages=True), AUTO).verdict is Verdict.OK
    assert judge_rule(plugged, AUTO).verdict is Verdict.WARN


def test_what_is_switched_off_is_not_looked_for(tmp_path: Path) -> None:
    """The settings decide."""
    display = look_at_display(Machine(tmp_path), OFF, NONE)
    assert display == Display()
    usb = Usb(True, Node("/dev/x", usable=False))
    found = (
        judge_i2c(I2c(1), OFF),
        judge_display(display, OFF),
        judge_stick(usb, OFF),
        judge_libusb(usb, OFF),
        judge_rule(usb, OFF),
    )
    assert {one.verdict for one in found} == {Verdict.ABSENT}
