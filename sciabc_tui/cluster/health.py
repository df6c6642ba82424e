"""Is all well? One judgement for the header, `status`, the LCD and the lamp."""

from collections.abc import Sequence
from dataclasses import dataclass

from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.node import Liveness, Node, Origin, Reading, Trust
from sciabc_tui.cluster.powering import is_gone, is_packed
from sciabc_tui.cluster.state import LampState, State

TOGETHER = 3
"""How many nodes make a common cause."""

WITHIN = 5.0
"""Seconds between two events of one kind that still belong together."""

STALE_AFTER = 10.0
"""Seconds after which the service's data is old."""

STARTING_FOR = 10.0
"""Seconds for which a service that has heard nothing yet is starting, not degraded."""

HEAD_HOT = 80.0
"""Degrees Celsius at which a Raspberry Pi begins to throttle (raspberrypi.com, thermal management)."""

DISK_FULL = 95.0
"""Per cent of the root file system at which only root may still write: ext4 keeps five (mke2fs(8), -m)."""

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
    expected = [node for node in members if node.liveness is not Liveness.LEFT and not _put_away(node)]
    up = sum(node.liveness is Liveness.ALIVE for node in expected)
    head = next((node for node in state.nodes.values() if node.origin is Origin.LOCAL), None)
    reading = head.reading if head else None
    grave = _head_alarms(reading)
    alarms = (*grave, *_node_alarms(expected), *_uplink_alarms(state), *_job_alarms(state))
    few = 2 * up < len(expected)
    if _starts(state, reading):
        lamp = LampState.STARTING
    elif few or grave:
        lamp = LampState.CRITICAL
    else:
        lamp = _lamp(state, degraded=bool(alarms), age=age)
    return Health(lamp, alarms, up, len(expected))


def _put_away(node: Node) -> bool:
    """Was it packed? Nobody misses what is off on purpose."""
    return is_packed(node) and is_gone(node)


def _starts(state: State, reading: Reading | None) -> bool:
    heard = reading is not None and state.uplink is not None
    return not heard and state.wall - state.head.started <= STARTING_FOR


def _lamp(state: State, *, degraded: bool, age: float) -> LampState:
    if age > STALE_AFTER:
        return LampState.STALE
    if state.uplink is not None and not state.uplink.address:
        return LampState.NO_UPLINK
    if degraded:
        return LampState.DEGRADED
    running = any(job.state is JobState.RUNNING for job in state.jobs.values())
    return LampState.RUNNING if running else LampState.IDLE


def _head_alarms(reading: Reading | None) -> tuple[Alarm, ...]:
    """Give what ends the head's work soon: each is critical."""
    if reading is None:
        return ()
    alarms: list[Alarm] = []
    if reading.temperature is not None and reading.temperature >= HEAD_HOT:
        alarms.append(Alarm("head hot", hint=f"{reading.temperature:.0f}°: let air in"))
    if _full(reading):
        alarms.append(Alarm("head disk full", hint="see df -h /: remove old jobs"))
    return tuple(alarms)


def _full(reading: Reading | None) -> bool:
    if reading is None or reading.disk_used is None or not reading.disk_total:
        return False
    return 100.0 * reading.disk_used / reading.disk_total >= DISK_FULL


def _node_alarms(nodes: list[Node]) -> tuple[Alarm, ...]:
    gone = sorted((node for node in nodes if node.liveness is Liveness.DEAD), key=lambda node: -node.since)
    changed = [Alarm(f"{node.name} key changed") for node in nodes if node.trust is Trust.CHANGED]
    twice = [Alarm(f"{node.name} is there twice") for node in nodes if node.twin]
    full = [Alarm(f"{node.name} disk full") for node in nodes if _has_full_disk(node)]
    return (*(alarm for group in _together(gone) for alarm in _of_loss(group)), *changed, *twice, *full)


def _has_full_disk(node: Node) -> bool:
    return node.origin is not Origin.LOCAL and node.liveness is Liveness.ALIVE and _full(node.reading)


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
