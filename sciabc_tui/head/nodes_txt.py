"""The hostfile of 2016: one IPv4 address a line, for `mpirun --hostfile nodes.txt`."""

import ipaddress
from concurrent.futures import Executor
from operator import attrgetter
from pathlib import Path

from jobs.hostfile import nodes_txt, write_atomically
from sciabc_tui.cluster.node import Node, Origin
from sciabc_tui.cluster.schedule import capacity
from sciabc_tui.cluster.state import State
from sciabc_tui.head.keeping import Keeping, keep
from sciabc_tui.head.ports import Hub

_KEPT = attrgetter("schedulable", "name", "origin", "contact", "addresses", "advertised_slots", "facts")


class NodesTxt:
    """Keeps the file as the cluster is: nodes that leave are removed."""

    def __init__(self, path: Path, disk: Executor) -> None:
        self._path = path
        self._disk = disk

    async def run(self, hub: Hub) -> None:
        """Follow the state."""
        await keep(Keeping(_KEPT, hostfile, self._write, self._problem), hub, self._disk)

    def _problem(self, error: OSError) -> str:
        return f"{self._path} not written: {error.strerror}. Next: set paths.nodes_txt"

    def _write(self, text: str) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, text)


def hostfile(state: State) -> str:
    """Give the present hostfile: every schedulable node with slots, the head first."""
    nodes = sorted(
        (node for node in state.nodes.values() if capacity(node) and _ipv4(node)),
        key=lambda node: (node.origin is not Origin.LOCAL, node.name),
    )
    return nodes_txt(_ipv4(node) for node in nodes)


def _ipv4(node: Node) -> str:
    """Give the IPv4 address of a node, or nothing: an old hostfile knows no IPv6."""
    for address in (node.contact, *node.addresses):
        try:
            return str(ipaddress.IPv4Address(address))
        except ipaddress.AddressValueError:
            continue
    return ""
