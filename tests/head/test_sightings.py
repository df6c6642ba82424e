"""What discovery keeps in mind: each thing is told once, and a flood costs a fixed amount of memory."""

from sciabc_tui.cluster.node import Origin
from sciabc_tui.cluster.observations import Goodbye, Sighted
from sciabc_tui.cluster.state import SightingRefused
from sciabc_tui.head.ingress import Itself, handle, refusal
from sciabc_tui.head.sightings import REFUSED_LIMIT, Allowance, Sightings


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
    """A thousand at once is a cluster; more come in at twenty a second; known ones are always looked at."""
    sightings = Sightings(0.0)
    sightings.seen("eth1", sighted("known", "10.77.0.2"))
    assert sum(sightings.admits(f"x{number}", 0.0) for number in range(10_000)) == 1024
    assert sightings.admits("known", 0.0)
    assert sum(sightings.admits(f"y{number}", 1.0) for number in range(10_000)) == 20
