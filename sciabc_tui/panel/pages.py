"""The pages of the glass: a scene in, the text of its lines out.

A page gives its lines without the heart and without the mark of a simulation; `present` sets both and
makes the widths exact. The forms are for 16x2 and, where there are four lines, for 20x4.
"""

from collections.abc import Callable
from typing import TypeAlias

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.health import Alarm
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.schedule import queue, total_slots
from sciabc_tui.cluster.state import LampState
from sciabc_tui.panel.glass import choose, spread, squeeze
from sciabc_tui.panel.scene import UNKNOWN, Scene, brief, clock_text, elapsed, number

Lines: TypeAlias = tuple[str, ...]
Page: TypeAlias = Callable[[Scene], Lines]

_PART_FOR = 3.0
"""Seconds for which a part of an address is shown that is too long for its line (IPv6)."""


def boot(scene: Scene) -> Lines:
    """Say that the service has begun."""
    found = (scene.address, "net found") if scene.address else ("waiting for net", "no net yet")
    waits = choose(scene.last, *found)
    if scene.size.rows < 4:
        return ("sciabc starting", waits)
    return ("sciabc starting", scene.state.head.host_name, scene.state.head.version, waits)


def home(scene: Scene) -> Lines:
    """Answer the two questions: where do I connect, and is it well?"""
    if scene.size.rows < 4:
        if len(scene.place) > scene.top:
            return _long_address(scene)
        return (scene.place, spread(scene.last, f"{scene.up}up", f"{scene.hot}C", scene.clock))
    host = spread(scene.size.columns, scene.state.head.host_name or UNKNOWN, scene.clock)
    rest = scene.place[scene.top :]
    up = f"{scene.up} up"
    job = f"job {_runs_briefly(scene, scene.running[-1])}" if scene.running else "no job"
    return (
        scene.place[: scene.top],
        rest or host,
        spread(scene.size.columns, up, _news(scene, scene.size.columns - len(up) - 1)),
        spread(scene.last, f"L{scene.load}", f"{scene.hot}C", job),
    )


def host(scene: Scene) -> Lines:
    """Name the head and its address in the cluster."""
    name, lan = scene.state.head.host_name or UNKNOWN, _lan(scene, scene.last)
    if len(lan) > scene.last:  # the first line has more room when the last one is marked
        return (_lan(scene, scene.top), squeeze(name, scene.last))
    return (squeeze(name, scene.top), lan)


def load(scene: Scene) -> Lines:
    """Show the load of the whole cluster."""
    slots = total_slots(scene.state)
    return (
        choose(scene.top, f"Load {scene.load} /{slots}", f"L{scene.load} /{slots}"),
        spread(scene.last, f"Mem {scene.memory}", f"Hot {scene.hot}"),
    )


def job(running: Job) -> Page:
    """Make the page of a running job."""

    def page(scene: Scene) -> Lines:
        place = _shape(running)
        name = squeeze(running.name, scene.top - len(place) - 1)
        runs = choose(scene.last, f"run {_runs(scene, running)}", f"run {_runs_briefly(scene, running)}")
        if scene.size.rows < 4:
            return (f"{name} {place}", runs)
        waiting = next(iter(queue(scene.state)), None)
        return (
            f"{name} {place}",
            f"np={running.slots} job {running.id}",
            runs,
            f"next: {waiting.name}" if waiting else "nothing waits",
        )

    return page


def idle(scene: Scene) -> Lines:
    """Say that nothing runs, and how the last job ended."""
    last = scene.last_ended
    if last is None or last.ended_at is None:
        ended = choose(scene.last, "none run yet", "none yet")
    else:
        word = "ok" if last.state is JobState.COMPLETED else last.state.value
        ended = spread(scene.last, f"last {word}", clock_text(last.ended_at, scene.local))
    if scene.size.rows < 4:
        return ("No job running", ended)
    name = last.name if last else ""
    return ("No job running", name, f"{total_slots(scene.state)} slots free", ended)


def nodes(scene: Scene) -> Lines:
    """Show how many boards there are, the first alarm and the hottest one (20x4)."""
    hottest = f" {squeeze(scene.hottest[0].name, 12)} {scene.hot}C" if scene.hottest else ""
    return (
        f"Nodes {scene.up} up",
        _news(scene, scene.size.columns),
        hottest,
        spread(scene.last, f"avg {scene.average_temperature}", f"{total_slots(scene.state)} slots"),
    )


def net(scene: Scene) -> Lines:
    """Show the addresses (20x4)."""
    uplink = scene.state.uplink
    long = len(scene.place) > scene.top - len("ext ")
    up = scene.uptime
    return (
        scene.place[: scene.top] if long else f"ext {scene.place}",
        (scene.place[scene.top :] if long else "") or _lan(scene, scene.size.columns),
        f"via {uplink.interface}" if uplink and uplink.interface else f"via {UNKNOWN}",
        f"up {UNKNOWN if up is None else brief(up)}",
    )


def simulated(scene: Scene) -> Lines:
    """Say that none of this is real."""
    return ("SIMULATED", *("",) * (scene.size.rows - 2), choose(scene.last, "no real node", "not real"))


def alert(alarm: Alarm, place: int, count: int) -> Page:
    """Make the page of the alarm that is number `place` of `count`."""

    def page(scene: Scene) -> Lines:
        name, _, what = alarm.subject.partition(" ")
        subject = f"{name} {what.upper()}"
        lasts = "" if alarm.since is None else span(scene.since(alarm)).replace(" ", "")
        if scene.size.rows < 4:
            counted = f"{place}of{count}" if count > 1 else ""
            return (f"!{squeeze(subject, scene.top - 1)}", spread(scene.last, lasts or " ", counted))
        line = squeeze(subject, scene.size.columns - len(lasts) - 1)
        return (
            f"!ALERT {place} of {count}",
            f"{line} {lasts}",
            _last_reading(scene, name),
            spread(scene.last, scene.place, scene.clock),
        )

    return page


def no_uplink(alarm: Alarm) -> Page:
    """Make the page that says why there is no external IP."""

    def page(scene: Scene) -> Lines:
        problem = scene.state.uplink.problem if scene.state.uplink else ""
        down = f"{problem or 'down'} {brief(scene.since(alarm))}"
        if scene.size.rows < 4:
            return ("!NO INTERNET", spread(scene.last, down, scene.clock))
        lan = _lan(scene, scene.size.columns)
        return ("!NO INTERNET", down, lan, spread(scene.last, f"{scene.up} up", scene.clock))

    return page


def new_address(scene: Scene) -> Lines:
    """Say that the way in is another one now."""
    if scene.size.rows < 4:
        return ("!IP CHANGED", choose(scene.last, scene.address, "see home"))
    columns = scene.size.columns
    first, rest = scene.address[:columns], scene.address[columns:]
    return ("!IP CHANGED", first, rest, spread(scene.last, f"{scene.up} up", scene.clock))


def stale(scene: Scene) -> Lines:
    """Say that what is known is old."""
    age = brief(scene.age)
    title = "!NO DATA YET" if age == UNKNOWN else f"!DATA {age} OLD"
    unknown = choose(scene.last, "cluster unknown", "all unknown")
    if scene.size.rows < 4:
        return (title, unknown)
    columns = scene.size.columns
    return (title, scene.place[:columns], scene.place[columns:], unknown)


def last_words(scene: Scene) -> Lines:
    """Say that the monitor was stopped on purpose."""
    return (
        "MONITOR STOPPED",
        *("",) * (scene.size.rows - 2),
        spread(scene.last, scene.clock, "on request"),
    )


def _long_address(scene: Scene) -> Lines:
    """Show an address that is longer than its line over both lines, and what is left after a while."""
    room = scene.top + scene.last
    parts = [scene.place[start : start + room] for start in range(0, len(scene.place), room)]
    part = parts[int(scene.now // _PART_FOR) % len(parts)]
    return (part[: scene.top], part[scene.top :])


def _news(scene: Scene, width: int) -> str:
    """Give the first alarm, or that there is none."""
    if not scene.fresh:
        return UNKNOWN
    alarms = scene.health.alarms
    if not alarms:
        return "head hot" if scene.health.lamp is LampState.CRITICAL else "all ok"
    first = alarms[0]
    lasts = "" if first.since is None else f" {span(scene.since(first)).replace(' ', '')}"
    if 1 + len(first.subject) + len(lasts) > width:
        lasts = ""
    return f"!{squeeze(first.subject, width - 1 - len(lasts))}{lasts}"


def _last_reading(scene: Scene, name: str) -> str:
    node = next((node for node in scene.state.nodes.values() if node.name == name), None)
    if node is None or node.reading is None:
        return ""
    reading = node.reading
    return f"last load {number(reading.load1, '{:.1f}')}  {number(reading.temperature)}°C"


def _lan(scene: Scene, width: int) -> str:
    """Give the address in the cluster's network, in the longest form that fits."""
    addresses = scene.state.listening.addresses
    if not addresses:
        return f"lan {UNKNOWN}"
    bare = addresses[0].partition("/")[0]
    with_prefix = (f"lan {addresses[0]}",) if scene.size.rows >= 4 else ()
    return choose(width, *with_prefix, f"lan {bare}", bare)


def _shape(running: Job) -> str:
    """Write where a job runs: `8x4` for four slots on each of eight nodes, else the ranks."""
    per_node = {part.slots for part in running.allocation}
    if len(per_node) == 1:
        return f"{len(running.allocation)}x{per_node.pop()}"
    return f"np={running.slots}"


def _runs(scene: Scene, running: Job) -> str:
    return UNKNOWN if running.started_at is None else elapsed(scene.wall - running.started_at)


def _runs_briefly(scene: Scene, running: Job) -> str:
    return UNKNOWN if running.started_at is None else brief(scene.wall - running.started_at)
