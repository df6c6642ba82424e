"""What discovery already said, so that it says each thing once. Pure and bounded.

One instance may be heard on several interfaces: it is one sighting with the addresses of all of them, and
it said goodbye when it did on the last. Whatever a flood announces, the memory here stays fixed.

Newcomers are let in fairly. A real node announces itself: one instance, from an address that is among those
it announces. The first instance of each such address has room of its own; whoever floods announces many, and
who makes up the address that its packets come from has to announce that address too. So there are as many of
those as the network has addresses, and in one of up to `RESERVE` addresses there is always room for all.

What that bounds: a new board that is heard (see `gate`: at most 48 s) is in the list at once. Unless somebody
announced another instance for its address before: then that one is in the list, and the board is found where
it is. If it was off at that time, that entry is let go after 25 s (dead) and 60 s more, and with the next
question the board or, again, an entry that leads to it is let in: at the latest after 48 + 85 + 2 = 135 s.
In a larger network (or by link-local IPv6) somebody may announce more addresses than there is room for; then
it takes luck: `NEWCOMERS_RATE` a second come in.
"""

from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import replace

from jobs.allowance import Allowance
from sciabc_tui.cluster.changes import SightingRefused
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.observations import Goodbye, Heard, Sighted
from sciabc_tui.head.ingress import ADDRESS_LIMIT, Itself, Refused, Verdict, handle, printable

KNOWN_LIMIT = 4096
"""How many announced instances are kept in mind."""

REFUSED_LIMIT = 1024
"""How many refused instances are kept in mind, so as not to tell of them twice."""

RESERVE = 256
"""Room, of what membership has for unapproved nodes, for the first instance at each address."""

NEWCOMERS_AT_ONCE, NEWCOMERS_RATE = 768, 20
"""New instances at once, and then a second; the first at each address have an allowance of their own."""

HEARD_PERIOD = 1.0
"""Seconds between two words that the same instance was spoken of."""


class Sightings:
    """Keeps who was announced on which interface, and who was refused."""

    def __init__(self, now: Instant) -> None:
        self._known: dict[str, dict[str, Sighted]] = {}
        self._homes: dict[str, str] = {}
        self._residents: set[str] = set()
        self._heard: dict[str, Instant] = {}
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._newcomers = Allowance(NEWCOMERS_AT_ONCE, NEWCOMERS_RATE, now)
        self._firsts = Allowance(RESERVE, NEWCOMERS_RATE, now)
        self._refusals = Allowance(5, 0.2, now)
        self._floods = Allowance(1, 1 / 60, now)
        self._untold = 0
        self._held: Counter[str] = Counter()
        self._dropped = 0
        self._worst = ""

    def admits(self, instance: str, sender: str, room: int, now: Instant, *, at_home: bool = False) -> bool:
        """Say whether an instance may be looked at now: known ones always, new ones not in a flood.

        Args:
            instance: Which.
            sender: Where the packet came from that spoke of it.
            room: How many more nodes that nobody approved membership takes.
            now: The time.
            at_home: The sender is among the addresses that are announced.
        """
        if not self.wonders(instance):
            return True
        first = at_home and sender not in self._residents
        if self._has_room(room, now, first=first):
            if first:
                self._homes[handle(instance)] = sender
                self._residents.add(sender)
            return True
        if sender in self._held or len(self._held) < REFUSED_LIMIT:
            self._held[sender] += 1
        return False

    def _has_room(self, room: int, now: Instant, *, first: bool) -> bool:
        if room <= 0 or len(self._known) >= KNOWN_LIMIT:
            return False
        if first and self._firsts.take(now):
            return True
        return room > RESERVE and self._newcomers.take(now)

    def wonders(self, instance: str) -> bool:
        """Say whether nothing was decided on an instance yet."""
        return handle(instance) not in self._known and instance not in self._refused

    def let_go(self, instances: Iterable[str]) -> None:
        """Take back that instances were let in: nothing was found out about them."""
        for instance in instances:
            self._settle(handle(instance))

    def take(
        self, interface: str, verdicts: Iterable[tuple[str, Verdict]], now: Instant
    ) -> tuple[list[Sighted], list[SightingRefused]]:
        """Take in what was judged of instances; give what is to be told of it."""
        sighted: list[Sighted] = []
        refused: list[SightingRefused] = []
        for instance, verdict in verdicts:
            match verdict:
                case Sighted():
                    sighted.append(self.seen(interface, verdict))
                case Refused():
                    line = self.refused(instance, verdict, now)
                    refused += [SightingRefused(line)] if line else []
                    self._settle(handle(instance))
                case Itself():
                    self._settle(handle(instance))  # the head is a node already, without announcing it
        return sighted, refused

    def seen(self, interface: str, sighted: Sighted) -> Sighted:
        """Take in a sighting; give it with the addresses of all interfaces it was heard on."""
        heard = self._known.setdefault(sighted.handle, {})
        heard[interface] = sighted
        addresses = dict.fromkeys(ip for one in heard.values() for ip in one.addresses)
        return replace(sighted, addresses=tuple(addresses)[:ADDRESS_LIMIT])

    def heard(self, instance: str, now: Instant) -> Heard | None:
        """Take in that a packet spoke of an instance; give that on, once a second, if it is a known one."""
        name = handle(instance)
        if name not in self._known or now - self._heard.get(name, -HEARD_PERIOD) < HEARD_PERIOD:
            return None
        self._heard[name] = now
        return Heard(name)

    def gone(self, interface: str, instance: str) -> Goodbye | Sighted | None:
        """Take in a goodbye; give what it means over all interfaces."""
        name = handle(instance)
        heard = self._known.get(name)
        if heard is None or heard.pop(interface, None) is None:
            return None
        if heard:
            rest_interface, rest = next(iter(heard.items()))
            return self.seen(rest_interface, rest)
        self.forget([name])
        return Goodbye(name)

    def listen_for(self, names: Iterable[str]) -> None:
        """Let the next word of these be given on at once, by their handles: they went silent."""
        for name in names:
            self._heard.pop(name, None)

    def knows(self, name: str) -> bool:
        """Say whether an instance is there, by its handle."""
        return name in self._known

    def retain(self, handles: Collection[str]) -> list[str]:
        """Forget the instances that membership does not hold, or no more; give their handles."""
        lost = [name for name in self._known if name not in handles]
        self.forget(lost)
        return lost

    def forget(self, names: Iterable[str]) -> None:
        """Forget instances, by their handles: they are new when they are announced again."""
        for name in names:
            self._known.pop(name, None)
            self._heard.pop(name, None)
            self._settle(name)

    def deafen(self, interface: str) -> None:
        """Forget what was heard on an interface that is listened on no more; nobody said goodbye."""
        for heard in self._known.values():
            heard.pop(interface, None)
        self.forget([name for name, heard in self._known.items() if not heard])

    def refused(self, instance: str, refused: Refused, now: Instant) -> str:
        """Take in a refusal; give the line to tell, or nothing: once an instance, few in a flood."""
        if instance in self._refused:
            self._refused.move_to_end(instance)
            return ""
        self._refused[instance] = None
        if len(self._refused) > REFUSED_LIMIT:
            self._refused.popitem(last=False)
        if self._refusals.take(now):
            return refused.text
        self._untold += 1
        return ""

    def summary(self, now: Instant) -> str:
        """Give the line on refusals that were not told one by one; empty when there is none."""
        if not self._untold or not self._refusals.take(now):
            return ""
        untold, self._untold = self._untold, 0
        newest = printable(next(reversed(self._refused)))
        return f"{untold} more announcements refused, the last one '{newest}'"

    def flood(self, interface: str, dropped: int, worst: str, now: Instant) -> str:
        """Give the line on a flood since the last one, at most once a minute; empty when there is none.

        Args:
            interface: Where.
            dropped: How many packets were not looked at since the last call.
            worst: Who sent the most of them.
            now: The time.
        """
        self._dropped += dropped
        self._worst = worst or self._worst
        if not (self._held or self._dropped) or not self._floods.take(now):
            return ""
        sender = printable(self._worst or self._held.most_common(1)[0][0])
        told = f"{self._dropped} packets and {self._held.total()} new instances"
        self._dropped, self._worst, self._held = 0, "", Counter()
        return (
            f"flood of announcements on {interface}: {told} not taken in, most from {sender}. "
            "Next: find the machine with that address"
        )

    def _settle(self, name: str) -> None:
        """An instance that is not known keeps no place at its address."""
        home = None if name in self._known else self._homes.pop(name, None)
        if home is not None:
            self._residents.discard(home)
