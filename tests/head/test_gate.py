"""The gate: a flood is dropped for next to nothing, and takes no room from those who say little."""

from sciabc_tui.head.gate import ALL_BURST, ALL_RATE, ELSEWHERE, SENDER_BURST, SENDER_RATE, UNIT, Gate
from sciabc_tui.head.ingress import ground
from tests.head.fakes import FakeClock
from tests.head.nets import fixed

CLUSTER = ground("eth1", [fixed("10.77.0.1", "eth1"), fixed("fe80::1", "eth1", 64)], [])
ANSWER = bytes([0, 0, 0x84, 0]) + bytes(60)
QUESTION = bytes(64)


def let_through(gate: Gate, origin: str, count: int, packet: bytes = ANSWER) -> int:
    """Count how many of so many packets are read."""
    return sum(gate.admits(packet, origin) for _ in range(count))


def test_questions_and_scraps_are_not_read() -> None:
    """The head announces nothing, so nobody's question matters; what is no packet at all neither."""
    gate = Gate(FakeClock(), CLUSTER)
    assert let_through(gate, "10.77.0.11", 10, QUESTION) == 0
    assert let_through(gate, "10.77.0.11", 10, b"\xff" * 5) == 0
    assert gate.count_dropped() == (0, ""), "they are no flood"


def test_a_sender_has_an_allowance() -> None:
    """A burst, then a rate; it is counted what was dropped, and who sent most."""
    clock = FakeClock()
    gate = Gate(clock, CLUSTER)
    assert let_through(gate, "10.77.0.2", 5000) == SENDER_BURST
    clock.now += 1.0
    assert let_through(gate, "10.77.0.2", 5000) == SENDER_RATE
    assert gate.count_dropped() == (10_000 - SENDER_BURST - SENDER_RATE, "10.77.0.2")
    assert gate.count_dropped() == (0, "")


def test_large_packets_cost_more() -> None:
    """One packet may hold hundreds of records."""
    gate = Gate(FakeClock(), CLUSTER)
    assert let_through(gate, "10.77.0.2", 5000, ANSWER + bytes(UNIT * 15)) == SENDER_BURST // 16


def test_a_flood_of_many_senders_leaves_half_to_the_others() -> None:
    """Whoever said little is read even while many flood, and even those can't take everything."""
    clock = FakeClock()
    gate = Gate(clock, CLUSTER)
    flooded = sum(let_through(gate, f"10.77.0.{host}", 1000) for host in range(2, 22))
    assert ALL_BURST / 2 <= flooded < ALL_BURST
    assert let_through(gate, "10.77.0.99", 10) == 10
    clock.now += 1.0
    again = sum(let_through(gate, f"10.77.0.{host}", 1000) for host in range(2, 250))
    assert again <= ALL_BURST / 2 + ALL_RATE


def test_addresses_from_elsewhere_are_one_sender() -> None:
    """Anybody can make up addresses; those of the cluster's networks are finite."""
    gate = Gate(FakeClock(), CLUSTER)
    assert sum(gate.admits(ANSWER, f"192.0.2.{number % 250}") for number in range(5000)) == SENDER_BURST
    assert gate.sender == ELSEWHERE
    assert let_through(gate, "10.77.0.11", 1) == 1
    assert gate.sender == "10.77.0.11"


def test_a_socket_for_both_families_names_senders_alike() -> None:
    """An IPv4 sender comes mapped into IPv6, a link-local one may carry its scope."""
    gate = Gate(FakeClock(), CLUSTER)
    assert gate.sender_of("::ffff:10.77.0.11") == gate.sender_of("10.77.0.11") == "10.77.0.11"
    assert gate.sender_of("fe80::5%eth1") == gate.sender_of("fe80::5") == "fe80::5"
    gate.stand_on(ground("eth1", [fixed("10.78.0.1", "eth1")], []))
    assert gate.sender_of("10.77.0.11") == ELSEWHERE
