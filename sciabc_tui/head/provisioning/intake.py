"""What the head does when a board is done: it trusts it, and waits until it computes; or forgets it."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Protocol

from sciabc_tui.cluster.changes import NodeRemoved
from sciabc_tui.cluster.evidence import evidence
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import HostKey, Node, Origin, Readiness, Trust
from sciabc_tui.cluster.observations import ApproveHostKey, ForgetNode, NodeCommand
from sciabc_tui.cluster.provision_events import HostKeyReplaced
from sciabc_tui.cluster.trust_events import NodeForgotten
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head import ports
from sciabc_tui.head.provisioning.places import Place, node_at

ANNOUNCED_WITHIN = 12.0
"""Seconds that an announcement may take: avahi asks for two seconds whether its name is free."""

READY_WITHIN = 30.0
"""Seconds until a board that was done has sent its first reading."""


class Hub(ports.Hub, Protocol):
    """The single writer of the state: `sciabc_tui.head.hub.StateHub`."""

    def obey(self, command: NodeCommand) -> None:
        """Do what an operator asked. Raises `CommandRefused`."""
        ...


class Added(Protocol):
    """The nodes that can't announce themselves: `sciabc_tui.head.added.AddedNodes`."""

    def add(self, entry: str, *, by: str) -> None:
        """Sight this node from now on. Raises `CommandRefused`."""
        ...

    def let_go(self, hub: ports.Hub, command: ForgetNode) -> bool:
        """Sight a forgotten node no more, if it was added; tell whether that was all there is to do."""
        ...


@dataclass(frozen=True, slots=True)
class Taken:
    """A board that was taken in: the node's name, and what it lacks to compute."""

    name: str
    lacks: str = ""


class Intake:
    """Takes boards in, and lets them go."""

    def __init__(self, hub: Hub, added: Added) -> None:
        self._hub = hub
        self._added = added

    def known(self, place: Place, key: HostKey | None) -> Node | None:
        """Give the node that a board is: by its host key, or else by where it is."""
        state = self._hub.state
        held = [
            node
            for node in state.nodes.values()
            # a copied card has the key of another board, which is elsewhere
            if key is not None and node.host_key == key and _is_at(node, place.address)
        ]
        if held:
            return held[0]
        if place.node is not None and place.node in state.nodes:
            return state.nodes[place.node]
        return node_at(state, place.address)

    def replace_key(self, place: Place, old: HostKey | None, new: HostKey, by: str) -> None:
        """Trust a node's new host key in the place of the old one, before it shows it."""
        node = self.known(place, old)
        if node is not None and node.host_key == old and node.trust is Trust.TRUSTED:
            self._hub.publish([HostKeyReplaced(node.id, new, by)])

    async def take_in(self, place: Place, key: HostKey, *, mute: bool, user: str, by: str) -> Taken:
        """Trust the board, and wait until it computes.

        Args:
            place: Where it is.
            key: The host key that a person approved, and that it proved to hold.
            mute: It can't announce itself.
            user: Whom the head is to be there.
            by: Who asked.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        added = False
        state = self._hub.state
        while True:
            node = self.known(place, key)
            if node is not None and self._trusted(node, key, by):
                node = self._hub.state.nodes[node.id]
            if (
                node is not None
                and node.host_key == key
                and node.readiness is Readiness.READY
                and node.present
            ):
                return Taken(node.name)
            waited = loop.time() - began
            unheard = node is None or not node.present
            if unheard and not added and (mute or waited >= ANNOUNCED_WITHIN):
                added = self._add(place, user, by)
            if waited >= READY_WITHIN:
                if node is None:
                    return Taken("", "no announcement was heard")
                return Taken(node.name, evidence(node, self._hub.state.at))
            try:
                async with asyncio.timeout(1.0):
                    state = await self._hub.changed(state.revision)
            except TimeoutError:
                state = self._hub.state

    def untrust(self, place: Place, key: HostKey | None, by: str) -> None:
        """Trust a board no longer, and log in to it no more: what was done there is about to be undone."""
        node = self.known(place, key)
        if node is not None and node.host_key == key and node.trust is not Trust.UNKNOWN:
            self._hub.publish([NodeForgotten(node.id, by)])

    def let_go(self, place: Place, key: HostKey | None, by: str) -> None:
        """Let a board go where what was done there is undone."""
        node = self.known(place, key)
        if node is None:
            return
        command = ForgetNode(node.id, by)
        if node.origin is Origin.STATIC and not self._added.let_go(self._hub, command):
            return  # somebody wrote it into the settings
        if node.id in self._hub.state.nodes:
            self._hub.publish([NodeRemoved(node.id, node.name, "")])

    def _trusted(self, node: Node, key: HostKey, by: str) -> bool:
        """Trust it, if it shows the key and is not trusted yet; tell whether something changed."""
        if node.trust is Trust.UNKNOWN and node.host_key == key:
            self._hub.obey(ApproveHostKey(node.id, key.fingerprint, by))
            return True
        if node.trust is Trust.CHANGED and node.offered_key == key:
            self._hub.publish([HostKeyReplaced(node.id, key, by)])
            return True
        return False

    def _add(self, place: Place, user: str, by: str) -> bool:
        host = f"[{place.address}]" if ":" in place.address else place.address
        with contextlib.suppress(CommandRefused):  # it is there already
            self._added.add(f"{user}@{host}" + ("" if place.port == 22 else f":{place.port}"), by=by)
        return True


def _is_at(node: Node, address: str) -> bool:
    return not node.contact or address in {node.contact, *node.addresses}


def known_as(node: Node | None) -> NodeId:
    """Give the id for an event; empty where there is no node."""
    return NodeId("") if node is None else node.id
