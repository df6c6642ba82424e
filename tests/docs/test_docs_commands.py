"""Every `sciabc-tui` command in README.md and docs/ is run, as a reader types it, against a scripted head."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from sciabc_tui.api.messages import JobAttempt
from sciabc_tui.api.works import Begun, Board, Ended, Over, Part, Step
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.nodeset import unfold
from tests.api.scripted import WALL, Serving, ready_node
from tests.cli.shell import Shell, Terminal
from tests.docs.commands import OWN_TESTS, Command, own_commands
from tests.docs.pages import ROOT, programs

COMMANDS = own_commands()
KEY = "SHA256:" + "a" * 43
FOR_EVER = re.compile(r"events -f$")
"""What goes on until Ctrl-C."""
PANEL = re.compile(r"sciabc-tui( --read-only| --demo)?$")
ASKS = re.compile(r" nodes (un)?provision (?!.*--fingerprint)")


def boards(line: str) -> tuple[Part, ...]:
    """Give what a head tells of the boards that a line names, all well."""
    words = shlex.split(line)[3:]
    named = [word for word in words if re.fullmatch(r"(\w+@)?[\w.-]+(\[[\d,-]+\])?", word) and word[0] != "-"]
    options = {words[place + 1] for place, word in enumerate(words[:-1]) if word == "--host-name"}
    hosts = [word.partition("@")[2] or word for word in named if word not in options]
    found = unfold(",".join(hosts)) if hosts else ["10.77.0.21"]
    names = tuple(found)
    return (
        Begun(names, ("login", "check")),
        *(Board(name, name, 22, "", KEY, "ssh-ed25519") for name in names),
        *(Step(name, "login", "unchanged", "as pi: debian 12 aarch64") for name in names),
        *(Ended(name, ok=True, text=f"ready as {name}: 3 changes", changes=3) for name in names),
        Over(),
    )


def prepared(shell: Shell, service: Serving, line: str) -> dict[str, str]:
    """Put what a line needs where it is typed; give the environment."""
    for folder in (shell.home / "bin", shell.home / ".venv" / "bin"):
        folder.mkdir(parents=True)
        command = folder / "sciabc-tui"
        command.write_text(f'#!/bin/sh\nexec {sys.executable} -m sciabc_tui "$@"\n', encoding="utf-8")
        command.chmod(0o755)
    (shell.home / "first.py").write_text(programs("first-program.md")[-1], encoding="utf-8")
    (shell.home / "checkpointed.py").write_text(programs("when-a-node-dies.md")[0], encoding="utf-8")
    (shell.home / "wave.py").write_text("print('wave')\n", encoding="utf-8")
    (shell.home / "password").write_text("secret\n", encoding="utf-8")
    names = [f"node{number:02}" for number in range(1, 9)]

    def settle() -> None:
        backend = service.backend
        nodes = {node.id: node for node in map(ready_node, names)}
        backend.publish(replace(backend.state, nodes={**backend.state.nodes, **nodes}))
        backend.happen("node03 down: silent")
        backend.attempts = (JobAttempt(1, JobState.COMPLETED, WALL, WALL + 5, 0),)
        if " nodes " in line and "provision" in line:
            backend.parts = boards(line)

    service.do(settle)
    return shell.environ | {"PATH": f"{shell.home / 'bin'}:{os.environ['PATH']}"}


def end_jobs(service: Serving) -> None:
    """Let what runs come to its end."""
    for job in tuple(service.backend.state.jobs.values()):
        if job.state is JobState.RUNNING:
            service.backend.end_job(job.id, JobState.COMPLETED, 0)


def typed(line: str, shell: Shell, service: Serving) -> tuple[int, str, str]:
    """Type a line; let each job that it submits end, and end by Ctrl-C what goes on for ever."""
    environ = prepared(shell, service, line)
    first, for_ever = "", FOR_EVER.search(line) is not None
    with subprocess.Popen(
        ["bash", "-o", "errexit", "-c", f"{'exec ' if for_ever else ''}{line.replace('SHA256:...', KEY)}"],
        cwd=shell.home,
        env=environ,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        if for_ever:
            assert process.stdout is not None
            first = process.stdout.readline()
            process.send_signal(signal.SIGINT)
        for _ in range(400):
            try:
                out, err = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                service.do(lambda: end_jobs(service))
            else:
                return process.returncode, first + out, err
        process.kill()
    pytest.fail(f"{line} does not end")


def answered(line: str, shell: Shell, service: Serving) -> None:
    """Type a line on a terminal: what asks is answered with yes, the panel is left with q."""
    with Terminal(["/bin/bash", "-c", line], shell.home, prepared(shell, service, line)) as terminal:
        if PANEL.search(line):
            terminal.until("SIMULATED" if line.endswith("--demo") else "node01")
            terminal.type(b"q")
        else:
            terminal.until("[y/N]")
            terminal.type(b"y\n")
            if " unprovision " in line and "--dry-run" not in line:
                terminal.until("Undo all")
                terminal.type(b"y\n")
        assert terminal.ended() == 0, terminal.text


@pytest.mark.parametrize("command", COMMANDS, ids=str)
def test_the_command_runs(shell: Shell, service: Serving, command: Command) -> None:
    """A reader who types it gets no error."""
    line = command.line
    if PANEL.search(line) or ASKS.search(line):
        answered(line, shell, service)
        return
    if "jq" in line and shutil.which("jq") is None:
        line = line.partition("|")[0]
    status, out, err = typed(line, shell, service)
    allowed = {0, 1} if " doctor" in line else {0, 130} if FOR_EVER.search(line) else {0}
    assert status in allowed, err
    assert "sciabc-tui: " not in err
    backend = service.backend
    assert out or backend.submitted or backend.added or backend.commands or backend.works


def test_every_page_with_tests_of_its_own_has_them() -> None:
    """The test that is named for a page reads that page."""
    for page, test in OWN_TESTS.items():
        assert Path(page).name in (ROOT / test).read_text(encoding="utf-8"), page


def test_there_are_commands() -> None:
    """The collector finds what it should run."""
    assert len(COMMANDS) > 50
    assert {"README.md", "docs/start.md", "docs/first-program.md"} <= {command.page for command in COMMANDS}
