"""The launcher's own directories: what others left does no harm, and of an attempt nothing is left."""

import os
import secrets
import signal
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

import pytest

from jobs import sessions
from jobs.attempt import AttemptStatus, read_status, read_unswept
from jobs.detach import cancel, clear, launch
from jobs.errors import JobsError
from jobs.hostfile import Host
from jobs.launchers import Launcher, detect
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec
from jobs.states import JobState
from tests.head.servers import Sshd, running
from tests.jobs.conftest import Patience
from tests.lab.launchers import Launcher as Installed

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]

_UNLUCKY = """\
#!/bin/sh
mkdir -m 700 {room}/ompi.$$ && cd {room}/ompi.$$ || exit
touch {names} && cd / && exec {path} "$@"
"""
_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
_TOKEN = secrets.token_hex(16)


class End(StrEnum):
    """How an attempt ends."""

    GOOD = "good"
    CANCELLED = "cancelled"
    LAUNCHER_KILLED = "launcher killed"
    RUNNER_KILLED = "runner killed"


@dataclass(frozen=True, slots=True)
class Rooms:
    """Where the directories of the head and of the node are."""

    head: Path
    node: Path


@pytest.fixture
def sshd(tmp_path: Path) -> Iterator[Sshd]:
    """A node that lets us in, at another address than the head's."""
    folder = tmp_path / "node"
    folder.mkdir()
    server = Sshd(folder, address="127.0.0.2")
    server.admit()
    with running(server):
        yield server


def _installed(which: Installed) -> Launcher:
    try:
        return detect(str(which.mpirun))
    except JobsError as error:
        pytest.skip(str(error))


@pytest.mark.mpi
def test_what_a_killed_launcher_left_does_no_harm(
    tmp_path: Path, site: Site, head: Host, until: Until, end_of: EndOf
) -> None:
    """With what a killed Open MPI 5 left for the number of its process, a job runs; by itself it fails."""
    real = _installed(Installed.OPEN_MPI_5)
    room = tmp_path / "tmp"
    room.mkdir()
    unlucky = replace(real, path=str(_unlucky(room, real, tmp_path, until)))
    spec = JobSpec("/bin/sh", ("-c", "echo here"), 2, cwd=str(tmp_path), env={"TMPDIR": str(room)})
    folder = tmp_path / "attempt"
    plan = prepare(folder, unlucky, spec, [head], job=1, attempt=1, token=_TOKEN, site=site)
    env = {**os.environ, **plan.env}
    bare = [unlucky.path, "-n", "1", "true"]
    done = subprocess.run(bare, env=env, capture_output=True, timeout=60, check=False)
    assert (done.returncode, b"listener thread failed to start" in done.stderr) == (213, True)
    status = end_of(launch(folder), folder)
    assert (status.state, status.error) == (JobState.COMPLETED, "")
    assert not list(room.glob("sciabc-*"))


def _unlucky(room: Path, launcher: Launcher, folder: Path, until: Until) -> Path:
    """Kill a launcher, and write one whose process always finds what this one left, under its own number."""
    env = {**os.environ, "TMPDIR": str(room), **_AS_ROOT}
    with subprocess.Popen(
        [launcher.path, "-n", "1", "sleep", "60"], env=env, stdin=subprocess.DEVNULL, process_group=0
    ) as killed:
        left = room / f"ompi.{killed.pid}"
        until(lambda: any(left.glob("pmix.*.tool.*")))
        os.killpg(killed.pid, signal.SIGKILL)
    names = " ".join(path.name.replace(str(killed.pid), "$$") for path in left.iterdir() if path.is_file())
    script = folder / "mpirun"
    script.write_text(_UNLUCKY.format(room=room, names=names, path=launcher.path))
    script.chmod(0o755)
    return script


@pytest.mark.mpi
@pytest.mark.parametrize("which", [Installed.OPEN_MPI_5, Installed.OPEN_MPI_4])
@pytest.mark.parametrize("end", End)
def test_nothing_is_left_of_an_attempt(
    tmp_path: Path,
    site: Site,
    sshd: Sshd,
    until: Until,
    end_of: EndOf,
    patience: Patience,
    which: Installed,
    end: End,
) -> None:
    """Head and node have a directory of its own, for the owner only; then none, however it ends."""
    patience(30.0)
    launcher = _installed(which)
    token = secrets.token_hex(16)
    rooms = _rooms(launcher, tmp_path)
    env = {"TMPDIR": str(rooms.head)} if rooms.head != rooms.node else {}
    go, up = tmp_path / "go", tmp_path / "up"
    words = f"touch {up}; while [ ! -e {go} ]; do sleep 0.02; done"
    spec = JobSpec("/bin/sh", ("-c", words), 2, cwd="/", env=env)
    (tmp_path / "known_hosts").write_text(f"node01 {sshd.keys.public}\n")
    identity = str(sshd.folder / "id_ed25519")
    hosts = [
        Host("head", "127.0.0.1", 1, local=True),
        Host("node01", sshd.address, 1, port=sshd.port, host_key_alias="node01", identity=identity),
    ]
    folder = tmp_path / "attempt"
    ready = Site(known_hosts=site.known_hosts, uid=site.uid, allow_root=True)
    prepare(folder, launcher, spec, hosts, job=1, attempt=1, token=token, site=ready)
    runner = launch(folder)
    name = f"sciabc-{token}"
    until(lambda: up.exists() and _launcher_pid(folder) is not None)  # a slow disk tells it later
    for room in (rooms.head, rooms.node):
        made = (room / name).stat()
        assert (stat.S_IMODE(made.st_mode), made.st_uid) == (0o700, os.geteuid())
        assert any((room / name).iterdir())
    ended = _ended(end, folder, runner, go, end_of)
    assert ended is (JobState.COMPLETED if end is End.GOOD else ended)
    assert read_unswept(folder) == ()
    assert not (rooms.head / name).exists()
    assert not (rooms.node / name).exists()
    assert not [path for path in rooms.head.iterdir() if rooms.head != rooms.node]


def _rooms(launcher: Launcher, tmp_path: Path) -> Rooms:
    """Open MPI 5 takes another place on the head than on the node, 4.1 only the same."""
    shared = Path("/tmp")
    if launcher.version < (5,):
        return Rooms(shared, shared)
    (tmp_path / "tmp").mkdir()
    return Rooms(tmp_path / "tmp", shared)


def _launcher_pid(folder: Path) -> int | None:
    status = read_status(folder)
    return None if status is None else status.launcher_pid


def _ended(end: End, folder: Path, runner: int, go: Path, end_of: EndOf) -> JobState:
    match end:
        case End.GOOD:
            go.touch()
        case End.CANCELLED:
            assert cancel(folder)
        case End.LAUNCHER_KILLED:
            launcher = _launcher_pid(folder)
            assert launcher is not None
            os.kill(launcher, signal.SIGKILL)
        case End.RUNNER_KILLED:
            os.kill(runner, signal.SIGKILL)
            end_of(runner, folder)
            cleared = clear(folder)
            assert cleared is not None
            return cleared.state
    return end_of(runner, folder).state


def test_only_its_own_directory_goes(tmp_path: Path) -> None:
    """Another attempt's stays, a relative path means nothing, and of a link the link goes only."""
    other = "0" * 32
    target = tmp_path / "target"
    for folder in (tmp_path / f"sciabc-{_TOKEN}" / "deep", tmp_path / f"sciabc-{other}", target):
        folder.mkdir(parents=True)
    option = "prte_local_tmpdir_base"
    sessions.remove(("mpirun", option, f"sciabc-{_TOKEN}"), _TOKEN)
    sessions.remove(("mpirun", "-n", str(tmp_path / f"sciabc-{_TOKEN}")), _TOKEN)
    sessions.remove(("mpirun", option, str(target)), "target")
    sessions.remove(("mpirun", option, str(tmp_path / f"sciabc-{other}")), _TOKEN)
    assert len(list(tmp_path.iterdir())) == 3
    sessions.remove(("mpirun", option, str(tmp_path / f"sciabc-{_TOKEN}")), _TOKEN)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"sciabc-{other}", "target"]
    (tmp_path / f"sciabc-{_TOKEN}").symlink_to(target)
    (target / "kept").touch()
    sessions.remove(("mpirun", option, str(tmp_path / f"sciabc-{_TOKEN}")), _TOKEN)
    assert not (tmp_path / f"sciabc-{_TOKEN}").is_symlink()
    assert (target / "kept").exists()
    sessions.remove(("mpirun", option, str(tmp_path / f"sciabc-{_TOKEN}")), _TOKEN)


def test_there_is_room_where_the_launcher_looks_for_it() -> None:
    """What the job says goes before what we have, TMPDIR before TEMP and TMP; a path must be a plain one."""
    assert sessions.scratch({}, {}) == Path("/tmp")
    assert sessions.scratch({"TMPDIR": "/a"}, {"TMPDIR": "/b"}) == Path("/a")
    assert sessions.scratch({"TMP": "/a", "TMPDIR": ""}, {"TEMP": "/b"}) == Path("/b")
    for odd in ("here", "/a b", "/a$(id)", '/a"b', f"/{'x' * 90}"):
        assert sessions.scratch({"TMPDIR": odd}) == Path("/tmp")


def test_where_it_is_said(new: Launcher, old: Launcher) -> None:
    """Each node of Open MPI 5 has its own place, those of 4.1 one for all, or each its own way."""
    tmp, elsewhere = Path("/tmp"), Path("/big")
    assert sessions.options(new, elsewhere, "t", remote=True) == (
        *("--prtemca", "prte_local_tmpdir_base", "/big/sciabc-t"),
        *("--prtemca", "prte_remote_tmpdir_base", "${TMPDIR:-/tmp}/sciabc-t"),
    )
    assert sessions.options(new, tmp, "t", remote=False)[1:] == ("prte_local_tmpdir_base", "/tmp/sciabc-t")
    assert sessions.options(old, tmp, "t", remote=True) == ("--mca", "orte_tmpdir_base", "/tmp/sciabc-t")
    assert sessions.options(old, elsewhere, "t", remote=False)[1:] == ("orte_tmpdir_base", "/big/sciabc-t")
    assert sessions.options(old, elsewhere, "t", remote=True) == ()
