"""Which nodes a running job has lost."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.losses import in_doubt, lost_parts, tell_loss
from sciabc_tui.cluster.node import Facts, Liveness
from sciabc_tui.cluster.observations import FactsRead
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from tests.cluster.builders import id_of, ready, run

ONE, TWO = id_of("node01"), id_of("node02")


def cluster() -> State:
    """Make two nodes whose kernels are known."""
    state = ready(ready(State(), "node01", 0.0), "node02", 0.0, address="10.77.0.12")
    facts = [FactsRead(node, Facts(cores=4, boot_id=f"boot-{node}")) for node in (ONE, TWO)]
    return run(state, facts, 0.0)


def part(node: NodeId, name: str, *ranks: int) -> Allocation:
    """Make a part of a job."""
    return Allocation(node, name, len(ranks), f"boot-{node}", ranks)


def job(*parts: Allocation) -> Job:
    """Make a running job."""
    return Job(JobId(1), "hello", "/bin/x", (), None, JobState.RUNNING, 0.0, allocation=parts)


def with_liveness(state: State, node: NodeId, liveness: Liveness) -> State:
    """Make a node be so."""
    return replace(state, nodes={**state.nodes, node: replace(state.nodes[node], liveness=liveness)})


@pytest.mark.parametrize("liveness", [Liveness.DEAD, Liveness.LEFT])
def test_what_is_gone_is_lost_with_its_ranks(liveness: Liveness) -> None:
    """The job knows which ranks it held, and how the node went."""
    state = with_liveness(cluster(), TWO, liveness)
    lost = lost_parts(state, job(part(ONE, "node01", 0, 1), part(TWO, "node02", 2, 3)))
    assert [one.name for one in lost] == ["node02"]
    assert tell_loss(state, lost) == f"node02 was lost ({liveness.value}, ranks 2-3)"


def test_a_silent_node_is_in_doubt_and_not_lost() -> None:
    """Membership decides, not the first silence."""
    state = with_liveness(cluster(), TWO, Liveness.SUSPECT)
    running = job(part(ONE, "node01", 0), part(TWO, "node02", 1))
    assert lost_parts(state, running) == ()
    assert in_doubt(state, running)
    assert not in_doubt(state, job(part(ONE, "node01", 0)))


def test_a_rebooted_node_is_lost_though_it_is_there() -> None:
    """It is alive again within the deadlines, and nothing of the job is left on it."""
    state = run(cluster(), [FactsRead(ONE, Facts(cores=4, boot_id="another"))], 3.0)
    lost = lost_parts(state, job(part(ONE, "node01", 5)))
    assert tell_loss(state, lost) == "node01 was lost (rebooted, rank 5)"


def test_a_forgotten_node_is_lost() -> None:
    """Nobody may log in there any more."""
    state = replace(cluster(), nodes={})
    lost = lost_parts(state, job(part(ONE, "node01", 0, 1, 4), part(TWO, "node02", 2, 3, 9)))
    assert tell_loss(state, lost) == "node[01-02] were lost (forgotten, ranks 0-4,9)"


def test_many_scattered_ranks_are_counted() -> None:
    """A line stays a line."""
    lost = lost_parts(replace(cluster(), nodes={}), job(part(ONE, "node01", *range(0, 100, 2))))
    assert tell_loss(State(), lost) == "node01 was lost (forgotten, 50 ranks)"


def test_a_service_that_starts_blames_nobody() -> None:
    """It has not yet seen itself, nor read what the nodes are: that is doubt, and no loss."""
    head = Allocation(HEAD, "alpha", 1, "boot", (0,))
    assert lost_parts(State(), job(head)) == ()
    assert in_doubt(State(), job(head))
    unread = ready(State(), "node01", 0.0)
    unread = replace(unread, nodes={ONE: replace(unread.nodes[ONE], facts=None)})
    assert in_doubt(unread, job(part(ONE, "node01", 0)))
    assert lost_parts(unread, job(part(ONE, "node01", 0))) == ()
