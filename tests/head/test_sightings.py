"""What discovery keeps in mind: each thing is told once, and a flood costs a fixed amount of memory."""

from jobs.allowance import Allowance
from sciabc_tui.cluster.changes import SightingRefused
from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.observations import Goodbye, Heard, Sighted
from sciabc_tui.head.ingress import Itself, handle, refusal
from sciabc_tui.head.sightings import NEWCOMERS_AT_ONCE, REFUSED_LIMIT, RESERVE, Sightings


def sighted(instance: str, *addresses: str) -> Sighted:
    """Make a sighting."""
    return Sighted(handle(instance), Origin.MDNS, "node01", addresses)


def test_an_allowance_fills_up_again() -> None:
    """A burst, then a rate; waiting long gives no more than the burst."""
    allowance = Allowance(2, 0.5, 0.0)
    assert [allowance.take(0.0) for _ in range(3)] == [True, True, False]
    assert [allowance.take(1.9), allowance.take(2.0), allowance.take(2.1)] == [False, True, False]
    assert [allowance.take(999.0) for _ in range(3)] == [True, True, False]


def test_one_instance_on_two_interfaces_is_one_node() -> None:
    """It has the addresses of both, and it left when it said goodbye on the last."""
    sightings = Sightings(0.0)
    assert sightings.seen("eth1", sighted("a", "10.77.0.2")).addresses == ("10.77.0.2",)
    assert sightings.seen("usb0", sighted("a", "10.78.0.2")).addresses == ("10.77.0.2", "10.78.0.2")
    assert sightings.gone("eth1", "a") == sighted("a", "10.78.0.2")
    assert sightings.gone("eth1", "a") is None
    assert sightings.gone("usb0", "a") == Goodbye("mdns:a")
    assert sightings.gone("usb0", "a") is None


def test_an_interface_that_goes_says_no_goodbye_for_its_nodes() -> None:
    """Whoever was heard only there is seen anew when it is heard again."""
    sightings = Sightings(0.0)
    sightings.seen("eth1", sighted("a", "10.77.0.2"))
    sightings.deafen("eth1")
    assert sightings.wonders("a")
    assert sightings.gone("eth1", "a") is None


def test_verdicts_are_sorted() -> None:
    """Sightings to membership, refusals to the log, the head's own announcement nowhere."""
    sightings = Sightings(0.0)
    verdicts = [("a", sighted("a", "10.77.0.2")), ("b", refusal("b", "why")), ("c", Itself())]
    assert sightings.take("eth1", verdicts, 0.0) == (
        [sighted("a", "10.77.0.2")],
        [SightingRefused("announcement 'b' refused: why")],
    )


def test_a_flood_of_refusals_is_summed_up() -> None:
    """Five lines, then one that says how many more; nobody is told of twice; the memory is bounded."""
    sightings = Sightings(0.0)
    flood = [(f"x{number}", refusal(f"x{number}", "why")) for number in range(3 * REFUSED_LIMIT)]
    _, told = sightings.take("eth1", flood, 0.0)
    assert len(told) == 5
    assert sightings.summary(0.0) == ""
    assert sightings.summary(10.0) == f"{len(flood) - 5} more announcements refused, the last one 'x3071'"
    assert sightings.summary(20.0) == ""
    assert sightings.take("eth1", flood[-5:], 100.0) == ([], [])
    assert sum(not sightings.wonders(name) for name, _ in flood) == REFUSED_LIMIT


def test_a_flood_of_newcomers_waits_and_known_nodes_do_not() -> None:
    """Many at once are a cluster; more come in at twenty a second; known ones are always looked at."""
    sightings = Sightings(0.0)
    sightings.seen("eth1", sighted("known", "10.77.0.2"))
    assert admitted(sightings, "x", 10_000, 0.0) == NEWCOMERS_AT_ONCE + 1
    assert sightings.admits("known", "10.77.0.2", 1024, 0.0)
    assert admitted(sightings, "y", 10_000, 1.0) == 20


def admitted(sightings: Sightings, prefix: str, count: int, now: float, sender: str = "10.77.0.2") -> int:
    """Let one sender announce many; count those that are let in."""
    let_in = 0
    for number in range(count):
        let_in += sightings.admits(f"{prefix}{number}", sender, 1024, now, at_home=True)
    return let_in


def test_the_first_instance_at_each_address_has_room_of_its_own() -> None:
    """Neither a flood of another sender nor what it left behind in membership keeps a real node out."""
    sightings = Sightings(0.0)
    admitted(sightings, "x", 10_000, 0.0)
    assert not sightings.admits("z", "10.77.0.2", 1024, 0.0, at_home=True)
    assert not sightings.admits("real", "10.77.0.11", 0, 0.0, at_home=True), "membership takes no more"
    assert not sightings.admits("real", "10.77.0.11", 1024, 0.0), "it does not say that it is there"
    assert sightings.admits("real", "10.77.0.11", 1, 0.0, at_home=True)
    assert not sightings.admits("z", "10.77.0.2", RESERVE, 999.0, at_home=True), "the rest is for others"


def test_who_is_refused_or_gone_keeps_no_place_at_its_address() -> None:
    """A sender whose instance was refused, could not be resolved, or left may announce another one."""
    sightings = Sightings(0.0)
    for number, ending in enumerate(("refused", "let go", "gone", "forgotten")):
        name = f"a{number}"
        assert sightings.admits(name, "10.77.0.2", 1, 0.0, at_home=True), ending
        assert not sightings.admits("other", "10.77.0.2", 1, 0.0, at_home=True), ending
        match ending:
            case "refused":
                sightings.take("eth1", [(name, refusal(name, "why"))], 0.0)
            case "let go":
                sightings.let_go([name])
            case "gone":
                sightings.seen("eth1", sighted(name, "10.77.0.2"))
                sightings.gone("eth1", name)
            case _:
                sightings.seen("eth1", sighted(name, "10.77.0.2"))
                assert sightings.retain(()) == [handle(name)]
    assert sightings.admits("last", "10.77.0.2", 1, 0.0, at_home=True)


def test_a_flood_is_told_once_a_minute_with_its_sender() -> None:
    """One line names the place, the amount and who to look for."""
    sightings = Sightings(0.0)
    admitted(sightings, "x", 1000, 0.0)
    line = sightings.flood("eth1", 0, "", 0.0)
    assert line.startswith("flood of announcements on eth1: 0 packets and 231 new instances not taken in")
    assert "most from 10.77.0.2. Next: " in line
    assert sightings.flood("eth1", 5000, "10.77.0.3", 59.0) == ""
    line = sightings.flood("eth1", 1, "", 61.0)
    assert "5001 packets and 0 new instances not taken in, most from 10.77.0.3" in line
    assert sightings.flood("eth1", 0, "", 200.0) == ""


def test_a_word_of_a_known_instance_is_given_on_once_a_second() -> None:
    """However often packets speak of it; never of one that is not known."""
    sightings = Sightings(0.0)
    sightings.seen("eth1", sighted("a", "10.77.0.2"))
    words = [sightings.heard("a", at) for at in (0.0, 0.5, 0.99, 1.0, 1.5)]
    assert words == [Heard(handle("a")), None, None, Heard(handle("a")), None]
    assert sightings.heard("b", 0.0) is None
