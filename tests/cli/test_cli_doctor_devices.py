"""`doctor` with a display and a BlinkStick below the system calls: it finds them, and changes nothing."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.cli.shell import COMMAND, Shell
from tests.hw.test_hw_umock_lcd import NO_OVERRIDE
from tests.hw.umock import Umock, need_umockdev
from tests.hw.umock_service import Service

SUBJECTS = ("I2C", "display", "BlinkStick", "libusb", "udev rule")


@pytest.fixture
def world() -> Iterator[Umock]:
    """Give a machine with nothing plugged in yet."""
    need_umockdev()
    with Umock() as world:
        yield world


Found = dict[str, tuple[str, str]]


def _asked(shell: Shell, world: Umock, prefix: Sequence[str] = (), **environ: str) -> Found:
    """Give what was found of the panel: verdict and value."""
    auto = {"SCIABC_PANEL_LCD": "auto", "SCIABC_PANEL_LAMP": "auto"}
    done = subprocess.run(
        [*prefix, *COMMAND, "doctor", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=shell.home,
        env=shell.environ | auto | world.env | environ,
        timeout=60,
    )
    checks = {check["subject"]: check for check in json.loads(done.stdout)["checks"]}
    return {name: (checks[name]["verdict"], checks[name]["value"]) for name in SUBJECTS}


def _answered(shell: Shell, world: Umock, prefix: Sequence[str] = (), **environ: str) -> Found:
    """Ask until none met its deadline: this machine may be busy."""
    for _ in range(5):
        found = _asked(shell, world, prefix, **environ)
        if not any("no answer within" in value for _, value in found.values()):
            return found
    pytest.fail("this machine is too busy")


def test_devices_are_found_and_left_as_they_are(shell: Shell, world: Umock) -> None:
    """The display answers and gets not one byte; the stick keeps its driver and its colour."""
    world.add_bus()
    stick = world.plug_stick()
    before = world.state
    found = _answered(shell, world)
    assert found["I2C"] == ("ok", "/dev/i2c-1")
    assert found["display"] == ("ok", "answers at 0x27 on /dev/i2c-1")
    assert found["BlinkStick"] == ("ok", f"/dev/bus/usb/001/{stick.name}")
    assert found["libusb"][0] == "ok"
    after = world.state
    assert (after.written, after.reports, after.driven) == (before.written, before.reports, before.driven)
    assert (after.glass, after.violations) == (before.glass, 0)


@pytest.mark.parametrize(
    ("trouble", "verdict", "value"),
    [
        ({"number": 110}, "fail", "/dev/i2c-1: the bus is stuck"),
        ({"owned": True}, "fail", "/dev/i2c-1: a kernel driver owns the display at 0x27"),
        ({"number": 121}, "absent", "none answers at 0x27, 0x3f"),
    ],
    ids=["stuck", "owned", "silent"],
)
def test_what_is_wrong_with_the_bus_is_told(
    shell: Shell, world: Umock, trouble: dict[str, object], verdict: str, value: str
) -> None:
    """Each trouble by its name."""
    world.add_bus()
    world.order("trouble", **trouble)
    assert _answered(shell, world)["display"] == (verdict, value)


def test_a_bus_that_hangs_holds_nobody_up(shell: Shell, world: Umock) -> None:
    """The transfer never ends; everything else is told, and the command ends."""
    world.add_bus()
    world.order("trouble", hangs=True)
    found = _asked(shell, world)
    assert world.state.hanging_lcd > 0
    assert found["display"] == ("warn", "no answer within 4 s")
    world.order("trouble")


def test_devices_that_are_closed_to_us_are_told(shell: Shell, world: Umock) -> None:
    """It says so, and does not say that they are missing."""
    bus = world.add_bus()
    stick = world.plug_stick()
    for node in (bus, stick):
        node.chmod(0)
    found = _answered(shell, world, prefix=NO_OVERRIDE)
    assert found["I2C"] == ("absent", "/dev/i2c-1 may not be opened")
    assert found["display"] == ("absent", "no way to it, see I2C")
    assert found["BlinkStick"] == ("fail", f"/dev/bus/usb/001/{stick.name} may not be opened")


def test_the_service_that_drives_them_is_believed(shell: Shell, world: Umock, home: Path) -> None:
    """While it works, nothing of ours goes over its bus."""
    world.add_bus()
    world.plug_stick()
    environ = {"SCIABC_PATHS_RUNTIME": f"{home}/s/run", "SCIABC_PATHS_STATE": f"{home}/s/state"}
    with Service(home / "s", world.env) as service:
        service.until(lambda state: state.panel is not None and not state.panel.stick_problem)
        world.until(lambda seen: bool(seen.reports) and any(line.strip() for line in seen.glass))
        found = _answered(shell, world, **environ)
        assert found["display"] == ("ok", "the head service drives it (16x2)")
        assert found["BlinkStick"] == ("ok", "the head service drives it")
        world.order("unplug_lcd")
        service.until(lambda state: bool(state.panel and state.panel.lcd_problem))
        assert _answered(shell, world, **environ)["display"][0] == "absent"
        service.end()
