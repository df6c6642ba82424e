"""The header: where to connect, and whether it is well."""

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.health import Health
from sciabc_tui.cluster.state import LampState, State, Uplink
from sciabc_tui.tui.present.cells import Cell, Line, Tone, plain
from sciabc_tui.tui.present.glyphs import Glyphs
from sciabc_tui.tui.present.view import (
    READ_ONLY,
    REPLAY,
    SIMULATED,
    UNKNOWN,
    Part,
    View,
    clock_time,
    first_header,
    in_line,
)

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


def header(view: View, width: int) -> Line:
    """Say where to connect and whether it is well, in exactly `width` cells."""
    if view.state is None:
        return first_header(view, width)
    return in_line(_parts(view, view.state), clock_time(view.wall), view, width)


def _parts(view: View, state: State) -> list[Part]:
    digest = view.digest
    health = digest.health(max(0.0, view.now - state.at))
    lamp = lamp_cell(health.lamp, view.glyphs)
    if view.gone is not None:
        lamp = Cell(f"{view.glyphs.unknown} gone", Tone.DIM)
    used, total = digest.used_in_all, digest.slots
    name = Part(Cell(plain(state.head.host_name) or "head", Tone.ACCENT), gap=1)
    return [
        *([Part(Cell(REPLAY, Tone.WARN), gap=1)] if state.head.replay else []),
        *([Part(Cell(SIMULATED, Tone.WARN), gap=1)] if state.head.simulated else []),
        *([Part(Cell(READ_ONLY, Tone.WARN), gap=1)] if view.read_only else []),
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
