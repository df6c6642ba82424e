"""One node in full, one job's heading, and what a cluster without nodes needs to hear."""

from msgspec.structs import replace

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import TREND_LENGTH, Drain, Facts, Node, Origin, Reading, RowWord, Trust
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.schedule import used_slots
from sciabc_tui.tui.present.cells import Cell, Line, Tone, cell_width, dimmed_line, fit, plain
from sciabc_tui.tui.present.fields import LABEL, field
from sciabc_tui.tui.present.glyphs import plot
from sciabc_tui.tui.present.jobs import TONES, Entry, details, ranks, run_time, state_cell
from sciabc_tui.tui.present.nodes import Seat, heat, percent, seats, throttle_words
from sciabc_tui.tui.present.nodes import state_cell as node_state_cell
from sciabc_tui.tui.present.plots import rate
from sciabc_tui.tui.present.view import UNKNOWN, View

_LEFT = 44
"""Cells of the left one of two fields on a line."""
_PLOT_HEIGHT = 4

_NEXT_STEPS = {
    RowWord.NEW: "press a to look at its host key and approve it",
    RowWord.DOWN: "check its power and its cable; it returns by itself",
    RowWord.REFUSED: "see the evidence above for the next step",
}


def seat_of(view: View, node: NodeId) -> Seat | None:
    """Give the node with what its row needs; None when it is gone."""
    found = view.state.nodes.get(node) if view.state else None
    if found is None or view.state is None:
        return None
    return Seat(found, used_slots(view.state).get(node, 0), view)


def facts(view: View, node: NodeId, width: int) -> tuple[Line, ...]:
    """Tell all that is known of a node, in lines of at most `width` cells."""
    seat = seat_of(view, node)
    if seat is None:
        return ((Cell("this node is gone from the cluster", Tone.DIM),),)
    lines = [*state_lines(seat, width), *_load_lines(seat, width), *_fact_lines(seat, width)]
    return tuple(dimmed_line(line) for line in lines) if view.stale else tuple(lines)


def state_lines(seat: Seat, width: int) -> list[Line]:
    """Tell the state of a node, why that is known, and what can be done about it."""
    word = node_state_cell(seat)
    lines: list[Line] = [
        (Cell(plain(seat.node.name).ljust(LABEL - 2) + "  ", Tone.ACCENT), word),
        *field("evidence", seat.why, width),
    ]
    step = _NEXT_STEPS.get(seat.word)
    return [*lines, *field("next", step, width, Tone.ACCENT)] if step else lines


def pair(left: tuple[str, str], right: tuple[str, str], width: int) -> list[Line]:
    """Give two labelled texts beside each other; below each other where they don't fit."""
    rest = width - _LEFT - LABEL
    if cell_width(left[1]) > _LEFT - LABEL - 1 or cell_width(right[1]) > rest or rest < len(UNKNOWN):
        return [*field(*left, width), *field(*right, width)]
    ((label, text),) = field(*left, width)
    ((other, value),) = field(*right, width)
    return [(label, replace(text, text=fit(text.text, _LEFT - LABEL)), other, value)]


def _load_lines(seat: Seat, width: int) -> list[Line]:
    reading = seat.node.reading if seat.node.present else None
    return [
        *_cpu_lines(seat, reading, width),
        *pair(("memory", amount_of_memory(reading)), ("disk", disk(reading)), width),
        *field("temp", warmth(seat, reading), width, (reading and heat(reading)) or Tone.PLAIN),
    ]


def _cpu_lines(seat: Seat, reading: Reading | None, width: int) -> list[Line]:
    """Draw the CPU over time."""
    drawn = plot(seat.node.trend, _PLOT_HEIGHT, min(TREND_LENGTH, width - LABEL - 6), seat.glyphs)
    if reading is None or not any(line.strip() for line in drawn):
        return field("cpu", percent(reading.cpu_percent if reading else None), width)
    marks = ("100%", *("" for _ in range(_PLOT_HEIGHT - 2)), "0%")
    labels = (f"cpu {percent(reading.cpu_percent):>5}", "", "", "")
    return [
        (
            Cell(fit(label, LABEL), Tone.DIM),
            Cell(fit(mark, 4, right=True) + seat.glyphs.bar, Tone.DIM),
            Cell(line, Tone.BUSY),
        )
        for label, mark, line in zip(labels, marks, drawn, strict=True)
    ]


def amount_of_memory(reading: Reading | None) -> str:
    """Say how much memory is in use."""
    if reading is None or reading.memory_percent is None:
        return ""
    used, total = _gib(reading.memory_used), _gib(reading.memory_total)
    return f"{percent(reading.memory_percent)} {used} of {total} GiB"


def disk(reading: Reading | None) -> str:
    """Say how full the disk is."""
    if reading is None or reading.disk_used is None or not reading.disk_total:
        return ""
    return f"{percent(100 * reading.disk_used / reading.disk_total)} of {_gib(reading.disk_total)} GiB"


def _network(reading: Reading | None) -> str:
    if reading is None or reading.received is None or reading.sent is None:
        return ""
    return f"in {rate(reading.received)} out {rate(reading.sent)} B/s"


def warmth(seat: Seat, reading: Reading | None) -> str:
    """Give the temperature, and what the firmware does about it."""
    degrees = reading.temperature if reading else None
    sign = seat.glyphs.degree if seat.glyphs.degree == "C" else f"{seat.glyphs.degree}C"
    words = UNKNOWN if degrees is None else f"{degrees:.0f}{sign}"
    flags = reading.throttle if reading else None
    return f"{words}; {f'throttling {UNKNOWN}' if flags is None else throttle_words(flags)}"


def _gib(amount: int | None) -> str:
    return UNKNOWN if amount is None else f"{amount / 2**30:.1f}"


def _fact_lines(seat: Seat, width: int) -> list[Line]:
    node = seat.node
    reading = node.reading if node.present else None
    known = node.facts or Facts()
    slots = f"{seat.used} of {node.slots} used" if node.slots else ""
    machine = f"{known.cores} cores {known.machine}" if known.cores else ""
    up = span(reading.uptime) if reading and reading.uptime is not None else ""
    lines = [
        *pair(("slots", slots), ("network", _network(reading)), width),
        *pair(("machine", plain(machine)), ("up", up), width),
        *pair(("model", plain(known.model)), ("serial", plain(known.serial)), width),
        *pair(("os", plain(known.os)), ("kernel", plain(known.kernel)), width),
        *pair(("mpi", plain(known.mpi)), ("python", plain(python(known))), width),
        *field("address", plain(", ".join(node.addresses) or node.address), width),
    ]
    if node.origin is Origin.LOCAL:
        return lines
    lines += field("host key", key_of(node), width)
    if node.drained is not None:
        lines += field("drained", drain(node.drained, seat.view.now), width)
    return lines


def drain(drain: Drain, now: float) -> str:
    """Say who drained a node, when and why."""
    reason = f': "{plain(drain.reason)}"' if drain.reason else ""
    return f"by {plain(drain.by)} {span(now - drain.since)} ago{reason}"


def key_of(node: Node) -> str:
    """Give a node's host key, and whether it is trusted."""
    key = node.host_key
    if key is None:
        return ""
    trust = "not approved" if node.trust is Trust.UNKNOWN else node.trust.value
    return f"{trust} {plain(key.kind).removeprefix('ssh-')} {plain(key.fingerprint)}"


def python(known: Facts) -> str:
    """Give the Python of a node and its mpi4py."""
    return f"{known.python or UNKNOWN}, mpi4py {known.mpi4py or UNKNOWN}"


def first_run(view: View, width: int) -> tuple[Line, ...]:
    """Tell the owner of a head without nodes or without a service what to do; empty when there are nodes."""
    state = view.state
    if state is None:
        return _no_service(view, width) if view.gone is not None else ()
    if any(seat.node.origin is not Origin.LOCAL for seat in seats(view)):
        return ()
    listening = state.listening
    where = plain(", ".join(listening.interfaces)) or "no interface"
    found = f" ({plain(', '.join(listening.addresses))})" if listening.addresses else ""
    slots = sum(seat.node.slots for seat in seats(view) if seat.node.schedulable)
    heard = f"for _sciabc._tcp on {where}{found}"
    begin = "" if view.read_only else ": press n"
    make = " and " if view.read_only else "; P provisions it, with a password. Or "
    texts = [
        ((Cell("No node but the head yet.", Tone.ACCENT),)),
        *field("listening", heard + (f": {plain(listening.problem)}" if listening.problem else ""), width),
        *field(
            "head",
            f"ready to compute by itself on {slots} slots{begin}" if slots else "not ready yet",
            width,
        ),
        *field("a board", f"plug it into the switch{make}type on it:", width),
        *((Cell("  "), Cell(text, Tone.PLAIN)) for text in BOARD_LINES),
        *field("", "It appears here while the last line runs; then a approves its key.", width),
        *field("or", "where no multicast comes through: sciabc-tui nodes add [USER@]HOST", width),
        _DOCTOR,
    ]
    lines = tuple((Cell(" "), *line) for line in texts)
    return tuple(dimmed_line(line) for line in lines) if view.stale else lines


def _no_service(view: View, width: int) -> tuple[Line, ...]:
    texts = [
        ((Cell("No head service answers yet.", Tone.ACCENT),)),
        *field("why", plain(view.problem), width),
        *field("head", "sciabc-tui head starts it in another terminal; this screen goes on by itself", width),
        _DOCTOR,
    ]
    return tuple((Cell(" "), *line) for line in texts)


_DOCTOR: Line = (Cell(fit("trouble", LABEL), Tone.DIM), Cell("sciabc-tui doctor tells what is missing here"))

BOARD_LINES = (
    "sudo apt install avahi-daemon avahi-utils openssh-server openmpi-bin",
    "sudo systemctl enable --now ssh avahi-daemon",
    "avahi-publish -s $(hostname) _sciabc._tcp 34343",
)
"""What makes a fresh Raspberry Pi OS a node that the head finds."""


def job_heading(view: View, job: Job, width: int, status: str) -> tuple[Line, ...]:
    """Give the lines above a job's log: state, ranks, where, how long, why; and how the log is read."""
    cut = view.glyphs.cut
    waits = job.state is JobState.PENDING
    state = state_cell(Entry(job, view))
    where = plain(fold(part.name for part in job.allocation if part.name not in job.lost))
    on = f" on {where}" if where else ""
    how_long = f"priority {job.priority}" if waits and job.priority else run_time(job, view.wall)
    middle = f"  {ranks(job)} ranks{on}  {how_long}"
    name = Cell(f" job {job.id} {plain(job.name)}  ", Tone.ACCENT)
    room = width - len(name.text) - len(state.text) - len(status) - 2
    first: Line = (name, state, Cell(fit(middle, room, cut=cut)), Cell(f" {status} ", Tone.DIM))
    lines = (first, (_job_note(job, width, cut),))
    return tuple(dimmed_line(line) for line in lines) if view.stale else lines


def _job_note(job: Job, width: int, cut: str) -> Cell:
    """Say what is to be told of a job, or else what it runs."""
    note = details(job)
    if note.tone is Tone.WARN:
        text = f"goes on: {plain(job.reason)}" if job.lost and job.reason else note.text
        return Cell(fit(f" {text}", width, cut=cut), Tone.WARN)
    if job.state is JobState.RUNNING:
        command = plain(" ".join((job.program, *job.args)))
        return Cell(fit(f" $ {command}", width, cut=cut), Tone.DIM)
    return Cell(fit(f" {note.text}", width, cut=cut), TONES[job.state])
