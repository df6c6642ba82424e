"""What `install-service` writes, on a real systemd: it starts, is watched, comes back, and goes again."""

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sciabc_tui.cli.installer import LOGINS, MODULES, RULES
from sciabc_tui.cli.unit import UNIT
from tests.cli.systemd_machine import UID, USER, SystemdMachine, need_machine

pytestmark = [pytest.mark.lab, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SystemdMachine]:
    """Give a machine that runs, for all tests here."""
    need_machine()
    with SystemdMachine(tmp_path_factory.mktemp("machine")) as machine:
        yield machine


@pytest.fixture
def installed(machine: SystemdMachine) -> SystemdMachine:
    """Give it with a service that runs."""
    machine.run("systemctl", "reset-failed", "sciabc")  # its starts are counted, and these are many
    done = machine.program("install-service", "--yes", SUDO_USER=USER)
    assert done.returncode == 0, done.stderr + machine.journal()
    return machine


def _property(machine: SystemdMachine, name: str) -> str:
    return machine.run("systemctl", "show", "--property", name, "--value", "sciabc").stdout.strip()


def _until_said_again(machine: SystemdMachine, text: str, act: Callable[[], object]) -> None:
    """Do something, and wait until the journal has that text once more."""
    before = machine.journal().count(text)
    act()
    machine.until(lambda: machine.journal().count(text) > before)


def test_it_runs_as_its_user_and_his_commands_find_it(installed: SystemdMachine) -> None:
    """With nobody logged in, and with no more rights than he has."""
    assert _property(installed, "ActiveState") == "active"
    assert installed.run("systemctl", "is-enabled", "sciabc").stdout == "enabled\n"
    status = installed.program("status", user=USER)
    assert (status.returncode, "external IP" in status.stdout) == (0, True), status.stderr
    process = Path("/proc") / _property(installed, "MainPID") / "status"
    facts = installed.run("cat", str(process)).stdout
    assert f"Uid:\t{UID}\t{UID}" in facts
    assert "CapBnd:\t0000000000000000" in facts
    assert "NoNewPrivs:\t1" in facts


def test_who_logs_out_takes_nothing_along(installed: SystemdMachine) -> None:
    """Neither the socket, which lies where sessions have their own, nor what a job's ranks share."""
    before = _property(installed, "MainPID")
    installed.run("sh", "-c", f"echo shared > /dev/shm/rank; chown {USER} /dev/shm/rank")
    session = f"user@{UID}.service"
    installed.run("loginctl", "enable-linger", USER)
    installed.until(lambda: installed.run("systemctl", "is-active", session).stdout == "active\n")
    installed.run("loginctl", "disable-linger", USER)
    installed.until(lambda: installed.run("systemctl", "is-active", session).stdout == "inactive\n")
    installed.until(lambda: USER not in installed.run("loginctl", "list-users").stdout)
    assert installed.run("cat", "/dev/shm/rank").stdout == "shared\n"
    assert installed.program("status", user=USER).returncode == 0
    assert _property(installed, "MainPID") == before


def test_installing_again_disturbs_nothing(installed: SystemdMachine) -> None:
    """The same process runs on."""
    before = _property(installed, "MainPID")
    done = installed.program("install-service", "--yes", SUDO_USER=USER)
    assert done.stdout.count("as it is") == 4
    assert _property(installed, "MainPID") == before


def test_a_killed_service_says_so_and_comes_back(installed: SystemdMachine) -> None:
    """SIGKILL: last words, then a new process."""
    before = _property(installed, "MainPID")
    _until_said_again(
        installed,
        "last words (crashed, signal 9)",
        lambda: installed.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", "sciabc"),
    )
    installed.until(
        lambda: (
            _property(installed, "MainPID") not in {before, "0"}
            and _property(installed, "ActiveState") == "active"
        )
    )


def test_who_comes_while_it_starts_again_waits_for_it(installed: SystemdMachine) -> None:
    """A command that would start a service of its own must not take the place of the one that comes back."""
    before = _property(installed, "MainPID")
    installed.run("systemctl", "kill", "--signal=KILL", "--kill-who=main", "sciabc")
    done = installed.program("run", "--detach", "-n", "1", "true", user=USER)
    assert "runs already" not in done.stderr
    installed.until(lambda: _property(installed, "ActiveState") == "active")
    assert _property(installed, "MainPID") not in {before, "0"}
    # a child of the service, before its execve(2), has that command line too; both services are systemd's
    count = ("pgrep", "--count", "--parent", "1", "-f", "sciabc_tui.cli.daemon")
    assert installed.run(*count).stdout == "1\n"


def test_a_hung_service_is_ended_and_comes_back(installed: SystemdMachine) -> None:
    """No sign of life within systemd's patience (here 3 s): where it hung stands in the journal."""
    drop_in = f"{UNIT}.d"
    installed.run("mkdir", "-p", drop_in)
    installed.run("sh", "-c", f"printf '[Service]\\nWatchdogSec=3s\\n' > {drop_in}/soon.conf")
    installed.run("systemctl", "daemon-reload")
    installed.run("systemctl", "restart", "sciabc")
    try:
        hung = _property(installed, "MainPID")
        _until_said_again(
            installed, "last words (crashed, hung)", lambda: installed.run("kill", "-STOP", hung)
        )
        # another stream of the journal's: it may be read after the one of the last words
        installed.until(lambda: "Fatal Python error: Aborted" in installed.journal())
        installed.until(lambda: _property(installed, "ActiveState") == "active")
    finally:
        installed.run("rm", "-r", drop_in)
        installed.run("systemctl", "daemon-reload")


def test_a_stopped_service_says_so_and_stays_away(installed: SystemdMachine) -> None:
    """On purpose is no crash: no failure, no restart; what it started for jobs may live on."""
    _until_said_again(installed, "last words (stopped)", lambda: installed.run("systemctl", "stop", "sciabc"))
    assert _property(installed, "ActiveState") == "inactive"
    assert _property(installed, "Result") == "success"


def test_a_second_service_gives_way_and_is_not_tried_again(installed: SystemdMachine) -> None:
    """Where a head service of the user's own runs, systemd's says so once."""
    installed.run("systemctl", "stop", "sciabc")
    before = installed.journal()
    held = f"exec 9> /home/{USER}/.local/state/sciabc/head.lock; flock 9; systemctl start sciabc"
    assert installed.run("sh", "-c", held).returncode != 0
    assert _property(installed, "ActiveState") == "failed"
    refusal = "already. Next: sciabc-tui status"
    installed.until(lambda: refusal in installed.journal().removeprefix(before))
    said = installed.journal().removeprefix(before)
    assert said.count(refusal) == 1
    # the journal may get those of the stop above only now
    assert "last words" not in said.replace("last words (stopped)", "")


def test_a_job_outlives_a_stop_and_is_found_again(installed: SystemdMachine) -> None:
    """Neither systemd nor the service ends what the service started for a job (`KillMode=process`)."""
    script = f"echo began; while [ ! -e /home/{USER}/go ]; do sleep 0.1; done; echo went on"
    done = installed.program("run", "--detach", "-n", "1", "sh", "-c", script, user=USER)
    if "mpirun" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    number = str(_newest_job(installed)["id"])
    installed.until(lambda: "began" in installed.program("logs", number, user=USER).stdout)
    installed.run("systemctl", "stop", "sciabc")
    installed.run("systemctl", "start", "sciabc")
    assert _newest_job(installed)["state"] == "running"
    installed.run("touch", f"/home/{USER}/go")
    installed.until(lambda: "went on" in installed.program("logs", number, user=USER).stdout)


def _newest_job(machine: SystemdMachine) -> Mapping[str, object]:
    return json.loads(machine.program("jobs", "--json", user=USER).stdout)["jobs"][0]


def test_uninstalling_leaves_nothing(installed: SystemdMachine) -> None:
    """The service is ended, the files are gone, and a second time there is nothing to do."""
    done = installed.program("install-service", "--uninstall", "--yes")
    assert done.returncode == 0, done.stderr
    for place in (UNIT, RULES, MODULES, LOGINS):
        assert f"removed {place}" in done.stdout
        assert installed.run("test", "-e", str(place)).returncode == 1
    assert _property(installed, "LoadState") == "not-found"
    again = installed.program("install-service", "--uninstall", "--yes")
    assert "There was nothing to remove." in again.stdout


def test_nothing_is_done_before_somebody_said_yes(installed: SystemdMachine) -> None:
    """It shows what it will do, and asks; any other answer, or none, leaves all as it is."""
    before = _property(installed, "MainPID")
    for typed in ("n\n", "", "\n", "maybe\n"):
        kept = installed.program("install-service", "--uninstall", typed=typed)
        assert (kept.returncode, "Nothing was removed" in kept.stderr) == (1, True)
    assert _property(installed, "MainPID") == before
    assert "removed" in installed.program("install-service", "--uninstall", typed="y\n").stdout
    for typed in ("n\n", ""):
        refused = installed.program("install-service", typed=typed, SUDO_USER=USER)
        assert (refused.returncode, f"  {UNIT}  new\n" in refused.stdout) == (1, True)
        assert "Nothing was written" in refused.stderr
    assert installed.run("test", "-e", str(UNIT)).returncode == 1
    done = installed.program("install-service", typed="YES\n", SUDO_USER=USER)
    assert done.returncode == 0, done.stderr
    assert _property(installed, "ActiveState") == "active"


def test_a_machine_that_goes_down_is_told_from_a_service_that_is_stopped(tmp_path: Path) -> None:
    """The same command, asked of a systemd that stops everything."""
    need_machine()
    with SystemdMachine(tmp_path) as machine:
        done = machine.program("install-service", "--yes", SUDO_USER=USER)
        assert done.returncode == 0, done.stderr
        machine.run("systemctl", "poweroff")
        machine.until(lambda: "last words (" in machine.journal())
        assert "last words (shutdown)" in machine.journal()
