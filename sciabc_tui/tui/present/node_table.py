"""The nodes table: its columns, and how it is sorted."""

from collections.abc import Callable
from dataclasses import dataclass

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.health import DISK_FULL
from sciabc_tui.cluster.node import Node, Reading
from sciabc_tui.cluster.nodeset import natural
from sciabc_tui.tui.present.cells import Cell, LazyRows, Row, Table, Tone, dimmed_line, plain
from sciabc_tui.tui.present.columns import Chosen, Column, Sorting, choose
from sciabc_tui.tui.present.glyphs import Glyphs, trend
from sciabc_tui.tui.present.nodes import (
    THROTTLED_NOW,
    TONES,
    WORST_FIRST,
    Seat,
    heat,
    percent,
    short_keys,
    state_cell,
)
from sciabc_tui.tui.present.view import UNKNOWN, View

BY_NAME = Sorting("node")
"""The order in which nodes are listed unless somebody wants another: the head first, then by name."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which nodes are listed, in what order, by what filter, and how many are selected."""

    nodes: tuple[Node, ...]
    wanted: str = ""
    sorting: Sorting = BY_NAME
    selected: int = 0


def table(view: View, width: int, listing: Listing | None = None) -> Table:
    """Give the nodes table in `width` cells; a row is made when it is looked at.

    Args:
        view: What is known.
        width: Cells.
        listing: Which nodes, in what order; None lists all by name.
    """
    listed = listing or Listing(view.digest.nodes)
    chosen = columns(view, width)
    used, stale = view.digest.used, view.stale
    shown = listed.nodes

    def row(number: int) -> Row:
        node = shown[number]
        line = chosen.line(Seat(node, used.get(node.id, 0), view))
        return Row(str(node.id), dimmed_line(line) if stale else line)

    return Table(
        "Nodes",
        heading(chosen, listed.sorting, view.glyphs),
        LazyRows([str(node.id) for node in shown], row),
        note=note(view, listed),
        empty="no node matches" if listed.wanted else "" if view.state else "waiting for the head service",
    )


def note(view: View, listing: Listing) -> str:
    """Say how many nodes are listed, of how many, and how many of them are selected."""
    known = len(view.digest.nodes)
    found = (
        f"/{plain(listing.wanted)}  {len(listing.nodes)} of {known}" if listing.wanted else str(known or "")
    )
    return f"{found}  {listing.selected} selected" if listing.selected else found


def heading(chosen: Chosen[Seat], sorting: Sorting, glyphs: Glyphs) -> str:
    """Give the names of the columns; the one that rows are sorted by is marked, unless it is the first."""
    if sorting == BY_NAME:
        return chosen.heading
    column = next((c for c in (*chosen.columns, chosen.rest) if c.heading == sorting.heading), None)
    falls = column is not None and column.greatest_first != sorting.reverse
    return chosen.marked(sorting.heading, glyphs.falling if falls else glyphs.rising)


def columns(view: View, width: int) -> Chosen[Seat]:
    """Give the columns that so many cells hold."""
    return choose(
        _columns(min(16, max(6, view.digest.longest_name))),
        Column(
            "evidence", 20, lambda seat: Cell(short_keys(seat.why), _why_tone(seat)), by=lambda seat: seat.why
        ),
        width=width,
        cut=view.glyphs.cut,
    )


def _columns(name_width: int) -> tuple[Column[Seat], ...]:
    return (
        Column(
            "node",
            name_width,
            lambda seat: Cell(plain(seat.node.name)),
            by=lambda seat: natural(seat.node.name),
        ),
        Column("state", 9, state_cell, by=lambda seat: WORST_FIRST.index(seat.word)),
        Column("", 8, _trend, goes=3, gap=1),
        Column("cpu", 4, _cpu, right=True, gap=1, by=_of("cpu_percent"), greatest_first=True),
        Column("mem", 4, _memory, goes=2, right=True, gap=1, by=_of("memory_percent"), greatest_first=True),
        Column("temp", 4, _temperature, goes=1, right=True, by=_of("temperature"), greatest_first=True),
        Column("load", 5, _load, goes=5, right=True, by=_of("load1", 1), greatest_first=True),
        Column(
            "slots",
            5,
            _slots,
            right=True,
            by=lambda seat: seat.used if seat.node.slots else None,
            greatest_first=True,
        ),
        Column("disk", 4, _disk, goes=6, right=True, by=_disk_full, greatest_first=True),
        Column("throt", 5, _throttle, goes=7, by=_throttling, greatest_first=True),
        Column(
            "net B/s",
            7,
            _net,
            goes=8,
            right=True,
            by=lambda seat: traffic(_reading(seat)),
            greatest_first=True,
        ),
        Column("up", 6, _uptime, goes=9, right=True, by=_of("uptime"), greatest_first=True),
        Column(
            "address",
            15,
            _address,
            goes=10,
            by=lambda seat: natural(seat.node.address) if seat.node.address else None,
        ),
    )


def _reading(seat: Seat) -> Reading | None:
    return seat.node.reading if seat.node.present else None


def _of(name: str, places: int = 0) -> Callable[[Seat], float | None]:
    """Give what a reading of a node that is there says, or None.

    It is rounded as it is shown: rows that show the same would change places with every reading.
    """

    def value(seat: Seat) -> float | None:
        reading = _reading(seat)
        told: float | None = None if reading is None else getattr(reading, name)
        return None if told is None else round(told, places)

    return value


def traffic(reading: Reading | None) -> float | None:
    """Give the bytes a second in both directions; None when neither was measured."""
    if reading is None or (reading.received is None and reading.sent is None):
        return None
    return (reading.received or 0.0) + (reading.sent or 0.0)


def _net(seat: Seat) -> Cell:
    return Cell(metric(traffic(_reading(seat))), seat.measured)


def metric(value: float | None) -> str:
    """Write a number with a prefix, in at most five cells: `35k`, `1.2M`."""
    if value is None:
        return UNKNOWN
    for prefix in ("", "k", "M"):
        if value < 999.5:
            return f"{value:.1f}{prefix}" if prefix and value < 9.95 else f"{value:.0f}{prefix}"
        value /= 1000
    return f"{value:.1f}G"


def disk_percent(reading: Reading) -> float | None:
    """Give how full the root file system is, 0 to 100."""
    if reading.disk_used is None or not reading.disk_total:
        return None
    return 100.0 * reading.disk_used / reading.disk_total


def _disk_full(seat: Seat) -> float | None:
    reading = _reading(seat)
    return None if reading is None else disk_percent(reading)


def _disk(seat: Seat) -> Cell:
    full = _disk_full(seat)
    return Cell(percent(full), Tone.BAD if full is not None and full >= DISK_FULL else seat.measured)


def _throttling(seat: Seat) -> int | None:
    """Give 2 for a board that is throttled now, 1 for one that was since its boot, 0 for others."""
    reading = _reading(seat)
    if reading is None or reading.throttle is None:
        return None
    return 2 if reading.throttle & THROTTLED_NOW else 1 if reading.throttle else 0


def _throttle(seat: Seat) -> Cell:
    match _throttling(seat):
        case 2:
            return Cell("now", Tone.BAD)
        case 1:
            return Cell("was", seat.measured)
        case 0:
            return Cell("no", seat.measured)
        case _:
            return Cell(UNKNOWN, Tone.DIM)


def _why_tone(seat: Seat) -> Tone:
    tone = TONES[seat.word]
    return tone if tone in {Tone.WARN, Tone.BAD, Tone.ACCENT} else Tone.DIM


def _trend(seat: Seat) -> Cell:
    values = seat.node.trend if seat.node.present else ()
    return Cell(trend(values, 8, seat.glyphs), Tone.BUSY if values else Tone.DIM)


def _cpu(seat: Seat) -> Cell:
    reading = _reading(seat)
    return Cell(percent(reading.cpu_percent if reading else None), seat.measured)


def _memory(seat: Seat) -> Cell:
    reading = _reading(seat)
    return Cell(percent(reading.memory_percent if reading else None), seat.measured)


def _temperature(seat: Seat) -> Cell:
    reading = _reading(seat)
    degrees = reading.temperature if reading else None
    if reading is None or degrees is None:
        return Cell(UNKNOWN, seat.measured)
    hindered = "!" if reading.throttle is not None and reading.throttle & THROTTLED_NOW else ""
    return Cell(f"{degrees:.0f}{seat.glyphs.degree}{hindered}", heat(reading) or seat.measured)


def _load(seat: Seat) -> Cell:
    reading = _reading(seat)
    load = reading.load1 if reading else None
    return Cell(UNKNOWN if load is None else f"{load:.1f}", seat.measured)


def _slots(seat: Seat) -> Cell:
    if not seat.node.slots:
        return Cell(UNKNOWN, Tone.DIM)
    return Cell(f"{seat.used}/{seat.node.slots}", Tone.PLAIN if seat.node.schedulable else Tone.DIM)


def _address(seat: Seat) -> Cell:
    return Cell(plain(seat.node.address) or UNKNOWN, seat.measured)


def _uptime(seat: Seat) -> Cell:
    reading = _reading(seat)
    uptime = reading.uptime if reading else None
    return Cell(UNKNOWN if uptime is None else span(uptime), seat.measured)
