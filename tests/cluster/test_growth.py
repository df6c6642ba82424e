"""What a running job would get that asks for every slot: more, and nothing that an earlier job waits for."""

from dataclasses import replace

from sciabc_tui.cluster.changes import apply
from sciabc_tui.cluster.growth import Growth, growth
from sciabc_tui.cluster.job import Job, JobId, JobState, Wish
from sciabc_tui.cluster.job_events import JobStarted, JobSubmitted
from sciabc_tui.cluster.schedule import Placed, place
from sciabc_tui.cluster.state import State
from tests.cluster.builders import id_of, ready
from tests.cluster.test_schedule import job


def grown(state: State, *names: str, slots: int = 4) -> State:
    """Bring nodes in."""
    for name in names:
        state = ready(state, name, 0.0, address=f"10.77.0.1{name[-1]}", slots=slots)
    return state


def started(state: State, waiting: Job) -> tuple[State, Job]:
    """Start a job where it fits."""
    outcome = place(state, waiting.wish)
    assert isinstance(outcome, Placed)
    running = replace(waiting, state=JobState.RUNNING, allocation=outcome.allocation)
    return apply(state, JobStarted(running)), running


def told(found: Growth | None) -> str:
    """Give its text; empty for none."""
    return found.text if found else ""


def test_nodes_that_joined_are_named_with_the_ranks() -> None:
    """Two boards joined: the text folds their names, and counts all ranks that the job will have."""
    state, running = started(grown(State(), "node01"), job(5))
    assert growth(state, running) is None
    found = growth(grown(state, "node02", "node03"), running)
    assert told(found) == "node[02-03] joined, 12 ranks"
    assert found is not None
    assert [part.name for part in found.allocation] == ["node01", "node02", "node03"]


def test_a_node_that_the_job_does_not_want_is_no_growth() -> None:
    """Only where it asked to run."""
    state, running = started(grown(State(), "node01"), job(5, Wish(exclude=("node02",))))
    assert growth(grown(state, "node02"), running) is None


def test_one_rank_a_node_grows_by_nodes() -> None:
    """`--per-node 1`: another board is another rank, whatever its slots."""
    state, running = started(grown(State(), "node01", "node02"), job(5, Wish(per_node=1)))
    assert told(growth(grown(state, "node03"), running)) == "node03 joined, 3 ranks"


def test_slots_of_a_running_job_are_not_counted_on() -> None:
    """The new board is somebody else's by now: to be launched again would mean to wait."""
    state, running = started(grown(State(), "node01"), job(5))
    state, _ = started(grown(state, "node02"), job(6, Wish(ranks=1, nodes=("node02",))))
    assert growth(state, running) is None


def test_an_earlier_job_has_its_turn_first() -> None:
    """It waits for the boards that join: they are its own, held or not."""
    for held_by in ("", "ben"):
        state, running = started(grown(State(), "node01"), job(5))
        state = apply(state, JobSubmitted(job(4, Wish(ranks=8), held_by=held_by), "ada"))
        assert growth(grown(state, "node02"), running) is None


def test_a_later_job_does_not_stand_in_the_way() -> None:
    """It waits for more than joined, and would wait for the running one anyway."""
    state, running = started(grown(State(), "node01"), job(5))
    state = apply(state, JobSubmitted(job(6, Wish(ranks=8)), "ada"))
    assert told(growth(grown(state, "node02"), running)) == "node02 joined, 8 ranks"


def test_more_slots_of_the_same_nodes_are_growth() -> None:
    """A board says that it has more than before."""
    state, running = started(grown(State(), "node01", slots=2), job(5))
    node = id_of("node01")
    more = replace(state.nodes[node], advertised_slots=4)
    state = replace(state, nodes={**state.nodes, node: more})
    assert told(growth(state, running)) == "its nodes have more slots, 4 ranks"


def test_a_job_that_is_not_placed_at_all_does_not_grow() -> None:
    """A node that it names is gone: it would wait."""
    state, running = started(grown(State(), "node01"), job(5, Wish(nodes=("node01",))))
    state = replace(grown(state, "node02"), jobs={JobId(5): running})
    away = {key: node for key, node in state.nodes.items() if key != id_of("node01")}
    assert growth(replace(state, nodes=away), running) is None


def test_a_job_of_another_cluster_does_not_grow() -> None:
    """Its nodes are none of ours."""
    state, running = started(grown(State(), "node01"), job(5))
    assert growth(grown(state, "node02"), replace(running, elsewhere=True, handed_over=True)) is None
