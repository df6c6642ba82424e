"""What discovery already said, so that it says each thing once. Pure and bounded.

One instance may be heard on several interfaces: it is one sighting with the addresses of all of them, and
it said goodbye when it did on the last. Whatever a flood announces, the memory here stays fixed.
"""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import replace

from sciabc_tui.cluster.node import Instant
from sciabc_tui.cluster.observations import Goodbye, Sighted
from sciabc_tui.cluster.state import SightingRefused
from sciabc_tui.head.ingress import ADDRESS_LIMIT, Itself, Refused, Verdict, handle, printable

KNOWN_LIMIT = 4096
"""How many announced instances are kept in mind."""

REFUSED_LIMIT = 1024
"""How many refused instances are kept in mind, so as not to tell of them twice."""


class Allowance:
    """A token bucket: `burst` at once, then `rate` a second."""

    def __init__(self, burst: float, rate: float, now: Instant) -> None:
        self._burst = burst
        self._rate = rate
        self._left = burst
        self._at = now

    def take(self, now: Instant) -> bool:
        """Take one, if there is one."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Sightings:
    """Keeps who was announced on which interface, and who was refused."""

    def __init__(self, now: Instant) -> None:
        self._known: dict[str, dict[str, Sighted]] = {}
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._newcomers = Allowance(1024, 20, now)
        self._refusals = Allowance(5, 0.2, now)
        self._untold = 0

    def admits(self, instance: str, now: Instant) -> bool:
        """Say whether an instance may be looked at now: known ones always, new ones not in a flood."""
        if not self.wonders(instance):
            return True
        return len(self._known) < KNOWN_LIMIT and self._newcomers.take(now)

    def wonders(self, instance: str) -> bool:
        """Say whether nothing was decided on an instance yet."""
        return handle(instance) not in self._known and instance not in self._refused

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
                case Itself():
                    pass  # the head is a node already, without announcing it
        return sighted, refused

    def seen(self, interface: str, sighted: Sighted) -> Sighted:
        """Take in a sighting; give it with the addresses of all interfaces it was heard on."""
        heard = self._known.setdefault(sighted.handle, {})
        heard[interface] = sighted
        addresses = dict.fromkeys(ip for one in heard.values() for ip in one.addresses)
        return replace(sighted, addresses=tuple(addresses)[:ADDRESS_LIMIT])

    def gone(self, interface: str, instance: str) -> Goodbye | Sighted | None:
        """Take in a goodbye; give what it means over all interfaces."""
        name = handle(instance)
        heard = self._known.get(name)
        if heard is None or heard.pop(interface, None) is None:
            return None
        if heard:
            rest_interface, rest = next(iter(heard.items()))
            return self.seen(rest_interface, rest)
        del self._known[name]
        return Goodbye(name)

    def deafen(self, interface: str) -> None:
        """Forget what was heard on an interface that is listened on no more; nobody said goodbye."""
        for name, heard in list(self._known.items()):
            if heard.pop(interface, None) is not None and not heard:
                del self._known[name]

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
