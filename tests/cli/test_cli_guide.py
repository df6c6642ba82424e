"""docs/jobs.md tells the truth: every command in it runs, and what it asks for is what the head takes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from jobs.logstore import LogLine, Stream, format_line
from jobs.retention import parse_keep
from jobs.spec import validated
from sciabc_tui.cluster.job import JobId, JobState
from sciabc_tui.config import load
from sciabc_tui.head.dispatcher import _asked
from tests.api.scripted import HELLO, WALL, Serving
from tests.cli.shell import Shell

DOCS = Path(__file__).parents[2] / "docs"
GUIDE = (DOCS / "jobs.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL) for line in block.splitlines()]
SETTINGS = [
    (path.name, block)
    for path in sorted(DOCS.glob("*.md"))
    for block in re.findall(r"```toml\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
]
LOG_PARTS = ("log", "log.000000536870912", "log.000000805306368")


def _installed(shell: Shell) -> dict[str, str]:
    """Put `sciabc-tui` on PATH, as it is on a head."""
    programs = shell.home / "bin"
    programs.mkdir()
    command = programs / "sciabc-tui"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m sciabc_tui "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    return shell.environ | {"PATH": f"{programs}:{os.environ['PATH']}"}


def _with_files(home: Path) -> None:
    """Put what the examples name where they are typed."""
    (home / "params").mkdir(exist_ok=True)
    (home / "input.dat").write_text("1 2 3\n", encoding="utf-8")
    (home / "simulate").write_text("#!/bin/sh\n", encoding="utf-8")
    (home / "simulate").chmod(0o755)


def _with_logs(home: Path) -> None:
    """Put the files of two jobs where a head keeps them."""
    for job in (1, 3):
        folder = home / ".local" / "state" / "sciabc" / "jobs" / str(job) / "attempt-1"
        folder.mkdir(parents=True)
        for number, name in enumerate(LOG_PARTS):
            (folder / name).write_text(f"part {number}\n", encoding="utf-8")


def _end_what_was_submitted(service: Serving) -> None:
    for job in tuple(service.backend.state.jobs.values()):
        if job.id > 3 and job.state is JobState.RUNNING:
            service.backend.end_job(job.id, JobState.COMPLETED, 0)


def _typed(shell: Shell, service: Serving, line: str) -> tuple[int, str, str]:
    """Type a line, and let each job that it submits come to its end."""
    _with_files(shell.home)
    with subprocess.Popen(
        ["bash", "-o", "errexit", "-c", line],
        cwd=shell.home,
        env=_installed(shell),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        for _ in range(300):
            try:
                out, err = process.communicate(timeout=0.2)
            except subprocess.TimeoutExpired:
                service.do(lambda: _end_what_was_submitted(service))
            else:
                return process.returncode, out, err
        process.kill()
    pytest.fail(f"{line} does not end")


@pytest.mark.parametrize("line", COMMANDS)
def test_the_command_runs(shell: Shell, service: Serving, line: str) -> None:
    """A reader who types it gets what it is for; a job that it submits stands the check of the real head."""
    if line.startswith("less") and shutil.which("less") is None:
        pytest.skip("less is not installed")
    _with_logs(shell.home)
    said = LogLine(WALL, 3, Stream.ERR, b"residual 1.5e-05")
    service.backend.logs |= {JobId(1): HELLO, JobId(3): format_line(said)}
    status, out, err = _typed(shell, service, line)
    assert (status, "sciabc-tui: " in err) == (0, False), err
    backend = service.backend
    assert out or (backend.directed if "logs" not in line else err)
    for request, _ in backend.submitted:
        validated(_asked(request), total_slots=32)
    if line.startswith("cd"):
        assert out == "part 0\npart 1\npart 2\n"


def test_every_wish_of_the_guide_reaches_the_head(shell: Shell, service: Serving) -> None:
    """No option in an example is lost on its way, or taken for the program's own."""
    for line in COMMANDS:
        if line.startswith("sciabc-tui run"):
            shutil.rmtree(shell.home / "bin", ignore_errors=True)
            assert _typed(shell, service, line)[0] == 0
    asked = [request for request, _ in service.backend.submitted]
    assert all(Path(request.program).name in {"hello", "simulate", "uptime"} for request in asked)
    assert {request.files for request in asked} == {(), ("input.dat",), ("input.dat", "params/")}
    assert {request.outputs for request in asked} == {(), ("result*.csv", "plots")}
    assert {request.grow for request in asked} == {False, True}
    assert {request.ranks for request in asked} == {None, 2, 4, 8, 64}
    assert {request.nodes for request in asked} == {(), ("node01", "node02", "node03", "node04", "head")}
    assert {request.exclude for request in asked} == {(), ("node03",)}
    assert {request.per_node for request in asked} == {None, 2}
    assert {request.time_limit for request in asked} == {None, 5400.0}
    assert {request.max_attempts for request in asked} == {3, 5}
    assert {request.launcher for request in asked} == {"", "openmpi", "slurm"}
    assert {request.on_node_loss.value for request in asked} == {"fail", "requeue", "survive"}
    assert [request.program for request in asked if request.each] == ["uptime"]
    assert {request.args for request in asked} == {(), ("--size", "1000"), ("input.dat",)}


@pytest.mark.parametrize(("name", "block"), SETTINGS)
def test_settings_in_the_guides_are_taken(tmp_path: Path, name: str, block: str) -> None:
    """What a guide says to write into config.toml is read without a complaint."""
    file = tmp_path / name
    file.write_text(block, encoding="utf-8")
    loaded = load(file=file, environ={})
    parse_keep(loaded.settings.jobs.keep)
    assert any(setting.source == str(file) for setting in loaded.effective)


def test_defaults_in_the_guide_are_the_defaults(tmp_path: Path) -> None:
    """Where docs/jobs.md says what holds without a setting, it does."""
    file = tmp_path / "config.toml"
    [block] = [block for name, block in SETTINGS if name == "jobs.md" and "log_limit" in block]
    file.write_text(block, encoding="utf-8")
    assert load(file=file, environ={}).settings == load(environ={}).settings


def test_every_command_on_a_job_is_in_the_guide() -> None:
    """A reader finds each of them by an example."""
    for command in ("run", "jobs", "hold", "release", "priority", "cancel", "requeue", "logs"):
        assert any(line.startswith(f"sciabc-tui {command}") for line in COMMANDS), command
