"""The pages that pre-empt the others: the exact text on the glass, and when it is there."""

from dataclasses import replace

import pytest

from hw.hd44780 import SIZE_16X2, SIZE_20X4, Size
from sciabc_tui.cluster.job import JobState
from sciabc_tui.cluster.node import Liveness, Node, Trust
from sciabc_tui.cluster.state import Head, LampState, State, Uplink
from tests.panel.looking import glass, says, shown, unmarked
from tests.panel.scenes import NOW, board, cluster, dead, ended, heard, with_job, with_node
from tests.simtime import WALL

CALM = cluster()
LOST = with_node(CALM, dead(board(3), since=NOW - 134))
NEWS = Uplink("198.51.100.7", "eth1", since=NOW - 5, before="203.0.113.254")


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
        (NEWS, ("!IP CHANGED    ♥", "198.51.100.7    ")),
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


def test_a_service_that_never_hears_anything_says_so() -> None:
    """After the start without a reading there is no data, which is said."""
    begun = State(head=Head(started=WALL - 60))
    assert glass(begun, 1002, SIZE_16X2) == ("!NO DATA YET    ", "cluster unknown ")


def test_a_failed_job_is_an_alarm_that_names_it() -> None:
    """A job that failed pre-empts."""
    state = with_job(CALM, replace(ended(state=JobState.FAILED), ended_at=WALL - 10))
    assert glass(state, 1002, SIZE_16X2)[0] == "!job 41 FAILED ♥"


@pytest.mark.parametrize("before", ["", "198.51.100.7"])
def test_a_first_address_and_the_same_again_are_no_news(before: str) -> None:
    """What the service finds when it begins did not change, nor what comes back after a pulled cable."""
    state = replace(CALM, uplink=replace(NEWS, before=before))
    assert glass(state, 1002, SIZE_16X2)[0].startswith("198.51.100.7")
    assert says(state, 1002) is LampState.IDLE


def test_a_new_address_is_news_for_a_minute() -> None:
    """The large glass says which one it was before; the lamp wants to be looked at; then it is over."""
    state = replace(CALM, uplink=NEWS)
    assert glass(state, 1002, SIZE_20X4) == (
        "!IP CHANGED        ♥",
        "198.51.100.7        ",
        "was 203.0.113.254   ",
        "8/8 up         14:07",
    )
    assert says(state, 1002) is LampState.DEGRADED
    late = replace(state, nodes=cluster(now=NOW + 60).nodes)
    assert says(late, NOW + 60) is LampState.IDLE
    assert "!IP CHANGED" not in {page[0].strip() for page in shown(state, SIZE_16X2, first=NOW + 60)}


@pytest.mark.parametrize("size", [SIZE_16X2, SIZE_20X4])
@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::1234:5678:9abc"])
@pytest.mark.parametrize("second", range(7))
def test_a_new_address_is_on_the_glass_at_once(second: int, address: str, size: Size) -> None:
    """Whosever turn it is, also among two alarms: in the next second it can be read."""
    alarms = with_node(LOST, dead(board(4), since=NOW - 10))
    now = NOW + second
    state = replace(alarms, uplink=replace(NEWS, address=address, since=now - 0.9))
    assert address in "".join(unmarked(glass(heard(state, now), now, size)))


@pytest.mark.parametrize(
    ("node", "page"),
    [
        (
            dead(replace(board(3), name="supercomputer-node03"), since=NOW - 134),
            ("!..puter-node03", "DOWN 2m16s"),
        ),
        (replace(board(3), trust=Trust.CHANGED), ("!node03", "KEY CHANGED")),
        (replace(board(3), twin="10.0.0.9"), ("!node03", "IS THERE TWICE")),
    ],
)
def test_an_alarm_that_needs_two_lines_has_them(node: Node, page: tuple[str, str]) -> None:
    """Which board it is and what is wrong with it are both on the small glass."""
    assert unmarked(glass(with_node(CALM, node), 1002, SIZE_16X2)) == list(page)


def test_an_alarm_says_more_where_it_can() -> None:
    """The name of a failed job, and what nodes that went together may have in common."""
    state = with_job(CALM, replace(ended(state=JobState.FAILED), ended_at=WALL - 10))
    assert unmarked(glass(state, 1002, SIZE_16X2)) == ["!job 41 FAILED", "mergesort"]
    together = CALM
    for number in (2, 3, 4):
        together = with_node(together, dead(board(number), since=NOW - 10))
    assert unmarked(glass(together, 1002, SIZE_20X4))[:3] == [
        "!ALERT 1 of 1",
        "3 NODES DOWN 12s",
        "switch or power?",
    ]


def test_a_silent_board_is_not_said_to_be_well() -> None:
    """Before it is given up, a node that misses its readings is named where "all ok" would stand."""
    one = with_node(CALM, replace(board(3), liveness=Liveness.SUSPECT))
    assert glass(one, 1000, SIZE_20X4)[2] == "7/8 up     1 suspect"
    short = with_node(CALM, replace(board(3), name="pi3", liveness=Liveness.SUSPECT))
    assert glass(short, 1000, SIZE_20X4)[2] == "7/8 up   pi3 suspect"
    two = with_node(one, replace(board(4), liveness=Liveness.SUSPECT))
    assert glass(two, 1000, SIZE_20X4)[2] == "6/8 up     2 suspect"
