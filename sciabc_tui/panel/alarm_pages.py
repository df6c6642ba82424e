"""The pages that pre-empt the others: what is wrong, and since when."""

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.health import Alarm
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.state import Packing
from sciabc_tui.panel.glass import broken, choose, spread, squeeze
from sciabc_tui.panel.pages import Lines, Page
from sciabc_tui.panel.scene import UNKNOWN, Scene, brief, number


def alert(alarm: Alarm, place: int, count: int) -> Page:
    """Make the page of the alarm that is number `place` of `count`."""

    def page(scene: Scene) -> Lines:
        lasts = "" if alarm.since is None else span(scene.since(alarm)).replace(" ", "")
        if scene.size.rows < 4:
            counted = f"{place}of{count}" if count > 1 else ""
            subject, what = _subject(alarm, scene.top - 1)
            known = " ".join(filter(None, (what, lasts))) or _about(scene, alarm, scene.last - len(counted))
            return (f"!{subject}", spread(scene.last, known or " ", counted))
        columns = scene.size.columns
        subject, what = _subject(alarm, columns - len(lasts) - 1)
        return (
            f"!ALERT {place} of {count}",
            f"{subject} {lasts}",
            what or _last_reading(scene, alarm) or _about(scene, alarm, columns),
            spread(scene.last, scene.place, scene.clock),
        )

    return page


def _subject(alarm: Alarm, width: int) -> tuple[str, str]:
    """Say what is wrong in one text, or the name and the rest of it where they need a line each."""
    name, _, what = alarm.subject.partition(" ")
    whole = f"{name} {what.upper()}"
    return (whole, "") if len(whole) <= width else (squeeze(name, width), what.upper())


def _about(scene: Scene, alarm: Alarm, width: int) -> str:
    """Say more of an alarm that has no number to show: the job's name, or where it may come from."""
    jobs = (job for job in scene.state.jobs.values() if alarm.subject == f"job {job.id} {job.state.value}")
    name = next((squeeze(job.name, width) for job in jobs), "")
    return name or choose(width, alarm.hint, alarm.hint.rpartition(": ")[2])


def no_uplink(alarm: Alarm) -> Page:
    """Make the page that says why there is no external IP."""

    def page(scene: Scene) -> Lines:
        problem = scene.state.uplink.problem if scene.state.uplink else ""
        down = f"{problem or 'down'} {brief(scene.since(alarm))}"
        if scene.size.rows < 4:
            return ("!NO INTERNET", spread(scene.last, down, scene.clock))
        lan = scene.lan(scene.size.columns)
        return ("!NO INTERNET", down, lan, spread(scene.last, f"{scene.up} up", scene.clock))

    return page


def new_address(scene: Scene) -> Lines:
    """Say that the way in is another one now."""
    if scene.size.rows < 4:
        return ("!IP CHANGED", choose(scene.last, scene.address, "see home"))
    columns = scene.size.columns
    first, rest = broken(scene.address, columns, columns)
    before = scene.state.uplink.before if scene.state.uplink else ""
    was = choose(columns, f"was {before}", before)
    return ("!IP CHANGED", first, rest or was, spread(scene.last, f"{scene.up} up", scene.clock))


def stale(scene: Scene) -> Lines:
    """Say that what is known is old."""
    age = brief(scene.age)
    title = "!NO DATA YET" if age == UNKNOWN else f"!DATA {age} OLD"
    unknown = choose(scene.last, "cluster unknown", "all unknown")
    if scene.size.rows < 4:
        return (title, unknown)
    return (title, *broken(scene.place, scene.size.columns, scene.size.columns), unknown)


def packing(under_way: Packing) -> Page:
    """Make the page that says how far packing is; nodes may be unplugged when all were seen gone."""

    def page(scene: Scene) -> Lines:
        # one that was seen gone may be there again: somebody gave it power
        there = {node.name for node in scene.state.nodes.values() if node.present}
        gone = [name for name in under_way.off if name not in there]
        count, off = len(under_way.nodes), len(gone)
        if under_way.ended and off == count:
            title = choose(scene.top, f"{count} NODE{'S' if count > 1 else ''} OFF", "NODES OFF")
            if scene.size.rows < 4:
                return (title, choose(scene.last, "SAFE TO UNPLUG", "unplug them"))
            leave = choose(scene.last, "do not unplug it", "leave it in")
            return (title, "SAFE TO UNPLUG them", "the head is on:", leave)
        title = choose(scene.top, f"PACKING {off}/{count} off", f"PACK {off}/{count} off")
        leave = choose(scene.last, "do not unplug", "leave it in")
        if scene.size.rows < 4:
            return (title, leave)
        left = fold(name for name in under_way.nodes if name not in gone)
        verdict = "did not go:" if under_way.ended else "still on:"
        return (title, verdict if left else "", squeeze(left, scene.size.columns), leave)

    return page


def _last_reading(scene: Scene, alarm: Alarm) -> str:
    """Give the last that was measured on the node that is down."""
    name = alarm.subject.removesuffix(" down")
    node = next((node for node in scene.state.nodes.values() if node.name == name), None)
    if node is None or node.reading is None:
        return ""
    reading = node.reading
    return f"last load {number(reading.load1, '{:.1f}')}  {number(reading.temperature)}°C"
