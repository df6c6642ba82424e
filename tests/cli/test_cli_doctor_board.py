"""What is judged of the board: power, heat, memory, disk, clock."""

from pathlib import Path

import pytest

from sciabc_tui.cli.checks.board import (
    Board,
    Place,
    Time,
    judge_clock,
    judge_disk,
    judge_memory,
    judge_power,
    judge_temperature,
    judge_throttling,
    look_at_board,
    look_at_clock,
    look_at_disks,
)
from sciabc_tui.cli.checks.findings import Verdict
from sciabc_tui.cli.checks.machine import Machine, existing
from sciabc_tui.cli.checks.service import Sight, Standing
from sciabc_tui.cluster.node import Reading

COOL = Reading(0.0, temperature=48.0)
GIB = 2**30


@pytest.mark.parametrize(
    ("flags", "power", "throttling"),
    [
        (0x0, (Verdict.OK, "no under-voltage"), (Verdict.OK, "none")),
        (0x1, (Verdict.FAIL, "under-voltage now"), (Verdict.OK, "none")),
        (
            0x50005,
            (Verdict.FAIL, "under-voltage now"),
            (Verdict.WARN, "throttled now"),
        ),
        (0x10000, (Verdict.WARN, "under-voltage since boot"), (Verdict.OK, "none")),
        (0xE0008, (Verdict.OK, "no under-voltage"), (Verdict.WARN, "soft temperature limit now")),
        (
            0x60000,
            (Verdict.OK, "no under-voltage"),
            (Verdict.WARN, "frequency capped, throttled since boot"),
        ),
    ],
)
def test_the_firmwares_flags(flags: int, power: tuple[Verdict, str], throttling: tuple[Verdict, str]) -> None:
    """Bit 0 and 16 are the supply, the others what it and heat do to the speed."""
    board = Board(COOL, flags, is_pi=True)
    found = judge_power(board), judge_throttling(board)
    assert [(one.verdict, one.value) for one in found] == [power, throttling]


def test_throttling_that_comes_from_the_supply_is_not_cooled() -> None:
    """The fix names the cause."""
    assert judge_throttling(Board(COOL, 0x50004, is_pi=True)).fix == "Next: see power above"
    assert "heat sink" in judge_throttling(Board(COOL, 0x40004, is_pi=True)).fix


def test_the_kernels_alarm_stands_in_for_the_firmware() -> None:
    """The sensor tells of the supply alone."""
    assert judge_power(Board(COOL, alarm=True, is_pi=True)).verdict is Verdict.FAIL
    assert judge_power(Board(COOL, alarm=False, is_pi=True)).verdict is Verdict.OK
    assert judge_throttling(Board(COOL, alarm=False, is_pi=True)).verdict is Verdict.ABSENT


def test_what_is_not_known_is_no_false_ok() -> None:
    """No Raspberry Pi, or a firmware that does not tell, or no sensor."""
    for board in (Board(Reading(0.0)), Board(Reading(0.0), is_pi=True)):
        for judge in (judge_power, judge_throttling, judge_temperature, judge_memory):
            assert judge(board).verdict is Verdict.ABSENT


def test_why_the_firmware_does_not_tell() -> None:
    """Its program is missing, or this user may not ask."""
    assert judge_power(Board(COOL, is_pi=True)).fix == "Next: sudo apt install raspi-utils"
    assert "usermod -aG video" in judge_throttling(Board(COOL, is_pi=True, vcgencmd=True)).fix


def test_the_kernels_alarm_is_found_by_its_name(tmp_path: Path) -> None:
    """Whatever number the sensor has; another sensor's alarm is not it."""
    for number, name in enumerate(("cpu_thermal", "rpi_volt")):
        sensor = tmp_path / f"sys/class/hwmon/hwmon{number}"
        sensor.mkdir(parents=True)
        (sensor / "name").write_text(f"{name}\n")
        (sensor / "in0_lcrit_alarm").write_text(f"{number}\n")
    found = look_at_board(Machine(tmp_path), Sight(Standing.NONE))
    assert found.alarm is True
    assert not found.is_pi
    assert found.reading.memory_total
    assert look_at_board(Machine(tmp_path / "nothing"), Sight(Standing.NONE)).alarm is None


@pytest.mark.parametrize(
    ("degrees", "verdict"),
    [(48.0, Verdict.OK), (69.9, Verdict.OK), (70.0, Verdict.WARN), (80.0, Verdict.FAIL)],
)
def test_the_temperature(degrees: float, verdict: Verdict) -> None:
    """From 80 degrees on a Raspberry Pi slows down."""
    assert judge_temperature(Board(Reading(0.0, temperature=degrees))).verdict is verdict


def test_memory_that_is_left() -> None:
    """Little of it is a warning."""
    plenty = Reading(0.0, memory_used=GIB, memory_total=4 * GIB)
    assert judge_memory(Board(plenty)).value == "3.0 GiB of 4.0 GiB free"
    little = Reading(0.0, memory_used=4 * GIB - 2**20, memory_total=4 * GIB)
    assert judge_memory(Board(little)).verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("places", "verdict", "value"),
    [
        ((Place("/a", 9 * GIB), Place("/b", 5 * GIB)), Verdict.OK, "5.0 GiB free in /b"),
        ((Place("/a", 9 * GIB), Place("/b", 500 * 2**20)), Verdict.WARN, "500 MiB free in /b"),
        ((Place("/a", 50 * 2**20), Place("/b", 5 * GIB)), Verdict.FAIL, "50 MiB free in /a"),
        ((Place("/a", 9 * GIB, read_only=True), Place("/b", 0)), Verdict.FAIL, "/a is read-only"),
        ((Place("/a", 9 * GIB, no_files=True),), Verdict.FAIL, "no room for one more file in /a"),
    ],
)
def test_the_disk_is_judged_by_the_worst_place(
    places: tuple[Place, ...], verdict: Verdict, value: str
) -> None:
    """Read-only comes before full."""
    found = judge_disk(places)
    assert (found.verdict, found.value) == (verdict, value)


def test_a_folder_to_be_is_looked_at_where_it_will_be(tmp_path: Path) -> None:
    """The state directory may not be there yet."""
    assert existing(tmp_path / "a" / "b") == tmp_path
    state, temporary = look_at_disks(tmp_path / "a" / "b")
    assert state.path == str(tmp_path)
    assert temporary.free > 0
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("time", "verdict", "says"),
    [
        (Time(2e9, 1e9, 1000), Verdict.OK, "synchronised"),
        (Time(2e9, 1e9, 16_000_000), Verdict.WARN, "not synchronised, and none goes on without power"),
        (Time(2e9, 1e9, 16_000_000, faked=True), Verdict.WARN, "went on from the last shutdown"),
        (Time(2e9, 1e9, 16_000_000, own=True, faked=True), Verdict.WARN, "by the board's own clock"),
        (Time(1e9, 2e9, 1000), Verdict.FAIL, "stands before this program was installed"),
        (Time(2e9, 1e9, None), Verdict.ABSENT, "the kernel does not tell"),
    ],
)
def test_the_clock(time: Time, verdict: Verdict, says: str) -> None:
    """Synchronised, or how wrong it may be; a year that can't be is a failure."""
    found = judge_clock(time)
    assert found.verdict is verdict
    assert says in found.value


def test_the_kernel_is_asked_for_the_time(tmp_path: Path) -> None:
    """Without a right to set it; what this machine has of clocks is found by its files."""
    bare = look_at_clock(Machine(tmp_path))
    assert bare.wall > bare.installed
    assert bare.error is None or bare.error >= 0
    assert not bare.own
    assert not bare.faked
    (tmp_path / "sys/class/rtc/rtc0").mkdir(parents=True)
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/fake-hwclock.data").touch()
    full = look_at_clock(Machine(tmp_path))
    assert full.own
    assert full.faked
