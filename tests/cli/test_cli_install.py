"""`sciabc-tui install-service`: what it writes, that it is all or nothing, and what it refuses."""

import fcntl
import os
import pwd
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from sciabc_tui.cli import installer as module
from sciabc_tui.cli.installer import HOOK, LOGINS, MODULES, PLACES, RULES, Change, Installer, files
from sciabc_tui.cli.unit import (
    MARK,
    SERVICE,
    UNIT,
    Owner,
    Plan,
    farewell_command,
    service_unit,
    shutdown_hook,
)
from sciabc_tui.cli.unit_plan import find_owner, hindrance, make_plan
from sciabc_tui.errors import CommandRefused, ConfigError
from tests.cli.shell import ROOT, Shell
from tests.cli.systemd_machine import give_up

SOMEBODY = next(found for found in pwd.getpwall() if found.pw_uid != 0)
MOST_EXPOSED = 2.5
"""Of 10, as `systemd-analyze security` judges it; 2.3 when this was written."""


def _owner(home: Path) -> Owner:
    return Owner("pi", 1000, 1000, home)


@dataclass
class Machine:
    """A root directory, and commands that only pretend; one of them may fail."""

    root: Path
    fails: str = ""
    ran: list[str] = field(default_factory=list[str])

    def __call__(self, command: Sequence[str]) -> None:
        """Run a command."""
        line = " ".join(command)
        self.ran.append(line)
        if self.fails and self.fails in line:
            raise CommandRefused(f"{line}: it fails. Next: nothing")

    def installer(self, plan: Plan) -> Installer:
        """Install into it."""
        return Installer(files(plan), self, root=self.root)

    def at(self, path: Path) -> Path:
        """Give where a file of this machine is."""
        return self.root / path.relative_to("/")

    def held(self) -> Mapping[str, tuple[bytes, int]]:
        """Give each file with its content and mode."""
        found = [path for path in self.root.rglob("*") if path.is_file()]
        return {str(path): (path.read_bytes(), path.stat().st_mode) for path in found}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine with nothing installed."""
    return Machine(tmp_path)


PLAN = Plan(_owner(Path("/home/pi")), panel=("size=20x4",))
STEPS = (
    "groupadd --force --system i2c",
    "groupadd --force --system plugdev",
    "modprobe i2c-dev",
    "udevadm control --reload",
    "systemctl kill --signal=HUP systemd-logind.service",
    "udevadm trigger --subsystem-match=i2c-dev",
    "udevadm trigger --subsystem-match=usb --attr-match=idVendor=20a0",
    "systemctl daemon-reload",
    "systemctl enable sciabc.service",
    "systemctl restart sciabc.service",
)


def test_all_is_written_and_then_started(machine: Machine) -> None:
    """Groups first, for a unit that names a missing one does not start; the service last."""
    installer = machine.installer(PLAN)
    assert dict(installer.changes()) == dict.fromkeys(PLACES, Change.NEW)
    assert installer.install() == ()
    assert tuple(machine.ran) == STEPS
    for file in files(PLAN):
        place = machine.at(file.path)
        assert place.read_text(encoding="utf-8") == file.text
        assert place.stat().st_mode & 0o7777 == file.mode
        assert MARK in file.text.splitlines()[:2]
    assert len(machine.held()) == len(PLACES)
    assert [os.access(machine.at(path), os.X_OK) for path in (HOOK, UNIT)] == [True, False]


def test_a_second_time_changes_nothing(machine: Machine) -> None:
    """Nothing is written, and a running service is not disturbed."""
    machine.installer(PLAN).install()
    before = {path: path.stat().st_mtime_ns for path in map(machine.at, PLACES)}
    machine.ran.clear()
    installer = machine.installer(PLAN)
    assert {change for _, change in installer.changes()} == {Change.SAME}
    installer.install()
    assert {path: path.stat().st_mtime_ns for path in map(machine.at, PLACES)} == before
    assert machine.ran[-1] == "systemctl start sciabc.service"


def test_what_changed_is_renewed_and_what_is_not_wanted_goes(machine: Machine) -> None:
    """A file of ours that an earlier version wrote, or somebody edited or made unreadable, is put right."""
    machine.installer(PLAN).install()
    machine.at(RULES).chmod(0o600)
    machine.at(MODULES).write_text(f"{MARK}\nsomething old\n", encoding="utf-8")
    installer = machine.installer(replace(PLAN, halted=False))
    assert dict(installer.changes()) == {
        UNIT: Change.SAME,
        RULES: Change.CHANGED,
        MODULES: Change.CHANGED,
        LOGINS: Change.SAME,
        HOOK: Change.GONE,
    }
    installer.install()
    assert {machine.at(path).exists() for path in (UNIT, RULES, MODULES)} == {True}
    assert not machine.at(HOOK).exists()
    assert {change for _, change in installer.changes()} == {Change.SAME}
    assert machine.ran[-1] == "systemctl restart sciabc.service"


@pytest.mark.parametrize("place", PLACES, ids=str)
@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_not_ours_is_left_alone(machine: Machine, place: Path, kind: str) -> None:
    """A file somebody else wrote, a masked unit, a folder: refused before anything is touched."""
    foreign = machine.at(place)
    foreign.parent.mkdir(parents=True)
    match kind:
        case "file":
            foreign.write_text("[Unit]\n", encoding="utf-8")
        case "link":
            foreign.symlink_to("/dev/null")
        case _:
            foreign.mkdir()
    before = machine.held()
    with pytest.raises(CommandRefused, match=f"{place} is there and not ours. Next: "):
        machine.installer(PLAN).install()
    assert machine.installer(PLAN).uninstall() == ()
    assert (machine.held(), machine.ran) == (before, [])
    assert foreign.is_symlink() == (kind == "link")


@pytest.mark.parametrize("older", [False, True], ids=["fresh", "over an older one"])
@pytest.mark.parametrize("step", [step for step in STEPS if "restart" not in step])
def test_a_failure_on_the_way_leaves_all_as_it_was(machine: Machine, step: str, older: bool) -> None:
    """Nothing stays half-installed; what only eases things (modprobe, udevadm) is told and left."""
    if older:
        machine.installer(replace(PLAN, panel=(), bus=3, halted=False)).install()
    before = machine.held()
    machine.fails = step
    if step.startswith(("modprobe", "udevadm", "systemctl kill")):
        assert machine.installer(PLAN).install() == (f"{step}: it fails. Next: nothing",)
        return
    with pytest.raises(CommandRefused, match="it fails"):
        machine.installer(PLAN).install()
    assert machine.held() == before
    assert not any("start" in line for line in machine.ran[len(STEPS) * older :])


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_a_file_that_cannot_be_written_leaves_all_as_it_was(machine: Machine, place: Path) -> None:
    """A read-only or strange file system: one line that names the file, and nothing else is there."""
    in_the_way = machine.at(place).parent
    in_the_way.parent.mkdir(parents=True, exist_ok=True)
    in_the_way.write_text("no folder", encoding="utf-8")
    before = machine.held()
    with pytest.raises(CommandRefused, match="Next: ls -ld"):
        machine.installer(PLAN).install()
    assert machine.held() == before


def test_a_full_disk_leaves_all_as_it_was(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a unit is never seen: what was not wholly written does not get its name."""
    machine.installer(replace(PLAN, panel=())).install()
    before = machine.held()

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(CommandRefused, match=r"No space left on device\. Next: "):
        machine.installer(PLAN).install()
    monkeypatch.undo()
    assert machine.held() == before


def test_a_service_that_does_not_start_stays_installed_and_is_told(machine: Machine) -> None:
    """The files are right; what hinders stands in the journal, and the next boot tries again."""
    machine.fails = "restart"
    with pytest.raises(CommandRefused, match=r"restart sciabc\.service: it fails"):
        machine.installer(PLAN).install()
    assert {machine.at(path).exists() for path in PLACES} == {True}


def test_uninstalling_removes_ours_and_nothing_else(machine: Machine) -> None:
    """The service is ended first; a second time there is nothing to do."""
    machine.installer(PLAN).install()
    other = machine.at(UNIT).with_name("other.service")
    other.write_text("[Unit]\n", encoding="utf-8")
    machine.ran.clear()
    assert set(machine.installer(PLAN).uninstall()) == set(PLACES)
    assert list(machine.held()) == [str(other)]
    assert machine.ran[0] == "systemctl disable --now sciabc.service"
    machine.ran.clear()
    assert machine.installer(PLAN).uninstall() == ()
    assert machine.ran == []


# ------------------------------------------------------------------ the texts


def _directives(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_the_unit_runs_the_program_as_its_user() -> None:
    """The very interpreter that installed it; his home and his runtime directory; last words at the end."""
    unit = _directives(service_unit(replace(PLAN, config=Path("/home/pi/b c.toml"))))
    assert unit["User"] == ["pi"]
    assert "XDG_RUNTIME_DIR=/run/user/1000" in unit["Environment"]
    assert unit["Wants"] == ["user-runtime-dir@1000.service"]
    (start,), (stop,) = map(shlex.split, unit["ExecStart"]), map(shlex.split, unit["ExecStopPost"])
    assert start[1:4] == ["-P", "-m", "sciabc_tui.cli.daemon"]
    assert stop == farewell_command(replace(PLAN, config=Path("/home/pi/b c.toml")))
    for command in (start, stop):
        assert Path(command[0]).is_absolute()
        assert command[command.index("--config") + 1] == "/home/pi/b c.toml"
    assert stop[-2:] == ["--panel", "size=20x4"]


def test_jobs_outlive_the_service() -> None:
    """At a stop only the service itself is ended, also when memory ran out for a rank (jobs.detach)."""
    unit = _directives(service_unit(PLAN))
    assert (unit["KillMode"], unit["OOMPolicy"]) == (["process"], ["continue"])
    assert "PrivateTmp" not in unit
    assert {"/home/pi", "/tmp", "/var/tmp"} <= set(unit["ReadWritePaths"][0].split())


@pytest.mark.parametrize("character", list("\"'\\%$;#\n\x1b"))
def test_a_path_that_systemd_would_read_its_own_way_is_refused(character: str) -> None:
    """Nothing in a path becomes a directive, a specifier or a variable."""
    strange = replace(PLAN, owner=_owner(Path(f"/home/p{character}i")))
    with pytest.raises(CommandRefused, match="systemd reads"):
        service_unit(strange)


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        replace(
            PLAN,
            owner=_owner(Path("/home/the pi")),
            config=Path("/home/the pi/a.toml"),
            runtime=Path("/run/briefcase/api"),
            writable=(Path("/srv/a b"),),
        ),
    ],
    ids=["usual", "odd"],
)
def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path, plan: Plan) -> None:
    """Every directive is known and understood, and the service has no more rights than it needs."""
    if shutil.which("systemd-analyze") is None:
        give_up("no systemd-analyze: sudo apt install systemd")
    unit = tmp_path / SERVICE
    unit.write_text(service_unit(plan), encoding="utf-8")
    verified = subprocess.run(
        ["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False
    )
    complaints = [line for line in verified.stderr.splitlines() if str(unit) in line or SERVICE in line]
    assert (verified.returncode, complaints) == (0, [])
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={MOST_EXPOSED * 10:.0f}", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert judged.returncode == 0, judged.stdout[-200:]


@pytest.mark.parametrize(
    ("action", "ending"),
    [("halt", "halted"), ("poweroff", "halted"), ("reboot", "restarting"), ("kexec", "restarting")],
)
@pytest.mark.skipif(os.geteuid() != 0, reason="root: the hook changes its user")
def test_the_hook_says_when_power_may_go(tmp_path: Path, action: str, ending: str) -> None:
    """As systemd-shutdown runs it, with hardly an environment: one that comes back is not safe to unplug."""
    hook, groups = tmp_path / "hook", tmp_path / "group"
    owner = Owner("root", 0, 0, tmp_path)  # the tests' Python may be where nobody else can read it
    text = shutdown_hook(Plan(owner, panel=("i2c_bus=255",)))
    # this machine may be busy with other tests when a Python begins
    hook.write_text(text.replace("timeout --kill-after=1 5 ", "timeout --kill-after=1 60 "), encoding="utf-8")
    hook.chmod(0o755)
    kept = [line for line in Path("/etc/group").read_text(encoding="utf-8").splitlines() if ":" in line]
    names = {line.split(":")[0] for line in kept}
    kept += [
        f"{name}:x:{64000 + place}:" for place, name in enumerate(("i2c", "plugdev")) if name not in names
    ]
    groups.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
    broken = tmp_path / ".config" / "sciabc" / "config.toml"
    broken.parent.mkdir(parents=True)
    broken.write_text("[panel", encoding="utf-8")  # so the devices are those of the installation
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", f"mount --bind {groups} /etc/group && exec {hook} {action}"],
        env={"PYTHONPATH": str(ROOT)},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert (done.returncode, done.stdout) == (0, "")
    assert f"last words ({ending}): /dev/i2c-255: " in done.stderr


def test_the_hook_never_runs_the_users_program_as_root() -> None:
    """Whoever can write the program would be root at the next shutdown."""
    text = shutdown_hook(PLAN)
    assert "setpriv --reuid=1000 --regid=1000 --groups=i2c,plugdev --no-new-privs" in text
    assert "timeout --kill-after=1 5" in text


# ------------------------------------------------------------------ whom, and what hinders


def test_the_service_runs_as_whoever_typed_sudo() -> None:
    """A name on the command line goes first; without sudo it is who asks."""
    sudo = {"SUDO_USER": SOMEBODY.pw_name}
    if not Path(SOMEBODY.pw_dir).is_dir():
        pytest.skip(f"{SOMEBODY.pw_name} has no home here")
    assert find_owner("", sudo, 0).uid == SOMEBODY.pw_uid
    assert find_owner(SOMEBODY.pw_name, {}, 0).name == SOMEBODY.pw_name
    assert find_owner("", {"SUDO_USER": "root"}, SOMEBODY.pw_uid).name == SOMEBODY.pw_name


@pytest.mark.parametrize(
    ("name", "environ", "text"),
    [
        ("", {}, "not as root"),
        ("root", {"SUDO_USER": SOMEBODY.pw_name}, "not as root"),
        ("", {"SUDO_USER": "root"}, "not as root"),
        ("nobody-of-that-name", {}, "There is no user nobody-of-that-name. Next: "),
        ("a\0b", {}, "There is no user"),
    ],
)
def test_a_wrong_user_is_refused(name: str, environ: dict[str, str], text: str) -> None:
    """Root would run no job; somebody who is not there has no keys."""
    with pytest.raises(CommandRefused, match=text):
        find_owner(name, environ, 0)


def test_a_user_without_a_home_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such a one has no keys and no place for jobs."""
    homeless = pwd.struct_passwd(("ghost", "x", 4711, 4711, "", "/nonexistent", "/bin/false"))

    def found(_name: str) -> pwd.struct_passwd:
        return homeless

    monkeypatch.setattr(pwd, "getpwnam", found)
    with pytest.raises(CommandRefused, match="ghost has no home directory"):
        find_owner("ghost", {}, 0)


def _configured(home: Path, text: str) -> Owner:
    file = home / ".config" / "sciabc" / "config.toml"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    return _owner(home)


def test_the_plan_follows_the_users_own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not root's, and not those of an environment that the service will not have."""
    monkeypatch.setenv("SCIABC_PANEL_I2C_BUS", "9")
    monkeypatch.setenv("HOME", "/root")
    outside = tmp_path / "outside"
    outside.mkdir()
    home = tmp_path / "home"
    owner = _configured(
        home,
        f'[panel]\nsize = "20x4"\ni2c_bus = 3\n[paths]\nstate = "{outside}"\nruntime = "/run/briefcase"\n',
    )
    plan, state = make_plan(owner, None)
    assert (plan.bus, set(plan.panel)) == (3, {"size=20x4", "i2c_bus=3"})
    assert (plan.runtime, plan.writable, state) == (Path("/run/briefcase"), (outside,), outside)
    unit = _directives(service_unit(plan))
    assert unit["RuntimeDirectory"] == ["briefcase"]
    assert str(outside) in unit["ReadWritePaths"][0]


def test_without_settings_the_places_are_the_users_usual_ones(tmp_path: Path) -> None:
    """Where his commands look, too."""
    plan, state = make_plan(_owner(tmp_path), None)
    assert (plan.bus, plan.panel, plan.runtime, plan.writable) == (1, (), None, ())
    assert state == tmp_path / ".local" / "state" / "sciabc"


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (
            '[paths]\nstate = "/nowhere/at/all"\n',
            CommandRefused,
            "Next: sudo install -d -o pi /nowhere/at/all",
        ),
        ('[paths]\nstate = "relative"\n', ConfigError, "must begin with /"),
        ("[panel\n", ConfigError, "is not TOML"),
        ('[panel]\nsize = "1x1"\n', ConfigError, "panel.size"),
    ],
)
def test_settings_that_the_service_could_not_use_are_refused(
    tmp_path: Path, text: str, error: type[Exception], says: str
) -> None:
    """Better now than in the journal at the next boot."""
    with pytest.raises(error, match=says):
        make_plan(_configured(tmp_path, text), None)


def test_two_services_side_by_side_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the user's own systemd, or one that a control panel started: each is named, with what to do."""
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "systemctl").write_text("#!/bin/sh\nexit 3\n", encoding="utf-8")
    (tmp_path / "systemctl").chmod(0o755)
    owner = Owner("root", 0, 0, tmp_path) if os.geteuid() == 0 else _owner(tmp_path)
    state = tmp_path / "state"
    state.mkdir()
    with (state / "head.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "runs already, without systemd. Next: kill $(cat " in hindrance(owner, state)
    own = tmp_path / ".config" / "systemd" / "user" / SERVICE
    own.parent.mkdir(parents=True)
    own.touch()
    assert "Next: systemctl --user disable --now sciabc" in hindrance(owner, state)


@pytest.mark.skipif(os.geteuid() != 0, reason="root: tries the program as another user")
def test_a_program_that_its_user_cannot_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in root's home, say; who can run it is not refused."""
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o700)
    program = locked / "python"
    program.write_text("#!/bin/sh\nexit 0\n", encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(program))
    assert hindrance(Owner("root", 0, 0, tmp_path), tmp_path) == ""
    nobody = Owner("nobody", 65534, 65534, tmp_path)
    assert "nobody can't run " in hindrance(nobody, tmp_path)
    program.write_text("#!/bin/sh\necho 'No module named sciabc_tui' >&2; exit 1\n", encoding="utf-8")
    assert "(No module named sciabc_tui). Next: " in hindrance(Owner("root", 0, 0, tmp_path), tmp_path)


# ------------------------------------------------------------------ the command


def test_print_shows_every_file_and_writes_none(shell: Shell) -> None:
    """No root, no systemd needed; what is shown is what would be written."""
    if not Path(SOMEBODY.pw_dir).is_dir():
        pytest.skip(f"{SOMEBODY.pw_name} has no home here")
    done = shell.run("install-service", "--print", "--user", SOMEBODY.pw_name)
    assert done.returncode == 0, done.stderr
    for place in (UNIT, RULES, MODULES, LOGINS):
        assert f"==> {place} <==" in done.stdout
    assert f"\nUser={SOMEBODY.pw_name}\n" in done.stdout
    assert done.stdout.count(MARK) >= 3
    assert not any(place.exists() and MARK in place.read_text(encoding="utf-8") for place in PLACES)


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("install-service", "--print", "--uninstall"), 2, "exclude each other"),
        (("--demo", "install-service"), 1, "leave --demo out"),
        (("install-service", "--user", "nobody-of-that-name"), 1, "There is no user"),
    ],
)
def test_a_refusal_is_one_line(shell: Shell, arguments: tuple[str, ...], status: int, says: str) -> None:
    """With the reason and the next step."""
    done = shell.run(*arguments)
    assert (done.returncode, done.stdout) == (status, "")
    assert says in done.stderr


@pytest.mark.skipif(Path("/run/systemd/system").exists(), reason="systemd runs this machine")
@pytest.mark.parametrize("option", ["--yes", "--uninstall"])
def test_without_systemd_it_is_refused(shell: Shell, option: str) -> None:
    """And nothing is asked."""
    if not Path(SOMEBODY.pw_dir).is_dir():
        pytest.skip(f"{SOMEBODY.pw_name} has no home here")
    done = shell.run("install-service", option, SUDO_USER=SOMEBODY.pw_name)
    assert (done.returncode, done.stdout) == (1, "")
    assert "systemd does not run this machine. Next: sciabc-tui head" in done.stderr
