"""A short kill campaign; tests/bench/kill_campaign.py is the long one."""

from pathlib import Path

import pytest

from jobs.errors import JobsError
from jobs.launchers import detect
from tests.bench.kill_campaign import campaign


@pytest.mark.mpi
def test_whoever_is_killed_the_truth_is_told(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Ten attempts, a random victim each: true ends, whole lines without a gap, and nothing left behind."""
    try:
        launcher = detect(None)
    except JobsError as error:
        pytest.skip(str(error))
    seed = request.config.getoption("randomly_seed", default=1)
    outcomes = [*campaign(tmp_path, launcher, runs=10, seed=seed if isinstance(seed, int) else 1)]
    assert [(outcome.victim, outcome.faults) for outcome in outcomes if outcome.faults] == []
