"""Boards are lost in the middle of jobs, under a real head service: the jobs' ends tell it, or they go on."""

from collections.abc import Callable

import pytest

from jobs.attempt import AttemptFiles, read_plan, read_unswept
from tests.lab.conftest import LabFactory
from tests.lab.flight import JOBS, Flight
from tests.lab.launchers import Launcher
from tests.lab.losing import Loss, Outcome, Program, Round, StartHung, environment, following
from tests.lab.procs import until

pytestmark = [pytest.mark.lab, pytest.mark.mpi, pytest.mark.timeout(240)]

_TRIES = 3
_PATIENCE_S = 60.0


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


def test_a_board_that_is_back_is_cleaned_while_its_job_goes_on_elsewhere(
    lab: LabFactory, need_launcher: Callable[[Launcher], None]
) -> None:
    """It need not wait for the end of the next attempt, which may take days."""
    launcher = Launcher.OPEN_MPI_5
    need_launcher(launcher)
    boards = lab(nodes=2, slots=1, shown=launcher.shown)
    flight = Flight(boards, environment(launcher))
    flight.up()
    flight.run("run", "--per-node", "1", "--on-node-loss", "requeue", "--detach", "/bin/sleep", "600")
    victim = boards.node("node02")
    first = flight.file(f"{JOBS}/1/attempt-1")
    assert until(AttemptFiles(first).plan.exists, timeout=_PATIENCE_S)
    token = read_plan(first).token
    assert until(lambda: victim.name in boards.carrying(token), timeout=_PATIENCE_S)
    next_one_runs = "any(job.attempt == 2 and job.slots == 2 for job in jobs.values())"
    victim.unplug()
    flight.until(next_one_runs)
    assert read_unswept(first) == (victim.name,)
    victim.plug()
    assert until(lambda: not read_unswept(first), timeout=_PATIENCE_S)
    assert boards.carrying(token) == {}
    flight.until(next_one_runs)
