"""What the pages look at: the state at a moment, judged once, with its numbers as the glass writes them."""

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from operator import itemgetter

from hw.hd44780 import Size
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.health import STALE_AFTER, Alarm, Health, assess
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import Liveness, Node, Reading, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import LampState, State
from sciabc_tui.panel.glass import choose
from sciabc_tui.panel.ports import LocalTime

UNKNOWN = "--"

_ALL_WELL = frozenset({LampState.RUNNING, LampState.IDLE})

SIMULATED = "SIM"
"""Ends the last line of every page of a simulated cluster."""

IP_NEWS_FOR = 60.0
"""Seconds for which another external IP is news."""


@dataclass(frozen=True, slots=True)
class Night:
    """The hours at which the panel is dimmed, from `begins` until before `ends`; equal ones are none."""

    begins: int = 23
    ends: int = 7

    def covers(self, hour: int) -> bool:
        """Is it one of them?"""
        if self.begins <= self.ends:
            return self.begins <= hour < self.ends
        return hour >= self.begins or hour < self.ends


NIGHT = Night()

NO_NIGHT = Night(0, 0)


def parse_night(text: str) -> Night:
    """Read the setting `panel.night`: `23-07`, or `off`.

    Args:
        text: As the settings have checked it.
    """
    begins, _, ends = text.partition("-")
    return Night(int(begins), int(ends)) if ends else NO_NIGHT


def data_age(state: State, now: Instant) -> float:
    """Give the seconds since the newest reading of any node; infinite before the first.

    Not since the state was published: the panel itself publishes what it shows.
    """
    newest = max((node.reading.at for node in state.nodes.values() if node.reading), default=None)
    return math.inf if newest is None else max(0.0, now - newest)


def is_night(wall: float, local: LocalTime = time.localtime, night: Night = NIGHT) -> bool:
    """Is it an hour at which the panel is dimmed?"""
    return night.covers(local(wall).tm_hour)


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


def long_span(seconds: float) -> str:
    """Write for how long a machine is up: `12d 04:31`, `04:31`."""
    minutes = int(max(0.0, seconds)) // 60
    days, clock = minutes // 1440, f"{minutes // 60 % 24:02}:{minutes % 60:02}"
    return f"{days}d {clock}" if days else clock


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
        """Is all well, at this moment?"""
        return assess(replace(self.state, wall=self.wall), age=self.age)

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
    def host_name(self) -> str:
        """The head's own name."""
        return self.state.head.host_name or UNKNOWN

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
    def hottest(self) -> tuple[Node, Reading] | None:
        """The hottest node and what it tells."""
        known = [(r.temperature, node, r) for node, r in self.readings if r.temperature is not None]
        return max(known, key=itemgetter(0))[1:] if known else None

    @property
    def hot(self) -> str:
        """The highest temperature, as in `63°`."""
        return f"{number(self.hottest[1].temperature if self.hottest else None)}°"

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
    def ip_news_age(self) -> float:
        """Seconds since the external IP became another one; infinite if it did not.

        The first one is no news, nor is the same again.
        """
        uplink = self.state.uplink
        if uplink is None or not uplink.address or uplink.before in {"", uplink.address}:
            return math.inf
        return self.now - uplink.since

    @property
    def ip_is_news(self) -> bool:
        """Did the external IP become another one a moment ago?"""
        return self.ip_news_age <= IP_NEWS_FOR

    @cached_property
    def lamp(self) -> LampState:
        """What the lamp says. Another external IP is worth a look, too."""
        lamp = self.health.lamp
        return LampState.DEGRADED if self.ip_is_news and lamp in _ALL_WELL else lamp

    @property
    def suspects(self) -> tuple[str, ...]:
        """Names of the nodes that are silent, and not yet given up."""
        nodes = (node for node in self.state.nodes.values() if node.trust is not Trust.UNKNOWN)
        return tuple(node.name for node in nodes if node.liveness is Liveness.SUSPECT)

    def lan(self, width: int) -> str:
        """Give the address in the cluster's network, in the longest form that fits."""
        addresses = self.state.listening.addresses
        if not addresses:
            return f"lan {UNKNOWN}"
        bare = addresses[0].partition("/")[0]
        with_prefix = (f"lan {addresses[0]}",) if self.size.rows >= 4 else ()
        return choose(width, *with_prefix, f"lan {bare}", bare)

    def since(self, alarm: Alarm) -> float:
        """Give for how many seconds an alarm stands; infinite when that is not known."""
        return math.inf if alarm.since is None else max(0.0, self.now - alarm.since)


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None
