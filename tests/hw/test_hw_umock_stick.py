"""The stick through the real blinkstick, pyusb and libusb, on a USB below their system calls."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.hw.test_hw_umock_lcd import NO_OVERRIDE
from tests.hw.umock import Driver, Umock, need_umockdev

HIDDEN = (
    "unshare",
    "--mount",
    "sh",
    "-c",
    "for file in /etc/ld.so.cache /usr/lib/*/libusb-1.0.so.0 /lib/libusb-1.0.so.0; do "
    '[ ! -e "$file" ] || mount --bind /dev/null "$file"; done; exec "$@"',
    "sh",
)
"""Runs a program on a machine on which libusb was not installed."""


@pytest.fixture
def world() -> Iterator[Umock]:
    """Give a USB with nothing in it."""
    need_umockdev()
    with Umock() as world:
        yield world


def test_every_colour_arrives(world: Umock) -> None:
    """From the first to the last system call: taken from the kernel's driver, coloured, dark, given back."""
    world.plug_stick()
    with Driver(world) as driver:
        assert driver("open_stick") is None
        assert not world.state.driven
        assert world.state.reports == ()
        colours = [(part, 255 - part, 7) for part in range(0, 256, 15)]
        for red, green, blue in colours:
            assert driver("colour", red=red, green=green, blue=blue) is None
        assert driver("off") is None
        wanted = tuple((1, bytes([0, *colour])) for colour in (*colours, (0, 0, 0)))
        assert world.state.reports == wanted
        assert driver("close_stick") is None
        assert driver.close() == ""


@pytest.mark.parametrize(("version", "count"), [(0x200, 8), (0x201, 8), (0x202, 2), (0x203, 8)])
def test_a_row_of_lights_takes_one_transfer(world: Umock, version: int, count: int) -> None:
    """Square, Strip, Nano and Flex are told once that each LED is for itself, then all colours together."""
    world.plug_stick("BS012345-3.0", version)
    with Driver(world) as driver:
        assert driver("open_stick") is None
        colours = [(number, 100, 200) for number in range(count)]
        assert driver("row", colours=colours) is None
        assert driver("row", colours=colours[::-1]) is None
        (mode, told), (first, _), (_, last) = world.state.reports
        assert (mode, told) == (4, bytes([4, 2]))
        assert first == 6
        wanted = bytes(part for number in range(count)[::-1] for part in (100, number, 200))
        assert last[2 : 2 + 3 * count] == wanted
        assert driver.close() == ""


def test_unplugged_and_plugged_in_again(world: Umock) -> None:
    """Pulled out it is told, then absent; a stick in its place, with another number, is found and used."""
    world.plug_stick()
    with Driver(world) as driver:
        driver("open_stick")
        driver("colour", red=1, green=2, blue=3)
        world.order("unplug_stick")
        assert str(driver("colour", red=4, green=5, blue=6)).startswith("gone: ")
        driver("close_stick")
        assert str(driver("open_stick")).startswith("absent: ")
        world.plug_stick("BS054321-1.1")
        assert driver("open_stick") is None
        assert driver("colour", red=7, green=8, blue=9) is None
        assert world.state.reports == ((1, bytes([0, 7, 8, 9])),)
        assert driver.close() == ""


def test_a_stick_that_was_not_there_at_the_start_is_found(world: Umock) -> None:
    """The library looked round before the stick came, and hears of it."""
    with Driver(world) as driver:
        assert "lsusb" in str(driver("open_stick"))
        world.plug_stick()
        assert driver("open_stick") is None
        assert driver("colour", red=1, green=2, blue=3) is None
        assert world.state.reports == ((1, bytes([0, 1, 2, 3])),)
        assert driver.close() == ""


def test_a_stick_without_a_udev_rule_names_it(world: Umock) -> None:
    """The mode of the device node counts, as for a user whom no rule lets in."""
    node = world.plug_stick()
    node.chmod(0)
    prefix = NO_OVERRIDE if os.geteuid() == 0 else ()
    with Driver(world, prefix=prefix) as driver:
        answer = str(driver("open_stick"))
        assert answer.startswith("denied: ")
        assert "udev rule" in answer
        node.chmod(0o600)
        assert driver("open_stick") is None
        assert driver.close() == ""


def test_no_libusb_names_the_package(world: Umock) -> None:
    """On a machine without the library the program goes on and says what to install."""
    trial = ["unshare", "--mount", "true"]
    if not shutil.which("unshare") or subprocess.run(trial, check=False, capture_output=True).returncode:
        reason = "no mount namespaces: run it as root, on a real machine or in a --privileged container"
        pytest.fail(reason) if os.environ.get("SCIABC_REQUIRE_ALL") == "1" else pytest.skip(reason)
    world.plug_stick()
    with Driver(world, prefix=HIDDEN) as driver:
        answer = str(driver("open_stick"))
        assert answer.startswith("no_libusb: ")
        assert "libusb-1.0-0" in answer
        assert driver.close() == ""


def test_a_stick_that_does_not_answer_is_given_up(world: Umock) -> None:
    """Its transfer times out, is told once and leaves nothing pending; better, it works again."""
    world.plug_stick()
    with Driver(world) as driver:
        driver("open_stick")
        world.order("manner", manner="silent")
        assert str(driver("colour", red=1, green=2, blue=3)).startswith("gone: ")
        assert world.state.hanging_stick == 0
        world.order("manner", manner="well")
        driver("close_stick")
        assert driver("open_stick") is None
        assert driver("colour", red=4, green=5, blue=6) is None
        assert world.state.reports == ((1, bytes([0, 4, 5, 6])),)
        assert driver.close() == ""


def test_a_stick_pulled_out_in_the_middle_of_a_transfer_is_gone(world: Umock) -> None:
    """The transfer ends, with an error that is told; nothing waits for a stick that is no more."""
    world.plug_stick()
    with Driver(world) as driver:
        driver("open_stick")
        world.order("manner", manner="silent")
        driver.begin("colour", red=1, green=2, blue=3)
        world.until(lambda seen: seen.hanging_stick == 1)
        world.order("unplug_stick")
        assert str(driver.ended()).startswith("gone: ")
        driver("close_stick")
        assert str(driver("open_stick")).startswith("absent: ")
        assert driver.close() == ""


def test_coming_and_going_for_hours_costs_nothing(world: Umock) -> None:
    """Twenty replugs and fifty looks for a stick that is not there leave no descriptor and no thread."""
    world.plug_stick()
    with Driver(world) as driver:
        driver("open_stick")
        driver("colour", red=1, green=2, blue=3)
        driver("close_stick")
        before = driver.held()
        for _ in range(20):
            world.order("unplug_stick")
            world.plug_stick()
            assert driver("open_stick") is None
            assert driver("colour", red=1, green=2, blue=3) is None
            driver("close_stick")
        world.order("unplug_stick")
        assert all(str(driver("open_stick")).startswith("absent: ") for _ in range(50))
        assert driver.held() == before
