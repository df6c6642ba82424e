"""A real board among those that somebody made up: when the table is full, and when senders are forged."""

import random
import uuid
from dataclasses import dataclass, field

import pytest

from sciabc_tui.cluster.changes import NodeRemoved
from sciabc_tui.cluster.joining import UNAPPROVED_LIMIT
from sciabc_tui.cluster.node import CONTACT_PERIOD, DEAD_AFTER, Origin
from sciabc_tui.cluster.observations import Sighted
from sciabc_tui.cluster.overdue import UNAPPROVED_KEPT
from sciabc_tui.cluster.state import State
from sciabc_tui.head.gate import ROUND, TURN_RATE, TURNS, Gate
from sciabc_tui.head.hub import StateHub
from sciabc_tui.head.ingress import ground, handle
from sciabc_tui.head.sightings import RESERVE, Sightings
from tests.head.announcing import announcing, found, listening, node_of, service
from tests.head.fakes import FakeClock, until
from tests.head.nets import fixed

BOUND = 135.0
"""Seconds, as the docstring of `sightings` states them."""

LIFE = DEAD_AFTER * CONTACT_PERIOD + UNAPPROVED_KEPT
"""Seconds until a node that nobody ever hears is let go."""

PACKET = bytes([0, 0, 0x84, 0]) + bytes(100)
CLUSTER = ground("eth1", [fixed("10.77.0.1", "eth1")], [])
HOME = "10.77.0.99"
NAMES = [f"10.77.0.{host}" for host in range(2, 255)]


@pytest.fixture
def mine() -> str:
    """Give an instance name that nobody else on this machine uses."""
    return f"c{uuid.uuid4().hex[:12]}"


def crowd(prefix: str) -> list[Sighted]:
    """Make as many nodes that nobody approved as membership keeps."""
    return [
        Sighted(f"mdns:{prefix}{number}", Origin.MDNS, f"{prefix}{number}", (f"10.77.1.{number % 250}",))
        for number in range(UNAPPROVED_LIMIT)
    ]


def make_room(hub: StateHub, prefix: str) -> None:
    """Let go of more than are kept free for boards that send from the address they announce.

    Of many more: other programs on this machine announce there too, and take places.
    """
    names = [f"{prefix}{number}" for number in range(2 * RESERVE)]
    hub.publish([NodeRemoved(hub.state.owners[f"mdns:{name}"], name, "") for name in names])


async def test_who_found_the_table_full_is_offered_again_when_there_is_room(mine: str) -> None:
    """It is told that somebody was not taken in; as soon as another is let go, the real one comes in."""
    async with listening() as hub:
        hub.observe(crowd(mine))
        async with announcing(service(f"{mine}-real")):
            state = await until(
                hub, lambda state: any("new instances not taken in" in one for one in told(state))
            )
            assert node_of(state, f"{mine}-real") is None
            make_room(hub, mine)
            node = await found(hub, f"{mine}-real")
            assert node.addresses == ("10.77.0.11",)
            assert sum(node.origin is Origin.MDNS for node in hub.state.nodes.values()) <= UNAPPROVED_LIMIT


async def test_who_lost_the_last_place_is_offered_again_when_there_is_room(mine: str) -> None:
    """Discovery took it in, but membership had no place left: that one is not taken for known."""
    async with listening() as hub, announcing(service(f"{mine}-real")):
        await found(hub, f"{mine}-real")
        mine_now = hub.state.owners[handle(f"{mine}-real")]
        hub.publish([NodeRemoved(mine_now, f"{mine}-real", "")])
        hub.observe(crowd(mine))
        assert node_of(hub.state, f"{mine}-real") is None
        make_room(hub, mine)
        await found(hub, f"{mine}-real")


def told(state: State) -> list[str]:
    """Give the lines of the log."""
    return [line.text for line in state.log]


@dataclass(slots=True)
class Table:
    """The gate, discovery's memory and membership's table; nobody in it ever answers."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(0.0))
    until_when: dict[str, float] = field(default_factory=dict[str, float])
    homes: dict[str, str] = field(default_factory=dict[str, str])
    gate: Gate = field(init=False)
    sightings: Sightings = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nobody."""
        self.gate = Gate(self.clock, CLUSTER)
        self.sightings = Sightings(0.0)

    def announce(self, instance: str, sender: str, address: str) -> None:
        """Let a packet come in."""
        if not self.gate.admits(PACKET, sender):
            return
        new, room = self.sightings.wonders(instance), UNAPPROVED_LIMIT - len(self.until_when)
        admitted = self.sightings.admits(instance, sender, room, self.clock.now, at_home=sender == address)
        if admitted and new:
            self.sightings.seen("eth1", Sighted(handle(instance), Origin.MDNS, "x", (address,)))
            self.until_when[handle(instance)] = self.clock.now + LIFE
            self.homes[handle(instance)] = address

    def let_go(self) -> None:
        """Forget those who were silent for too long."""
        gone = [name for name, end in self.until_when.items() if end <= self.clock.now]
        for name in gone:
            del self.until_when[name], self.homes[name]
        self.sightings.retain(self.until_when.keys())


@pytest.mark.parametrize("own_address", [False, True], ids=["any address", "the sender's address"])
@pytest.mark.parametrize("seed", range(2))
def test_forged_senders_lock_nobody_out_for_long(seed: int, *, own_address: bool) -> None:
    """5,000 packets a second, from every address of the network in turn: the bound that is stated holds.

    The board is off until everything is full. It answers one question in 2 s, of which one in four is lost.
    """
    dice, table = random.Random(seed), Table()
    flood, number = 5000, 0
    on_at, step = 20.0, 0.1
    leads_home = False
    assert flood <= TURNS * TURN_RATE
    while table.clock.now < on_at + BOUND:
        for _ in range(int(flood * step)):
            number += 1
            sender = dice.choice(NAMES)
            address = sender if own_address else dice.choice(NAMES)
            table.announce(f"fake{number}", sender, address)
        table.clock.now = round(table.clock.now + step, 1)
        table.let_go()
        asked = table.clock.now >= on_at and round(table.clock.now * 10) % 20 == 0
        if asked and dice.random() < 0.75:
            table.announce("real", HOME, HOME)
        leads_home = handle("real") in table.until_when
        if leads_home:
            break
    # it is there, or a row that leads to it was taken in while it was on: the contact finds the board there
    late = [
        name for name, home in table.homes.items() if home == HOME and table.until_when[name] - LIFE >= on_at
    ]
    assert leads_home or late, "neither the board nor a row at its address"
    assert len(table.until_when) <= UNAPPROVED_LIMIT


def test_whoever_speaks_every_two_seconds_is_read_within_a_round() -> None:
    """However many senders are made up, as long as they are no more than the turns have room for."""
    clock = FakeClock(0.0)
    gate = Gate(clock, CLUSTER)
    dice = random.Random(1)
    read: list[float] = []
    for tick in range(round((10 + 2 * ROUND) * 10)):
        clock.now = tick / 10
        for _ in range(int(TURNS * TURN_RATE * 0.8 / 10)):
            gate.admits(PACKET, dice.choice(NAMES))
        if tick % 20 == 19 and gate.admits(PACKET, HOME):
            read.append(clock.now)
    assert read
    gaps = [later - earlier for earlier, later in zip([10.0, *read], [*read, clock.now], strict=True)]
    assert max(gaps) <= ROUND + 2.0
    assert gate.crowded
