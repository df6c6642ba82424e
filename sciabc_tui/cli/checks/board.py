"""The board: power, heat, memory, disk and clock."""

import ctypes
import os
import shlex
import tempfile
from dataclasses import dataclass
from pathlib import Path

from jobs.fitness import LITTLE_DISK
from sciabc_tui.cli.checks.findings import Finding, absent, fail, ok, warn
from sciabc_tui.cli.checks.machine import Machine, existing
from sciabc_tui.cli.checks.service import Sight
from sciabc_tui.cluster.health import HEAD_HOT
from sciabc_tui.cluster.node import Origin, Reading
from sciabc_tui.head.clock import SystemClock
from sciabc_tui.head.local import LocalLoad

WARM = 70.0
"""Degrees Celsius from which there is little left until a Raspberry Pi slows down."""

ENOUGH_DISK = 2**30
"""Bytes that the log of one attempt may take, as the settings are by default."""

ENOUGH_MEMORY = 128 * 2**20
"""Bytes for the head service, a launcher and a rank or two."""

_LOW_VOLTAGE, _CAPPED, _THROTTLED, _SOFT_LIMIT = 1, 2, 4, 8
_SINCE_BOOT = 16
"""How many bits further the same flags stand for 'since boot'."""

_SLOWER = {_CAPPED: "frequency capped", _THROTTLED: "throttled", _SOFT_LIMIT: "soft temperature limit"}
_SUPPLY = "a supply of 5 V and 3 A (Pi 5: 5 A) and a short, thick cable"
_COOL = "give it air, a heat sink or a fan"
_SYNCHRONISED = 16_000_000
"""Microseconds of error below which a clock counts as synchronised; systemd's timedatectl draws it there."""


@dataclass(frozen=True, slots=True)
class Board:
    """What is known of the board.

    Attributes:
        reading: Taken just now.
        flags: The firmware's, as `vcgencmd get_throttled` prints them, with those that a running head
            service has seen; None if the firmware could not be asked.
        alarm: The kernel's own under-voltage alarm (hwmon `rpi_volt`); None if there is none.
        is_pi: It is a Raspberry Pi.
        vcgencmd: The program that asks the firmware is here.
    """

    reading: Reading
    flags: int | None = None
    alarm: bool | None = None
    is_pi: bool = False
    vcgencmd: bool = False


def look_at_board(machine: Machine, sight: Sight) -> Board:
    """Read the sensors."""
    reading = LocalLoad().read(0.0)
    flags = reading.throttle
    nodes = sight.real.nodes.values() if sight.real else ()
    head = next((node.reading for node in nodes if node.origin is Origin.LOCAL), None)
    if flags is not None and head is not None:
        flags |= head.throttle or 0
    vcgencmd = machine.which("vcgencmd") is not None
    return Board(reading, flags, _alarm(machine), machine.is_pi, vcgencmd)


def _alarm(machine: Machine) -> bool | None:
    for name in machine.path("/sys/class/hwmon").glob("*/name"):
        sensor = f"/sys/class/hwmon/{name.parent.name}"
        said = machine.text(f"{sensor}/in0_lcrit_alarm")
        if machine.text(f"{sensor}/name") == "rpi_volt" and said in {"0", "1"}:
            return said == "1"
    return None


def judge_power(board: Board) -> Finding:
    """Judge the supply."""
    subject = "power"
    if not board.is_pi:
        return absent(subject, "no Raspberry Pi")
    if board.flags is None and board.alarm is None:
        return _untold(subject, board)
    flags = board.flags or 0
    if flags & _LOW_VOLTAGE or board.alarm:
        return fail(subject, "under-voltage now", _SUPPLY)
    if flags >> _SINCE_BOOT & _LOW_VOLTAGE:
        return warn(subject, "under-voltage since boot", _SUPPLY)
    return ok(subject, "no under-voltage")


def judge_throttling(board: Board) -> Finding:
    """Judge whether the firmware slows the board down."""
    subject = "throttling"
    if not board.is_pi:
        return absent(subject, "no Raspberry Pi")
    if board.flags is None:
        return _untold(subject, board)
    now = [word for bit, word in _SLOWER.items() if board.flags & bit]
    once = [word for bit, word in _SLOWER.items() if board.flags >> _SINCE_BOOT & bit]
    weak = board.flags & _LOW_VOLTAGE or board.flags >> _SINCE_BOOT & _LOW_VOLTAGE
    fix = "see power above" if weak else _COOL
    if now:
        return warn(subject, f"{', '.join(now)} now", fix)
    if once:
        return warn(subject, f"{', '.join(once)} since boot", fix)
    return ok(subject, "none")


def _untold(subject: str, board: Board) -> Finding:
    if not board.vcgencmd:
        return absent(subject, "no vcgencmd to ask the firmware", "sudo apt install raspi-utils")
    # it asks through /dev/vcio, which is that group's
    return absent(subject, "the firmware does not tell", "sudo usermod -aG video $USER, then log in again")


def judge_temperature(board: Board) -> Finding:
    """Judge the heat."""
    subject, degrees = "temperature", board.reading.temperature
    if degrees is None:
        return absent(subject, "no sensor")
    value = f"{degrees:.0f} °C"
    if degrees >= HEAD_HOT:
        return fail(subject, f"{value}: a Raspberry Pi slows down from {HEAD_HOT:.0f} °C", _COOL)
    return warn(subject, value, _COOL) if degrees >= WARM else ok(subject, value)


def judge_memory(board: Board) -> Finding:
    """Judge the memory that is left."""
    subject, reading = "memory", board.reading
    if reading.memory_used is None or reading.memory_total is None:
        return absent(subject, "not measured")
    free = reading.memory_total - reading.memory_used
    value = f"{size(free)} of {size(reading.memory_total)} free"
    if free < ENOUGH_MEMORY:
        return warn(subject, value, "end what uses it: ps aux --sort=-rss | head")
    return ok(subject, value)


@dataclass(frozen=True, slots=True)
class Place:
    """A place that is written to.

    Attributes:
        path: What is there of the way to it.
        free: Bytes that are left for this user.
        read_only: The file system takes nothing.
        no_files: It has no room for another file, however small (inodes).
    """

    path: str
    free: int
    read_only: bool = False
    no_files: bool = False


def look_at_disks(state_dir: Path) -> tuple[Place, ...]:
    """Look at the state directory and at the one for temporary files, where launchers make their sessions.

    Raises:
        OSError: A file system does not tell.
    """
    return tuple(_place(existing(path)) for path in (state_dir, Path(tempfile.gettempdir())))


def _place(path: Path) -> Place:
    found = os.statvfs(path)
    return Place(
        str(path),
        found.f_bavail * found.f_frsize,
        bool(found.f_flag & os.ST_RDONLY),
        bool(found.f_files) and not found.f_favail,
    )


def judge_disk(places: tuple[Place, ...]) -> Finding:
    """Judge the disks by the worst of the places."""
    subject = "disk"
    for place in places:
        if place.read_only:
            fix = "sudo dmesg | grep -i -e mmc -e ext4; the card may be worn: copy it while it can be read"
            return fail(subject, f"{place.path} is read-only", fix)
    for place in places:
        if place.no_files:
            return fail(
                subject, f"no room for one more file in {place.path}", f"df -i {shlex.quote(place.path)}"
            )
    least = min(places, key=lambda place: place.free)
    value = f"{size(least.free)} free in {least.path}"
    fix = "remove what is not needed: sudo du -xh / | sort -h | tail -30"
    if least.free < LITTLE_DISK:
        return fail(subject, value, fix)
    return warn(subject, value, fix) if least.free < ENOUGH_DISK else ok(subject, value)


class _Timex(ctypes.Structure):
    """The begin of struct timex (adjtimex(2)); `room` is more than what follows."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("room", ctypes.c_char * 512),
    )


@dataclass(frozen=True, slots=True)
class Time:
    """What is known of the clock.

    Attributes:
        wall: What it shows, in seconds since 1970.
        installed: When this program was installed, by the same clock.
        error: Microseconds by which the kernel thinks it may be wrong; None if it does not tell.
        own: There is a clock that goes on without power (/sys/class/rtc).
        faked: At boot it goes on from the last shutdown (fake-hwclock).
    """

    wall: float
    installed: float
    error: int | None
    own: bool = False
    faked: bool = False


def look_at_clock(machine: Machine) -> Time:
    """Ask the kernel; nothing is adjusted (`modes` is 0)."""
    asked = _Timex()
    told = ctypes.CDLL(None).adjtimex(ctypes.byref(asked)) >= 0
    return Time(
        SystemClock().wall(),
        Path(__file__).stat().st_mtime,
        asked.maxerror if told else None,
        any(machine.path("/sys/class/rtc").glob("rtc*")),
        machine.path("/etc/fake-hwclock.data").exists(),
    )


def judge_clock(time: Time) -> Finding:
    """Judge the clock: certificates, logs and the nodes' files go by it."""
    subject = "clock"
    fix = "sudo timedatectl set-ntp true, in a network with a time server; or sudo date -s '2026-01-31 14:05'"
    if time.wall < time.installed:
        return fail(subject, "stands before this program was installed", fix)
    if time.error is None:
        return absent(subject, "the kernel does not tell whether it is synchronised")
    if time.error < _SYNCHRONISED:
        return ok(subject, "synchronised")
    if time.own:
        return warn(subject, "not synchronised: it goes by the board's own clock", fix)
    if time.faked:
        return warn(subject, "not synchronised: at boot it went on from the last shutdown", fix)
    return warn(subject, "not synchronised, and none goes on without power", fix)


def size(number: int) -> str:
    """Write a number of bytes."""
    mebibytes = number / 2**20
    return f"{mebibytes:.0f} MiB" if mebibytes < 1024 else f"{mebibytes / 1024:.1f} GiB"
