"""What there is to show, and the two lines that every screen has: the header and the banner."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.health import STALE_AFTER, Health, assess
from sciabc_tui.cluster.node import Instant
from sciabc_tui.cluster.schedule import total_slots, used_slots
from sciabc_tui.cluster.state import LampState, State, Uplink
from sciabc_tui.tui.present.cells import Cell, Line, Tone, cell_width, dimmed_line, fit, line_width, plain
from sciabc_tui.tui.present.glyphs import Glyphs

UNKNOWN = "--"


@dataclass(frozen=True, slots=True)
class View:
    """The newest state that is known, and how old it is."""

    glyphs: Glyphs
    state: State | None = None
    """None until the service has answered once."""
    now: Instant = 0.0
    """On the head's monotonic clock."""
    wall: float = 0.0
    """On the head's clock, in seconds since the epoch."""
    gone: float | None = None
    """For how many seconds nobody has answered; None while the service does."""
    problem: str = ""
    """Why nobody answers."""

    @property
    def stale(self) -> bool:
        """Is what is shown perhaps no longer so?"""
        return self.gone is not None or self.state is None or self.now - self.state.at > STALE_AFTER


_HEALTH = {
    LampState.CRITICAL: ("critical", Tone.BAD),
    LampState.STALE: ("stale", Tone.WARN),
    LampState.NO_UPLINK: ("offline", Tone.WARN),
    LampState.DEGRADED: ("degraded", Tone.WARN),
    LampState.STARTING: ("starting", Tone.ACCENT),
    LampState.RUNNING: ("well", Tone.OK),
    LampState.IDLE: ("well", Tone.OK),
    LampState.STOPPING: ("stopping", Tone.WARN),
}


def lamp_cell(lamp: LampState, glyphs: Glyphs, word: str = "") -> Cell:
    """Say how the cluster is with a glyph and a word, by default the header's."""
    header_word, tone = _HEALTH[lamp]
    glyph = glyphs.alarm if tone in {Tone.BAD, Tone.WARN} else glyphs.well
    return Cell(f"{glyph} {word or header_word}", tone)


def clock_time(wall: float) -> str:
    """Write a time of day, in this machine's time zone."""
    return datetime.fromtimestamp(wall, UTC).astimezone().strftime("%H:%M:%S")


def moment(wall: float, now: float) -> str:
    """Write a time of day in eight cells, or the day when it was another one."""
    there, here = (datetime.fromtimestamp(at, UTC).astimezone() for at in (wall, now))
    return f"{there:%H:%M:%S}" if there.date() == here.date() else f"{there:%d %b}".ljust(8)


def date_time(wall: float) -> str:
    """Write a day and a time of day, in this machine's time zone."""
    return f"{datetime.fromtimestamp(wall, UTC).astimezone():%d %b %H:%M:%S}"


def header(view: View, width: int) -> Line:
    """Say where to connect and whether it is well, in exactly `width` cells."""
    glyphs = view.glyphs
    if view.state is None:
        parts = [
            Part(Cell("sciabc-tui", Tone.ACCENT), gap=1),
            Part(Cell(f"{glyphs.unknown} no data yet", Tone.DIM)),
        ]
        clock = ""
    else:
        parts = _parts(view, view.state)
        clock = clock_time(view.wall)
    while _needs(parts, clock) > width and (going := max(parts, key=lambda part: part.goes)).goes:
        parts.remove(going)
    cells = [cell for part in parts for cell in (Cell(" " * part.gap), part.cell)]
    room = width - line_width(cells) - 1
    line = (*cells, Cell(fit(clock, room, right=True, cut=glyphs.cut)), Cell(" "))
    marked = [cell for cell in line if cell.tone is Tone.WARN and cell.text == SIMULATED]
    if view.stale:
        line = tuple(cell if cell in marked else dimmed_line((cell,))[0] for cell in line)
    return line


SIMULATED = "SIMULATED"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the header. `goes` says how soon it goes when the line is too short (0: never)."""

    cell: Cell
    goes: int = 0
    gap: int = 2
    """Cells before it."""


def _needs(parts: list[Part], clock: str) -> int:
    return sum(cell_width(part.cell.text) + part.gap for part in parts) + len(clock) + 3


def _parts(view: View, state: State) -> list[Part]:
    health = assess(state, age=max(0.0, view.now - state.at))
    lamp = lamp_cell(health.lamp, view.glyphs)
    if view.gone is not None:
        lamp = Cell(f"{view.glyphs.unknown} gone", Tone.DIM)
    used, total = sum(used_slots(state).values()), total_slots(state)
    name = Part(Cell(plain(state.head.host_name) or "head", Tone.ACCENT), gap=1)
    return [
        *([Part(Cell(SIMULATED, Tone.WARN), gap=1)] if state.head.simulated else []),
        name,
        *_uplink_parts(state.uplink),
        Part(lamp),
        Part(Cell(f"{health.up}/{health.known} up")),
        *_alarm_parts(view, health),
        Part(Cell(f"{used}/{total} slots", Tone.BUSY if used else Tone.PLAIN), goes=6),
    ]


def _uplink_parts(uplink: Uplink | None) -> list[Part]:
    if uplink is None:
        return [Part(Cell(f"IP {UNKNOWN}", Tone.DIM))]
    if not uplink.address:
        return [Part(Cell("no external IP", Tone.WARN))]
    return [
        Part(Cell(plain(uplink.address), Tone.ACCENT)),
        Part(Cell(plain(uplink.interface), Tone.DIM), goes=3, gap=1),
    ]


def _alarm_parts(view: View, health: Health) -> list[Part]:
    if not health.alarms:
        return []
    first, more = health.alarms[0], len(health.alarms) - 1
    parts = [Part(Cell(f"!{plain(first.subject)}", Tone.BAD), goes=2)]
    if first.since is not None:
        parts.append(Part(Cell(span(view.now - first.since), Tone.BAD), goes=4, gap=1))
    if more:
        parts.append(Part(Cell(f"+{more}", Tone.BAD), goes=5, gap=1))
    return parts


def banner(view: View, width: int) -> Line | None:
    """Say what stands in the way of everything; None when nothing does."""
    text, tone = _banner_text(view)
    return (Cell(fit(f" {text}", width, cut=view.glyphs.cut), tone),) if text else None


def _banner_text(view: View) -> tuple[str, Tone]:
    if view.gone is not None:
        if view.state is None:
            return f"no head service answers, retrying: {plain(view.problem)}", Tone.BAD
        since = f"{span(view.gone)} ago" if view.gone >= 1 else "just now"
        return f"head service gone {since}, retrying; jobs go on without it", Tone.BAD
    if view.state is None:
        return "connecting to the head service", Tone.ACCENT
    age = view.now - view.state.at
    if age > STALE_AFTER:
        return f"the head service has said nothing for {span(age)}: what is shown is old", Tone.WARN
    if view.state.head.launcher_problem:
        return f"no job can run: {plain(view.state.head.launcher_problem)}", Tone.WARN
    return "", Tone.PLAIN
