"""Nodes that announce themselves by mDNS: an ear on each interface of the cluster, as they come and go."""

import asyncio
from collections.abc import Iterable

from sciabc_tui.cluster.changes import ListeningChanged
from sciabc_tui.cluster.state import Listening
from sciabc_tui.head.ear import Ear
from sciabc_tui.head.gate import Gate
from sciabc_tui.head.ingress import ground
from sciabc_tui.head.intake import Intake, gone_nodes, handles_of
from sciabc_tui.head.keeping import GATHER
from sciabc_tui.head.network import Network, NetworkWatch
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.sightings import Sightings
from sciabc_tui.head.uplink import Place, cluster_interfaces, find_places


class Discovery:
    """Finds the nodes that announce themselves, on the interfaces of the cluster as they come and go."""

    def __init__(self, clock: Clock, watch: NetworkWatch, configured: Iterable[str]) -> None:
        self._clock = clock
        self._watch = watch
        self._configured = tuple(configured)
        self._sightings = Sightings(clock.monotonic())
        self._hindered: list[str] = []
        self._ears: dict[Place, tuple[Ear, asyncio.Task[None]]] = {}

    async def run(self, hub: Hub) -> None:
        """Listen until cancelled."""
        self._ears.clear()
        seen: Network | None = None
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._forget_the_gone(hub), name="mdns memory")
            while True:
                seen = await self._watch.changed(seen)
                self._follow(seen, hub, tasks)

    def _follow(self, network: Network, hub: Hub, tasks: asyncio.TaskGroup) -> None:
        names = cluster_interfaces(network, self._configured)
        places, self._hindered = find_places(network, names)
        for place in [place for place in self._ears if place not in places]:
            _, task = self._ears.pop(place)
            task.cancel()
            self._sightings.deafen(place.interface)
        for place in places:
            soil = ground(place.interface, network.of(place.interface), network.addresses)
            if place not in self._ears:
                intake = Intake(soil, self._sightings, self._clock, hub)
                ear = Ear(place, intake, Gate(self._clock, soil), lambda: self._say(hub))
                self._ears[place] = (ear, tasks.create_task(ear.run(), name=f"mdns {place.interface}"))
            link = network.link(place.interface)
            self._ears[place][0].stand_on(soil, cabled=link is not None and link.carrier)
        self._say(hub)

    def _say(self, hub: Hub) -> None:
        ears = [ear for ear, _ in self._ears.values()]
        if not all(ear.hears or ear.problem for ear in ears):
            return  # one is about to start, and will have it said
        problems = [*self._hindered, *(ear.problem for ear in ears if ear.problem)]
        hearing = [place for place, (ear, _) in self._ears.items() if ear.hears]
        interfaces = tuple(place.interface for place in hearing)
        addresses = tuple(place.shown for place in hearing)
        listening = Listening(interfaces, addresses, "; ".join(problems))
        if listening != hub.state.listening:
            hub.publish([ListeningChanged(listening)])

    async def _forget_the_gone(self, hub: Hub) -> None:
        """Let the next announcement of a node that died, left or was not taken in be news."""
        before = gone_nodes(hub.state)
        seen = -1
        while True:
            await hub.changed(seen)
            await asyncio.sleep(GATHER)
            state = hub.state
            seen = state.revision
            gone = gone_nodes(state)
            now = self._clock.monotonic()
            ages = dict.fromkeys(self._sightings.retain(state.owners.keys()), 0.0)
            lost = handles_of(state, gone - before)
            ages |= {name: now - since for name, since in lost.items()}
            self._sightings.listen_for(lost)
            before = gone
            for ear, _ in self._ears.values() if ages else ():
                ear.forget(ages)
