"""What the front panel shows: a pure function of the state and the time.

Home is shown for 6 s, each other page for 4 s with home between them, so home at least half of the time.
Alarms pre-empt: 3 s alarm, 3 s home; another external IP is shown at once. The heart beats with the seconds,
and only while the data is fresh: a display that nobody drives, or whose service sees nothing, stands still.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from hw.hd44780 import Size
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.health import Alarm
from sciabc_tui.cluster.state import LampState, State
from sciabc_tui.panel import alarm_pages, pages
from sciabc_tui.panel.glass import exact
from sciabc_tui.panel.pages import Lines, Page
from sciabc_tui.panel.ports import LocalTime
from sciabc_tui.panel.scene import NIGHT, SIMULATED, Night, Scene, is_night

HEART = "♥"

HOME_FOR = 6
OTHER_FOR = 4
ALERT_FOR = 3
"""Seconds for which a page is shown."""

_JOB_PAGES = 3


@dataclass(frozen=True, slots=True)
class Frame:
    """What the panel shows in a second.

    Attributes:
        lines: Of exactly the size of the glass.
        backlight: Whether it is lit.
        lamp: What the lamp says.
        night: Whether it is an hour at which the panel is dimmed.
    """

    lines: tuple[str, ...]
    backlight: bool
    lamp: LampState
    night: bool = False


def present(
    state: State,
    now: Instant,
    wall: float,
    *,
    size: Size,
    local: LocalTime = time.localtime,
    night: Night = NIGHT,
) -> Frame:
    """Give the frame of this second.

    Args:
        state: What is known.
        now: The head's monotonic clock: it turns the pages, makes the heart beat and gives ages.
        wall: Seconds since the epoch, as `local` reads them.
        size: Of the glass: 16x2, 20x4, or what has at least as many columns.
        local: The time zone.
        night: When the glass is dark, unless there is an alarm.
    """
    scene = Scene(state, now, wall, size, local)
    alerts = () if scene.starting else tuple(_alerts(scene))
    beats = (scene.fresh or scene.starting) and int(now) % 2 == 0
    lines = _turned(scene, alerts)(scene)
    dark = is_night(wall, local, night)
    return Frame(_set(scene, lines, HEART if beats else " "), bool(alerts) or not dark, scene.lamp, dark)


def _turned(scene: Scene, alerts: Sequence[Page]) -> Page:
    """Find the page whose turn it is."""
    second = int(scene.now)
    if scene.starting:
        return pages.boot
    if scene.ip_news_age < ALERT_FOR:  # who connects must not wait for its turn
        fits = scene.size.rows >= 4 or len(scene.address) <= scene.last
        return alarm_pages.new_address if fits else pages.home(0)
    if alerts:
        turn, into = divmod(second, 2 * ALERT_FOR)
        return alerts[turn % len(alerts)] if into < ALERT_FOR else pages.home(turn)
    others = tuple(_others(scene))
    turn, into = divmod(second, HOME_FOR + OTHER_FOR)
    return pages.home(into // ALERT_FOR) if into < HOME_FOR else others[turn % len(others)]


def _others(scene: Scene) -> Iterator[Page]:
    yield from (pages.nodes,) if scene.size.rows >= 4 else (pages.host, pages.load)
    yield from [pages.job(job) for job in scene.running[-_JOB_PAGES:]] or [pages.idle]
    if scene.size.rows >= 4:
        yield pages.net
    if scene.state.head.simulated:
        yield pages.simulated


def _alerts(scene: Scene) -> Iterator[Page]:
    if not scene.fresh:
        yield alarm_pages.stale  # and nothing else: what the old data says would be shown as the present
        return
    if (under_way := scene.state.packing) is not None and under_way.nodes:
        yield alarm_pages.packing(under_way)
    alarms = scene.health.alarms
    for place, alarm in enumerate(alarms, start=1):
        yield (
            alarm_pages.no_uplink(alarm)
            if _of_uplink(scene, alarm)
            else alarm_pages.alert(alarm, place, len(alarms))
        )
    if scene.ip_is_news:
        yield alarm_pages.new_address


def _of_uplink(scene: Scene, alarm: Alarm) -> bool:
    uplink = scene.state.uplink
    return uplink is not None and not uplink.address and alarm.subject in {uplink.problem, "no external IP"}


def _set(scene: Scene, lines: Lines, heart: str) -> tuple[str, ...]:
    """Set a page: exact widths, the heart, and the mark of a simulation."""
    columns = scene.size.columns
    middle = [exact(line, columns) for line in lines[1:-1]]
    last = exact(lines[-1], scene.last)
    if scene.state.head.simulated:
        last = f"{last} {SIMULATED}"
    return (exact(lines[0], scene.top) + heart, *middle, last)
