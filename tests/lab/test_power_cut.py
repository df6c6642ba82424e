"""The head loses power in the middle of a job: after the restart the job is told as it ended."""

import json

import pytest

from jobs.attempt import read_plan
from tests.lab.conftest import LabFactory
from tests.lab.flight import JOBS, Flight
from tests.lab.procs import until

pytestmark = [pytest.mark.lab, pytest.mark.mpi, pytest.mark.timeout(240)]


@pytest.mark.parametrize(("policy", "state"), [("fail", "node_fail"), ("requeue", "running")])
def test_a_job_is_told_as_it_ended_after_a_power_cut(lab: LabFactory, policy: str, state: str) -> None:
    """Its record names the head, nothing of it is left on any node, and with requeue it is launched again."""
    flight = Flight(lab(nodes=2), {"SCIABC_CLUSTER_HEAD_SLOTS": "1"})
    flight.up()
    program = ("sh", "-c", "echo up; exec sleep 600")
    flight.run("run", "--detach", "--on-node-loss", policy, *program)
    flight.until("jobs[1].state == 'running'")
    log = flight.file(f"{JOBS}/1/attempt-1/log")
    assert until(lambda: log.exists() and log.read_bytes().count(b" out up\n") == 3, timeout=60)
    token = read_plan(log.parent).token
    flight.cut_power()
    flight.restore_power()
    flight.until(f"jobs[1].state == {state!r} and (jobs[1].attempt == 2 or jobs[1].state != 'running')")
    assert until(lambda: not flight.lab.carrying(token), timeout=60)
    assert flight.file(f"{JOBS}/1/attempt-1/log").read_bytes().count(b" out up\n") == 3
    if policy == "fail":
        (job,) = json.loads(flight.run("jobs", "--json"))["jobs"]
        assert "head was lost (rebooted, rank 0)" in job["reason"]
    else:
        flight.run("cancel", "1")
