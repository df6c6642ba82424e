"""The frame has exactly the size of the glass, whatever the state is."""

import string
import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.glyphs import UNKNOWN, code
from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Allocation, Job, JobId, JobState
from sciabc_tui.cluster.node import Facts, Liveness, Node, Origin, Readiness, Reading, Trust
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Head, Listening, State, Uplink
from sciabc_tui.panel.glass import broken, choose, exact, spread, squeeze
from sciabc_tui.panel.pages import home
from sciabc_tui.panel.present import HEART, present
from sciabc_tui.panel.presenter import Presenter
from sciabc_tui.panel.scene import Scene
from tests.panel.scenes import heard
from tests.simtime import WALL

labels = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=63)
addresses = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda a: a.exploded))
instants = st.floats(0, 2e6)
walls = st.floats(WALL - 1e6, WALL + 1e6)
measured = st.none() | st.floats(allow_nan=True, allow_infinity=True)
readings = st.builds(
    Reading,
    at=instants,
    load1=measured,
    memory_used=st.none() | st.integers(0, 2**50),
    memory_total=st.none() | st.integers(0, 2**50),
    temperature=measured,
    uptime=st.none() | st.floats(0, 1e12),
)
nodes = st.builds(
    Node,
    id=labels.map(NodeId) | st.just(HEAD),
    name=labels,
    origin=st.sampled_from(Origin),
    liveness=st.sampled_from(Liveness),
    trust=st.sampled_from(Trust),
    readiness=st.sampled_from(Readiness),
    since=instants,
    heard_at=instants,
    reading=st.none() | readings,
    facts=st.none() | st.builds(Facts, cores=st.integers(0, 4096)),
)
jobs = st.builds(
    Job,
    id=st.integers(1, 10**9).map(JobId),
    name=st.text(max_size=64),
    program=st.just("/bin/true"),
    args=st.just(()),
    ranks=st.none() | st.integers(1, 10**6),
    state=st.sampled_from(JobState),
    submitted_at=walls,
    started_at=st.none() | walls,
    ended_at=st.none() | walls,
    allocation=st.lists(
        st.builds(Allocation, node=labels.map(NodeId), name=labels, slots=st.integers(1, 4096)), max_size=4
    ).map(tuple),
)
states = st.builds(
    State,
    wall=walls,
    head=st.builds(Head, host_name=labels | st.just(""), started=walls, simulated=st.booleans()),
    uplink=st.none()
    | st.builds(
        Uplink,
        address=addresses | st.just(""),
        problem=st.sampled_from(["", "no DHCP"]),
        since=instants,
        before=addresses | st.just(""),
    ),
    listening=st.builds(Listening, addresses=st.lists(addresses, max_size=2).map(tuple)),
    nodes=st.lists(nodes, max_size=5).map(lambda known: {node.id: node for node in known}),
    jobs=st.lists(jobs, max_size=4).map(lambda known: {job.id: job for job in known}),
)


@given(states, instants, walls, st.sampled_from([SIZE_16X2, SIZE_20X4]))
def test_every_frame_fits_the_glass_exactly(state: State, now: float, wall: float, glass: Size) -> None:
    """Long names, IPv6, missing and absurd readings: exact widths, and only what the glass can show."""
    frame = present(state, now, wall, size=glass, local=time.gmtime)
    assert [len(line) for line in frame.lines] == [glass.columns] * glass.rows
    assert frame.lines[0][-1] in {HEART, " "}
    assert all(code(c) != code(UNKNOWN) or c == UNKNOWN for line in frame.lines for c in line)
    assert frame.lines[-1].endswith(" SIM") or not state.head.simulated


@given(states, walls, st.sampled_from([SIZE_16X2, SIZE_20X4]), st.booleans())
def test_home_is_there_at_least_half_of_the_time(state: State, wall: float, glass: Size, fresh: bool) -> None:
    """Whatever there is to tell: of every half minute the way in and the health have 15 s, alarms or not."""
    homes, starts = 0, 0
    for second in range(30):
        now = 3e6 + second
        seen = heard(state, now) if fresh else state
        lines = present(seen, now, wall, size=glass, local=time.gmtime).lines
        starts += lines[0].startswith("sciabc starting")
        homes += any(lines == _home(seen, part, now, wall, glass) for part in (0, 1))
    assert homes >= 15 or starts == 30


def _home(state: State, part: int, now: float, wall: float, glass: Size) -> tuple[str, ...]:
    """Set the page of home as `present` does."""
    scene = Scene(state, now, wall, glass, time.gmtime)
    lines = home(part)(scene)
    beats = scene.fresh and now % 2 == 0
    mark = " SIM" if state.head.simulated else ""
    last = exact(lines[-1], glass.columns - len(mark)) + mark
    middle = (exact(line, glass.columns) for line in lines[1:-1])
    return (exact(lines[0], glass.columns - 1) + (HEART if beats else " "), *middle, last)


@given(st.ip_addresses(v=6).map(str), st.sampled_from([(15, 16, 15), (15, 12, 15), (19, 20)]))
def test_every_address_of_ipv6_fits_where_it_is_shown(address: str, widths: tuple[int, ...]) -> None:
    """Two looks at a 16x2, marked or not, or the first two lines of a 20x4 hold any of them, uncut."""
    lines = broken(address, *widths)
    assert "".join(lines) == address
    assert [len(line) <= width for line, width in zip(lines, widths, strict=True)] == [True] * len(widths)


@given(states, instants, walls)
def test_the_frame_is_a_pure_function(state: State, now: float, wall: float) -> None:
    """The same state at the same time gives the same frame, within the same second too."""
    first = present(state, now, wall, size=SIZE_16X2, local=time.gmtime)
    assert present(state, now, wall, size=SIZE_16X2, local=time.gmtime) == first


@given(st.lists(st.text("ab1", max_size=12), max_size=5), st.integers(1, 24))
def test_spread_keeps_whole_parts_in_their_order(parts: list[str], width: int) -> None:
    """Nothing is cut in the middle: a part is there whole or left off, the first always there."""
    wanted = [part for part in parts if part]
    got = spread(width, *parts).split()
    assert got == wanted[: len(got)]
    assert bool(got) == bool(wanted)


@pytest.mark.parametrize(
    ("text", "width", "want"),
    [
        ("node03 DOWN", 14, "node03 DOWN"),
        ("supercomputer-node03 DOWN", 14, "..-node03 DOWN"),
        ("abc", 2, ".."),
    ],
)
def test_squeeze_keeps_the_end(text: str, width: int, want: str) -> None:
    """What tells boards apart stands at the end of their names."""
    assert squeeze(text, width) == want


def test_a_cut_is_marked() -> None:
    """What is left of an address can't pass for a whole one."""
    assert exact("203.0.113.254", 12) == "203.0.113.2>"
    assert exact("ok", 4) == "ok  "
    assert choose(3, "long", "no") == "no"


def test_infinite_ages_are_unknown() -> None:
    """What was never measured has no age."""
    frame = present(State(wall=WALL), 1e6, WALL, size=SIZE_20X4, local=time.gmtime)
    assert not any("inf" in line or "nan" in line for line in frame.lines)


def test_all_who_ask_in_a_second_get_the_same_frame() -> None:
    """The glass and its mirrors can't differ in what they show, and the work is done once."""
    presenter = Presenter(SIZE_16X2, local=time.gmtime)
    begun = State(head=Head(started=WALL - 2), wall=WALL)
    later = replace(begun, uplink=Uplink("192.0.2.7", "eth0"))
    first = presenter.frame(begun, 1000.0, WALL)
    assert presenter.frame(later, 1000.9, WALL + 0.9) is first
    assert presenter.frame(later, 1001.0, WALL + 1.0).lines[1].startswith("192.0.2.7")
