"""Starting a service for oneself: once, detached, and with its own words when it fails."""

import os
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from sciabc_tui.api.client import Client
from sciabc_tui.cli import starting
from sciabc_tui.cli.starting import ensure, start_service
from sciabc_tui.errors import ConfigError, NotYourService, ServiceUnavailable
from tests.cli.shell import ROOT, Shell

SERVICE = """
import os, pathlib, sys, threading
from tests.api.scripted import serving
with open(sys.argv[1] + "/starts", "a") as starts:
    print(os.getpid(), os.getsid(0), file=starts)
print("said on stderr", file=sys.stderr, flush=True)
with serving(pathlib.Path(sys.argv[1]) / "run" / "api.sock"):
    os.write(int(sys.argv[-1]), b"READY\\n")
    threading.Event().wait()
"""


DAEMON = (sys.executable, "-m", "sciabc_tui.cli.daemon")


def script(text: str) -> list[str]:
    """Make a command line that runs a few lines of Python."""
    return [sys.executable, "-c", text]


@contextmanager
def started(home: Path) -> Generator[None, None, None]:
    """Kill what was started in the block."""
    try:
        yield
    finally:
        if (home / "starts").exists():
            for line in (home / "starts").read_text().splitlines():
                os.kill(int(line.split()[0]), signal.SIGKILL)


def test_a_service_is_started_detached(tmp_path: Path) -> None:
    """It stands when the call returns, in a session of its own, and its log is the user's alone."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    with started(tmp_path):
        process = start_service(tmp_path / "run", [*script(SERVICE), str(tmp_path)], environ)
        pid, session = map(int, (tmp_path / "starts").read_text().split())
        assert (process.pid, pid, session) == (pid, pid, pid)
        assert Client(tmp_path / "run" / "api.sock").state().head.host_name == "headnode-01"
        log = tmp_path / "run" / "head.log"
        assert "said on stderr" in log.read_text()
        assert stat.S_IMODE(log.stat().st_mode) == 0o600
    process.wait(10)


def test_of_many_that_want_a_service_one_starts_it(tmp_path: Path) -> None:
    """Eight at once end with one service that all of them reach."""
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [*script(SERVICE), str(tmp_path)]
    reached: list[subprocess.Popen[bytes] | None] = []

    def want() -> None:
        client = Client(tmp_path / "run" / "api.sock")
        process = ensure(client, tmp_path / "run", command, environ)
        client.state()
        reached.append(process)

    with started(tmp_path):
        threads = [threading.Thread(target=want) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(reached) == 8
        assert len((tmp_path / "starts").read_text().splitlines()) == 1
    [process] = [process for process in reached if process is not None]
    process.wait(10)


def test_what_a_failing_service_says_is_the_error(tmp_path: Path) -> None:
    """One line through the pipe becomes the error's text."""
    text = "import os, sys; os.write(int(sys.argv[-1]), b'no such interface. Next: x\\nmore')"
    with pytest.raises(ServiceUnavailable, match=r"^no such interface\. Next: x$"):
        start_service(tmp_path / "run", script(text), os.environ)


def test_a_service_that_dies_silently_names_its_log(tmp_path: Path) -> None:
    """The end of the pipe is noticed at once, and the log is named."""
    with pytest.raises(ServiceUnavailable, match=r"ended before it stood\. Next: less .*head\.log"):
        start_service(tmp_path / "run", script("raise SystemExit(1)"), os.environ)


def test_a_service_that_takes_too_long_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting has an end, and so has what was waited for."""
    monkeypatch.setattr(starting, "READY_WITHIN", 0.2)
    before = set(psutil.Process().children())
    with pytest.raises(ServiceUnavailable, match="does not stand after"):
        start_service(tmp_path / "run", ["/bin/sh", "-c", "exec sleep 60"], os.environ)
    assert set(psutil.Process().children()) <= before


def test_a_long_log_begins_anew(tmp_path: Path) -> None:
    """The log does not grow for ever."""
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "run" / "head.log").write_bytes(b"x" * (starting.LOG_LIMIT + 1))
    with pytest.raises(ServiceUnavailable):
        start_service(tmp_path / "run", script("print('new')"), os.environ)
    assert (tmp_path / "run" / "head.log").read_text() == "new\n"


def test_a_log_that_is_a_link_is_refused(tmp_path: Path) -> None:
    """Nothing is written where a link points."""
    (tmp_path / "run").mkdir(mode=0o700)
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "run" / "head.log").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic"):
        start_service(tmp_path / "run", script("print('new')"), os.environ)
    assert (tmp_path / "precious").read_text() == "precious"


def test_no_service_is_started_where_others_may_write(tmp_path: Path) -> None:
    """A shared runtime directory is refused before anything runs there."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(0o777)
    with pytest.raises(ConfigError, match="others may write"):
        ensure(Client(tmp_path / "run" / "api.sock"), tmp_path / "run", script("print('ran')"), os.environ)
    assert not (tmp_path / "run" / "head.log").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files to another user")
def test_another_user_s_service_is_not_replaced(shell: Shell) -> None:
    """`run` does not start a second one beside it, and says whose it is; exit code 3."""
    (shell.home / "run").mkdir(mode=0o700)
    (shell.home / "run" / "api.sock").write_text("")
    os.chown(shell.home / "run" / "api.sock", 65534, 65534)
    with pytest.raises(NotYourService):
        Client(shell.home / "run" / "api.sock").state()
    done = shell.run("run", "hello")
    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "belongs to nobody. Next: sudo -u nobody sciabc-tui" in done.stderr


def test_a_broken_config_is_told_through_the_pipe(shell: Shell) -> None:
    """`head` says why it can't start to whoever started it, whatever the reason."""
    reader, writer = os.pipe()
    (shell.home / "bad.toml").write_text("[panel\n")
    command = [
        sys.executable,
        "-m",
        "sciabc_tui.cli.daemon",
        "--config",
        "bad.toml",
        "--ready-fd",
        str(writer),
    ]
    done = subprocess.run(
        command, pass_fds=[writer], cwd=shell.home, env=shell.environ, capture_output=True, check=False
    )
    os.close(writer)
    with os.fdopen(reader) as pipe:
        told = pipe.read()
    assert done.returncode == 1
    assert "bad.toml is not TOML" in told
    assert told.count("\n") == 1


def test_demo_leaves_nothing_behind(shell: Shell) -> None:
    """A simulation for one command says so, and is gone with its folders afterwards."""
    done = shell.run("--demo", "status")
    assert done.returncode == 0
    assert "[SIMULATED]" in done.stdout
    assert [path.name for path in shell.home.iterdir()] == []


def test_demo_cleans_up_when_it_is_told_to_end(shell: Shell) -> None:
    """SIGTERM in the middle ends the simulated service too."""
    with shell.start("--demo", "run", "hello", "-n", "2") as command:
        assert command.stderr is not None
        assert "submitted" in command.stderr.readline()
        command.terminate()
        command.wait(20)
    assert [path.name for path in shell.home.iterdir()] == []
