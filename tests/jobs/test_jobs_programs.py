"""The bundled programs, run by every real launcher of this machine through the runner."""

import re
import secrets
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from jobs import procs
from jobs.attempt import AttemptFiles, AttemptStatus, read_plan
from jobs.detach import cancel, launch
from jobs.errors import SpecError
from jobs.hostfile import Host
from jobs.launchers import Launcher
from jobs.logstore import LogLine, Stream, parse_line
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec, validated
from jobs.states import JobState

pytestmark = pytest.mark.mpi

EndOf = Callable[[int, Path], AttemptStatus]
Until = Callable[[Callable[[], bool]], None]
Start = Callable[..., tuple[int, Path]]


@pytest.fixture
def start(tmp_path: Path, real: Launcher, head: Host, site: Site) -> Start:
    """Start a job on this machine; return its runner's pid and its folder."""

    def started(spec: JobSpec) -> tuple[int, Path]:
        folder = tmp_path / "attempt"
        checked = validated(replace(spec, cwd=str(tmp_path)), total_slots=None)
        prepare(folder, real, checked, [head], job=7, attempt=1, token=secrets.token_hex(16), site=site)
        return launch(folder), folder

    return started


def _lines(folder: Path) -> list[LogLine]:
    path = AttemptFiles(folder).log
    data = path.read_bytes() if path.exists() else b""
    return [parse_line(record) for record in data.split(b"\n")[:-1]]


def _out(folder: Path) -> list[tuple[int | None, str]]:
    return [(line.rank, line.text.decode()) for line in _lines(folder) if line.stream is Stream.OUT]


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_hello_greets_from_every_rank(start: Start, end_of: EndOf, ranks: int) -> None:
    """Each rank's line is there and carries its own rank in the log."""
    pid, folder = start(JobSpec("hello", ranks=ranks))
    status = end_of(pid, folder)
    assert (status.state, status.error) == (JobState.COMPLETED, "")
    greetings = [(rank, text) for rank, text in _out(folder) if text.startswith("Hello")]
    assert sorted(rank for rank, _ in greetings if rank is not None) == list(range(ranks))
    for rank, text in greetings:
        assert re.fullmatch(rf"Hello from rank {rank} of {ranks} on \S+, processor \S+ core \d+", text)
    assert (0, f"All {ranks} ranks on 1 host(s) answered") in _out(folder)


@pytest.mark.parametrize(("ranks", "count"), [(1, 12), (2, 7), (3, 2)])
def test_powers_are_right(start: Start, end_of: EndOf, ranks: int, count: int) -> None:
    """They are what one rank computes alone, with uneven shares and fewer numbers than ranks too."""
    pid, folder = start(JobSpec("powers", ("--count", str(count)), ranks=ranks))
    assert end_of(pid, folder).state is JobState.COMPLETED
    total = sum(number**3 for number in range(1, count + 1))
    assert (0, f"sum {total}: {ranks} rank(s) found what one finds alone") in _out(folder)


@pytest.mark.parametrize(("ranks", "count"), [(1, 5000), (2, 5001), (3, 2)])
def test_mergesort_is_right(start: Start, end_of: EndOf, ranks: int, count: int) -> None:
    """It proves its order against one rank, and prints the time of each phase and the speed-up."""
    pid, folder = start(JobSpec("mergesort.py", ("--count", str(count)), ranks=ranks))
    assert end_of(pid, folder).state is JobState.COMPLETED
    text = "\n".join(text for _, text in _out(folder))
    assert re.search(rf"in order: \d+ \.\.\. \d+, {count} numbers, as one rank alone found them", text)
    for phase in ("scatter", "sort   ", "merge  ", "total  "):
        assert re.search(rf"^{phase} +\d+\.\d{{3}} s", text, re.MULTILINE)
    assert re.search(r"^speed-up \d+\.\d\d$", text, re.MULTILINE)


@pytest.mark.parametrize("program", ["powers", "mergesort"])
def test_bad_arguments_are_refused(start: Start, end_of: EndOf, program: str) -> None:
    """A program says what it wants and fails; nothing hangs."""
    pid, folder = start(JobSpec(program, ("--count", "0"), ranks=2))
    status = end_of(pid, folder)
    assert (status.state, status.exit_code) == (JobState.FAILED, 2)
    assert any(b"--count must be 1 or more" in line.text for line in _lines(folder))


def test_an_exception_of_one_rank_ends_all(start: Start, end_of: EndOf, tmp_path: Path) -> None:
    """The other rank waits in a barrier and does not hang; the reason is the exception."""
    (tmp_path / "raises.py").write_text(
        "from mpi4py import MPI\n"
        "if MPI.COMM_WORLD.rank == 1:\n    raise ValueError('boo')\n"
        "MPI.COMM_WORLD.barrier()\n"
    )
    pid, folder = start(JobSpec("raises.py", ranks=2))
    status = end_of(pid, folder)
    assert (status.state, status.exit_code) == (JobState.FAILED, 1)
    assert status.error == "ValueError: boo. Next: sciabc-tui logs 7"


def test_more_ranks_than_slots_are_not_oversubscribed(start: Start) -> None:
    """The slots hold, whatever cores the machine has: MPICH by itself would begin with the first again."""
    with pytest.raises(SpecError, match=r"4 ranks, not enough slots \(3\)"):
        start(JobSpec("hello", ranks=4))


def test_cancel_leaves_no_rank(start: Start, end_of: EndOf, until: Until, tmp_path: Path) -> None:
    """All ranks are gone when the status says cancelled, also a child that ignores signals."""
    (tmp_path / "forever.py").write_text(
        "import signal, subprocess, sys\n"
        "from mpi4py import MPI\n"
        "ignore = 'import signal; signal.signal(15, signal.SIG_IGN); signal.pause()'\n"
        "subprocess.Popen([sys.executable, '-c', ignore], start_new_session=True)\n"
        "print('up', flush=True)\nsignal.pause()\n"
    )
    pid, folder = start(JobSpec("forever.py", ranks=2))
    token = read_plan(folder).token
    until(lambda: _out(folder).count((0, "up")) + _out(folder).count((1, "up")) == 2)
    assert len(procs.of_job(token)) >= 5  # mpirun, two ranks, two children
    assert cancel(folder)
    assert end_of(pid, folder).state is JobState.CANCELLED
    assert not procs.of_job(token)


def test_other_programs_pass_their_status_through(start: Start, end_of: EndOf) -> None:
    """A program that is no Python runs as it is, with its variables."""
    shell = shutil.which("sh")
    assert shell is not None
    pid, folder = start(JobSpec(shell, ("-c", 'echo "$A"; exit 3'), ranks=1, env={"A": "b  c"}))
    assert end_of(pid, folder).exit_code == 3
    assert (0, "b  c") in _out(folder)
