"""Clusters to look at, for the tests of the panel."""

from dataclasses import replace

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Facts, Liveness, Node, Origin, Readiness, Reading, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Head, Listening, State, Uplink
from tests.simtime import WALL

NOW = 1000.0


def board(number: int, *, now: float = NOW, temperature: float | None = 50.0) -> Node:
    """Give a ready node of four slots; number 0 is the head."""
    return Node(
        id=HEAD if number == 0 else NodeId(f"n-{number}"),
        name="headnode-01" if number == 0 else f"node{number:02}",
        origin=Origin.LOCAL if number == 0 else Origin.MDNS,
        trust=Trust.TRUSTED,
        readiness=Readiness.READY,
        since=100.0,
        heard_at=now,
        reading=Reading(now, 50.0, 1.55, 410, 1000, temperature, 12 * 86400.0 + 16260),
        facts=Facts(cores=4),
    )


def dead(node: Node, *, since: float) -> Node:
    """Give the node after it was lost."""
    return replace(node, liveness=Liveness.DEAD, since=since)


def cluster(*, nodes: int = 8, simulated: bool = False, now: float = NOW) -> State:
    """Give a cluster of the head and ready nodes, `nodes` together; the second is the hottest."""
    known = [board(number, now=now, temperature=63.0 if number == 1 else 50.0) for number in range(nodes)]
    return State(
        revision=1,
        at=NOW,
        wall=WALL,
        head=Head("headnode-01", "pi", "0.1.0", started=WALL - 900, simulated=simulated),
        uplink=Uplink("203.0.113.254", "eth1", since=100.0),
        listening=Listening(("eth0",), ("10.0.0.1/24",)),
        nodes={node.id: node for node in known},
    )


def heard(state: State, now: float) -> State:
    """Give the state with all its readings of this moment."""
    nodes = {
        id_: replace(node, reading=replace(node.reading, at=now)) if node.reading else node
        for id_, node in state.nodes.items()
    }
    return replace(state, nodes=nodes)


def with_node(state: State, node: Node) -> State:
    """Put a node into the cluster."""
    return replace(state, nodes={**state.nodes, node.id: node})


def with_job(state: State, job: Job) -> State:
    """Put a job into the cluster."""
    return replace(state, jobs={**state.jobs, job.id: job})


def running(id_: int = 42, name: str = "nbody", *, nodes: int = 8) -> Job:
    """Give a job that has run for 12:41 on four slots of each node."""
    return Job(
        JobId(id_), name, f"/opt/{name}.py", (), None, JobState.RUNNING, WALL - 770, WALL - 761,
        allocation=tuple(Allocation(NodeId(f"n-{n}"), f"node{n:02}", 4) for n in range(nodes)),
    )  # fmt: skip


def ended(id_: int = 41, *, state: JobState = JobState.COMPLETED) -> Job:
    """Give a job that ended at 13:52."""
    return Job(JobId(id_), "mergesort", "/opt/m.py", (), 8, state, WALL - 990, WALL - 980, WALL - 931)


def waiting(id_: int = 43) -> Job:
    """Give a job that waits for slots."""
    return Job(JobId(id_), "wave2d", "/opt/w.py", (), 32, JobState.PENDING, WALL - 60)
