"""Cleaning other nodes: a real ssh to a real sshd on loopback, which plays the node."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs import procs
from jobs.attempt import AttemptFiles, AttemptPlan, read_unswept, write_plan, write_unswept
from jobs.errors import SpecError, StoreError
from jobs.hostfile import Host
from jobs.launchers import TOKEN, Launcher
from jobs.sshconfig import ssh_config
from jobs.sweep import script, sweep, sweep_again
from tests.head.servers import Sshd, running_sshd

_TOKEN = secrets.token_hex(16)
_PATIENT = 30.0  # seconds for an ssh on a busy machine, where no silent node costs them
# Each says "up" when it stands: one that ignores all signals it can, one that left parent and session, two
# that start each other again.
_IGNORANT = """
import signal
for name in ("SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"): signal.signal(signal.Signals[name], signal.SIG_IGN)
print("up", flush=True)
while True: signal.pause()
"""
_DAEMON = """
import os, signal
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
print("up", flush=True)
while True: signal.pause()
"""
_PAIR = """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
reader, writer = os.pipe()
def companion():
    if os.fork() == 0:
        os.setsid()
        while True:
            parent = os.getppid()
            while os.getppid() == parent: signal.sigtimedwait([], 0.001)
            if os.fork(): os.waitpid(-1, 0)
companion()
print("up", flush=True)
while True:
    os.wait()
    companion()
"""


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A node that lets us in."""
    folder = tmp_path / "node"
    folder.mkdir()
    with running_sshd(folder) as server:
        yield server


def _plan(launcher: Launcher, *hosts: Host, token: str = _TOKEN) -> AttemptPlan:
    return AttemptPlan(7, 1, launcher, ("true",), {}, "", token, hosts=hosts)


def _node(server: Sshd, name: str = "node01", port: int = 0, address: str = "127.0.0.1") -> Host:
    return Host(name, address, 1, port=port or server.port, host_key_alias=name)


def _config(server: Sshd, folder: Path, *hosts: Host) -> Path:
    known = folder / "known_hosts"
    known.write_text("".join(f"{host.name} {server.keys.public}\n" for host in hosts))
    path = AttemptFiles(folder).ssh_config
    path.write_text(ssh_config(hosts, known_hosts=known, identity=server.folder / "id_ed25519"))
    return path


def _start(code: str) -> None:
    """Start a process that carries the token; it is nobody's, and its first word was heard."""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, env={**os.environ, TOKEN: _TOKEN}, stdout=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        # Popen would wait for the end of one that never ends; the sweep is what ends it.
        process.returncode = 0
        process.stdout.close()


@pytest.fixture
def nothing_left() -> Iterator[None]:
    """End what a failed test left."""
    yield
    procs.end_all(_TOKEN)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("code", [_IGNORANT, _DAEMON], ids=["ignorant", "daemon"])
def test_the_stubborn_are_ended(sshd: Sshd, tmp_path: Path, new: Launcher, code: str) -> None:
    """Who ignores signals, and who left parent and session, is gone when it returns."""
    _start(code)
    host = _node(sshd)
    assert sweep(_plan(new, host), _config(sshd, tmp_path, host), within=_PATIENT) == ()
    assert procs.of_job(_TOKEN) == ()


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("code", [_IGNORANT, _DAEMON, _PAIR], ids=["ignorant", "daemon", "pair"])
def test_the_stubborn_are_ended_here(code: str) -> None:
    """The same holds for this machine."""
    _start(code)
    assert procs.end_all(_TOKEN) >= 1
    assert procs.of_job(_TOKEN) == ()


@pytest.mark.usefixtures("nothing_left")
def test_two_that_start_each_other_again_are_ended(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """Both are stopped before one is killed, so that neither can start the other again."""
    _start(_PAIR)
    host = _node(sshd)
    assert sweep(_plan(new, host), _config(sshd, tmp_path, host), within=_PATIENT) == ()
    assert procs.of_job(_TOKEN) == ()


@pytest.mark.usefixtures("nothing_left")
def test_another_jobs_processes_stay(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """A process with another token, or with one that begins the same, is not touched."""
    host = _node(sshd)
    code = "import signal; print('up', flush=True); signal.pause()"
    with subprocess.Popen(
        [sys.executable, "-c", code], env={**os.environ, TOKEN: f"{_TOKEN}0"}, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        assert sweep(_plan(new, host), _config(sshd, tmp_path, host), within=_PATIENT) == ()
        assert other.poll() is None
        other.kill()


def test_the_staged_folder_goes_and_no_other(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """What was staged for the attempt is removed; a link in it is removed, not what it points to."""
    home = sshd.folder / ".cache" / "sciabc" / "jobs"
    (home / _TOKEN / "deep").mkdir(parents=True)
    (home / _TOKEN / "link").symlink_to(sshd.folder)
    (home / "another").mkdir()
    host = _node(sshd)
    assert sweep(_plan(new, host), _config(sshd, tmp_path, host), within=_PATIENT) == ()
    assert [entry.name for entry in home.iterdir()] == ["another"]
    assert (sshd.folder / "host_key").exists()


@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
def test_the_launchers_directory_goes_and_no_other(tmp_path: Path, shell: str) -> None:
    """The attempt's, where the node has its TMPDIR; of a link the link only; another attempt's stays."""
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"no {shell}")
    room, other, target = tmp_path / "my tmp", tmp_path / "my tmp" / f"sciabc-{'0' * 32}", tmp_path / "target"
    for folder in (other, target / "deep", room / f"sciabc-{_TOKEN}" / "prted.1"):
        folder.mkdir(parents=True)
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(room)}

    def cleaned(*, remove: bool) -> bytes:
        text = script(_TOKEN, remove=remove).encode()
        return subprocess.run(
            [*shell.split(), "-s"], input=text, stdout=subprocess.PIPE, env=env, check=True
        ).stdout

    assert cleaned(remove=False) == b"sciabc-swept 0 0\n"
    assert list(room.iterdir()) == [other]
    (room / f"sciabc-{_TOKEN}").symlink_to(target)
    assert cleaned(remove=True) == b"sciabc-swept 0 0\n"
    assert list(room.iterdir()) == [other]
    assert (target / "deep").exists()
    assert "sciabc-another" not in script("another")


def test_a_token_of_another_kind_removes_nothing(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """Only 32 hex digits are the name of a staged folder."""
    kept = sshd.folder / ".cache" / "sciabc" / "jobs" / "another"
    kept.mkdir(parents=True)
    host = _node(sshd)
    assert sweep(_plan(new, host, token="another"), _config(sshd, tmp_path, host), within=_PATIENT) == ()
    assert kept.is_dir()


@pytest.mark.parametrize("token", ["", "a b", "$(id)", "a'b", "a\nb", "x" * 129])
def test_no_token_becomes_a_command(token: str) -> None:
    """What is more than letters, digits, dot, dash and underscore never gets into the program."""
    with pytest.raises(StoreError, match="token is damaged"):
        script(token)


@pytest.mark.usefixtures("nothing_left")
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox sh"])
@pytest.mark.parametrize("grep", ["with -z", "without -z"])
def test_any_posix_shell_will_do(tmp_path: Path, shell: str, grep: str) -> None:
    """The program does its work in each shell, with a grep that knows lines only too."""
    if shutil.which(shell.split(maxsplit=1)[0]) is None:
        pytest.skip(f"no {shell}")
    _start(_IGNORANT)
    text = script(_TOKEN)
    if grep == "without -z":
        assert "grep -qzxF b;" in text
        text = text.replace("grep -qzxF b;", "false;")
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [*shell.split(), "-s"], input=text.encode(), capture_output=True, env=env, check=True
    )
    assert done.stdout == b"sciabc-swept 1 0\n"
    assert not procs.of_job(_TOKEN)


@pytest.mark.usefixtures("nothing_left")
def test_who_shows_no_environment_at_first_is_ended(tmp_path: Path) -> None:
    """In the middle of an execve(2) a process shows none: its node is looked at more than once."""
    _start(_IGNORANT)
    first_look = tmp_path / "first-look"
    blind = tmp_path / "grep"
    blind.write_text(
        f'#!/bin/sh\ncase $1 in -l*) mkdir {first_look} && exit 1 ;; esac\nexec {shutil.which("grep")} "$@"\n'
    )
    blind.chmod(0o755)
    env = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["sh", "-s"], input=script(_TOKEN).encode(), capture_output=True, env=env, check=True
    )
    assert first_look.exists()
    assert done.stdout == b"sciabc-swept 1 0\n"
    assert not procs.of_job(_TOKEN)


def test_a_login_that_greets_is_understood(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """Whatever a shell's startup file prints, the answer is found behind it."""
    (sshd.folder / ".bashrc").write_text("echo sciabc-swept; echo welcome; seq 20000\n")
    host = _node(sshd)
    assert sweep(_plan(new, host), _config(sshd, tmp_path, host), within=_PATIENT) == ()


def test_hosts_that_can_not_be_cleaned_are_named(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """One that is silent, one that refuses, one with another key: named within the bound; one is clean."""
    with socket.create_server(("127.0.0.2", 0)) as silent:
        good = _node(sshd, "good")
        mute = _node(sshd, "silent", silent.getsockname()[1], "127.0.0.2")
        refusing = _node(sshd, "refusing", 9, "127.0.0.3")
        stranger = _node(sshd, "stranger", sshd.port, "localhost")
        path = _config(sshd, tmp_path, good, mute, refusing, stranger)
        (tmp_path / "known_hosts").write_text(f"good {sshd.keys.public}\n")
        began = time.monotonic()
        left = sweep(_plan(new, mute, good, refusing, stranger), path, within=6.0)
        assert 6.0 <= time.monotonic() - began < 12.0
    assert left == ("silent", "refusing", "stranger")


@pytest.mark.usefixtures("nothing_left")
def test_a_frozen_node_is_given_up(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """A node whose kernel accepts and whose processes stand still costs the bound and no more."""
    host = _node(sshd)
    path = _config(sshd, tmp_path, host)
    sshd.freeze()
    try:
        began = time.monotonic()
        assert sweep(_plan(new, host), path, within=0.5) == ("node01",)
        assert time.monotonic() - began < 2.5
    finally:
        sshd.freeze(thaw=True)


def test_a_node_whose_kernel_is_silent_costs_no_whole_bound(
    sshd: Sshd, tmp_path: Path, new: Launcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hurry, one that does not even answer a SYN is given up at once; who answers has all the time."""
    monkeypatch.setattr("jobs.sweep.WITHIN", 2 * _PATIENT)  # less than that is a hurry
    with contextlib.ExitStack() as stack:
        full = stack.enter_context(socket.create_server(("127.0.0.2", 0), backlog=0))
        for _ in range(2):  # with its queue full the kernel drops each further SYN
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        mute = _node(sshd, "silent", full.getsockname()[1], "127.0.0.2")
        good = _node(sshd, "good")
        path = _config(sshd, tmp_path, good, mute)
        began = time.monotonic()
        assert sweep(_plan(new, mute, good), path, within=_PATIENT) == ("silent",)
        assert time.monotonic() - began < _PATIENT - 5.0


def test_the_head_itself_is_not_visited(tmp_path: Path, new: Launcher, head: Host) -> None:
    """An attempt that stayed on the head needs no ssh."""
    assert sweep(_plan(new, head), tmp_path / "no config") == ()


@pytest.mark.usefixtures("nothing_left")
def test_a_node_that_returns_is_cleaned_then(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """What it could not do at the end it does when asked again; the file names who is left."""
    away = _node(sshd, "away", 9, "127.0.0.9")
    host = _node(sshd)
    _config(sshd, tmp_path, host, away)
    write_plan(tmp_path, _plan(new, host, away))
    write_unswept(tmp_path, ("node01", "away"))
    _start(_IGNORANT)
    assert sweep_again(tmp_path, ["node01", "away", "nobody"], within=_PATIENT) == ("away",)
    assert procs.of_job(_TOKEN) == ()
    assert read_unswept(tmp_path) == ("away",)
    write_unswept(tmp_path, ("node01",))
    assert sweep_again(tmp_path, ["node01"], within=_PATIENT) == ()
    assert not AttemptFiles(tmp_path).unswept.exists()


def test_no_descriptor_and_no_child_stays(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """The head sweeps for years: whatever a visit comes to, nothing of it stays open."""
    host, gone = _node(sshd), _node(sshd, "gone", 9, "127.0.0.9")
    path = _config(sshd, tmp_path, host, gone)
    before, children = _open_files(), _children()
    assert sweep(_plan(new, host, gone), path, within=_PATIENT) == ("gone",)
    assert _open_files() == before
    assert _children() == children


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _children() -> set[str]:
    """Give our children, zombies included."""
    return {
        pid for task in Path("/proc/self/task").iterdir() for pid in (task / "children").read_text().split()
    }


def test_a_damaged_address_goes_nowhere(sshd: Sshd, tmp_path: Path, new: Launcher) -> None:
    """An address that ssh would take for an option is refused."""
    host = Host("node01", "-oProxyCommand=touch x", 1)
    with pytest.raises(SpecError, match="is no IPv4 address"):
        sweep(_plan(new, host), tmp_path / "ssh_config")
