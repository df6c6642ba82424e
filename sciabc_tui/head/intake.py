"""What is heard of instances on one interface, on its way to membership. It knows no zeroconf."""

from collections.abc import Collection, Iterable

from sciabc_tui.cluster.changes import SightingRefused
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.joining import UNAPPROVED_LIMIT
from sciabc_tui.cluster.node import Liveness, Trust
from sciabc_tui.cluster.observations import Goodbye, Heard, Sighted
from sciabc_tui.cluster.state import State
from sciabc_tui.head.gate import Gate
from sciabc_tui.head.ingress import Announcement, Ground, Refused, Verdict, handle, judge
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.sightings import Sightings


class Intake:
    """Tells membership what an interface hears."""

    def __init__(self, ground: Ground, sightings: Sightings, clock: Clock, hub: Hub) -> None:
        self.ground = ground
        self._sightings = sightings
        self._clock = clock
        self._hub = hub
        self._room = 0

    def look_around(self) -> None:
        """See how many more nodes that nobody approved there is room for; before newcomers are let in."""
        unapproved = sum(node.trust is Trust.UNKNOWN for node in self._hub.state.nodes.values())
        self._room = UNAPPROVED_LIMIT - unapproved

    def lets_in(self, instance: str, sender: str, *, at_home: bool) -> bool:
        """Say whether to look at an instance now; `at_home`: it announces the address of its sender."""
        new = self._sightings.wonders(instance)
        now = self._clock.monotonic()
        if not self._sightings.admits(instance, sender, self._room, now, at_home=at_home):
            return False
        self._room -= new
        return True

    def let_go(self, instances: Iterable[str]) -> None:
        """Take back that instances were let in: they could not be resolved."""
        self._sightings.let_go(instances)

    def judge(self, announcement: Announcement, sender: str) -> Verdict:
        """Judge an announcement, and who sent it, on the ground of the interface."""
        return judge(announcement, self.ground, sender)

    def tell(self, verdicts: Iterable[tuple[str, Verdict]]) -> list[str]:
        """Tell what was judged; give the instances that were refused and are not known."""
        judged = list(verdicts)
        known = self._hub.state.owners
        sighted, refused = self._sightings.take(self.ground.interface, judged, self._clock.monotonic())
        told: list[Sighted | Heard] = list(sighted)
        told += self._wakes(name for name, verdict in judged if isinstance(verdict, Sighted))
        if told:
            self._hub.observe(told)
        if refused:
            self._hub.publish(refused)
        return [
            name for name, verdict in judged if isinstance(verdict, Refused) and handle(name) not in known
        ]

    def spoken_of(self, instances: Iterable[str]) -> None:
        """Tell that packets spoke of instances, with nothing new in them."""
        if heard := self._wakes(instances):
            self._hub.observe(heard)

    def _wakes(self, instances: Iterable[str]) -> list[Heard]:
        """A node that is alive needs no waking: nothing is said of it, a hundred times a second."""
        now = self._clock.monotonic()
        state = self._hub.state
        asleep = [name for name in instances if _sleeps(state, handle(name))]
        return [heard for name in asleep if (heard := self._sightings.heard(name, now))]

    def farewell(self, instances: Iterable[str]) -> None:
        """Tell of goodbyes."""
        ended = [self._sightings.gone(self.ground.interface, name) for name in instances]
        told = [one for one in ended if one is not None and not self._renamed(one)]
        if told:
            self._hub.observe(told)

    def _renamed(self, end: Goodbye | Sighted) -> bool:
        """Is it the old name of a node that is announced by another one, as avahi's `-2`?"""
        owners = self._hub.state.owners
        owner = owners.get(end.handle) if isinstance(end, Goodbye) else None
        return owner is not None and any(
            node == owner and name != end.handle and self._sightings.knows(name)
            for name, node in owners.items()
        )

    def sum_up(self, gate: Gate) -> None:
        """Tell in one line of what a flood brought, if there was one."""
        now = self._clock.monotonic()
        dropped, worst = gate.count_dropped()
        lines = [
            self._sightings.summary(now),
            self._sightings.flood(self.ground.interface, dropped, worst, now),
        ]
        if told := [SightingRefused(line) for line in lines if line]:
            self._hub.publish(told)


def _sleeps(state: State, name: str) -> bool:
    node = state.nodes.get(state.owners.get(name, NodeId("")))
    return node is not None and node.liveness is not Liveness.ALIVE


def gone_nodes(state: State) -> frozenset[NodeId]:
    """Give the nodes that are dead or left."""
    return frozenset(node.id for node in state.nodes.values() if not node.present)


def handles_of(state: State, nodes: Collection[NodeId]) -> dict[str, Instant]:
    """Give the handles that stand for these nodes, and since when those are what they are."""
    if not nodes:
        return {}
    return {name: state.nodes[owner].since for name, owner in state.owners.items() if owner in nodes}
