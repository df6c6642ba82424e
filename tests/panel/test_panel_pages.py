"""The pages: the exact text on the glass."""

import time
from dataclasses import replace

import pytest

from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from sciabc_tui.cluster.job_progress import JobProgress
from sciabc_tui.cluster.state import Head, Listening, State, Uplink
from sciabc_tui.panel.present import present
from sciabc_tui.panel.scene import parse_night
from tests.panel.looking import glass, shown, unmarked
from tests.panel.scenes import NOW, board, cluster, dead, ended, running, waiting, with_job, with_node
from tests.simtime import WALL

CALM = cluster()
BUSY = with_job(CALM, running())
LOST = with_node(CALM, dead(board(3), since=NOW - 134))
SIMULATED = cluster(simulated=True)
LONG = "2001:db8:1111:2222:3333:4444:5555:6666"
LONGEST = "2001:1db8:1111:2222:3333:4444:5555:6666"


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
        pytest.param(
            with_job(CALM, replace(running(), progress=JobProgress(54, 100))),
            ("nbody 8x4      ♥", "█████▊       54%"),
            id="a job that tells how far it is",
        ),
        pytest.param(
            with_job(CALM, replace(running(), time_limit=1800.0)),
            ("nbody 8x4      ♥", "0:12:41 max 30m "),
            id="a job with a time limit",
        ),
        pytest.param(
            with_job(CALM, replace(running(), allocation=(), ranks=12, elsewhere=True)),
            ("nbody np=12    ♥", "run 0:12:41     "),
            id="a job of another cluster",
        ),
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
            ("Nodes 8/8 up       ♥", "all ok              ", "node01 63°C load 1.6", "avg 52°C    32 slots"),
            id="nodes",
        ),
        pytest.param(
            BUSY,
            ("nbody 8x4 np=32    ♥", "job 42   node[00-07]", "run 0:12:41         ", "nothing waits       "),
            id="job",
        ),
        pytest.param(
            with_job(CALM, replace(running(), progress=JobProgress(54, 100, WALL + 660.0))),
            ("nbody 8x4 np=32    ♥", "████████         54%", "run 0:12:41 eta 11m ", "nothing waits       "),
            id="a job that tells how far it is",
        ),
        pytest.param(
            CALM,
            ("ext 203.0.113.254  ♥", "lan 10.0.0.1/24     ", "via eth1            ", "up 12d 04:31        "),
            id="net",
        ),
        pytest.param(
            with_job(CALM, ended()),
            ("No job running     ♥", "32 slots free       ", "last mergesort      ", "ok             13:52"),
            id="last",
        ),
        pytest.param(
            with_job(with_job(CALM, replace(running(), time_limit=1800.0)), waiting()),
            ("nbody 8x4 np=32    ♥", "job 42   node[00-07]", "run 0:12:41 max 30m ", "next: wave2d        "),
            id="a job with a time limit, and one that waits",
        ),
    ],
)
def test_the_large_glass_shows_the_pages(state: State, page: tuple[str, ...]) -> None:
    """Each page of a calm 20x4 has exactly this text."""
    assert blank(*page) in shown(state, SIZE_20X4)


@pytest.mark.parametrize(
    ("gateway", "line"),
    [
        ("10.0.0.254", "eth1 gw 10.0.0.254"),
        ("203.0.113.254", "gw 203.0.113.254"),
        ("fe80::dea6:32ff:fe12:3456", "via eth1"),
    ],
)
def test_the_router_is_named_where_it_fits(gateway: str, line: str) -> None:
    """An address is there as a whole, or not at all."""
    state = replace(CALM, uplink=Uplink("203.0.113.7", "eth1", since=100.0, gateway=gateway))
    assert line.ljust(20) in {page[2] for page in shown(state, SIZE_20X4)}


def test_a_service_that_has_just_begun_says_so() -> None:
    """Before the first reading the glass says that it starts, and what it waits for."""
    begun = State(head=Head("headnode-01", version="0.1.0", started=WALL - 2))
    assert glass(begun, NOW, SIZE_16X2) == ("sciabc starting♥", "waiting for net ")
    assert glass(replace(begun, uplink=CALM.uplink), NOW, SIZE_16X2) == (
        "sciabc starting♥",
        "203.0.113.254   ",
    )


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


def test_a_long_address_is_broken_at_colons() -> None:
    """An IPv6 address takes both lines of a 16x2; the next moment what is left of it, and how things are."""
    state = replace(CALM, uplink=Uplink(LONG, "eth1", since=100.0))
    assert glass(state, 1002, SIZE_16X2) == ("2001:db8:1111: ♥", "2222:3333:4444: ")
    assert glass(state, 1004, SIZE_16X2) == ("5555:6666      ♥", "8/8up 63°C 14:07")
    assert glass(state, 1002, SIZE_20X4)[:2] == ("2001:db8:1111:2222:♥", "3333:4444:5555:6666 ")


@pytest.mark.parametrize("address", [LONG, LONGEST, "fd00::1", "fd00:1234::abcd:9876:5"])
@pytest.mark.parametrize("state", [CALM, LOST, SIMULATED], ids=["calm", "an alarm", "simulated"])
def test_a_long_address_can_be_read_whatever_else_is_shown(state: State, address: str) -> None:
    """On a 16x2 it is all there within 13 s, also while an alarm takes every other turn."""
    six = replace(state, uplink=Uplink(address, "eth1", since=100.0))
    pages = [unmarked(glass(six, 996 + second, SIZE_16X2)) for second in range(13)]
    texts = {"".join(part) for a in pages for b in pages for part in (a[:1], a, (*a, b[0]))}
    assert address in texts


def test_the_longest_address_is_there_at_once_on_the_large_glass() -> None:
    """Where it does not fit when broken at colons it is broken wherever a line ends."""
    state = replace(CALM, uplink=Uplink(LONGEST, "eth1", since=100.0))
    assert "".join(unmarked(glass(state, 1000, SIZE_20X4))[:2]) == LONGEST


def test_a_cut_address_is_marked() -> None:
    """Where there is no room at all for an address, nobody takes the rest of it for the whole."""
    marked = replace(SIMULATED, listening=Listening(("eth0",), ("192.168.100.100/24",)))
    assert ("lan 192.168.100>", "headnode-01 SIM") not in shown(marked, SIZE_16X2)
    assert ("192.168.100.100", "headnode-01  SIM") in shown(marked, SIZE_16X2)


def test_what_the_glass_cannot_show_becomes_a_question_mark() -> None:
    """Wide characters and markup of a job's name neither break a column nor do anything."""
    page = ("[b]???? 8x4    ", "run 0:12:41     ")
    assert page in shown(with_job(CALM, replace(running(), name="[b]日本語\\")), SIZE_16X2)


@pytest.mark.parametrize(
    ("hour", "state", "lit"),
    [(14, CALM, True), (23, CALM, False), (3, CALM, False), (7, CALM, True), (3, LOST, True)],
)
def test_the_light_is_off_at_night_unless_there_is_an_alarm(hour: int, state: State, lit: bool) -> None:
    """From 23 to 7 the backlight is off, but for an alarm."""
    wall = WALL + (hour - 14) * 3600
    assert present(state, NOW, wall, size=SIZE_16X2, local=time.gmtime).backlight is lit


@pytest.mark.parametrize(
    ("setting", "dark"),
    [
        ("23-07", {23, 0, 3, 6}),
        ("off", set[int]()),
        ("01-05", {3}),
        ("22-22", set[int]()),
        ("06-00", {6, 7, 14, 22, 23}),
    ],
)
def test_the_night_is_as_configured(setting: str, dark: set[int]) -> None:
    """The hours of `panel.night` are dark, over midnight too; the first one is, the last one is not."""
    night = parse_night(setting)
    hours = (0, 3, 6, 7, 14, 22, 23)
    walls = [WALL - 7 * 60 + (hour - 14) * 3600 for hour in hours]
    frames = [present(CALM, NOW, wall, size=SIZE_16X2, local=time.gmtime, night=night) for wall in walls]
    assert {hour for hour, frame in zip(hours, frames, strict=True) if not frame.backlight} == dark
    assert [frame.night for frame in frames] == [not frame.backlight for frame in frames]
