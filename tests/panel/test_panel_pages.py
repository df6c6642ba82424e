"""The pages: the exact text on the glass."""

import time
from dataclasses import replace

import pytest

from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import Head, Listening, State, Uplink
from sciabc_tui.panel.present import last_words, present
from tests.panel.scenes import NOW, board, cluster, dead, ended, running, with_job, with_node
from tests.simtime import WALL

CALM = cluster()
BUSY = with_job(CALM, running())
LOST = with_node(CALM, dead(board(3), since=NOW - 134))
SIMULATED = cluster(simulated=True)


def glass(state: State, now: float, size: Size) -> tuple[str, ...]:
    """Give the lines at a moment, in UTC."""
    return present(state, now, WALL, size=size, local=time.gmtime).lines


def shown(state: State, size: Size, *, seconds: int = 60) -> set[tuple[str, ...]]:
    """Give all pages of a minute without their hearts, as of a state that stays fresh."""
    pages: set[tuple[str, ...]] = set()
    for second in range(seconds):
        now = NOW + second
        fresh = {
            id_: replace(node, reading=replace(node.reading, at=now)) if node.reading else node
            for id_, node in state.nodes.items()
        }
        lines = glass(replace(state, nodes=fresh), now, size)
        pages.add((lines[0][:-1], *lines[1:]))
    return pages


def blank(*lines: str) -> tuple[str, ...]:
    """Drop the heart from drawn lines."""
    return (lines[0][:-1], *lines[1:])


@pytest.mark.parametrize(
    ("state", "page"),
    [
        pytest.param(CALM, ("203.0.113.254  ♥", "8/8up 63°C 14:07"), id="home"),
        pytest.param(CALM, ("headnode-01    ♥", "lan 10.0.0.1    "), id="host"),
        pytest.param(CALM, ("Load 12.4 /32  ♥", "Mem 41%  Hot 63°"), id="load"),
        pytest.param(CALM, ("No job running ♥", "none run yet    "), id="idle"),
        pytest.param(with_job(CALM, ended()), ("No job running ♥", "last ok    13:52"), id="last"),
        pytest.param(BUSY, ("nbody 8x4      ♥", "run 0:12:41     "), id="job"),
    ],
)
def test_the_small_glass_shows_the_pages(state: State, page: tuple[str, ...]) -> None:
    """Each page of a calm 16x2 has exactly the text of the drawing, with measured values only."""
    assert blank(*page) in shown(state, SIZE_16X2)


@pytest.mark.parametrize(
    ("state", "page"),
    [
        pytest.param(
            BUSY,
            ("203.0.113.254      ♥", "headnode-01    14:07", "8/8 up        all ok", "L12.4  63°C  job 12m"),
            id="home",
        ),
        pytest.param(
            CALM,
            ("Nodes 8/8 up       ♥", "all ok              ", " node01 63°C        ", "avg 52°C    32 slots"),
            id="nodes",
        ),
        pytest.param(
            BUSY,
            ("nbody 8x4          ♥", "np=32 job 42        ", "run 0:12:41         ", "nothing waits       "),
            id="job",
        ),
        pytest.param(
            CALM,
            ("ext 203.0.113.254  ♥", "lan 10.0.0.1/24     ", "via eth1            ", "up 12d              "),
            id="net",
        ),
    ],
)
def test_the_large_glass_shows_the_pages(state: State, page: tuple[str, ...]) -> None:
    """Each page of a calm 20x4 has exactly this text."""
    assert blank(*page) in shown(state, SIZE_20X4)


def test_an_alarm_takes_turns_with_home_only() -> None:
    """A lost node is shown for 3 s, home for 3 s, and nothing else."""
    lines = [glass(LOST, 996 + second, SIZE_16X2) for second in range(6)]
    assert [line[0].rstrip(" ♥") for line in lines] == ["!node03 DOWN"] * 3 + ["203.0.113.254"] * 3
    assert glass(LOST, 1002, SIZE_16X2) == ("!node03 DOWN   ♥", "2m16s           ")
    assert glass(LOST, 1005, SIZE_16X2) == ("203.0.113.254   ", "7/8up 63°C 14:07")
    assert glass(LOST, 1002, SIZE_20X4) == (
        "!ALERT 1 of 1      ♥",
        "node03 DOWN 2m16s   ",
        "last load 1.6  50°C ",
        "203.0.113.254  14:07",
    )
    assert glass(LOST, 1005, SIZE_20X4)[2] == "7/8 up  !node03 down"


def test_alarms_are_counted_and_take_turns() -> None:
    """With two lost nodes the glass says which of how many it shows."""
    state = with_node(LOST, dead(board(4), since=NOW - 10))
    lines = {
        (line[0][:-1], line[1][-4:])
        for second in range(12)
        if (line := glass(state, 996 + second, SIZE_16X2))
    }
    assert {("!node03 DOWN   ", "2of2"), ("!node04 DOWN   ", "1of2")} <= lines


@pytest.mark.parametrize(
    ("uplink", "page"),
    [
        (Uplink(since=NOW - 734), ("!NO INTERNET   ♥", "down 12m   14:07")),
        (Uplink(problem="no cable", since=NOW - 734), ("!NO INTERNET   ♥", "no cable 12m    ")),
        (Uplink("198.51.100.7", "eth1", since=NOW - 5), ("!IP CHANGED    ♥", "198.51.100.7    ")),
    ],
)
def test_the_way_in_is_an_alarm_when_it_is_gone_or_another(uplink: Uplink, page: tuple[str, ...]) -> None:
    """No external IP, and a new one, pre-empt the other pages."""
    assert glass(replace(CALM, uplink=uplink), 1002, SIZE_16X2) == page


def test_old_data_is_said_to_be_old() -> None:
    """Without new readings the heart stops, the age is shown, and no node is counted as up."""
    assert glass(CALM, NOW + 95 + 1, SIZE_16X2) == ("203.0.113.254   ", "--/8up      --°C")
    assert glass(CALM, NOW + 98, SIZE_16X2) == ("!DATA 98s OLD   ", "cluster unknown ")


def test_own_publishing_does_not_make_old_data_fresh() -> None:
    """The panel publishes what it shows every second; only readings count as data."""
    published = replace(CALM, at=NOW + 98, wall=WALL)
    assert glass(published, NOW + 98, SIZE_16X2)[0] == "!DATA 98s OLD   "


def test_a_service_that_has_just_begun_says_so() -> None:
    """Before the first reading the glass says that it starts, and what it waits for."""
    begun = State(head=Head("headnode-01", version="0.1.0", started=WALL - 2))
    assert glass(begun, NOW, SIZE_16X2) == ("sciabc starting♥", "waiting for net ")
    assert glass(replace(begun, uplink=CALM.uplink), NOW, SIZE_16X2) == (
        "sciabc starting♥",
        "203.0.113.254   ",
    )


def test_a_service_that_never_hears_anything_says_so() -> None:
    """After the start without a reading there is no data, which is said."""
    begun = State(head=Head(started=WALL - 60))
    assert glass(begun, 1002, SIZE_16X2) == ("!NO DATA YET    ", "cluster unknown ")


@pytest.mark.parametrize("size", [SIZE_16X2, SIZE_20X4])
def test_home_is_shown_at_least_half_of_the_time(size: Size) -> None:
    """Whatever else there is to show, the address is there for half of every five minutes."""
    first_lines = [glass(BUSY, NOW - 300.0 + second, size)[0] for second in range(300)]
    assert sum(line.startswith("203.0.113.254") for line in first_lines) >= len(first_lines) / 2


def test_the_heart_beats_with_the_seconds() -> None:
    """On fresh data the heart is there in one second and gone in the next."""
    assert [glass(CALM, NOW + second, SIZE_16X2)[0][-1] for second in range(4)] == ["♥", " ", "♥", " "]


@pytest.mark.parametrize("size", [SIZE_16X2, SIZE_20X4])
@pytest.mark.parametrize("state", [SIMULATED, with_node(SIMULATED, dead(board(3), since=NOW - 5))])
def test_a_simulation_says_so_on_every_page(state: State, size: Size) -> None:
    """There is no page of a simulated cluster without the mark."""
    pages = shown(state, size)
    assert len(pages) > 1
    assert all(page[-1].endswith(" SIM") for page in pages)


def test_a_simulation_has_a_page_that_spells_it() -> None:
    """The word stands there in full, too."""
    assert ("SIMULATED      ", "no real node SIM") in shown(SIMULATED, SIZE_16X2)


def test_an_address_is_never_cut_without_a_sign() -> None:
    """An IPv6 address takes both lines and, what is left of it, the next moment."""
    address = "2001:db8:1111:2222:3333:4444:5555:6666"
    state = replace(CALM, uplink=Uplink(address, "eth1", since=100.0))
    assert "".join(glass(state, 1002, SIZE_16X2)).replace("♥", "") == address[:31]
    assert "".join(glass(state, 1005, SIZE_16X2)).replace("♥", "").rstrip(" ") == address[31:]
    first, second, *_ = glass(state, 1000, SIZE_20X4)
    assert (first[:-1] + second).rstrip() == address
    marked = replace(SIMULATED, listening=Listening(("eth0",), ("192.168.100.100/24",)))
    assert ("lan 192.168.100>", "headnode-01 SIM") not in shown(marked, SIZE_16X2)
    assert ("192.168.100.100", "headnode-01  SIM") in shown(marked, SIZE_16X2)


def test_what_the_glass_cannot_show_becomes_a_question_mark() -> None:
    """Wide characters and markup of a job's name neither break a column nor do anything."""
    page = ("[b]???? 8x4    ", "run 0:12:41     ")
    assert page in shown(with_job(CALM, replace(running(), name="[b]日本語\\")), SIZE_16X2)


def test_a_failed_job_is_an_alarm_that_names_it() -> None:
    """A job that failed pre-empts."""
    state = with_job(CALM, replace(ended(state=JobState.FAILED), ended_at=WALL - 10))
    assert glass(state, 1002, SIZE_16X2)[0] == "!job 41 FAILED ♥"


@pytest.mark.parametrize(
    ("hour", "state", "lit"),
    [(14, CALM, True), (23, CALM, False), (3, CALM, False), (7, CALM, True), (3, LOST, True)],
)
def test_the_light_is_off_at_night_unless_there_is_an_alarm(hour: int, state: State, lit: bool) -> None:
    """From 23 to 7 the backlight is off, but for an alarm."""
    wall = WALL + (hour - 14) * 3600
    assert present(state, NOW, wall, size=SIZE_16X2, local=time.gmtime).backlight is lit


def test_last_words_are_no_promise() -> None:
    """What stays on the glass says that nobody looks any more, and when that began."""
    assert last_words(CALM, WALL, size=SIZE_16X2, local=time.gmtime).lines == (
        "MONITOR STOPPED ",
        "14:07 on request",
    )
    assert last_words(SIMULATED, WALL, size=SIZE_16X2, local=time.gmtime).lines == (
        "MONITOR STOPPED ",
        "14:07        SIM",
    )


def test_a_new_address_at_the_start_is_no_news() -> None:
    """The address that the service finds when it begins did not change."""
    young = {**CALM.nodes, HEAD: replace(CALM.nodes[HEAD], since=NOW - 20)}
    state = replace(CALM, nodes=young, uplink=Uplink("198.51.100.7", "eth1", since=NOW - 19))
    assert glass(state, 1002, SIZE_16X2)[0].startswith("198.51.100.7")
