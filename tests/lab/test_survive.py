"""A job that survives goes on without what it loses, and finds the right answer; under a real head service.

A killed rank is told to the others within 0.1 s, a lost board 6 s after its last word.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from jobs.attempt import read_plan
from tests.lab.conftest import LabFactory
from tests.lab.flight import JOBS, Flight
from tests.lab.image import HOME
from tests.lab.launchers import Launcher
from tests.lab.losing import environment
from tests.lab.machine import Machine
from tests.lab.procs import until

pytestmark = [pytest.mark.lab, pytest.mark.mpi, pytest.mark.timeout(180)]

_PROGRAM = f"{HOME}/squares.py"
_PATIENCE_S = 40.0
_ALONE_S = 30.0

# As docs/jobs.md says it. The ranks add up squares, each its share, until so many rounds are done.
_SOURCE = """
import sys, time
from array import array
from mpi4py import MPI

NUMBERS = range(4000)

def together(comm, value, how=MPI.SUM):
    found = array("q", [0])
    comm.Allreduce([array("q", [value]), MPI.INT64_T], [found, MPI.INT64_T], how)
    return found[0]

def compute(comm):
    if sys.argv[1] == "talks":
        time.sleep(0.05)
    else:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            sum(NUMBERS)
            time.sleep(0.01)  # MPI hears of nothing either way, and other tests want a core
    return together(comm, sum(number**2 for number in NUMBERS[comm.rank :: comm.size]))

def without_the_lost(comm, done):
    comm.Revoke()
    while True:
        comm = comm.Shrink()
        comm.Set_errhandler(MPI.ERRORS_RETURN)
        try:
            return comm, together(comm, done, MPI.MIN)
        except MPI.Exception:
            comm.Revoke()

comm = MPI.COMM_WORLD.Dup()
comm.Set_errhandler(MPI.ERRORS_RETURN)
together(comm, 1)
print("up", flush=True)
done, rounds, answer = 0, int(sys.argv[2]), 0
while done < rounds:
    try:
        answer = compute(comm)
        done = together(comm, done + 1, MPI.MIN)
    except MPI.Exception:
        comm, done = without_the_lost(comm, done)
        print("left", comm.size, flush=True)
print("answer", answer, comm.size, flush=True)
"""
_ANSWER = sum(number**2 for number in range(4000))

# One board is slow to begin, so that all others wait for it in MPI_Init.
_SLOW = """
import socket, sys, time
print("up", flush=True)
if socket.gethostname() == "node02":
    time.sleep(600)
from mpi4py import MPI
"""


@dataclass(frozen=True, slots=True)
class Job:
    """A job on the head and all boards, one rank on each: rank 0 on the head, rank 2 on node02."""

    flight: Flight
    number: str

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.flight.file(f"{JOBS}/{self.number}/attempt-1/log")

    @property
    def token(self) -> str:
        """What marks its processes."""
        return read_plan(self.log.parent).token

    def said(self, words: str) -> int:
        """Count the lines that end so."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return len(re.findall(rf" {re.escape(words)}$", text, re.MULTILINE))

    def wait_for(self, words: str, ranks: int) -> None:
        """Wait until so many ranks said it."""
        assert until(lambda: self.said(words) >= ranks, timeout=_PATIENCE_S), self.log.read_text()

    def end(self) -> tuple[str, str]:
        """Wait for its end; give state and reason."""
        self.flight.until(f"jobs[{self.number}].state.value not in ('pending', 'running')")
        jobs = json.loads(self.flight.run("jobs", "--json"))["jobs"]
        return next((job["state"], job["reason"]) for job in jobs if str(job["id"]) == self.number)

    def kill_rank_on(self, machine: Machine) -> None:
        """Send the rank there SIGKILL."""
        ranks = [found for found in machine.carrying(self.token) if f"mpi4py {_PROGRAM}" in found.command]
        machine.kill(ranks[-1].pid)


def in_flight(machine: Machine, command: str) -> int:
    """Count the bytes of a command that nobody has acknowledged.

    Where there are some when a cable is pulled, the kernel sends them again for a quarter of an hour, and no
    keep-alives meanwhile (tcp(7), `tcp_retries2`): the daemon finds out only when the board is back.
    """
    told = machine.run(["ss", "-Htnp", "state", "established"]).stdout
    return sum(int(line.split()[1]) for line in told.splitlines() if f'"{command}"' in line)


@pytest.fixture
def start(
    lab: LabFactory, need_launcher: Callable[[Launcher], None]
) -> Callable[[str, str, int], tuple[Flight, Job]]:
    """Start a program as a job that shall survive, on a head and three boards; all ranks are up then."""
    need_launcher(Launcher.OPEN_MPI_5)

    def begin(source: str, how: str, rounds: int) -> tuple[Flight, Job]:
        flight = Flight(lab(nodes=3), environment(Launcher.OPEN_MPI_5) | {"SCIABC_CLUSTER_HEAD_SLOTS": "1"})
        flight.up()
        for machine in (flight.lab.head, *flight.lab.nodes):
            machine.path(_PROGRAM).write_text(source, encoding="utf-8")
        asked = ("--per-node", "1", "--on-node-loss", "survive", "--detach")
        job = Job(flight, flight.run("run", *asked, _PROGRAM, how, str(rounds)).split()[1])
        job.wait_for("up", 4)
        return flight, job

    return begin


def test_a_killed_rank_and_a_board_without_power_are_survived(
    start: Callable[[str, str, int], tuple[Flight, Job]],
) -> None:
    """One rank gets SIGKILL, then a whole board loses power: two are left, and their answer is right."""
    flight, job = start(_SOURCE, "talks", 150)
    job.kill_rank_on(flight.lab.node("node03"))
    job.wait_for("left 3", 3)
    flight.lab.node("node02").power_off()
    job.wait_for("left 2", 2)
    state, reason = job.end()
    assert (state, reason) == ("completed", "without node02, rank 3, whose loss it survived")
    assert job.said(f"answer {_ANSWER} 2") == 2
    assert not flight.lab.carrying(job.token)


def test_a_pulled_cable_is_survived_and_put_back(
    start: Callable[[str, str, int], tuple[Flight, Job]],
) -> None:
    """Ranks that compute and seldom talk go on; the board's own end by themselves, and it may come back."""
    flight, job = start(_SOURCE, "computes", 22)
    victim = flight.lab.node("node02")
    assert until(lambda: not in_flight(victim, "prted"), timeout=_PATIENCE_S)
    victim.unplug()
    job.wait_for("left 3", 3)
    assert until(lambda: not victim.carrying(job.token), timeout=_ALONE_S)
    victim.plug()
    assert job.end() == ("completed", "without node02, whose loss it survived")
    assert job.said(f"answer {_ANSWER} 3") == 3
    assert not flight.lab.carrying(job.token)


def test_a_board_lost_before_all_ranks_are_up_ends_the_job(
    start: Callable[[str, str, int], tuple[Flight, Job]],
) -> None:
    """The others wait for it in MPI_Init and would do so for ever: node_fail, and nothing is left."""
    flight, job = start(_SLOW, "", 0)
    flight.lab.node("node02").power_off()
    state, reason = job.end()
    assert state == "node_fail"
    assert "node02 was lost" in reason
    assert not flight.lab.carrying(job.token)
