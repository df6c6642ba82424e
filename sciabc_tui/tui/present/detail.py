"""One node in full, one job's heading, and what a cluster without nodes needs to hear."""

from dataclasses import replace

from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import TREND_LENGTH, Drain, Facts, Node, Origin, Reading, RowWord, Trust
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.cluster.schedule import used_slots
from sciabc_tui.tui.present.cells import Cell, Line, Tone, cell_width, dimmed_line, fit, plain, wrapped
from sciabc_tui.tui.present.glyphs import Glyphs, plot, trend
from sciabc_tui.tui.present.jobs import TONES, Entry, details, ranks, run_time, state_cell
from sciabc_tui.tui.present.nodes import Seat, heat, percent, seats, throttle_words
from sciabc_tui.tui.present.nodes import state_cell as node_state_cell
from sciabc_tui.tui.present.view import UNKNOWN, View

_LABEL = 10
_LEFT = 44
"""Cells of the left one of two fields on a line."""
_CORE_LABEL = 10
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
    lines = [*_state_lines(seat, width), *_load_lines(seat, width), *_fact_lines(seat, width)]
    return tuple(dimmed_line(line) for line in lines) if view.stale else tuple(lines)


def _field(label: str, text: str, width: int, tone: Tone = Tone.PLAIN) -> list[Line]:
    """Give a labelled text, on as many lines as it needs."""
    parts = wrapped(text or UNKNOWN, max(8, width - _LABEL))
    first: Line = (Cell(fit(label, _LABEL), Tone.DIM), Cell(parts[0], tone if text else Tone.DIM))
    return [first, *((Cell(" " * _LABEL), Cell(part, tone)) for part in parts[1:])]


def _state_lines(seat: Seat, width: int) -> list[Line]:
    word = node_state_cell(seat)
    lines: list[Line] = [
        (Cell(plain(seat.node.name).ljust(_LABEL - 2) + "  ", Tone.ACCENT), word),
        *_field("evidence", seat.why, width),
    ]
    step = _NEXT_STEPS.get(seat.word)
    return [*lines, *_field("next", step, width, Tone.ACCENT)] if step else lines


def _pair(left: tuple[str, str], right: tuple[str, str], width: int) -> list[Line]:
    """Give two labelled texts beside each other; below each other where they don't fit."""
    rest = width - _LEFT - _LABEL
    if cell_width(left[1]) > _LEFT - _LABEL - 1 or cell_width(right[1]) > rest or rest < len(UNKNOWN):
        return [*_field(*left, width), *_field(*right, width)]
    ((label, text),) = _field(*left, width)
    ((other, value),) = _field(*right, width)
    return [(label, replace(text, text=fit(text.text, _LEFT - _LABEL)), other, value)]


def _load_lines(seat: Seat, width: int) -> list[Line]:
    reading = seat.node.reading if seat.node.present else None
    memory = reading.memory_percent if reading else None
    amount = (
        f" {_gib(reading.memory_used)} of {_gib(reading.memory_total)} GiB"
        if reading and memory is not None
        else ""
    )
    return [
        *_cpu_lines(seat, reading, width),
        *_pair(("memory", percent(memory) + amount), ("disk", _disk(reading)), width),
        *_field("temp", _warmth(seat, reading), width, (reading and heat(reading)) or Tone.PLAIN),
    ]


def _cpu_lines(seat: Seat, reading: Reading | None, width: int) -> list[Line]:
    """Draw the CPU over time, and beside it each core now."""
    drawn = plot(seat.node.trend, _PLOT_HEIGHT, min(TREND_LENGTH, width - _LABEL - 6), seat.glyphs)
    if reading is None or not any(line.strip() for line in drawn):
        return _field("cpu", percent(reading.cpu_percent if reading else None), width)
    marks = ("100%", *("" for _ in range(_PLOT_HEIGHT - 2)), "0%")
    labels = (f"cpu {percent(reading.cpu_percent):>5}", "", "", "")
    room = width - _LABEL - 5 - cell_width(drawn[0])
    beside = _cores(reading.cores, room, seat.glyphs)
    return [
        (
            Cell(fit(label, _LABEL), Tone.DIM),
            Cell(fit(mark, 4, right=True) + seat.glyphs.bar, Tone.DIM),
            Cell(line, Tone.BUSY),
            *cores,
        )
        for label, mark, line, cores in zip(labels, marks, drawn, beside, strict=True)
    ]


def _cores(shares: tuple[int, ...], room: int, glyphs: Glyphs) -> tuple[Line, ...]:
    """Draw the cores beside the plot, each as a bar; where they are more than lines, each as one column."""
    nothing: tuple[Line, ...] = ((),) * _PLOT_HEIGHT
    length = room - _CORE_LABEL - len("100%") - 1
    if not shares or length < 6:
        return nothing
    if len(shares) <= _PLOT_HEIGHT:
        full, whole = glyphs.levels[-1], min(length, 10)
        bars = (
            (
                Cell(fit(f"   core {core}", _CORE_LABEL), Tone.DIM),
                Cell(fit(full * round(share * whole / 100), whole), Tone.BUSY),
                Cell(fit(f"{share}%", 5, right=True)),
            )
            for core, share in enumerate(shares)
        )
        return (*bars, *nothing)[:_PLOT_HEIGHT]
    taken = max(1, room - _CORE_LABEL)
    rows = [shares[start : start + taken] for start in range(0, len(shares), taken)][:_PLOT_HEIGHT]
    strips = (
        (
            Cell(fit("" if number else "   cores", _CORE_LABEL), Tone.DIM),
            Cell(trend(row, len(row), glyphs), Tone.BUSY),
        )
        for number, row in enumerate(rows)
    )
    return (*strips, *nothing)[:_PLOT_HEIGHT]


def _disk(reading: Reading | None) -> str:
    if reading is None or reading.disk_used is None or not reading.disk_total:
        return ""
    return f"{percent(100 * reading.disk_used / reading.disk_total)} of {_gib(reading.disk_total)} GiB"


def _network(reading: Reading | None) -> str:
    if reading is None or reading.received is None or reading.sent is None:
        return ""
    return f"in {_rate(reading.received)} out {_rate(reading.sent)} B/s"


def _rate(amount: float) -> str:
    """Write bytes a second in at most four characters and a prefix."""
    for prefix in ("", "k", "M"):
        if amount < 999.5:
            return f"{amount:.1f}{prefix}" if prefix and amount < 9.95 else f"{amount:.0f}{prefix}"
        amount /= 1000
    return f"{amount:.1f}G"


def _warmth(seat: Seat, reading: Reading | None) -> str:
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
    python = f"{known.python or UNKNOWN}, mpi4py {known.mpi4py or UNKNOWN}"
    lines = [
        *_pair(("slots", slots), ("network", _network(reading)), width),
        *_pair(("machine", plain(machine)), ("up", up), width),
        *_pair(("model", plain(known.model)), ("serial", plain(known.serial)), width),
        *_pair(("os", plain(known.os)), ("kernel", plain(known.kernel)), width),
        *_pair(("mpi", plain(known.mpi)), ("python", plain(python)), width),
        *_field("address", plain(", ".join(node.addresses) or node.address), width),
    ]
    if node.origin is Origin.LOCAL:
        return lines
    key = node.host_key
    lines += _field(
        "host key", f"{_trust(node)} {plain(key.kind)} {plain(key.fingerprint)}" if key else "", width
    )
    if node.drained is not None:
        lines += _field("drained", _drain(node.drained, seat.view.now), width)
    return lines


def _drain(drain: Drain, now: float) -> str:
    reason = f': "{plain(drain.reason)}"' if drain.reason else ""
    return f"by {plain(drain.by)} {span(now - drain.since)} ago{reason}"


def _trust(node: Node) -> str:
    return "not approved" if node.trust is Trust.UNKNOWN else node.trust.value


def first_run(view: View, width: int) -> tuple[Line, ...]:
    """Tell the owner of a head without nodes what to do; empty when there are nodes."""
    state = view.state
    if state is None or any(seat.node.origin is not Origin.LOCAL for seat in seats(view)):
        return ()
    listening = state.listening
    where = plain(", ".join(listening.interfaces)) or "no interface"
    found = f" ({plain(', '.join(listening.addresses))})" if listening.addresses else ""
    slots = sum(seat.node.slots for seat in seats(view) if seat.node.schedulable)
    heard = f"for _sciabc._tcp on {where}{found}"
    texts = [
        ((Cell("No node but the head yet.", Tone.ACCENT),)),
        *_field("listening", heard + (f": {plain(listening.problem)}" if listening.problem else ""), width),
        *_field(
            "head",
            f"ready to compute by itself on {slots} slots: press n" if slots else "not ready yet",
            width,
        ),
        ((Cell("To add a board, plug it into the switch and type on it:", Tone.DIM),)),
        *((Cell("  "), Cell(text, Tone.PLAIN)) for text in BOARD_LINES),
        ((Cell("It appears here by itself while the last line runs; then a approves its key.", Tone.DIM),)),
    ]
    lines = tuple((Cell(" "), *line) for line in texts)
    return tuple(dimmed_line(line) for line in lines) if view.stale else lines


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
