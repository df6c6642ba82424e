"""A job that asked for it has more ranks when a board joins, on a real head service."""

from collections.abc import Callable

import pytest

from jobs.attempt import read_plan
from tests.lab.conftest import LabFactory
from tests.lab.flight import JOBS, KEYS_READ, Flight
from tests.lab.launchers import Launcher
from tests.lab.losing import environment

pytestmark = [pytest.mark.lab, pytest.mark.mpi, pytest.mark.timeout(240)]

_FOR_EVER = """
import time
from mpi4py import MPI
print("one of", MPI.COMM_WORLD.allreduce(1), flush=True)
while True:
    time.sleep(1)
"""


def test_a_job_is_launched_again_with_the_ranks_of_a_board_that_joined(
    lab: LabFactory, need_launcher: Callable[[Launcher], None]
) -> None:
    """As its second attempt, which is no loss; nothing of the first one is left, and the log says why."""
    need_launcher(Launcher.OPEN_MPI_4)
    flight = Flight(lab(nodes=1, slots=1), environment(Launcher.OPEN_MPI_4))
    flight.up()
    flight.file("/home/pi/work.py").write_text(_FOR_EVER, encoding="utf-8")
    how = ("--grow", "--on-node-loss", "requeue", "--max-attempts", "1", "--detach")
    job = flight.run("run", *how, "/home/pi/work.py").split()[1]
    flight.until(f"jobs[{job}].state == 'running' and jobs[{job}].slots == 3")
    token = read_plan(flight.file(f"{JOBS}/{job}/attempt-1")).token
    flight.lab.add()
    flight.until(f"'node02' in words and {KEYS_READ}")
    flight.run("nodes", "approve", "--all", "--yes")
    flight.until(f"jobs[{job}].state == 'running' and (jobs[{job}].attempt, jobs[{job}].slots) == (2, 4)")
    assert flight.lab.carrying(token) == {}
    assert f"job {job} work is launched again: node02 joined, 4 ranks" in flight.run("events")
    flight.run("cancel", job)
    flight.until(f"jobs[{job}].state == 'cancelled'")
