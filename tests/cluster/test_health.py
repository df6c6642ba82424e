"""The judgement: one word for the lamp, and the alarms behind it."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.health import DISK_FULL, HEAD_HOT, assess
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Liveness, Reading
from sciabc_tui.cluster.observations import HeadSighted
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import LampState, State, Uplink
from tests.cluster.builders import id_of, reading, ready, run


def cluster(size: int) -> State:
    """Make a healthy cluster with an external IP."""
    state = run(
        State(uplink=Uplink("203.0.113.5", "eth1")), [HeadSighted("headnode", (), 4), reading(HEAD, 0.0)], 0.0
    )
    for number in range(1, size + 1):
        state = ready(state, f"node{number:02d}", 0.0, address=f"10.77.0.{number}")
    return state


def dead(state: State, *losses: tuple[str, float]) -> State:
    """Let nodes be dead since some instant."""
    nodes = dict(state.nodes)
    for name, since in losses:
        nodes[id_of(name)] = replace(nodes[id_of(name)], liveness=Liveness.DEAD, since=since)
    return replace(state, nodes=nodes)


def test_a_healthy_cluster_has_no_alarm() -> None:
    """Nothing to look at is said by silence."""
    health = assess(cluster(3))
    assert (health.lamp, health.alarms, health.up, health.known) == (LampState.IDLE, (), 4, 4)


def test_two_losses_are_two_alarms_the_newest_first() -> None:
    """Each board is named while there are few."""
    health = assess(dead(cluster(4), ("node01", 5.0), ("node02", 6.0)))
    assert [alarm.subject for alarm in health.alarms] == ["node02 down", "node01 down"]
    assert health.lamp is LampState.DEGRADED


def test_nodes_lost_within_seconds_are_one_alarm() -> None:
    """Three boards do not die in five seconds by themselves."""
    losses = (("node01", 5.0), ("node02", 6.0), ("node03", 9.0), ("node04", 60.0))
    health = assess(dead(cluster(9), *losses))
    assert [(alarm.subject, alarm.since) for alarm in health.alarms] == [
        ("node04 down", 60.0),
        ("3 nodes down", 5.0),
    ]
    assert "switch or power?" in health.alarms[1].hint


def test_fewer_than_half_the_nodes_is_critical() -> None:
    """Most of the cluster is gone: that outranks everything."""
    health = assess(dead(cluster(3), ("node01", 5.0), ("node02", 6.0), ("node03", 9.0)))
    assert health.lamp is LampState.CRITICAL


def test_no_external_ip_is_told_with_its_reason() -> None:
    """Where do I connect? Nowhere, and why."""
    state = replace(cluster(1), uplink=Uplink(problem="no cable"))
    health = assess(state)
    assert health.lamp is LampState.NO_UPLINK
    assert [alarm.subject for alarm in health.alarms] == ["no cable"]


def test_old_data_is_stale() -> None:
    """Nobody believes a light that is driven from old data."""
    assert assess(cluster(1), age=11.0).lamp is LampState.STALE


def with_reading(state: State, node: NodeId, reading: Reading) -> State:
    """Let a node have told its load."""
    return replace(state, nodes={**state.nodes, node: replace(state.nodes[node], reading=reading)})


GB = 1_000_000_000


@pytest.mark.parametrize(
    ("reading", "subjects"),
    [
        (Reading(0.0, temperature=HEAD_HOT), ["head hot"]),
        (Reading(0.0, disk_used=95 * GB, disk_total=100 * GB), ["head disk full"]),
        (
            Reading(0.0, temperature=91.0, disk_used=32 * GB, disk_total=32 * GB),
            ["head hot", "head disk full"],
        ),
    ],
)
def test_what_ends_the_heads_work_is_critical_and_named(reading: Reading, subjects: list[str]) -> None:
    """A hot head or a full disk outranks all, says why in 15 columns, and what to do."""
    health = assess(with_reading(cluster(3), HEAD, reading))
    assert health.lamp is LampState.CRITICAL
    assert [alarm.subject for alarm in health.alarms] == subjects
    assert all(len(alarm.subject) <= 15 and alarm.hint for alarm in health.alarms)


@pytest.mark.parametrize(
    "reading",
    [
        Reading(0.0, temperature=HEAD_HOT - 0.1),
        Reading(0.0, disk_used=round(DISK_FULL - 1) * GB, disk_total=100 * GB),
        Reading(0.0, disk_used=5 * GB),
        Reading(0.0, disk_used=5 * GB, disk_total=0),
        Reading(0.0),
    ],
)
def test_what_was_not_measured_or_is_not_yet_bad_is_no_alarm(reading: Reading) -> None:
    """Below the thresholds, and without numbers, all is well."""
    health = assess(with_reading(cluster(3), HEAD, reading))
    assert (health.lamp, health.alarms) == (LampState.IDLE, ())


def test_a_full_disk_of_a_node_is_worth_a_look() -> None:
    """The cluster goes on without that node, so it is degraded; one that is gone is told as gone only."""
    full = Reading(0.0, disk_used=31 * GB, disk_total=32 * GB)
    state = with_reading(cluster(3), id_of("node02"), full)
    health = assess(state)
    assert health.lamp is LampState.DEGRADED
    assert [alarm.subject for alarm in health.alarms] == ["node02 disk full"]
    assert [alarm.subject for alarm in assess(dead(state, ("node02", 5.0))).alarms] == ["node02 down"]
