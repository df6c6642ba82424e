"""The page of one node: its state, its load now and before, and what is known of it."""

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts, Node, Origin, Reading
from sciabc_tui.tui.present import plots
from sciabc_tui.tui.present.cells import Cell, Line, Tone, dimmed_line, plain
from sciabc_tui.tui.present.detail import (
    amount_of_memory,
    disk,
    drain,
    key_of,
    pair,
    python,
    seat_of,
    state_lines,
    warmth,
)
from sciabc_tui.tui.present.fields import LABEL, field
from sciabc_tui.tui.present.glyphs import Glyphs, trend
from sciabc_tui.tui.present.layout import WIDE
from sciabc_tui.tui.present.nodes import Seat, heat
from sciabc_tui.tui.present.plots import Load
from sciabc_tui.tui.present.view import View

HIGH = 24
"""From so many lines on, on a wide screen, the plots stand beside the facts."""

_PLOTS = 66
"""Cells of the large plots: an axis, and sixty places."""

_NUMBERED = 8
"""Up to so many cores are told as numbers; more are drawn."""


def page(view: View, node: NodeId, load: Load, width: int, height: int) -> tuple[Line, ...]:
    """Tell all that is known of a node.

    Args:
        view: The newest state.
        node: Which.
        load: How its load was.
        width: Cells of a line.
        height: Lines that there is room for; more may be given.
    """
    seat = seat_of(view, node)
    if seat is None:
        return ((Cell("this node is gone from the cluster; esc goes back", Tone.DIM),),)
    reading = seat.node.reading if seat.node.present else None
    if width >= WIDE - 4 and height >= HIGH:
        left = width - _PLOTS
        told = [*state_lines(seat, left - 2), *_facts(seat, reading, left - 2)]
        lines = plots.beside(told, plots.large(view, load, reading, _PLOTS, height), left)
    else:
        drawn = plots.small(view, load, reading, width)
        lines = (*state_lines(seat, width), *drawn, *_facts(seat, reading, width))
    return tuple(dimmed_line(line) for line in lines) if view.stale else lines


def _facts(seat: Seat, reading: Reading | None, width: int) -> list[Line]:
    node = seat.node
    known = node.facts or Facts()
    slots = f"{seat.used} of {node.slots} used" if node.slots else ""
    machine = f"{known.cores} cores {known.machine}" if known.cores else ""
    up = span(reading.uptime) if reading and reading.uptime is not None else ""
    cores = reading.cores if reading else ()
    address = plain(", ".join(node.addresses) or node.address)
    lines = [
        *pair(("memory", amount_of_memory(reading)), ("disk", disk(reading)), width),
        *field("temp", warmth(seat, reading), width, (reading and heat(reading)) or Tone.PLAIN),
        *_slots_and_cores(slots, cores, width, seat.glyphs),
        *pair(("machine", plain(machine)), ("up", up), width),
        *pair(("model", plain(known.model)), ("serial", plain(known.serial)), width),
        *pair(("os", plain(known.os)), ("kernel", plain(known.kernel)), width),
        *pair(("mpi", plain(known.mpi)), ("python", plain(python(known))), width),
        *pair(("address", address), ("found", _found(node)), width),
    ]
    if node.origin is not Origin.LOCAL:
        lines += field("host key", key_of(node), width)
    if node.drained is not None:
        lines += field("drained", drain(node.drained, seat.view.now), width)
    return lines


def _slots_and_cores(slots: str, cores: tuple[int, ...], width: int, glyphs: Glyphs) -> list[Line]:
    """Tell each core's share: a few as numbers, more of them as columns."""
    if len(cores) <= _NUMBERED:
        told = f"{' '.join(str(share) for share in cores)}%" if cores else ""
        return pair(("slots", slots), ("cores", told), width)
    taken = max(1, width - LABEL)
    rows = [cores[start : start + taken] for start in range(0, len(cores), taken)]
    drawn = [field("" if n else "cores", trend(row, len(row), glyphs), width) for n, row in enumerate(rows)]
    return [*field("slots", slots, width), *(line for lines in drawn for line in lines)]


def _found(node: Node) -> str:
    """Say how the head came to know it."""
    match node.origin:
        case Origin.LOCAL:
            return "the head itself"
        case Origin.MDNS:
            return f"by mDNS on {plain(node.interface)}" if node.interface else "by mDNS"
        case Origin.STATIC:
            return "named in the settings"
        case Origin.REMEMBERED:
            return "known from before"
