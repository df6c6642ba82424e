"""`doctor` on the command line: a line a check, an exit code, JSON, and an end that nothing can hold up."""

import dataclasses
import json
import os
import select
import signal
import socket
import time
from pathlib import Path

import pytest

from sciabc_tui.cli.checks.findings import Finding, Verdict
from sciabc_tui.cli.doctor import COLUMNS, lines, summary
from sciabc_tui.cluster.state import LampState, PanelView
from tests.api.scripted import Serving
from tests.cli.shell import ROOT, Shell

GUIDE = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")


def _report(shell: Shell, **environ: str) -> dict[str, dict[str, str]]:
    done = shell.run("doctor", "--json", **environ)
    report = json.loads(done.stdout)
    assert done.returncode == (0 if report["healthy"] else 1), done.stderr
    return {check["subject"]: check for check in report["checks"]}


def _answered(shell: Shell, *subjects: str, **environ: str) -> dict[str, dict[str, str]]:
    """Ask until none of these checks met its deadline, which is a warning: this machine may be busy."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        checks = _report(shell, **environ)
        asked = [checks[subject] for subject in subjects]
        if not any(check["verdict"] == "warn" and "no answer within" in check["value"] for check in asked):
            return checks
    pytest.fail("this machine is too busy")


def _key(home: Path) -> None:
    """Give the user of the test a key, for it is a failure to have none."""
    folder = home / ".ssh"
    folder.mkdir(mode=0o700)
    key = folder / "id_ed25519"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAA\n")
    key.chmod(0o600)


def test_a_line_a_check_and_the_fix_under_it(shell: Shell) -> None:
    """A word, what was checked, what was found; what to do stands below; the last line counts."""
    deadline = time.monotonic() + 60
    while "SSH key        no answer within" in (done := shell.run("doctor")).stdout:
        assert time.monotonic() < deadline, "this machine is too busy"
    told = done.stdout.splitlines()
    first = [line for line in told if not line.startswith(" ")]
    assert {line.split()[0] for line in first[:-1]} <= {"ok", "warn", "FAIL", "--"}
    assert first[-1].startswith(f"{len(first) - 1} checks: ")
    below = next(number for number, line in enumerate(told) if "SSH key" in line)
    assert told[below].startswith("FAIL  SSH key        none")
    assert told[below + 1].strip() == "Next: ssh-keygen -t ed25519"
    assert (done.returncode, done.stderr) == (1, "")


def test_output_is_plain(shell: Shell) -> None:
    """In a pipe there are no colours, no progress and at most 80 columns."""
    done = shell.run("doctor", SCIABC_PATHS_STATE="/nowhere")
    assert done.stdout.replace("\n", "").isprintable()
    for line in done.stdout.splitlines():
        assert len(line) <= COLUMNS or " " not in line[21:], (
            "only what is one word, such as a path, is longer"
        )


def test_every_failure_and_warning_has_its_fix(shell: Shell) -> None:
    """Whoever reads what is wrong reads what to do."""
    for check in _report(shell).values():
        if check["verdict"] in {"warn", "fail"}:
            assert check["fix"].startswith("Next: "), check


def test_every_line_is_explained_in_the_guide(shell: Shell) -> None:
    """docs/doctor.md says of each where that is seen."""
    table = [line for line in GUIDE.splitlines() if line.startswith("| ")]
    explained = {name.strip() for line in table for name in line.split("|")[1].split(",")}
    assert set(_report(shell)) <= explained


def test_the_exit_code_says_whether_something_failed(shell: Shell, home: Path) -> None:
    """A failure is 1, else it is 0, and JSON says the same; with a key the key is no failure."""
    _key(home)
    assert _answered(shell, "SSH key")["SSH key"] == {
        "subject": "SSH key",
        "verdict": "ok",
        "value": f"{home}/.ssh/id_ed25519",
        "fix": "",
    }


def test_no_service_is_told_and_started_by_nobody(shell: Shell, home: Path) -> None:
    """It works without a head service, starts none, and writes nothing."""
    checks = _answered(shell, "head service", "mDNS heard")
    assert checks["head service"]["value"] == "does not run"
    assert checks["mDNS heard"]["verdict"] == "absent"
    assert list(home.iterdir()) == []


def test_a_running_service_is_asked(shell: Shell, service: Serving) -> None:
    """Its version, the nodes it hears and what hinders its panel come from its state."""
    backend = service.backend
    view = PanelView((" " * 16,) * 2, LampState.IDLE, "", "it is gone. Next: replug it")
    nodes = {
        id_: dataclasses.replace(node, interface="eth0" if node.name.startswith("node") else "")
        for id_, node in backend.state.nodes.items()
    }
    state = dataclasses.replace(backend.state, panel=view, nodes=nodes)
    service.do(lambda: setattr(backend, "state", state))
    checks = _answered(shell, "head service", "mDNS heard")
    assert checks["head service"]["verdict"] == "ok"
    assert checks["mDNS heard"]["value"] == "eth0: 3 nodes"


def test_another_version_is_told(shell: Shell, service: Serving) -> None:
    """An update without a restart is what people forget."""
    backend = service.backend
    head = dataclasses.replace(backend.state.head, version="0.0.9")
    service.do(lambda: setattr(backend, "state", dataclasses.replace(backend.state, head=head)))
    check = _answered(shell, "head service")["head service"]
    assert check["verdict"] == "warn"
    assert check["value"].startswith("runs as 0.0.9")


def test_broken_settings_are_one_failure_of_many_checks(shell: Shell, home: Path) -> None:
    """The rest is judged by the defaults."""
    (home / "bad.toml").write_text("[panel]\nsize = 7\n")
    checks = _answered(shell, "settings", SCIABC_CONFIG=str(home / "bad.toml"))
    assert checks["settings"]["verdict"] == "fail"
    assert "panel.size" in checks["settings"]["value"]
    assert len(checks) > 25


def test_a_simulation_is_not_examined(shell: Shell) -> None:
    """`--demo doctor` would tell of nodes that are not there."""
    done = shell.run("--demo", "doctor")
    assert done.returncode == 1
    assert done.stderr == (
        "sciabc-tui: doctor looks at this machine, not at a simulation. Next: sciabc-tui doctor\n"
    )


def test_a_service_that_hangs_holds_nobody_up(shell: Shell, home: Path) -> None:
    """It is told that it does not answer, and everything else is checked."""
    (home / "run").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(home / "run" / "api.sock"))
        mute.listen()
        checks = _answered(shell, "head service", "display", "avahi", "mDNS heard", "power")
        assert (checks["head service"]["verdict"], checks["head service"]["value"]) == (
            "fail",
            "no answer within 2 s",
        )
        assert checks["display"]["verdict"] == "absent"
        assert checks["mDNS heard"]["fix"] == "Next: see the head service above"


def test_a_program_that_hangs_is_given_up_and_ended(shell: Shell, home: Path) -> None:
    """An mpirun that never answers costs its deadline, and does not outlive the command."""
    pid = home / "pid"
    mpirun = home / "mpirun"
    mpirun.write_text(f"#!/bin/sh\necho $$ > {pid}.new && mv {pid}.new {pid}\nexec sleep 600\n")
    mpirun.chmod(0o755)
    checks = _report(shell, SCIABC_JOBS_LAUNCHER=str(mpirun))
    assert checks["MPI"]["value"] == "no answer within 4 s"
    assert checks["mpi4py"]["verdict"] == "warn"
    if pid.exists():  # else this machine was too busy to start it
        _gone(int(pid.read_text()))


def _gone(pid: int) -> None:
    try:
        process = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ended, _, _ = select.select([process], [], [], 10)
        if not ended:
            signal.pidfd_send_signal(process, signal.SIGKILL)
    finally:
        os.close(process)
    assert ended, "it lives on"


def test_whoever_waits_at_a_terminal_sees_for_what(shell: Shell, home: Path) -> None:
    """Progress is shown on a terminal, and taken away again."""
    (home / "run").mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as mute:
        mute.bind(str(home / "run" / "api.sock"))
        mute.listen()
        with shell.terminal("doctor") as terminal:
            terminal.until("looking at head service ...")
            terminal.until("checks: ")
            assert terminal.ended() == 1
    for piece in terminal.text.split("\rlooking at ")[1:]:
        assert piece.partition(" ...")[2].startswith(("\r\x1b[K", "\rlooking at "))


def test_a_finding_is_laid_out_for_80_columns() -> None:
    """Long texts go on below their column; a word that is longer stays whole, so that it can be copied."""
    path = "/home/" + "x" * 90
    finding = Finding("disk", Verdict.FAIL, "word " * 30 + "end", f"Next: rm {path}")
    told = lines(finding)
    assert told[0].startswith("FAIL  disk           word word")
    assert all(line.startswith(" " * 21) for line in told[1:])
    assert path in "".join(told)
    assert max(len(line) for line in told if path not in line) <= COLUMNS


def test_foreign_text_steers_no_terminal() -> None:
    """What a device or a program calls itself is spelt out, and does not fill the screen."""
    told = lines(Finding("MPI", Verdict.OK, "Open \x1b]52;c;x\x07 MPI \u202e" + "y" * 5000))
    assert "".join(told).isprintable()
    assert sum(map(len, told)) < 600


def test_the_summary_counts() -> None:
    """One number a word."""
    some = [Finding("a", Verdict.OK, ""), Finding("b", Verdict.OK, ""), Finding("c", Verdict.FAIL, "")]
    assert summary(some) == "3 checks: 2 ok, 0 warn, 1 FAIL, 0 --"
