"""Boards are lost in the middle of jobs, under a real head service: the jobs' ends tell it, or they go on."""

from collections.abc import Callable

import pytest

from tests.lab.conftest import LabFactory
from tests.lab.flight import Flight
from tests.lab.launchers import Launcher
from tests.lab.losing import Loss, Outcome, Program, Round, StartHung, environment, following

pytestmark = [pytest.mark.lab, pytest.mark.mpi, pytest.mark.timeout(240)]

_TRIES = 3


@pytest.mark.parametrize(
    ("launcher", "programs", "loss"),
    [
        (Launcher.OPEN_MPI_5, (Program.TALKS, Program.SILENT), Loss.UNPLUG),
        (Launcher.OPEN_MPI_4, (Program.SILENT, Program.TALKS), Loss.POWER_OFF),
        (Launcher.MPICH, (Program.SILENT, Program.TALKS), Loss.UNPLUG),
    ],
)
def test_jobs_that_lose_a_board_end_with_the_truth_or_go_on_without_it(
    lab: LabFactory,
    need_launcher: Callable[[Launcher], None],
    launcher: Launcher,
    programs: tuple[Program, Program],
    loss: Loss,
) -> None:
    """One ends as node_fail and names node and rank, one runs again without it; nothing of them is left.

    Not on the survivors, which run the next job at once, and not on the board when it is back. How soon all
    that is: see tests/bench/node_loss.py.
    """
    need_launcher(launcher)
    flight = Flight(lab(nodes=2, slots=2, shown=launcher.shown), environment(launcher))
    flight.up()
    with following(flight) as follower:
        case = Round(flight, follower, launcher, programs, loss, "node02")
        outcomes = _played(case, _TRIES)
        found = [(outcome.policy, outcome.faults, outcome.leftovers) for outcome in outcomes]
        assert found == [("fail", (), ()), ("requeue", (), ())]


def _played(case: Round, tries: int) -> tuple[Outcome, ...]:
    """Play it; once more if a launcher hung before the board was lost, which is another matter."""
    try:
        return case.play()
    except StartHung:
        if tries == 1:
            raise
    return _played(case, tries - 1)
