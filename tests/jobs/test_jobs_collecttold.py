"""How the end of a job tells what could not be brought home."""

import pytest

from jobs.attempt import AttemptPlan
from jobs.collecttold import Brought, Collected, told
from jobs.hostfile import Host
from jobs.launchers import Launcher

_TOKEN = "0123456789abcdef" * 2


@pytest.fixture
def plan(new: Launcher) -> AttemptPlan:
    """A job with outputs."""
    return AttemptPlan(7, 1, new, ("true",), {}, "", _TOKEN, collect=("*",))


def _brought(name: str, *left: str, silent: bool = False) -> Brought:
    return Brought(Host(name, "", 1), [*left], silent)


def test_nothing_is_told_of_what_went_well(plan: AttemptPlan) -> None:
    """The text of a job's end is for what is amiss."""
    assert told(plan, [_brought("node01"), _brought("node02")]) == Collected()


def test_each_node_is_told_with_its_reason(plan: AttemptPlan) -> None:
    """Lost is what nobody can fetch any more; else it says where it is, and what to do."""
    got = told(plan, [_brought("node01", "no answer", silent=True), _brought("node02", "disk full", "a: b")])
    where = f"~/.cache/sciabc/jobs/{_TOKEN}"
    assert got == Collected(
        "outputs of node01 are lost: no answer; "
        f"outputs of node02 stay there in {where}: disk full (and 1 more). Next: copy them",
        frozenset({"node01"}),
        frozenset({"node02"}),
    )


def test_many_nodes_are_counted(plan: AttemptPlan) -> None:
    """One line stays one that can be read, however many nodes and however long the names."""
    got = told(plan, [_brought(f"node{number:02}", "x" * 5000, silent=True) for number in range(40)])
    assert got.problem.endswith("; 37 more nodes have the same or other problems")
    assert len(got.problem) < 600
    assert len(got.silent) == 40
