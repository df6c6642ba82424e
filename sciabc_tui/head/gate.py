"""How many mDNS packets are looked at: before zeroconf, which would take apart and keep every one.

A flood is dropped here for the price of a few microseconds a packet. Each sender has an allowance, counted
by the address that its packets come from, and all together have one; of that one a sender who was heard a
lot leaves half to those who were not. Packets from addresses outside the cluster's networks share the
allowance of a single sender, since anybody can make those up.

Addresses inside can be made up too, each packet with another one, so that nobody was ever heard a lot and
all have to take their chance. Hence the turns: for `TURN` seconds in every `ROUND` a sender shares a second
allowance with only one in `TURNS` of all, and in flood the ear asks every 2 s. So whoever answers is read
within `ROUND` seconds, as long as not more than `TURNS * TURN_RATE` = 8,000 packets a second are made up, and
not more than `SENDER_RATE` of them in its very own name.
"""

import asyncio
import secrets
from collections import OrderedDict
from ipaddress import ip_address
from typing import Any

from typing_extensions import override

from jobs.allowance import Allowance
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.head.ingress import Ground
from sciabc_tui.head.ports import Clock
from sciabc_tui.head.turns import Turns

SENDERS_LIMIT = 1024
"""How many senders are kept in mind; beyond that the one that was silent longest is forgotten."""

SENDER_BURST, SENDER_RATE = 1024.0, 50.0
"""Units that one sender may send at once, and then a second."""

ALL_BURST, ALL_RATE = 4096.0, 500.0
"""Units of all senders together."""

TURNS, TURN, TURN_RATE = 16, 3.0, 500.0
"""How many turns there are, seconds of each, and units a second for all whose turn it is."""

ROUND = TURNS * TURN
"""Seconds until it is the same sender's turn again."""

UNIT = 512
"""Bytes: a packet costs one unit, and one more for each of these."""

ELSEWHERE = "elsewhere"
"""Who sends from an address that is not in the cluster's networks."""


class Gate:
    """Decides on packets, and knows whose packet is being read."""

    def __init__(self, clock: Clock, ground: Ground) -> None:
        self._clock = clock
        self._ground = ground
        self._senders: OrderedDict[str, Allowance] = OrderedDict()
        self._all = Allowance(ALL_BURST, ALL_RATE, clock.monotonic())
        self._turns = Turns(secrets.token_bytes(16), count=TURNS, length=TURN)
        self._turn = Allowance(TURN_RATE, TURN_RATE, clock.monotonic())
        self._dropped: dict[str, int] = {}
        self.sender = ELSEWHERE
        """Who sent the packet that is being read."""

    def stand_on(self, ground: Ground) -> None:
        """Take other networks into account."""
        self._ground = ground

    def admits(self, packet: bytes, origin: str) -> bool:
        """Say whether to read a packet. Questions never: nothing is announced from here."""
        if len(packet) < 12 or not packet[2] & 0x80:
            return False
        now = self._clock.monotonic()
        sender = self.sender_of(origin)
        allowance = self._allowance(sender, now)
        cost = 1.0 + len(packet) // UNIT
        heard_a_lot = allowance.spent > SENDER_BURST / 16
        fair = allowance.take(now, cost=cost)
        if fair and (
            self._all.take(now, cost=cost, leave=ALL_BURST / 2 if heard_a_lot else 0.0)
            or (self._turns.has(sender, now) and self._turn.take(now, cost=cost))
        ):
            self.sender = sender
            return True
        if sender in self._dropped or len(self._dropped) < SENDERS_LIMIT:
            self._dropped[sender] = self._dropped.get(sender, 0) + 1
        return False

    def sender_of(self, origin: str) -> str:
        """Name the sender at an address of the cluster's networks; of all others, one and the same."""
        plain = origin.partition("%")[0].removeprefix("::ffff:")
        if plain in self._senders:
            return plain
        parsed = ip_address(plain)
        return plain if any(parsed in network for network in self._ground.networks) else ELSEWHERE

    @property
    def crowded(self) -> bool:
        """Were packets dropped since `count_dropped` was called?"""
        return bool(self._dropped)

    def count_dropped(self) -> tuple[int, str]:
        """Give how many packets were dropped since the last call, and who sent the most of them."""
        dropped, self._dropped = self._dropped, {}
        worst = max(dropped, key=lambda sender: dropped[sender], default="")
        return sum(dropped.values()), worst

    def _allowance(self, sender: str, now: Instant) -> Allowance:
        allowance = self._senders.get(sender)
        if allowance is None:
            allowance = self._senders[sender] = Allowance(SENDER_BURST, SENDER_RATE, now)
            if len(self._senders) > SENDERS_LIMIT:
                self._senders.popitem(last=False)
        self._senders.move_to_end(sender)
        return allowance


class Doorway(asyncio.DatagramProtocol):
    """Stands before zeroconf's own reader on a socket, and lets in what the gate admits."""

    def __init__(self, gate: Gate, reader: asyncio.DatagramProtocol) -> None:
        self._gate = gate
        self._reader = reader

    @override
    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        """Hand the packet on, or drop it."""
        if self._gate.admits(data, addr[0]):
            self._reader.datagram_received(data, addr)

    @override
    def error_received(self, exc: Exception) -> None:
        """Hand it on."""
        self._reader.error_received(exc)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        """Hand it on."""
        self._reader.connection_lost(exc)
