"""Is all well? One judgement for the header, `status`, the LCD and the lamp."""

from collections.abc import Sequence
from dataclasses import dataclass

from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.narrator import TOGETHER, WITHIN
from sciabc_tui.cluster.node import Instant, Liveness, Node, Origin, Trust
from sciabc_tui.cluster.state import LampState, State

STALE_AFTER = 10.0
"""Seconds after which the service's data is old."""

STARTING_FOR = 10.0
"""Seconds for which a service that has heard nothing yet is starting, not degraded."""

HEAD_HOT = 80.0
"""Degrees Celsius at which a Raspberry Pi begins to throttle (raspberrypi.com, thermal management)."""

JOB_FAILURE_SHOWN_FOR = 300.0
"""Seconds for which a failed job counts as something to look at."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something to look at. `subject` is short enough for 16 columns; `since` is None when unknown."""

    subject: str
    since: Instant | None = None
    hint: str = ""
    """What it may come from, where that can be told."""


@dataclass(frozen=True, slots=True)
class Health:
    """The judgement: the lamp's state and why, the most urgent alarm first."""

    lamp: LampState
    alarms: tuple[Alarm, ...]
    up: int
    known: int


def assess(state: State, *, age: float = 0.0) -> Health:
    """Judge the state; `age` is how many seconds ago it was published."""
    members = [node for node in state.nodes.values() if node.trust is not Trust.UNKNOWN]
    expected = [node for node in members if node.liveness is not Liveness.LEFT]
    up = sum(node.liveness is Liveness.ALIVE for node in expected)
    alarms = (*_node_alarms(expected), *_uplink_alarms(state), *_job_alarms(state))
    lamp = _lamp(state, alarms=alarms, age=age, up=up, known=len(expected))
    return Health(lamp, alarms, up, len(expected))


def _lamp(state: State, *, alarms: tuple[Alarm, ...], age: float, up: int, known: int) -> LampState:
    head = next((node for node in state.nodes.values() if node.origin is Origin.LOCAL), None)
    started = head is not None and head.reading is not None and state.uplink is not None
    if not started and state.wall - state.head.started <= STARTING_FOR:
        return LampState.STARTING
    if 2 * up < known or _hot(head):
        return LampState.CRITICAL
    if age > STALE_AFTER:
        return LampState.STALE
    if state.uplink is not None and not state.uplink.address:
        return LampState.NO_UPLINK
    if alarms:
        return LampState.DEGRADED
    running = any(job.state is JobState.RUNNING for job in state.jobs.values())
    return LampState.RUNNING if running else LampState.IDLE


def _hot(head: Node | None) -> bool:
    temperature = head.reading.temperature if head and head.reading else None
    return temperature is not None and temperature >= HEAD_HOT


def _node_alarms(nodes: list[Node]) -> tuple[Alarm, ...]:
    gone = sorted((node for node in nodes if node.liveness is Liveness.DEAD), key=lambda node: -node.since)
    changed = [Alarm(f"{node.name} key changed") for node in nodes if node.trust is Trust.CHANGED]
    twice = [Alarm(f"{node.name} is there twice") for node in nodes if node.twin]
    return (*(alarm for group in _together(gone) for alarm in _of_loss(group)), *changed, *twice)


def _together(nodes: Sequence[Node]) -> list[list[Node]]:
    """Group nodes that were lost within seconds of each other; given, and returned, newest first."""
    groups: list[list[Node]] = []
    for node in nodes:
        if groups and groups[-1][-1].since - node.since <= WITHIN:
            groups[-1].append(node)
        else:
            groups.append([node])
    return groups


def _of_loss(group: list[Node]) -> list[Alarm]:
    if len(group) >= TOGETHER:
        return [Alarm(f"{len(group)} nodes down", group[-1].since, "lost together: switch or power?")]
    return [Alarm(f"{node.name} down", node.since) for node in group]


def _uplink_alarms(state: State) -> tuple[Alarm, ...]:
    if state.uplink is None or state.uplink.address:
        return ()
    return (Alarm(state.uplink.problem or "no external IP", state.uplink.since),)


def _job_alarms(state: State) -> tuple[Alarm, ...]:
    bad = {JobState.FAILED, JobState.NODE_FAIL, JobState.TIMEOUT}
    return tuple(
        Alarm(f"job {job.id} {job.state.value}")
        for job in state.jobs.values()
        if job.state in bad
        and job.ended_at is not None
        and state.wall - job.ended_at <= JOB_FAILURE_SHOWN_FOR
    )
