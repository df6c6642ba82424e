"""What the pages look at: the state at a moment, judged once, with its numbers as the glass writes them."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from hw.hd44780 import Size
from sciabc_tui.cluster.health import STALE_AFTER, Alarm, Health, assess
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import Instant, Liveness, Node, Reading
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import LampState, State
from sciabc_tui.panel.ports import LocalTime

UNKNOWN = "--"

SIMULATED = "SIM"
"""Ends the last line of every page of a simulated cluster."""

NIGHT_BEGINS = 23
NIGHT_ENDS = 7

IP_NEWS_FOR = 60.0
"""Seconds for which another external IP is news."""

_SETTLING = 10.0
"""Seconds after the start for which an external IP is found, not changed."""


def data_age(state: State, now: Instant) -> float:
    """Give the seconds since the newest reading of any node; infinite before the first.

    Not since the state was published: the panel itself publishes what it shows.
    """
    newest = max((node.reading.at for node in state.nodes.values() if node.reading), default=None)
    return math.inf if newest is None else max(0.0, now - newest)


def judge(state: State, now: Instant, wall: float) -> Health:
    """Judge the state as it is at this moment."""
    return assess(replace(state, wall=wall), age=data_age(state, now))


def is_night(wall: float, local: LocalTime = time.localtime) -> bool:
    """Is it an hour at which the panel is dimmed?"""
    hour = local(wall).tm_hour
    return hour >= NIGHT_BEGINS or hour < NIGHT_ENDS


def clock_text(wall: float, local: LocalTime = time.localtime) -> str:
    """Write a time as HH:MM."""
    moment = local(wall)
    return f"{moment.tm_hour:02}:{moment.tm_min:02}"


def brief(seconds: float) -> str:
    """Write a duration in one unit: `95s` under two minutes, then `12m`, `3h`, `12d`."""
    if not math.isfinite(seconds):
        return UNKNOWN
    whole = int(max(0.0, seconds))
    for limit, unit, letter in ((120, 1, "s"), (7200, 60, "m"), (172800, 3600, "h")):
        if whole < limit:
            return f"{whole // unit}{letter}"
    return f"{whole // 86400}d"


def elapsed(seconds: float) -> str:
    """Write how long a job runs: `0:12:41`."""
    whole = int(max(0.0, seconds))
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def number(value: float | None, form: str = "{:.0f}") -> str:
    """Write a measured number, or `--` for one that was not measured."""
    return UNKNOWN if value is None or not math.isfinite(value) else form.format(value)


@dataclass(frozen=True)
class Scene:
    """The state at a moment. Not slotted: what several pages ask for is kept."""

    state: State
    now: Instant
    wall: float
    size: Size
    local: LocalTime

    @cached_property
    def health(self) -> Health:
        """Is all well?"""
        return judge(self.state, self.now, self.wall)

    @cached_property
    def age(self) -> float:
        """Seconds since the newest reading; infinite before the first."""
        return data_age(self.state, self.now)

    @property
    def fresh(self) -> bool:
        """Is the data new enough to be shown as the present?"""
        return self.age <= STALE_AFTER

    @property
    def starting(self) -> bool:
        """Has the service just begun, and heard nothing yet?"""
        return self.health.lamp is LampState.STARTING

    @property
    def top(self) -> int:
        """The room of the first line, left of the heart."""
        return self.size.columns - 1

    @property
    def last(self) -> int:
        """The room of the last line."""
        marked = len(SIMULATED) + 1 if self.state.head.simulated else 0
        return self.size.columns - marked

    @property
    def clock(self) -> str:
        """The time as HH:MM."""
        return clock_text(self.wall, self.local)

    @property
    def address(self) -> str:
        """The external IP; empty when there is none or it is not known."""
        return self.state.uplink.address if self.state.uplink else ""

    @property
    def place(self) -> str:
        """The external IP, or in words that there is none."""
        return self.address or ("no external IP" if self.state.uplink else f"IP {UNKNOWN}")

    @property
    def up(self) -> str:
        """How many of the known nodes are up, as in `7/8`."""
        return f"{self.health.up if self.fresh else UNKNOWN}/{self.health.known}"

    @cached_property
    def readings(self) -> tuple[tuple[Node, Reading], ...]:
        """The nodes that tell their load now."""
        return tuple(
            (node, node.reading)
            for node in self.state.nodes.values()
            if node.liveness is Liveness.ALIVE
            and node.reading is not None
            and self.now - node.reading.at <= STALE_AFTER
        )

    @cached_property
    def hottest(self) -> tuple[Node, float] | None:
        """The hottest node and its temperature in degrees Celsius."""
        known = [(node, r.temperature) for node, r in self.readings if r.temperature is not None]
        return max(known, key=lambda pair: pair[1], default=None)

    @property
    def hot(self) -> str:
        """The highest temperature, as in `63°`."""
        return f"{number(self.hottest[1] if self.hottest else None)}°"

    @property
    def average_temperature(self) -> str:
        """The mean temperature, as in `52°C`."""
        known = [r.temperature for _, r in self.readings if r.temperature is not None]
        return f"{number(sum(known) / len(known) if known else None)}°C"

    @property
    def load(self) -> str:
        """The sum of the load averages over one minute."""
        return number(_total(r.load1 for _, r in self.readings), "{:.1f}")

    @property
    def memory(self) -> str:
        """The share of all memory that is used, as in `41%`."""
        known = [
            (r.memory_used, r.memory_total)
            for _, r in self.readings
            if r.memory_used is not None and r.memory_total
        ]
        total = sum(size for _, size in known)
        return f"{number(100.0 * sum(used for used, _ in known) / total if total else None)}%"

    @property
    def uptime(self) -> float | None:
        """Seconds since the head's kernel started."""
        head = self.state.nodes.get(HEAD)
        return head.reading.uptime if head and head.reading else None

    @cached_property
    def running(self) -> tuple[Job, ...]:
        """The running jobs, oldest first."""
        jobs = (job for job in self.state.jobs.values() if job.state is JobState.RUNNING)
        return tuple(sorted(jobs, key=lambda job: job.id))

    @property
    def last_ended(self) -> Job | None:
        """The job that ended last."""
        ended = (job for job in self.state.jobs.values() if job.state.ended and job.ended_at is not None)
        return max(ended, key=lambda job: job.ended_at or 0.0, default=None)

    @property
    def ip_is_news(self) -> bool:
        """Did the external IP change a moment ago, and not because the service just found it?"""
        head, uplink = self.state.nodes.get(HEAD), self.state.uplink
        if head is None or uplink is None or not uplink.address:
            return False
        return uplink.since - head.since > _SETTLING and self.now - uplink.since <= IP_NEWS_FOR

    def since(self, alarm: Alarm) -> float:
        """Give for how many seconds an alarm stands; infinite when that is not known."""
        return math.inf if alarm.since is None else max(0.0, self.now - alarm.since)


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
