"""The programs in the guides are right, on one rank and on three, and the checkpoints hold."""

import json
import math
import os
import re
import secrets
import select
import tempfile
import threading
import time
from pathlib import Path

import pytest

from jobs.attempt import AttemptFiles, AttemptStatus, read_status
from jobs.detach import cancel, launch
from jobs.hostfile import Host
from jobs.launchers import detect
from jobs.logstore import parse_line
from jobs.prepare import Site, prepare
from jobs.spec import JobSpec
from jobs.states import JobState
from tests.docs.pages import programs
from tests.lab.launchers import Launcher

pytestmark = pytest.mark.mpi

STEPS = programs("first-program.md")
[CHECKPOINTED] = programs("when-a-node-dies.md")
_SECONDS = 100.0


class Started:
    """A program of a guide, run as a job is: by our runner, under the wheel's launcher with our options."""

    def __init__(self, program: str, folder: Path, ranks: int, *, attempt: int = 1, **environ: str) -> None:
        """Start it; it ends with `end`."""
        file = folder / "program.py"
        file.write_text(program, encoding="utf-8")
        self._folder = Path(tempfile.mkdtemp(dir=folder)) / "attempt"
        launcher = detect(str(Launcher.OPEN_MPI_5.mpirun))
        spec = JobSpec(str(file), (), ranks, cwd=str(folder), env=environ)
        host = Host("head", "127.0.0.1", ranks, local=True)
        site = Site(known_hosts=folder / "known_hosts", uid=os.geteuid())
        token = secrets.token_hex(16)
        prepare(self._folder, launcher, spec, [host], job=1, attempt=attempt, token=token, site=site)
        self._runner = os.pidfd_open(launch(self._folder))

    @property
    def lines(self) -> list[str]:
        """What it printed so far."""
        log = AttemptFiles(self._folder).log
        *records, _ = log.read_bytes().split(b"\n") if log.exists() else [b""]
        return [parse_line(record).text.decode() for record in records]

    def end(self, *, now: bool = False) -> AttemptStatus:
        """Wait for its end, or end it."""
        if now:
            assert cancel(self._folder)
        in_time = select.select([self._runner], [], [], _SECONDS)[0]
        if not in_time and cancel(self._folder):
            select.select([self._runner], [], [], _SECONDS)
        os.close(self._runner)
        status = read_status(self._folder)
        assert in_time, self.lines
        assert status is not None
        return status


def printed(program: str, folder: Path, ranks: int, *, attempt: int = 1, **environ: str) -> list[str]:
    """Run a program to its end; give its lines."""
    started = Started(program, folder, ranks, attempt=attempt, **environ)
    status = started.end()
    assert status.state is JobState.COMPLETED, (status, started.lines)
    return started.lines


@pytest.mark.parametrize("ranks", [1, 3])
def test_each_step_of_the_first_program(tmp_path: Path, ranks: int) -> None:
    """They say what the page says of them: who, a share each, pi, pi again, and how far it is."""
    hello, shares, together, checked, progress = (printed(step, tmp_path, ranks) for step in STEPS)
    assert sorted(line.split(" on ")[0] for line in hello) == [
        f"I am rank {rank} of {ranks}" for rank in range(ranks)
    ]
    assert sum(float(line.rpartition(" ")[2]) for line in shares) == pytest.approx(math.pi, abs=1e-5)
    assert len(shares) == ranks
    assert together == ["pi is 3.141592653590"]
    assert re.fullmatch(rf"pi is 3\.141592653590, \d+\.\d{{3}} s on {ranks} ranks", checked[0])
    assert progress[-1] == "pi is 3.141592653590"
    assert progress[:-1] == [f"@sciabc progress {part} of 20" for part in range(1, 21)]


def test_the_check_of_the_first_program_finds_a_mistake(tmp_path: Path) -> None:
    """With a wrong formula it fails loudly."""
    started = Started(STEPS[3].replace("4.0 /", "4.1 /"), tmp_path, 2)
    assert started.end().state is JobState.FAILED
    assert "WRONG: that is not pi" in "\n".join(started.lines)


def test_the_checkpointed_program_goes_on_where_it_was(tmp_path: Path) -> None:
    """Killed in the middle, it is started with fewer ranks, skips what was done, and is right."""
    folder = tmp_path / "checkpoint"
    folder.mkdir()
    # so slow that it is far from its end when we have read that it is at the third step
    slow = CHECKPOINTED.replace("1_200_000", "120_000_000")
    started = Started(slow, tmp_path, 3, SCIABC_CHECKPOINT=str(folder))
    pause, deadline = threading.Event(), time.monotonic() + _SECONDS
    while not any("progress 3 of 60" in line for line in started.lines) and time.monotonic() < deadline:
        pause.wait(0.01)
    assert started.end(now=True).state is JobState.CANCELLED
    done = json.loads((folder / "state.json").read_text(encoding="utf-8"))["step"]
    assert 3 <= done < 60
    resumed = printed(CHECKPOINTED, tmp_path, 2, attempt=2, SCIABC_CHECKPOINT=str(folder))
    assert resumed[0] == f"goes on at step {done}, attempt 2"
    assert resumed[1] == f"@sciabc progress {done + 1} of 60"
    assert resumed[-1] == "pi is 3.1415926536"


@pytest.mark.parametrize("ranks", [1, 3])
def test_the_checkpointed_program_is_right_without_any(tmp_path: Path, ranks: int) -> None:
    """From its beginning."""
    assert printed(CHECKPOINTED, tmp_path, ranks, SCIABC_CHECKPOINT=str(tmp_path))[-1] == "pi is 3.1415926536"
