"""What there is to show, and two lines of every screen: the banner, and the header that knows no state yet.

What needs a state is loaded with the first one (`digest`, `heading`): the first frame, which has none, does
not wait for it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from sciabc_tui.cluster.durations import Instant, span
from sciabc_tui.tui.present.cells import Cell, Line, Tone, cell_width, dimmed_line, fit, line_width, plain
from sciabc_tui.tui.present.glyphs import Glyphs

if TYPE_CHECKING:
    from sciabc_tui.cluster.state import State
    from sciabc_tui.tui.present.digest import Digest

UNKNOWN = "--"

READ_ONLY = "read-only"
SIMULATED = "SIMULATED"
REPLAY = "REPLAY"

MARKS = {SIMULATED, REPLAY, READ_ONLY}
"""What is said of the whole screen, also where what it shows is old."""


@dataclass(frozen=True, slots=True)
class View:
    """The newest state that is known, and how old it is."""

    glyphs: Glyphs
    state: "State | None" = None
    """None until the service has answered once."""
    now: Instant = 0.0
    """On the head's monotonic clock."""
    wall: float = 0.0
    """On the head's clock, in seconds since the epoch."""
    gone: float | None = None
    """For how many seconds nobody has answered; None while the service does."""
    problem: str = ""
    """Why nobody answers."""
    read_only: bool = False
    """Is nothing offered that changes something?"""
    blinking: bool = False
    """Do boards blink because somebody looks for them here?"""
    worked_out: "Digest | None" = None
    """What is already known of the state; None: it is worked out anew."""

    @property
    def digest(self) -> "Digest":
        """What is worked out of the state, or of an empty one."""
        if self.worked_out is not None:
            return self.worked_out
        from sciabc_tui.cluster.state import State  # noqa: PLC0415 - see above
        from sciabc_tui.tui.present.digest import Digest  # noqa: PLC0415 - as above

        return Digest(self.state or State())

    @property
    def stale(self) -> bool:
        """Is what is shown perhaps no longer so?"""
        return self.gone is not None or self.state is None or self.digest.is_old(self.now - self.state.at)


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


class Part(Struct, frozen=True):
    """A part of the header. `goes` says how soon it goes when the line is too short (0: never)."""

    cell: Cell
    goes: int = 0
    gap: int = 2
    """Cells before it."""


def first_header(view: View, width: int) -> Line:
    """Give the header of a screen that knows no state, in exactly `width` cells."""
    parts = [
        Part(Cell("sciabc-tui", Tone.ACCENT), gap=1),
        Part(Cell(f"{view.glyphs.unknown} no data yet", Tone.DIM)),
        *([Part(Cell(READ_ONLY, Tone.WARN))] if view.read_only else []),
    ]
    return in_line(parts, "", view, width)


def in_line(parts: list[Part], clock: str, view: View, width: int) -> Line:
    """Put the parts of a header and the clock into `width` cells; what does not fit goes."""
    while _needs(parts, clock) > width and (going := max(parts, key=lambda part: part.goes)).goes:
        parts.remove(going)
    cells = [cell for part in parts for cell in (Cell(" " * part.gap), part.cell)]
    room = width - line_width(cells) - 1
    line = (*cells, Cell(fit(clock, room, right=True, cut=view.glyphs.cut)), Cell(" "))
    marked = [cell for cell in line if cell.tone is Tone.WARN and cell.text in MARKS]
    if view.stale:
        line = tuple(cell if cell in marked else dimmed_line((cell,))[0] for cell in line)
    return line


def _needs(parts: list[Part], clock: str) -> int:
    return sum(cell_width(part.cell.text) + part.gap for part in parts) + len(clock) + 3


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
    replay = view.state.head.replay
    if replay is not None and replay.ended:
        return f"the recording ends here{f': {plain(replay.problem)}' if replay.problem else ''}", Tone.WARN
    age = view.now - view.state.at
    if view.digest.is_old(age):
        return f"the head service has said nothing for {span(age)}: what is shown is old", Tone.WARN
    if (packing := view.state.packing) is not None:
        word = "packed" if packing.ended else "packing"
        return f"{word}: {len(packing.off)} of {len(packing.nodes)} nodes off", Tone.WARN
    if view.state.head.launcher_problem:
        return f"no job can run: {plain(view.state.head.launcher_problem)}", Tone.WARN
    return "", Tone.PLAIN
