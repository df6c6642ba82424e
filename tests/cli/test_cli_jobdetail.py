"""`sciabc-tui jobs JOB`: one job in full."""

import json

import pytest

from sciabc_tui.api.messages import AttemptHost, JobAttempt
from sciabc_tui.cluster.job import JobState
from tests.api.scripted import WALL, Serving
from tests.cli.shell import Shell

HOSTS = (AttemptHost("node01", "10.77.0.11", (0, 1, 2, 3)), AttemptHost("node02", "10.77.0.12"))
ATTEMPTS = (
    JobAttempt(
        1, JobState.NODE_FAIL, WALL, WALL + 62.0, 1, "\x1b[31mnode02 was lost", "mpirun -n 4 x", HOSTS
    ),
    JobAttempt(2),
)


@pytest.fixture(autouse=True)
def attempts(service: Serving) -> None:
    """Give job 1 two attempts."""
    service.do(lambda: setattr(service.backend, "attempts", ATTEMPTS))


def test_a_job_is_told_in_full(shell: Shell) -> None:
    """Each attempt with its end, command line, nodes and ranks; foreign control characters do nothing."""
    done = shell.run("jobs", "1")
    assert done.returncode == 0
    assert "attempt 1: node_fail, exit 1, 1m02s" in done.stdout
    assert "  command     mpirun -n 4 x" in done.stdout
    assert "node01           10.77.0.11      ranks 0-3" in done.stdout
    assert "node02           10.77.0.12      --" in done.stdout
    assert "attempt 2: not begun, or its files were removed" in done.stdout
    assert "\x1b" not in done.stdout


def test_the_same_as_json(shell: Shell) -> None:
    """Scripts get every field."""
    found = json.loads(shell.run("jobs", "1", "--json").stdout)
    assert found["job"]["id"] == 1
    assert [attempt["number"] for attempt in found["attempts"]] == [1, 2]
    assert found["attempts"][0]["hosts"][0]["ranks"] == [0, 1, 2, 3]


def test_an_unknown_job_is_refused(shell: Shell) -> None:
    """With the next step."""
    done = shell.run("jobs", "99")
    assert (done.returncode, done.stdout) == (1, "")
    assert "There is no job 99" in done.stderr
