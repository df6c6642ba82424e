"""The nodes table."""

import re
from dataclasses import dataclass

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.health import HEAD_HOT
from sciabc_tui.cluster.node import Node, Origin, Reading, RowWord, Trust, row_word
from sciabc_tui.cluster.schedule import used_slots
from sciabc_tui.cluster.state import State
from sciabc_tui.cluster.wording import evidence
from sciabc_tui.tui.present.cells import Cell, Row, Table, Tone, dimmed, plain
from sciabc_tui.tui.present.columns import Column, choose
from sciabc_tui.tui.present.glyphs import Glyphs, trend
from sciabc_tui.tui.present.view import UNKNOWN, View

_FINGERPRINT = re.compile(r"SHA256:([A-Za-z0-9+/]{6})[A-Za-z0-9+/]{30,}([A-Za-z0-9+/]{4})")

WARM = 75.0
"""Degrees Celsius that are worth a look; a Raspberry Pi slows down at `HEAD_HOT`."""

_THROTTLE_WORDS = ("under-voltage", "frequency capped", "throttled", "soft temperature limit")
"""By bit; the same from bit 16 on."""

_THROTTLED_NOW = 0xF

TONES = {
    RowWord.READY: Tone.OK,
    RowWord.BUSY: Tone.BUSY,
    RowWord.NEW: Tone.ACCENT,
    RowWord.SUSPECT: Tone.WARN,
    RowWord.DOWN: Tone.BAD,
    RowWord.LEFT: Tone.DIM,
    RowWord.DRAINED: Tone.DIM,
    RowWord.REFUSED: Tone.BAD,
}


@dataclass(frozen=True, slots=True)
class Seat:
    """A node with what its row needs beside it."""

    node: Node
    used: int
    view: View

    @property
    def word(self) -> RowWord:
        """The one word of its state."""
        return row_word(self.node, busy=self.used > 0)

    @property
    def glyphs(self) -> Glyphs:
        """The signs of this terminal."""
        return self.view.glyphs

    @property
    def why(self) -> str:
        """The evidence."""
        return plain(evidence(self.node, self.view.now))

    @property
    def measured(self) -> Tone:
        """The tone of what was measured: it says no more of a node that is not present."""
        return Tone.PLAIN if self.node.present else Tone.DIM


def ordered(state: State) -> tuple[Node, ...]:
    """Give the nodes as they are listed: the head first, then by name."""
    return tuple(
        sorted(
            state.nodes.values(),
            key=lambda node: (node.origin is not Origin.LOCAL, _natural(node.name), node.id),
        )
    )


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name))


def pending_keys(state: State) -> tuple[Node, ...]:
    """Give the nodes whose host key waits for a person's approval."""
    return tuple(
        node for node in ordered(state) if node.trust is Trust.UNKNOWN and node.host_key and node.present
    )


def seats(view: View, wanted: str = "") -> tuple[Seat, ...]:
    """Give the nodes that match the filter's text (name, address, state or evidence)."""
    if view.state is None:
        return ()
    used = used_slots(view.state)
    all_ = (Seat(node, used.get(node.id, 0), view) for node in ordered(view.state))
    return tuple(seat for seat in all_ if _matches(seat, wanted.lower()))


def _matches(seat: Seat, wanted: str) -> bool:
    if not wanted:
        return True
    node = seat.node
    return wanted in " ".join((node.name, *node.addresses, seat.word.value, seat.why)).lower()


def table(view: View, width: int, wanted: str = "") -> Table:
    """Give the nodes table in `width` cells, those only that match `wanted`."""
    shown = seats(view, wanted)
    known = view.state.nodes.values() if view.state else ()
    longest = max((len(plain(node.name)) for node in known), default=4)
    chosen = choose(
        _columns(min(16, max(6, longest))),
        Column("evidence", 20, lambda seat: Cell(short_keys(seat.why), _why_tone(seat))),
        width=width,
        cut=view.glyphs.cut,
    )
    rows = tuple(Row(str(seat.node.id), chosen.line(seat)) for seat in shown)
    found = f"/{plain(wanted)}  {len(shown)} of {len(known)}" if wanted else str(len(known) or "")
    empty = "no node matches" if wanted else "" if view.state else "waiting for the head service"
    result = Table("Nodes", chosen.heading, rows, note=found, empty=empty)
    return dimmed(result) if view.stale else result


def _columns(name_width: int) -> tuple[Column[Seat], ...]:
    return (
        Column("node", name_width, lambda seat: Cell(plain(seat.node.name))),
        Column("state", 9, state_cell),
        Column("", 8, _trend, goes=3, gap=1),
        Column("cpu", 4, _cpu, right=True, gap=1),
        Column("mem", 4, _memory, goes=2, right=True, gap=1),
        Column("temp", 4, _temperature, goes=1, right=True),
        Column("load", 5, _load, goes=5, right=True),
        Column("slots", 5, _slots, right=True),
        Column("address", 15, _address, goes=6),
        Column("up", 6, _uptime, goes=7, right=True),
    )


def state_cell(seat: Seat) -> Cell:
    """Give the state as a glyph and a word."""
    return Cell(f"{seat.glyphs.nodes[seat.word]} {seat.word.value}", TONES[seat.word])


def _why_tone(seat: Seat) -> Tone:
    tone = TONES[seat.word]
    return tone if tone in {Tone.WARN, Tone.BAD, Tone.ACCENT} else Tone.DIM


def _trend(seat: Seat) -> Cell:
    values = seat.node.trend if seat.node.present else ()
    return Cell(trend(values, 8, seat.glyphs), Tone.BUSY if values else Tone.DIM)


def percent(value: float | None) -> str:
    """Write a share of 0 to 100."""
    return UNKNOWN if value is None else f"{value:.0f}%"


def _cpu(seat: Seat) -> Cell:
    reading = seat.node.reading if seat.node.present else None
    return Cell(percent(reading.cpu_percent if reading else None), seat.measured)


def _memory(seat: Seat) -> Cell:
    reading = seat.node.reading if seat.node.present else None
    return Cell(percent(reading.memory_percent if reading else None), seat.measured)


def _temperature(seat: Seat) -> Cell:
    reading = seat.node.reading if seat.node.present else None
    degrees = reading.temperature if reading else None
    if reading is None or degrees is None:
        return Cell(UNKNOWN, seat.measured)
    hindered = "!" if reading.throttle is not None and reading.throttle & _THROTTLED_NOW else ""
    return Cell(f"{degrees:.0f}{seat.glyphs.degree}{hindered}", heat(reading) or seat.measured)


def heat(reading: Reading) -> Tone | None:
    """Give the tone of a temperature that is worth a look, and of a board that the firmware slows down."""
    degrees = reading.temperature if reading.temperature is not None else 0.0
    if degrees >= HEAD_HOT or (reading.throttle or 0) & _THROTTLED_NOW:
        return Tone.BAD
    return Tone.WARN if degrees >= WARM else None


def throttle_words(flags: int) -> str:
    """Say what the firmware's flags mean: what it does now, and what it did since the node's boot."""
    now = [word for bit, word in enumerate(_THROTTLE_WORDS) if flags >> bit & 1]
    once = [word for bit, word in enumerate(_THROTTLE_WORDS) if flags >> bit + 16 & 1 and word not in now]
    said = [f"{', '.join(words)} {when}" for words, when in ((now, "now"), (once, "since boot")) if words]
    return "; ".join(said) or "never throttled"


def _load(seat: Seat) -> Cell:
    reading = seat.node.reading if seat.node.present else None
    load = reading.load1 if reading else None
    return Cell(UNKNOWN if load is None else f"{load:.1f}", seat.measured)


def _slots(seat: Seat) -> Cell:
    if not seat.node.slots:
        return Cell(UNKNOWN, Tone.DIM)
    return Cell(f"{seat.used}/{seat.node.slots}", Tone.PLAIN if seat.node.schedulable else Tone.DIM)


def _address(seat: Seat) -> Cell:
    return Cell(plain(seat.node.address) or UNKNOWN, seat.measured)


def _uptime(seat: Seat) -> Cell:
    reading = seat.node.reading if seat.node.present else None
    uptime = reading.uptime if reading else None
    return Cell(UNKNOWN if uptime is None else span(uptime), seat.measured)


def short_keys(text: str) -> str:
    """Shorten fingerprints in a text, so that they can still be told apart."""
    return _FINGERPRINT.sub(r"SHA256:\1..\2", text)
