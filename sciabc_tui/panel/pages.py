"""The pages of the glass: a scene in, the text of its lines out.

A page gives its lines without the heart and without the mark of a simulation; `present` sets both and
makes the widths exact. The forms are for 16x2 and, where there are four lines, for 20x4.
"""

from collections.abc import Callable
from typing import TypeAlias

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.schedule import queue, total_slots
from sciabc_tui.panel.glass import broken, choose, spread, squeeze
from sciabc_tui.panel.scene import UNKNOWN, Scene, brief, clock_text, elapsed, long_span, number

Lines: TypeAlias = tuple[str, ...]
Page: TypeAlias = Callable[[Scene], Lines]


def boot(scene: Scene) -> Lines:
    """Say that the service has begun."""
    found = (scene.address, "net found") if scene.address else ("waiting for net", "no net yet")
    waits = choose(scene.last, *found)
    if scene.size.rows < 4:
        return ("sciabc starting", waits)
    return ("sciabc starting", scene.state.head.host_name, scene.state.head.version, waits)


def home(part: int) -> Page:
    """Make the page that answers the two questions: where do I connect, and is it well?

    Args:
        part: Counts on while home is shown: an address that is too long for the first line of a 16x2
            (IPv6) takes both lines, and what is left of it the next moment.
    """

    def page(scene: Scene) -> Lines:
        return _large_home(scene) if scene.size.rows >= 4 else _small_home(scene, part)

    return page


def _small_home(scene: Scene, part: int) -> Lines:
    well = spread(scene.last, f"{scene.up}up", f"{scene.hot}C", scene.clock)
    if len(scene.place) <= scene.top:
        return (scene.place, well)
    first, second, rest = broken(scene.place, scene.top, scene.last, scene.top)
    return (rest or squeeze(scene.host_name, scene.top), well) if part % 2 else (first, second)


def _large_home(scene: Scene) -> Lines:
    place, rest = broken(scene.place, scene.top, scene.size.columns)
    host = spread(scene.size.columns, scene.host_name, scene.clock)
    up = f"{scene.up} up"
    job = f"job {_briefly(scene, scene.running[-1])}" if scene.running else "no job"
    return (
        place,
        rest or host,
        spread(scene.size.columns, up, _news(scene, scene.size.columns - len(up) - 1)),
        spread(scene.last, f"L{scene.load}", f"{scene.hot}C", job),
    )


def host(scene: Scene) -> Lines:
    """Name the head and its address in the cluster."""
    name, lan = scene.host_name, scene.lan(scene.last)
    if len(lan) > scene.last:  # the first line has more room when the last one is marked
        return (scene.lan(scene.top), squeeze(name, scene.last))
    return (squeeze(name, scene.top), lan)


def load(scene: Scene) -> Lines:
    """Show the load of the whole cluster."""
    slots = total_slots(scene.state)
    return (
        choose(scene.top, f"Load {scene.load} /{slots}", f"L{scene.load} /{slots}"),
        spread(scene.last, f"Mem {scene.memory}", f"Hot {scene.hot}"),
    )


def job(running: Job) -> Page:
    """Make the page of a running job, with a bar if it tells how far it is."""

    def page(scene: Scene) -> Lines:
        if scene.size.rows < 4:
            last = _bar(running, scene.last) or _runs(scene, running, scene.last)
            return (_titled(running, _shape(running), scene.top), last)
        columns, number = scene.size.columns, f"job {running.id}"
        names = [part.name for part in running.allocation]
        where = choose(columns - len(number) - 1, fold(names), f"{len(names)} nodes" if names else "")
        waiting = next(iter(queue(scene.state)), None)
        return (
            _titled(running, _shape(running, ranks=True), scene.top),
            _bar(running, columns) or spread(columns, number, where),
            _runs_and_ends(scene, running, columns),
            f"next: {waiting.name}" if waiting else "nothing waits",
        )

    return page


def idle(scene: Scene) -> Lines:
    """Say that nothing runs, and how the last job ended."""
    last = scene.last_ended
    ended, at = "", ""
    if last is not None and last.ended_at is not None:
        ended = "ok" if last.state is JobState.COMPLETED else last.state.value
        at = clock_text(last.ended_at, scene.local)
    none = choose(scene.last, "none run yet", "none yet")
    if scene.size.rows < 4:
        return ("No job running", spread(scene.last, f"last {ended}", at) if last else none)
    name = f"last {squeeze(last.name, scene.size.columns - 5)}" if last else ""
    free = f"{total_slots(scene.state)} slots free"
    return ("No job running", free, name, spread(scene.last, ended, at) if last else none)


def nodes(scene: Scene) -> Lines:
    """Show how many boards there are, the first alarm and the hottest one (20x4)."""
    return (
        f"Nodes {scene.up} up",
        _news(scene, scene.size.columns),
        _hottest(scene),
        spread(scene.last, f"avg {scene.average_temperature}", f"{total_slots(scene.state)} slots"),
    )


def _hottest(scene: Scene) -> str:
    if scene.hottest is None:
        return ""
    node, reading = scene.hottest
    load = number(reading.load1, "{:.1f}")
    measured = f" {scene.hot}C load {load}"
    return f"{squeeze(node.name, scene.size.columns - len(measured))}{measured}"


def net(scene: Scene) -> Lines:
    """Show the addresses (20x4)."""
    place = scene.place if len(scene.place) > scene.top - len("ext ") else f"ext {scene.place}"
    first, rest = broken(place, scene.top, scene.size.columns)
    up = scene.uptime
    return (
        first,
        rest or scene.lan(scene.size.columns),
        _via(scene),
        f"up {UNKNOWN if up is None else long_span(up)}",
    )


def _via(scene: Scene) -> str:
    """Name the interface and the router. Whether that one answers is not asked: an idle head is silent."""
    uplink = scene.state.uplink
    interface, gateway = (uplink.interface, uplink.gateway) if uplink else ("", "")
    if not interface:
        return f"via {UNKNOWN}"
    routed = (f"{interface} gw {gateway}", f"gw {gateway}") if gateway else ()
    width = scene.size.columns
    return next((text for text in routed if len(text) <= width), f"via {interface}")


def simulated(scene: Scene) -> Lines:
    """Say that none of this is real."""
    return ("SIMULATED", *("",) * (scene.size.rows - 2), choose(scene.last, "no real node", "not real"))


def _news(scene: Scene, width: int) -> str:
    """Give the first alarm, or that there is none."""
    if not scene.fresh:
        return UNKNOWN
    alarms = scene.health.alarms
    if not alarms:
        return _silence(scene, width)
    first = alarms[0]
    lasts = "" if first.since is None else f" {span(scene.since(first)).replace(' ', '')}"
    if 1 + len(first.subject) + len(lasts) > width:
        lasts = ""
    return f"!{squeeze(first.subject, width - 1 - len(lasts))}{lasts}"


def _silence(scene: Scene, width: int) -> str:
    """Say what is not well although there is no alarm."""
    suspects = scene.suspects
    if not suspects:
        return "all ok"
    count = f"{len(suspects)} suspect"
    return choose(width, f"{suspects[0]} suspect", count) if len(suspects) == 1 else count


def _titled(running: Job, shape: str, width: int) -> str:
    """Write the name and the shape of a job; a long name gives way."""
    marked = f" {shape}" if shape else ""
    return f"{squeeze(running.name, width - len(marked))}{marked}"


def _shape(running: Job, *, ranks: bool = False) -> str:
    """Write where a job runs: `8x4` for four slots on each of eight nodes; else how many ranks it has."""
    per_node = {part.slots for part in running.allocation}
    count = running.slots or running.ranks  # another cluster's jobs hold no slots of ours
    total = f"np={count}" if count else ""
    if len(per_node) != 1:
        return total
    shape = f"{len(running.allocation)}x{per_node.pop()}"
    return f"{shape} {total}" if ranks else shape


def _runs(scene: Scene, running: Job, width: int) -> str:
    """Say for how long a job runs, and how long it may."""
    if running.started_at is None:
        return f"run {UNKNOWN}"
    runs = elapsed(scene.wall - running.started_at)
    limit = () if running.time_limit is None else (f"{runs} max {brief(running.time_limit)}",)
    return choose(width, *(f"run {text}" for text in limit), *limit, f"run {runs}", runs)


def _runs_and_ends(scene: Scene, running: Job, width: int) -> str:
    """Say for how long a job runs, and in how long it ends if that is known."""
    left = running.progress.left(scene.wall) if running.progress else None
    if left is None or running.started_at is None:
        return _runs(scene, running, width)
    runs, ends = elapsed(scene.wall - running.started_at), brief(left)
    return choose(width, f"run {runs} eta {ends}", f"{runs} eta {ends}", f"eta {ends}")


def _bar(running: Job, width: int) -> str:
    """Draw how far a job says that it is, in five parts a cell; empty if it does not say."""
    progress = running.progress
    if progress is None:
        return ""
    parts, room = "▏▍▌▊█", width - 5
    whole, part = divmod(progress.done * room * len(parts) // progress.total, len(parts))
    drawn = parts[-1] * whole + (parts[part - 1] if part else "")
    return f"{drawn.ljust(room)} {progress.percent:>3}%"


def _briefly(scene: Scene, running: Job) -> str:
    """Say how far a job is, or else for how long it runs."""
    if running.progress is not None:
        return f"{running.progress.percent}%"
    return UNKNOWN if running.started_at is None else brief(scene.wall - running.started_at)
