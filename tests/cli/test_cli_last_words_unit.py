"""The command lines that the unit file holds, run as systemd runs them, on emulated devices.

Those are below the system calls, for both are processes of their own. The service drives the glass; however
it ends, its last command replaces what stood there.
"""

import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from sciabc_tui.cli.daemon import BUSY
from sciabc_tui.cli.unit import Owner, Plan, service_unit
from sciabc_tui.cli.unit_plan import make_plan
from tests.cli.shell import ROOT
from tests.cli.unit_runner import UnitRunner
from tests.hw.umock import Seen, Umock, need_umockdev
from tests.lab.procs import carriers, members, namespace

WITHIN = 2.0
"""Seconds from the kill to the last words."""

ENDS_WITHIN = 15.0
"""Seconds that systemd gives the last command (`TimeoutStopSec=`)."""

WATCHDOG = 6.0
"""Seconds, in place of the unit's; a sign of life comes three times within them."""


on_any_glass = pytest.mark.parametrize("size", [SIZE_16X2], ids=["16x2"], indirect=True)
"""What is shown is the same on each size, or not what is looked at."""


@pytest.fixture(params=[SIZE_16X2, SIZE_20X4], ids=["16x2", "20x4"])
def size(request: pytest.FixtureRequest) -> Size:
    """Give each size of glass."""
    assert isinstance(request.param, Size)
    return request.param


@pytest.fixture
def world(size: Size) -> Iterator[Umock]:
    """Give a bus with a display of that size, and a stick."""
    need_umockdev()
    with Umock(size) as world:
        world.add_bus()
        world.plug_stick()
        yield world


@pytest.fixture
def plan(home: Path, size: Size) -> Plan:
    """Give the plan of an installation for a user with settings of his own."""
    file = home / ".config" / "sciabc" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(
        f'[cluster]\ninterfaces = ["lo"]\n[panel]\nsize = "{size.columns}x{size.rows}"\n'
        f'[paths]\nruntime = "{home}/run"\n',
        encoding="utf-8",
    )
    return make_plan(Owner("root", os.getuid(), os.getgid(), home), None)[0]


@pytest.fixture
def unit(plan: Plan, home: Path, world: Umock) -> Iterator[UnitRunner]:
    """Give the unit, not started; its user's programs come from `programs`."""
    programs = home / "programs"
    programs.mkdir()
    more = {
        "HOME": str(home),
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        **world.env,
    }
    with UnitRunner(service_unit(plan), home, more, watchdog=WATCHDOG) as unit:
        yield unit


def says(*words: str) -> Callable[[Seen], bool]:
    """Make the condition that these words begin the first lines of the glass."""
    return lambda seen: all(map(str.startswith, seen.glass, words))


def driven(unit: UnitRunner, world: Umock) -> None:
    """Start the service, and wait until it drives the glass and the lamp."""
    unit.start()
    assert unit.until_told("READY=1"), unit.log
    # with loopback alone there is no external IP, and each page of a living service says so or names the host
    world.until(lambda seen: bool(seen.glass[0].strip()) and not seen.glass[0].startswith("sciabc starting"))
    world.until(lambda seen: bool(seen.reports))


def runner_environments(home: Path) -> list[str]:
    """Give the environments of the service's runners, known by their home: they are not its children."""
    found = list[str]()
    for process in carriers(members(namespace(os.getpid(), "pid") or ""), f"HOME={home}\0"):
        if "jobs.runner" in process.command.split():
            with suppress(OSError):  # gone meanwhile
                found.append(Path(f"/proc/{process.pid}/environ").read_text(encoding="utf-8"))
    return found


@pytest.mark.alone
def test_a_killed_service_leaves_its_last_words_within_two_seconds(
    unit: UnitRunner, world: Umock, size: Size
) -> None:
    """SIGKILL: no `all ok` is left on the glass, and the lamp is dim and steady."""
    driven(unit, world)
    killed = time.monotonic()
    unit.send(signal.SIGKILL)
    assert unit.stop_post() == ("signal", "killed", "KILL")
    seen = world.until(says("MONITOR CRASHED"))
    assert next(at for at, lines in world.shown if lines == seen.glass) - killed < WITHIN
    assert re.fullmatch(r"\d\d:\d\d signal 9 +", seen.glass[1])
    if size.rows == 4:
        assert seen.glass[2:] == ("cluster unknown     ", "journalctl -u sciabc")
    number, colours = seen.reports[-1]
    assert (number, any(colours)) == (1, True)
    assert max(colours[1:]) < 64
    assert seen.violations == 0
    assert seen.backlight


@on_any_glass
def test_a_hung_service_gives_no_sign_of_life_and_is_told_as_hung(unit: UnitRunner, world: Umock) -> None:
    """Signs of life come while it works and end when it does not; systemd's signal shows where it hung."""
    driven(unit, world)
    assert unit.until_told("WATCHDOG=1")
    unit.forget_messages()
    assert unit.until_told("WATCHDOG=1"), unit.log
    unit.freeze()
    unit.forget_messages()
    assert not unit.until_told("WATCHDOG=1", within=WATCHDOG / 2)
    unit.send(signal.SIGABRT)
    unit.send(signal.SIGCONT)
    # what prints the threads may itself stumble over one that runs: SEGV then, in place of ABRT
    assert unit.stop_post("watchdog")[:2] == ("watchdog", "killed")
    assert re.fullmatch(r"\d\d:\d\d hung +", world.until(says("MONITOR CRASHED")).glass[1])
    assert "Fatal Python error: Aborted" in unit.log


@on_any_glass
@pytest.mark.parametrize("hangs", ["LCD", "BlinkStick"])
def test_a_device_that_hangs_does_not_keep_systemd_waiting(
    unit: UnitRunner, world: Umock, hangs: str
) -> None:
    """The last command is over in seconds and ends well; the other device has spoken."""
    driven(unit, world)
    unit.send(signal.SIGKILL)
    if hangs == "LCD":
        world.order("trouble", hangs=True)
    else:
        world.order("manner", manner="hangs")
    began = time.monotonic()
    unit.stop_post()
    assert time.monotonic() - began < ENDS_WITHIN
    assert re.search(rf"last words \(crashed, signal 9\): {hangs} .*Next: ", unit.log)
    if hangs == "LCD":
        assert max(world.state.reports[-1][1][1:]) in range(1, 64)
    else:
        world.until(says("MONITOR CRASHED"))


@on_any_glass
def test_what_systemd_tells_the_service_is_not_told_to_its_children(
    unit: UnitRunner, world: Umock, home: Path
) -> None:
    """A job's program that speaks to systemd must not speak for the service."""
    driven(unit, world)
    # the next job's runner; it inherits what a job inherits
    runners: list[str] = []
    world.until(lambda _: bool(runners.extend(runner_environments(home)) or runners))
    assert not any("NOTIFY_SOCKET" in environ or "WATCHDOG" in environ for environ in runners)


def test_a_service_that_is_stopped_says_so(unit: UnitRunner, world: Umock) -> None:
    """SIGTERM: the same words from the service itself and from its last command; the lamp is dark."""
    driven(unit, world)
    unit.send(signal.SIGTERM)
    assert unit.until_told("STOPPING=1")
    assert unit.stop_post() == ("success", "exited", "0")
    seen = world.until(says("MONITOR STOPPED"))
    assert "on request" in "".join(seen.glass)
    assert not any(seen.reports[-1][1][1:])


def test_a_machine_that_shuts_down_says_so(unit: UnitRunner, world: Umock, home: Path) -> None:
    """The same end, but systemd is about to stop everything: nobody must pull the plug now."""
    asked = home / "programs" / "systemctl"
    asked.write_text("#!/bin/sh\necho stopping\nexit 1\n", encoding="utf-8")
    asked.chmod(0o755)
    driven(unit, world)
    unit.send(signal.SIGTERM)
    unit.stop_post()
    seen = world.until(says("SHUTTING DOWN..", "do not unplug"))
    assert not any(seen.reports[-1][1][1:])
    steps = [max(colours[1:]) for _, colours in seen.reports[-20:]]
    assert steps == sorted(steps, reverse=True)
    assert len(set(steps)) > 5


def test_settings_that_break_the_service_do_not_silence_it(
    unit: UnitRunner, world: Umock, home: Path
) -> None:
    """It does not start, and the glass says that, in the size it had when it was installed."""
    (home / ".config" / "sciabc" / "config.toml").write_text("[panel\n", encoding="utf-8")
    unit.start()
    assert unit.stop_post() == ("exit-code", "exited", "1")
    seen = world.until(says("MONITOR CRASHED"))
    assert "exit 1" in seen.glass[1]
    assert "is not TOML" in unit.log


@on_any_glass
def test_a_second_service_does_not_speak_for_the_first(
    unit: UnitRunner, world: Umock, plan: Plan, home: Path
) -> None:
    """It ends at once, and the glass goes on telling what the first one sees."""
    driven(unit, world)
    folder = home / "second"
    folder.mkdir()
    more = {"HOME": str(home), "PYTHONPATH": str(ROOT), **world.env}
    with UnitRunner(service_unit(plan), folder, more, watchdog=WATCHDOG) as second:
        second.start()
        assert second.stop_post() == ("exit-code", "exited", str(BUSY))
    assert not any("MONITOR" in lines[0] for _, lines in world.shown)
