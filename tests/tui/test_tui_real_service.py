"""The screen on a real head service with a real job: however the screen ends, both go on."""

import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shell() -> Generator[Shell, None, None]:
    """Give a place for commands; in the end every job is cancelled, and with it the service ends."""
    with tempfile.TemporaryDirectory(prefix="sciabc-") as folder:
        shell = Shell(Path(folder))
        yield shell
        for job in jobs(shell):
            shell.run("cancel", str(job["id"]))
        until(lambda: not services(shell), 40)


def services(shell: Shell) -> list[int]:
    """Give the processes of head services with this test's folders."""
    mark = f"SCIABC_PATHS_RUNTIME={shell.home / 'run'}".encode()
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (
                b"sciabc_tui.cli.daemon" in (folder / "cmdline").read_bytes()
                and mark in (folder / "environ").read_bytes()
            ):
                found.append(int(folder.name))
        except OSError:
            continue
    return found


def jobs(shell: Shell) -> list[dict[str, object]]:
    """Give the jobs, while a service answers."""
    done = shell.run("jobs", "--json")
    return json.loads(done.stdout)["jobs"] if done.returncode == 0 else []


def until(condition: Callable[[], object], within: float = 20.0) -> None:
    """Wait for what no screen shows."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, condition
        os.sched_yield()


@pytest.mark.parametrize("how", ["q", "hang up", "SIGTERM", "SIGKILL"])
def test_job_and_service_go_on(shell: Shell, how: str) -> None:
    """A job runs on a service that the screen itself started; the screen ends, and job and service do not."""
    marks = shell.home / "marks"
    with Terminal(
        [sys.executable, "-m", "sciabc_tui"], size=(100, 30), cwd=ROOT, env=shell.environ
    ) as terminal:
        terminal.until("ready", within=60)
        until(lambda: len(services(shell)) == 1)  # what it starts looks like itself until it has exec'd
        began = services(shell)
        script = f"while :; do date +%s.%N > {marks}; sleep 0.2; done"
        done = shell.run("run", "--detach", "--each", "--name", "keeps-on", "sh", "-c", script)
        assert done.returncode == 0, done.stderr
        terminal.until("keeps-on")
        terminal.until("running")
        until(marks.exists)
        if how == "q":
            terminal.press(b"q")
        elif how == "hang up":
            terminal.hang_up()
        else:
            terminal.signal(signal.Signals[how])
        terminal.wait(20)
    before = marks.read_text()
    until(lambda: marks.read_text() not in {"", before})
    until(lambda: services(shell) == began)
    assert [job["state"] for job in jobs(shell)] == ["running"]
