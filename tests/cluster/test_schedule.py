"""Where jobs go, and in which order: nobody takes what an earlier job waits for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sciabc_tui.cluster.changes import apply
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState, Wish
from sciabc_tui.cluster.job_events import JobSubmitted
from sciabc_tui.cluster.losses import lost_parts
from sciabc_tui.cluster.observations import HeadSighted
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.schedule import Placed, Waits, capacity, place, turns, used_slots
from sciabc_tui.cluster.state import State
from tests.cluster.builders import reading, ready, run


def cluster(*slots: int) -> State:
    """Make nodes node01.. with so many slots each."""
    state = State()
    for number, count in enumerate(slots, start=1):
        state = ready(state, f"node{number:02d}", 0.0, address=f"10.77.0.{10 + number}", slots=count)
    return state


def job(number: int, wish: Wish | None = None, *, priority: int = 0, held_by: str = "") -> Job:
    """Make a waiting job."""
    asked = wish or Wish()
    return Job(
        JobId(number),
        f"job{number}",
        "/bin/x",
        (),
        asked.ranks,
        JobState.PENDING,
        0.0,
        per_node=asked.per_node,
        each=asked.each,
        nodes=asked.nodes,
        exclude=asked.exclude,
        priority=priority,
        held_by=held_by,
    )


def given_to(state: State, *jobs: Job) -> dict[int, str]:
    """Queue the jobs; give for each what it gets: `node01:4 node02:1`, or what it waits for."""
    for one in jobs:
        state = apply(state, JobSubmitted(one, "ada"))
    return {turn.job.id: told(turn.outcome) for turn in turns(state)}


def told(outcome: Placed | Waits) -> str:
    """Write an outcome in a line."""
    match outcome:
        case Placed(allocation):
            return " ".join(f"{part.name}:{part.slots}" for part in allocation)
        case Waits(reason):
            return reason


def test_jobs_that_fit_run_side_by_side() -> None:
    """Slots are accounted within one round too."""
    assert given_to(cluster(4, 4), job(1, Wish(3)), job(2, Wish(4)), job(3, Wish(1))) == {
        1: "node01:3",
        2: "node01:1 node02:3",
        3: "node02:1",
    }


def test_a_job_for_another_cluster_waits_for_nothing_and_takes_nothing() -> None:
    """It starts at once, whatever is free here; what its nodes have to do there is no load of ours."""
    far = replace(job(1, Wish(400), priority=9), elsewhere=True)
    assert given_to(cluster(4), far, job(2, Wish(4))) == {1: "", 2: "node01:4"}
    assert given_to(State(), far, job(2, Wish(4))) == {1: "", 2: "waits for a schedulable node"}
    assert given_to(cluster(4), replace(far, held_by="ada")) == {1: "held by ada"}
    there = (Allocation(NodeId("slurm/n1"), "n1", 400),)
    running = replace(far, handed_over=True, state=JobState.RUNNING, allocation=there)
    assert not used_slots(apply(cluster(4), JobSubmitted(running, "ada")))
    assert not lost_parts(cluster(4), running)


def test_a_job_in_another_clusters_queue_has_no_turn_here() -> None:
    """It is pending there: to start it once more would run it twice."""
    far = replace(job(1, Wish(4)), elsewhere=True, handed_over=True)
    assert given_to(cluster(4), far, job(2, Wish(4))) == {2: "node01:4"}


def test_a_later_job_does_not_overtake_one_that_waits_for_slots() -> None:
    """A large job would wait for ever if small ones kept taking what it waits for."""
    running = replace(job(1, Wish(6)), state=JobState.RUNNING)
    state = cluster(4, 4)
    placed = place(state, Wish(6))
    assert isinstance(placed, Placed)
    state = apply(state, JobSubmitted(replace(running, allocation=placed.allocation), "ada"))
    found = given_to(state, job(2, Wish(4)), job(3, Wish(1)))
    assert found == {2: "waits for 2 slots", 3: "waits for 1 slot"}


def test_a_job_that_waits_for_absent_boards_blocks_nobody() -> None:
    """What is asked may come with a board that reboots; until then the others compute."""
    found = given_to(cluster(4), job(1, Wish(12)), job(2, Wish(4)))
    assert found == {1: "waits for 8 slots more: 4 are there", 2: "node01:4"}


def test_a_job_for_one_node_does_not_block_the_others() -> None:
    """Only the slots that it could use are kept for it."""
    state = cluster(2, 2)
    taken = place(state, Wish(2, nodes=("node01",)))
    assert isinstance(taken, Placed)
    running = replace(job(1), state=JobState.RUNNING, allocation=taken.allocation)
    state = apply(state, JobSubmitted(running, "ada"))
    found = given_to(state, job(2, Wish(2, nodes=("node01",))), job(3, Wish(2)))
    assert found == {2: "waits for 2 slots", 3: "node02:2"}


def test_priority_comes_before_age_and_held_jobs_come_last() -> None:
    """The order of turns."""
    found = given_to(cluster(2), job(1, held_by="ben"), job(2), job(3, priority=5))
    assert list(found) == [3, 2, 1]
    assert found[3] == "node01:2"
    assert found[1] == "held by ben"


@pytest.mark.parametrize(
    ("wish", "outcome"),
    [
        (Wish(), "node01:4 node02:4 node03:2"),
        (Wish(nodes=("node01", "node03")), "node01:4 node03:2"),
        (Wish(exclude=("node01",)), "node02:4 node03:2"),
        (Wish(per_node=2), "node01:2 node02:2 node03:2"),
        (Wish(5, per_node=2), "node01:2 node02:2 node03:1"),
        (Wish(per_node=4, nodes=("node01", "node02")), "node01:4 node02:4"),
        (Wish(8, per_node=4), "node01:4 node02:4"),
        (Wish(each=True), "node01:1 node02:1 node03:1"),
        (Wish(each=True, exclude=("node02",)), "node01:1 node03:1"),
        (Wish(per_node=4), "waits for nodes with 4 slots"),
        (Wish(12, per_node=4), "waits for 1 more node"),
        (Wish(nodes=("node09",)), "waits for node09, which was never seen"),
        (Wish(nodes=("node01", "node08", "node09")), "waits for node[08-09], which was never seen"),
        (Wish(exclude=("node01", "node02", "node03")), "waits for a schedulable node"),
    ],
)
def test_places(wish: Wish, outcome: str) -> None:
    """Each way to say where ranks go."""
    assert told(place(cluster(4, 4, 2), wish)) == outcome


def test_ranks_follow_the_nodes_in_order_with_the_head_first() -> None:
    """So it is known which ranks a lost node held."""
    state = run(cluster(2), [HeadSighted("alpha", ("10.77.0.1",), 2), reading(HEAD, 0.0)], 0.0)
    placed = place(state, Wish(3))
    assert isinstance(placed, Placed)
    assert [(part.name, part.ranks) for part in placed.allocation] == [("alpha", (0, 1)), ("node01", (2,))]


@given(
    slots=st.lists(st.integers(1, 6), min_size=1, max_size=6),
    wishes=st.lists(
        st.builds(
            Wish,
            ranks=st.none() | st.integers(1, 20),
            per_node=st.none() | st.integers(1, 6),
            nodes=st.lists(st.sampled_from(["node01", "node02", "node09"]), max_size=2, unique=True).map(
                tuple
            ),
        ),
        max_size=8,
    ),
)
def test_no_slot_is_given_twice(slots: list[int], wishes: list[Wish]) -> None:
    """Whatever is asked: no node gets more ranks than it has slots, every placed job has all its ranks."""
    state = cluster(*slots)
    for number, wish in enumerate(wishes, start=1):
        state = apply(state, JobSubmitted(job(number, wish), "ada"))
    for turn in turns(state):
        if isinstance(turn.outcome, Placed):
            if turn.job.ranks is not None:
                assert sum(part.slots for part in turn.outcome.allocation) == turn.job.ranks
            running = replace(turn.job, state=JobState.RUNNING, allocation=turn.outcome.allocation)
            state = apply(state, JobSubmitted(running, "ada"))
    used = used_slots(state)
    assert all(used.get(node.id, 0) <= capacity(node) for node in state.nodes.values())
