"""The display through the real smbus2, system calls and all, on an adapter below them, in real time."""

import os
from collections.abc import Iterator

import pytest

from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from tests.hw.test_hw_lcd import LARGE_PAGES, SMALL_PAGES
from tests.hw.umock import Driver, Umock, need_umockdev

A, B = SMALL_PAGES[1], SMALL_PAGES[4]

NO_OVERRIDE = ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")
"""Lets the kernel refuse root, too, what a file's mode does not allow."""

FAULTS = [
    (5, "other"),
    (6, "absent"),
    (11, "other"),
    (19, "no_bus"),
    (95, "other"),
    (110, "stuck"),
    (121, "absent"),
]


@pytest.fixture
def world() -> Iterator[Umock]:
    """Give a bus with a display of two lines."""
    need_umockdev()
    with Umock() as world:
        world.add_bus()
        yield world


def heal(driver: Driver, page: tuple[str, ...]) -> object:
    """Show a page as the head service does: after an error the display is opened again."""
    answer = driver("show", lines=page)
    if answer is not None:
        driver("close_lcd")
        answer = driver("open_lcd") or driver("show", lines=page)
    return answer


@pytest.mark.parametrize(
    ("size", "name", "address", "pages"),
    [(SIZE_16X2, "16x2", 0x27, SMALL_PAGES), (SIZE_20X4, "20x4", 0x3F, LARGE_PAGES)],
    ids=["16x2", "20x4"],
)
def test_every_page_is_read_exactly(
    size: Size, name: str, address: int, pages: tuple[tuple[str, ...], ...]
) -> None:
    """Found by probing, in real time, with no violation; and the libraries write nothing to stdout."""
    need_umockdev()
    with Umock(size, address) as world, Driver(world, settings={"size": name}) as driver:
        world.add_bus()
        assert driver("open_lcd") is None
        for page in (*pages, pages[0]):
            assert driver("show", lines=page) is None
            assert world.state.glass == page
        assert driver("show", lines=pages[0], backlight=False) is None
        assert not world.state.backlight
        assert driver("close_lcd") is None
        assert world.state.glass == pages[0]
        assert world.state.violations == 0
        assert [lines for _, lines in world.shown][1:] == [
            *pages,
            pages[0],
        ]  # at first it was dark, its power new
        assert driver.close() == ""


@pytest.mark.parametrize("byte", [0, 1, 2, 3, 4, 17, 60])
def test_a_refused_byte_is_told_and_healed(world: Umock, byte: int) -> None:
    """A NACK in mid-frame leaves half a byte in the chip; the next frame is right all the same."""
    with Driver(world) as driver:
        driver("open_lcd")
        driver("show", lines=A)
        world.order("refuse", after=byte)
        assert str(driver("show", lines=B)).startswith("absent: ")
        assert heal(driver, B) is None
        assert world.state.glass == B
        assert world.state.violations == 0
        assert driver.close() == ""


def test_unplugged_and_plugged_in_again(world: Umock) -> None:
    """Taken off the bus it is told; back with a fresh start of its chip, it shows the page."""
    with Driver(world) as driver:
        driver("open_lcd")
        driver("show", lines=A)
        world.order("unplug_lcd")
        assert "i2cdetect" in str(driver("show", lines=B))
        driver("close_lcd")
        assert str(driver("open_lcd")).startswith("absent: ")
        world.order("plug_lcd")
        assert driver("open_lcd") is None
        assert driver("show", lines=B) is None
        assert world.state.glass == B
        assert world.state.violations == 0


@pytest.mark.parametrize("nibble", [0, 1, 2, 9, 20])
def test_a_nibble_lost_without_an_error_is_noticed(world: Umock, nibble: int) -> None:
    """Nobody reports it; the glass is right again within two more seconds of showing the page."""
    with Driver(world) as driver:
        driver("open_lcd")
        driver("show", lines=A)
        world.order("drop_nibble", after=nibble)
        for _ in range(3):
            assert driver("show", lines=B) is None
        assert world.state.glass == B
        assert driver.close() == ""


def test_a_loss_of_power_between_two_looks_is_noticed(world: Umock) -> None:
    """A brown-out that no transfer met: the next show starts the chip again."""
    with Driver(world) as driver:
        driver("open_lcd")
        driver("show", lines=A)
        world.order("unplug_lcd")
        world.order("plug_lcd")
        assert world.state.glass != A
        assert driver("show", lines=A) is None
        assert world.state.glass == A
        assert world.state.violations == 0


@pytest.mark.parametrize(("number", "kind"), FAULTS)
def test_what_the_kernel_says_is_told_and_got_over(world: Umock, number: int, kind: str) -> None:
    """Each errno of a transfer has its kind, and afterwards the display is right again."""
    with Driver(world) as driver:
        driver("open_lcd")
        driver("show", lines=A)
        world.order("trouble", number=number)
        assert str(driver("show", lines=B)).startswith(f"{kind}: ")
        world.order("trouble")
        assert heal(driver, B) is None
        assert world.state.glass == B
        assert world.state.violations == 0
        assert driver.close() == ""


def test_a_display_of_a_kernel_driver_is_left_alone(world: Umock) -> None:
    """Whoever owns the address keeps it: not one byte is written, and the overlay is named."""
    world.order("trouble", owned=True)
    with Driver(world) as driver:
        answer = str(driver("open_lcd"))
        assert answer.startswith("busy: ")
        assert "hd44780-i2c-lcd" in answer
    assert world.state.written == 0


def test_a_bus_that_may_not_be_opened_names_the_group() -> None:
    """The mode of the device node counts, as for a user who is not in its group."""
    need_umockdev()
    prefix = NO_OVERRIDE if os.geteuid() == 0 else ()
    with Umock() as world:
        world.add_bus().chmod(0)
        with Driver(world, prefix=prefix) as driver:
            answer = str(driver("open_lcd"))
            assert answer.startswith("denied: ")
            assert "i2c" in answer
            assert driver.close() == ""


def test_a_bus_that_comes_later_is_found() -> None:
    """Without the device node the parameter of config.txt is named; with it the display is opened."""
    need_umockdev()
    with Umock() as world, Driver(world) as driver:
        assert "dtparam" in str(driver("open_lcd"))
        world.add_bus()
        assert driver("open_lcd") is None
        assert driver("show", lines=A) is None
        assert world.state.glass == A


def test_failing_for_hours_costs_nothing(world: Umock) -> None:
    """Fifty openings that fail in each way leave no descriptor and no thread behind."""
    with Driver(world) as driver:
        driver("open_lcd")
        driver("show", lines=A)
        driver("close_lcd")
        before = driver.held()
        world.order("unplug_lcd")
        assert all(str(driver("open_lcd")).startswith("absent") for _ in range(50))
        world.order("trouble", owned=True)
        assert all(str(driver("open_lcd")).startswith("busy") for _ in range(50))
        world.order("trouble", number=110)
        assert all(str(driver("open_lcd")).startswith("stuck") for _ in range(50))
        assert driver.held() == before
    # outside, for umockdev itself loses a socket with each device node that is not there
    with Driver(None, settings={"i2c_bus": 255}) as driver:
        assert str(driver("open_lcd")).startswith("no_bus")
        before = driver.held()
        assert all(str(driver("open_lcd")).startswith("no_bus") for _ in range(50))
        assert driver.held() == before


def test_a_bus_that_is_taken_away_and_comes_back(world: Umock) -> None:
    """An overlay that is removed takes the adapter with it: that is told, and the display found again."""
    with Driver(world) as driver:
        driver("open_lcd")
        driver("show", lines=A)
        world.order("remove_bus")
        world.order("trouble", number=19)
        assert str(driver("show", lines=B)).startswith("no_bus: ")
        driver("close_lcd")
        assert str(driver("open_lcd")).startswith("no_bus: ")
        world.order("trouble")
        world.add_bus()
        assert driver("open_lcd") is None
        assert driver("show", lines=B) is None
        assert world.state.glass == B
