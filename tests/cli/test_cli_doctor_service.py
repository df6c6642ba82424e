"""What is judged of the head service, its socket's folder and its unit."""

import os
import stat
from pathlib import Path

import pytest

from sciabc_tui.cli.checks.findings import Verdict
from sciabc_tui.cli.checks.machine import Machine, Said
from sciabc_tui.cli.checks.service import (
    Rundir,
    Sight,
    Standing,
    Unit,
    ask_service,
    judge_rundir,
    judge_service,
    judge_unit,
    look_at_rundir,
    look_at_unit,
)
from sciabc_tui.cluster.state import Head, State
from sciabc_tui.config import PathSettings
from tests.api.scripted import Serving

HERE = stat.S_IFDIR | 0o700
RUNS = Sight(Standing.RUNS, State(wall=7300.0, head=Head("h", "pi", "0.1.0", 100.0)))
NONE = Sight(Standing.NONE, problem="No head service is running. Next: sciabc-tui head")


def test_nobody_on_the_socket_is_no_service(home: Path) -> None:
    """No folder, no socket, and a socket that a dead service left: all the same."""
    paths = PathSettings(runtime=str(home / "run"))
    assert ask_service(paths).standing is Standing.NONE
    (home / "run").mkdir()
    assert ask_service(paths).standing is Standing.NONE
    (home / "run" / "api.sock").touch()
    assert ask_service(paths).standing is Standing.NONE


def test_a_service_gives_its_state(home: Path, service: Serving) -> None:
    """The whole of it, unless it only simulates."""
    sight = ask_service(PathSettings(runtime=str(home / "run")))
    assert sight.standing is Standing.RUNS
    assert sight.real == service.backend.state
    assert not sight.leaves_devices


def test_a_folder_that_is_closed_to_us_is_anothers(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its devices are not touched, and the text says whom to be."""
    paths = PathSettings(runtime=str(home / "run"))
    (home / "run").mkdir()
    (home / "run" / "api.sock").touch()
    monkeypatch.setattr(os, "geteuid", lambda: 4242)
    sight = ask_service(paths)
    assert sight.standing is Standing.FOREIGN
    assert not sight.leaves_devices
    found = judge_service(sight, "0.1.0")
    assert found.verdict is Verdict.FAIL
    assert found.fix.startswith("Next: sudo -u ")


def test_a_service_that_runs_is_well() -> None:
    """With its age, its version and whose it is."""
    found = judge_service(RUNS, "0.1.0")
    assert (found.verdict, found.value) == (Verdict.OK, "runs for 2h00m, version 0.1.0, user pi")


def test_a_simulation_says_nothing_of_this_machine() -> None:
    """It is told, its state is not believed, and it holds no device."""
    sight = Sight(Standing.RUNS, State(head=Head(version="0.1.0", simulated=True)))
    assert sight.real is None
    assert sight.leaves_devices
    assert judge_service(sight, "0.1.0").verdict is Verdict.WARN


@pytest.mark.parametrize(
    ("rundir", "verdict", "value"),
    [
        (Rundir("/run/x"), Verdict.ABSENT, "/run/x: made when the service starts"),
        (Rundir("/run/x", makeable=False), Verdict.FAIL, "/run/x can't be made by this user"),
        (Rundir("/run/x", HERE), Verdict.OK, "/run/x"),
        (Rundir("/run/x", stat.S_IFREG | 0o600), Verdict.FAIL, "/run/x is no folder"),
        (Rundir("/run/x", HERE, owner=0, me=1000), Verdict.FAIL, "/run/x belongs to root"),
        (Rundir("/run/x", HERE | 0o020), Verdict.FAIL, "others may write to /run/x"),
        (Rundir("/x", socket_bytes=108), Verdict.FAIL, "/x is too long for a socket (107 bytes)"),
    ],
)
def test_the_socket_folder_is_judged_as_the_service_will(
    rundir: Rundir, verdict: Verdict, value: str
) -> None:
    """What the service would refuse at its start is told before."""
    found = judge_rundir(rundir)
    assert (found.verdict, found.value) == (verdict, value)
    assert bool(found.fix) is (verdict is Verdict.FAIL)


def test_looking_at_the_socket_folder_does_not_make_it(home: Path) -> None:
    """What is not there is not there afterwards."""
    paths = PathSettings(runtime=str(home / "run"))
    assert (look_at_rundir(paths).mode, look_at_rundir(paths).makeable) == (None, True)
    assert not look_at_rundir(PathSettings(runtime="/dev/null/run")).makeable
    assert not (home / "run").exists()
    (home / "run").mkdir(mode=0o700)
    found = look_at_rundir(paths)
    assert found.mode == HERE
    assert found.socket_bytes == len(str(home / "run" / "api.sock"))


def _said(**properties: str) -> Said:
    return Said(0, "\n".join(f"{name}={value}" for name, value in properties.items()))


class Systemctl:
    """Answers as systemctl would, and keeps what it was asked."""

    def __init__(self, **answers: Said) -> None:
        self.answers = answers
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, command: tuple[str, ...]) -> Said:
        """Answer for the system's manager, or the user's."""
        self.asked.append(command)
        return self.answers.get(command[1].removeprefix("--"), Said(1, "Failed to connect to bus"))


def test_no_systemd_no_unit(tmp_path: Path) -> None:
    """Where systemd does not run, it is not asked."""
    systemctl = Systemctl()
    assert look_at_unit(Machine(tmp_path, systemctl), "pi") is None
    assert systemctl.asked == []
    assert judge_unit(None, NONE).verdict is Verdict.ABSENT


def test_the_systems_unit_is_found_before_the_users_own(tmp_path: Path) -> None:
    """In systemd's own words."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    own = _said(LoadState="loaded", UnitFileState="enabled", ActiveState="active", Result="success")
    none = _said(LoadState="not-found", ActiveState="inactive")
    machine = Machine(tmp_path, Systemctl(system=own))
    assert look_at_unit(machine, "pi") == Unit(True, "enabled", "active", "success")
    machine = Machine(tmp_path, Systemctl(system=none, user=own))
    assert look_at_unit(machine, "pi") == Unit(False, "enabled", "active", "success")
    assert look_at_unit(Machine(tmp_path, Systemctl(system=none)), "pi") == Unit()


def test_a_systemctl_that_is_silent_says_nothing_of_a_unit(tmp_path: Path) -> None:
    """It is not taken for a unit that is missing, and not asked a second time."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    systemctl = Systemctl(system=Said(None))
    assert look_at_unit(Machine(tmp_path, systemctl), "pi") == Unit(silent=True)
    assert len(systemctl.asked) == 1


def test_lingering_is_seen(tmp_path: Path) -> None:
    """A user's unit runs with nobody logged in only then."""
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger").mkdir(parents=True)
    (tmp_path / "var/lib/systemd/linger/pi").touch()
    own = _said(LoadState="loaded", UnitFileState="enabled", ActiveState="active")
    found = look_at_unit(Machine(tmp_path, Systemctl(user=own)), "pi")
    assert found is not None
    assert found.lingers
    assert judge_unit(found, RUNS).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("unit", "sight", "verdict", "fix"),
    [
        (Unit(silent=True), NONE, Verdict.WARN, "Next: systemctl status sciabc.service, by hand"),
        (Unit(), NONE, Verdict.ABSENT, "Next: sciabc-tui install-service"),
        (Unit(True, "enabled", "active"), RUNS, Verdict.OK, ""),
        (
            Unit(True, "enabled", "active"),
            NONE,
            Verdict.WARN,
            "Next: log in as its user, or compare paths.runtime (sciabc-tui config) and $XDG_RUNTIME_DIR",
        ),
        (
            Unit(True, "disabled", "active"),
            RUNS,
            Verdict.WARN,
            "Next: sudo systemctl enable --now sciabc.service",
        ),
        (
            Unit(True, "enabled", "failed", "watchdog"),
            NONE,
            Verdict.FAIL,
            "Next: journalctl -u sciabc.service -e",
        ),
        (Unit(True, "enabled", "inactive"), NONE, Verdict.FAIL, "Next: journalctl -u sciabc.service -e"),
        (
            Unit(True, "enabled", "inactive"),
            RUNS,
            Verdict.FAIL,
            "Next: end the other one, then sudo systemctl start sciabc.service",
        ),
        (Unit(False, "enabled", "active"), RUNS, Verdict.WARN, "Next: sudo loginctl enable-linger $USER"),
        (
            Unit(False, "enabled", "failed", "exit-code", lingers=True),
            NONE,
            Verdict.FAIL,
            "Next: journalctl --user -u sciabc.service -e",
        ),
    ],
)
def test_the_unit_starts_with_the_machine_or_the_fix_is_told(
    unit: Unit, sight: Sight, verdict: Verdict, fix: str
) -> None:
    """Installed, enabled, active, and there with nobody logged in."""
    found = judge_unit(unit, sight)
    assert (found.verdict, found.fix) == (verdict, fix)
