"""What is told of one node beside the dashboard: its load, its throttling, its facts, at every width."""

from dataclasses import replace

import pytest

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Facts, Liveness, Reading
from sciabc_tui.cluster.state import State
from sciabc_tui.tui.present import detail, node_table
from sciabc_tui.tui.present.cells import Tone, line_width
from sciabc_tui.tui.present.glyphs import ASCII, LINUX, UNICODE, Glyphs
from tests.tui import states
from tests.tui.views import seen, text

NODE = NodeId("node01")


def with_reading(**changes: object) -> State:
    """Give a cluster in which one node's reading is changed."""
    state = states.ready()
    node = state.nodes[NODE]
    reading = replace(node.reading or Reading(0.0), **changes)
    return replace(state, nodes={**state.nodes, NODE: replace(node, reading=reading)})


def told(state: State, width: int = 76, glyphs: Glyphs = UNICODE) -> list[str]:
    """Give the lines of the node."""
    return [text(line) for line in detail.facts(seen(state, glyphs=glyphs), NODE, width)]


def field(state: State, label: str) -> str:
    """Give what stands behind a label, up to a gap."""
    (line,) = [line for line in told(state) if f"{label} " in line]
    return line.partition(label)[2].strip().split("   ")[0]


@pytest.mark.parametrize("glyphs", [UNICODE, LINUX, ASCII])
@pytest.mark.parametrize("width", [40, 56, 76, 136])
@pytest.mark.parametrize("cores", [0, 1, 4, 8, 64, 256])
def test_no_line_is_too_wide(width: int, cores: int, glyphs: Glyphs) -> None:
    """At any width, with any number of cores, in every character set."""
    state = with_reading(cores=(100,) * cores)
    lines = told(state, width, glyphs)
    assert all(line_width(line) <= width for line in detail.facts(seen(state), NODE, width))
    assert glyphs is not ASCII or all(line.isascii() for line in lines)
    for fact in ("10000000c0ffee01", "Debian GNU/Linux 12", "Open MPI 4.1.4", "3.11.2, mpi4py 3.1.4"):
        assert fact in " ".join(lines)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (None, "throttling --"),
        (0, "never throttled"),
        (0x1, "under-voltage now"),
        (0x50000, "under-voltage, throttled since boot"),
        (0x50005, "under-voltage, throttled now"),
        (0xF0002, "frequency capped now; under-voltage, throttled, soft temperature limit since boot"),
    ],
)
def test_throttling_in_words(flags: int | None, words: str) -> None:
    """What the firmware does now, and what it did since the boot; what is not known is not `never`."""
    assert words in " ".join(" ".join(told(with_reading(throttle=flags), 136)).split())


@pytest.mark.parametrize(
    ("degrees", "flags", "shown", "tone"),
    [
        (74.9, 0, "75°", Tone.PLAIN),
        (75.0, None, "75°", Tone.WARN),
        (80.0, 0xF0000, "80°", Tone.BAD),
        (50.0, 0x4, "50°!", Tone.BAD),
        (50.0, 0x50000, "50°", Tone.PLAIN),
        (None, 0, "--", Tone.PLAIN),
    ],
)
def test_heat_and_throttling_stand_out(
    degrees: float | None, flags: int | None, shown: str, tone: Tone
) -> None:
    """In the table a hot board warns, a throttled one is bad, and a sign tells it without colour."""
    view = seen(with_reading(temperature=degrees, throttle=flags))
    table = node_table.table(view, 77)
    (row,) = [row for row in table.rows if row.key == NODE]
    start = table.heading.index("temp")
    place = 0
    for cell in row.cells:
        if place <= start < place + len(cell.text) and shown in cell.text:
            assert cell.tone is tone
            break
        place += len(cell.text)
    else:
        pytest.fail(f"no {shown}: {text(row.cells)}")
    temp = next(line for line in detail.facts(view, NODE, 76) if line[0].text.startswith("temp"))
    assert temp[1].tone is tone


@pytest.mark.parametrize(
    ("received", "shown"),
    [
        (0.0, "0"),
        (999.4, "999"),
        (1000.0, "1.0k"),
        (35e3, "35k"),
        (999.6e3, "1.0M"),
        (12.4e6, "12M"),
        (2.5e9, "2.5G"),
    ],
)
def test_rates_are_short(received: float, shown: str) -> None:
    """Two digits tell enough of a rate."""
    assert f"in {shown} out 35k B/s" in " ".join(told(with_reading(received=received)))


def test_what_is_not_known_is_not_a_number() -> None:
    """A node that told nothing has dashes, and so has the load of one that is gone."""
    state = states.ready()
    bare = replace(state.nodes[NODE], reading=Reading(states.AT), facts=Facts(), trend=())
    unknown = replace(state, nodes={**state.nodes, NODE: bare})
    for label in ("disk", "network", "serial", "os", "mpi", "up", "kernel", "memory"):
        assert field(unknown, label) == "--"
    assert field(unknown, "python") == "--, mpi4py --"
    gone = replace(state.nodes[NODE], liveness=Liveness.DEAD)
    dead = replace(state, nodes={**state.nodes, NODE: gone})
    for label in ("disk", "network", "memory"):
        assert field(dead, label) == "--"
    assert field(dead, "serial") == "10000000c0ffee01"
