"""`sciabc-tui last-words`: what systemd tells is read right, and stays on glass and lamp."""

import itertools
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from typing_extensions import override

from hw.emulated import EmulatedLcd
from hw.emulated_stick import EmulatedStick
from hw.errors import BusError, BusFault, StickError, StickFault
from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from hw.lcd import Lcd
from sciabc_tui.cli import systemd
from sciabc_tui.cli.daemon import BUSY
from sciabc_tui.cli.ending import judged, machine_goes_down
from sciabc_tui.cli.parting import Outlets, panel_settings, say
from sciabc_tui.config import PanelSettings
from sciabc_tui.panel.farewell import LONGEST_WHY, Ending, Farewell, last_words
from tests.api.scripted import Serving
from tests.cli.shell import ROOT, Shell
from tests.simtime import WALL

SIZES = (SIZE_16X2, SIZE_20X4)
ALL_WELL = (
    "203.0.113.254      \u2665",
    "headnode-01    14:07",
    "8/8 up        all ok",
    "L12.4  63\u00b0C  job 54%",
)
CRASHED = Farewell(Ending.CRASHED, "signal 9")

TOLD = [
    ("success", "exited", "0", Farewell(Ending.STOPPED)),
    ("success", "killed", "TERM", Farewell(Ending.STOPPED)),
    ("signal", "killed", "KILL", Farewell(Ending.CRASHED, "signal 9")),
    ("signal", "killed", "SEGV", Farewell(Ending.CRASHED, "signal 11")),
    ("core-dump", "dumped", "ABRT", Farewell(Ending.CRASHED, "signal 6")),
    ("signal", "killed", "RTMIN+3", Farewell(Ending.CRASHED, "a signal")),
    ("exit-code", "exited", "1", Farewell(Ending.CRASHED, "exit 1")),
    ("exit-code", "exited", "226", Farewell(Ending.CRASHED, "exit 226")),
    ("exit-code", "exited", str(BUSY), None),
    ("watchdog", "killed", "ABRT", Farewell(Ending.CRASHED, "hung")),
    ("watchdog", "killed", "KILL", Farewell(Ending.CRASHED, "hung")),
    ("oom-kill", "killed", "KILL", Farewell(Ending.CRASHED, "no memory")),
    ("timeout", "killed", "KILL", Farewell(Ending.CRASHED, "timed out")),
    ("protocol", "", "", Farewell(Ending.CRASHED, "not ready")),
    ("resources", "", "", Farewell(Ending.CRASHED, "no start")),
    ("a word of the future", "", "", Farewell(Ending.CRASHED, "failed")),
    ("exit-code", "exited", "\x1b[2J", Farewell(Ending.CRASHED, "failed")),
    ("exit-code", "exited", "\u0661", Farewell(Ending.CRASHED, "failed")),
    ("signal", "killed", "\nKILL", Farewell(Ending.CRASHED, "a signal")),
]


_HANGS = "exec sleep 60"


def _environ(result: str, code: str, status: str) -> dict[str, str]:
    return {"SERVICE_RESULT": result, "EXIT_CODE": code, "EXIT_STATUS": status}


@pytest.mark.parametrize(("result", "code", "status", "expected"), TOLD)
def test_systemds_words_are_read(result: str, code: str, status: str, expected: Farewell | None) -> None:
    """Each result of systemd.exec(5) has its own reason, and each fits beside the time on 16 columns."""
    found = judged(_environ(result, code, status), going_down=lambda: False)
    assert found == expected
    assert found is None or len(found.why) <= LONGEST_WHY


@pytest.mark.parametrize(("result", "code", "status", "_expected"), TOLD)
def test_a_machine_that_goes_down_says_so_first(
    result: str, code: str, status: str, _expected: Farewell | None
) -> None:
    """However the service ended: what matters then is that nobody pulls the plug."""
    assert judged(_environ(result, code, status), going_down=lambda: True) == Farewell(Ending.SHUTDOWN)


def test_without_systemd_the_service_was_stopped() -> None:
    """Typed by hand nothing is known, and systemd is not even asked."""

    def asked() -> bool:
        raise AssertionError

    assert judged({}, going_down=asked) == Farewell(Ending.STOPPED)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("echo stopping; exit 1", True),
        ("echo running", False),
        ("echo degraded; exit 1", False),
        ("echo offline; exit 1", False),
        ("echo 'Failed to connect to bus' >&2; exit 1", False),
        (_HANGS, False),
        (None, False),
    ],
)
def test_systemd_is_asked_whether_the_machine_goes_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, expected: bool
) -> None:
    """Only `stopping` means it; one that fails, is not there or does not answer means no, soon."""
    if script is not None:
        program = tmp_path / "systemctl"
        program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n", encoding="utf-8")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    patience: list[float] = []
    told = systemd.told

    def asked(*question: str, within: float) -> str:
        patience.append(within)
        # a loaded machine may take longer than that to begin a script that does answer
        return told(*question, within=within if script == _HANGS else 30.0)

    monkeypatch.setattr(systemd, "told", asked)
    began = time.monotonic()
    assert machine_goes_down() == expected
    assert time.monotonic() - began < 30.0
    assert max(patience) < 3.0


def _outlets(glass: EmulatedLcd, stick: EmulatedStick, size: Size) -> Outlets:
    return Outlets(lambda: Lcd(glass, 0x27, SIZE_20X4, sleep=glass.sleep), lambda: stick, size)


@pytest.mark.parametrize(("real", "configured"), list(itertools.product(SIZES, SIZES)), ids=str)
def test_nothing_old_is_left_whatever_size_was_configured(real: Size, configured: Size) -> None:
    """The settings may be wrong or unreadable: no part of an old `all ok` stands beside the last words."""
    glass, stick = EmulatedLcd(real), EmulatedStick()
    old = tuple(line[: real.columns].ljust(real.columns) for line in ALL_WELL[: real.rows])
    Lcd(glass, 0x27, real, sleep=glass.sleep).show(old)
    assert glass.glass() == old
    assert say(CRASHED, _outlets(glass, stick, configured), wall=WALL, local=time.gmtime) == ()
    words = last_words(CRASHED, WALL, size=configured, local=time.gmtime)
    rows = min(real.rows, configured.rows)
    assert [line.rstrip() for line in glass.glass()[:rows]] == [line.rstrip() for line in words[:rows]]
    assert not any(line.strip() for line in glass.glass()[rows:])
    assert glass.backlight
    assert glass.violations == 0
    assert glass.closed
    assert stick.closed


@pytest.mark.parametrize("cut", range(0, 400, 7))
def test_a_service_killed_in_the_middle_of_a_frame_leaves_a_whole_text(cut: int) -> None:
    """Wherever the kill stopped the transfer, half a byte included, the last words are exact."""
    glass = EmulatedLcd(SIZE_20X4)
    Lcd(glass, 0x27, SIZE_20X4, sleep=glass.sleep).show(ALL_WELL)
    glass.refuse(cut)
    killed = Lcd(glass, 0x27, SIZE_20X4, sleep=glass.sleep)
    try:
        killed.show(ALL_WELL[::-1])
    except BusError:
        pass
    else:
        glass.refuse(10**6)
    assert say(CRASHED, _outlets(glass, EmulatedStick(), SIZE_20X4), wall=WALL, local=time.gmtime) == ()
    assert glass.glass() == last_words(CRASHED, WALL, size=SIZE_20X4, local=time.gmtime)
    assert glass.violations == 0


@pytest.mark.parametrize("ending", Ending)
def test_the_lamp_speaks_too(ending: Ending) -> None:
    """Dark when it was meant to end; a steady dim light when not: nobody drives it."""
    stick = EmulatedStick()
    stick.set(40, 140, 255)
    outlets = Outlets(None, lambda: stick, SIZE_16X2)
    assert say(Farewell(ending), outlets, wall=WALL) == ()
    last = stick.colours[-1]
    assert (last != (0, 0, 0)) == (ending is Ending.CRASHED)
    assert max(last) < 64


def test_what_is_missing_is_told_and_hinders_nothing() -> None:
    """A line each, and the other device speaks all the same."""

    def no_lcd() -> Lcd:
        raise BusError(BusFault.NO_BUS, "/dev/i2c-1: no such bus")

    def no_stick() -> EmulatedStick:
        raise StickError(StickFault.ABSENT, "no BlinkStick found")

    glass, stick = EmulatedLcd(SIZE_16X2), EmulatedStick()
    there = _outlets(glass, stick, SIZE_16X2)
    assert say(CRASHED, Outlets(no_lcd, no_stick, SIZE_16X2), wall=WALL) == (
        "/dev/i2c-1: no such bus",
        "no BlinkStick found",
    )
    assert say(CRASHED, Outlets(there.lcd, no_stick, SIZE_16X2), wall=WALL) == ("no BlinkStick found",)
    assert glass.glass()[0] == "MONITOR CRASHED "
    assert say(CRASHED, Outlets(no_lcd, there.stick, SIZE_16X2), wall=WALL) == ("/dev/i2c-1: no such bus",)
    assert stick.colours[-1] != (0, 0, 0)
    assert say(CRASHED, Outlets(None, None, SIZE_16X2), wall=WALL) == ()


def test_a_device_that_hangs_is_left_and_the_other_speaks() -> None:
    """Whatever a bus does, the command is over within the time it was given."""
    let_go = threading.Event()

    class Hanging(EmulatedLcd):
        """Answers the first question, and then holds its line."""

        @override
        def write(self, address: int, data: bytes) -> None:
            """Hang."""
            let_go.wait()

    class HangingStick(EmulatedStick):
        """Takes a colour and never says so."""

        @override
        def show(self, colours: Sequence[tuple[int, int, int]]) -> None:
            """Hang."""
            let_go.wait()

    glass, stick = EmulatedLcd(SIZE_16X2), EmulatedStick()
    began = time.monotonic()
    try:
        told = say(CRASHED, _outlets(Hanging(SIZE_16X2), stick, SIZE_16X2), wall=WALL, within=2.0)
        assert [text.split()[0] for text in told] == ["LCD"]
        assert stick.colours[-1] != (0, 0, 0)
        told = say(CRASHED, _outlets(glass, HangingStick(), SIZE_16X2), wall=WALL, within=2.0)
        assert [text.split()[0] for text in told] == ["BlinkStick"]
        assert glass.glass()[0] == "MONITOR CRASHED "
        told = say(CRASHED, _outlets(Hanging(SIZE_16X2), HangingStick(), SIZE_16X2), wall=WALL, within=2.0)
        assert len(told) == 2
        assert time.monotonic() - began < 15.0
    finally:
        let_go.set()
    assert all("Next: " in text for text in told)


def test_settings_count_and_where_they_cannot_be_read_what_was_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that breaks the service must not silence it too."""
    for name in ("SCIABC_PANEL_LCD", "SCIABC_PANEL_LAMP"):
        monkeypatch.delenv(name, raising=False)
    good, broken = tmp_path / "good.toml", tmp_path / "broken.toml"
    good.write_text('[panel]\nsize = "20x4"\ni2c_bus = 3\n', encoding="utf-8")
    broken.write_text("[panel\n", encoding="utf-8")
    installed = ("size=20x4", "i2c_bus=7", "lamp=off")
    assert panel_settings(good, installed).i2c_bus == 3
    for file in (broken, tmp_path / "gone.toml", tmp_path):
        found = panel_settings(file, installed)
        assert (found.size, found.i2c_bus, found.lamp) == ("20x4", 7, "off")
        assert panel_settings(file, ()) == PanelSettings()
        for nonsense in (("size=1x1",), ("no value",), ("i2c_bus=many",)):
            assert panel_settings(file, nonsense) == PanelSettings()


def test_the_command_ends_well_where_nothing_can_be_said(shell: Shell) -> None:
    """No device: a line each on standard error, none on standard output, and exit status 0."""
    devices = {"SCIABC_PANEL_LCD": "auto", "SCIABC_PANEL_LAMP": "auto", "SCIABC_PANEL_I2C_BUS": "255"}
    for ending in Ending:
        done = shell.run("last-words", ending.value, **devices)
        assert (done.returncode, done.stdout) == (0, "")
        assert f"last words ({ending}): /dev/i2c-255" in done.stderr
        assert all(line.startswith("sciabc-tui: ") for line in done.stderr.splitlines())
    done = shell.run("last-words", **_environ("signal", "killed", "SEGV"), **devices)
    assert done.returncode == 0
    assert "last words (crashed, signal 11)" in done.stderr
    done = shell.run("last-words", **_environ("exit-code", "exited", str(BUSY)), **devices)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_broken_settings_file_does_not_hinder(shell: Shell) -> None:
    """The devices are then those of the command line."""
    broken = shell.home / "broken.toml"
    broken.write_text("size = ", encoding="utf-8")
    done = shell.run("--config", str(broken), "last-words", "crashed", "--panel", "i2c_bus=254")
    assert (done.returncode, done.stdout) == (0, "")
    assert "/dev/i2c-254: " in done.stderr


def test_a_living_service_keeps_its_panel(shell: Shell, service: Serving) -> None:
    """Last words over a page that is still driven would be a lie."""
    done = shell.run("last-words", "stopped")
    assert done.returncode == 1
    assert "A head service drives the panel. Next: " in done.stderr


def test_it_needs_little(shell: Shell) -> None:
    """While it loads, the glass shows the old page: no server, no ssh, no screen, no command line."""
    heavy = ("aiohttp", "paramiko", "zeroconf", "textual", "typer", "sqlite3", "psutil", "pyroute2", "rich")
    code = f"import sys, sciabc_tui.cli.parting; print(*(n for n in {heavy} if n in sys.modules))"
    found = shell.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=found, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_second_service_says_that_it_is_the_second(shell: Shell) -> None:
    """Its exit status tells systemd not to try again, and the last words not to speak for the first."""
    first = shell.start("head")
    try:
        assert first.stderr is not None
        assert any("serving" in line for line in first.stderr)
        second = shell.run("head")
        assert (second.returncode, "runs" in second.stderr) == (BUSY, True)
    finally:
        first.send_signal(signal.SIGTERM)
        first.communicate(timeout=20)
