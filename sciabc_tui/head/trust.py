"""The trust store: which host keys a person approved, and what was set on those nodes.

Two files in the state directory, both replaced as a whole: `nodes.json` is read at the start, `known_hosts`
is for every ssh that is started on behalf of a job, so that it trusts exactly what a person approved.
"""

import logging
from collections.abc import Iterable
from concurrent.futures import Executor
from operator import attrgetter
from pathlib import Path

import msgspec

from jobs.hostfile import write_atomically
from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.cluster.observations import Remembered
from sciabc_tui.cluster.state import State
from sciabc_tui.errors import ConfigError
from sciabc_tui.head.keeping import Keeping, keep
from sciabc_tui.head.keys import known_hosts
from sciabc_tui.head.ports import Hub

log = logging.getLogger(__name__)

_KEPT = attrgetter("id", "trust", "host_key", "name", "contact", "addresses", "port", "user", "drained")
"""What is written of a node: readings change none of it, and come by the hundred."""

_PRIVATE = 0o600


class TrustStore:
    """Writes what is trusted whenever it changes."""

    def __init__(self, state_dir: Path, disk: Executor) -> None:
        self._nodes = state_dir / "nodes.json"
        self.known_hosts = state_dir / "known_hosts"
        self._disk = disk

    def load(self) -> tuple[Remembered, ...]:
        """Read what was approved before.

        Raises:
            ConfigError: The file is damaged; nothing is trusted by guess.
        """
        try:
            return msgspec.json.decode(self._nodes.read_bytes(), type=tuple[Remembered, ...])
        except FileNotFoundError:
            return ()
        except (OSError, msgspec.DecodeError) as error:
            raise ConfigError(
                f"{self._nodes} can't be read ({error}). Next: restore it, or remove it and approve anew"
            ) from error

    async def run(self, hub: Hub) -> None:
        """Follow the state."""
        await keep(Keeping(_KEPT, _content, self._write, self._problem), hub, self._disk)

    def _problem(self, error: OSError) -> str:
        return f"approved keys not saved: {error.strerror}. Next: check {self._nodes.parent}"

    def _write(self, content: tuple[tuple[Remembered, ...], str]) -> None:
        records, hosts = content
        write_atomically(self.known_hosts, hosts, _PRIVATE)
        text = msgspec.json.format(msgspec.json.encode(records), indent=1).decode()
        write_atomically(self._nodes, text + "\n", _PRIVATE)


def _content(state: State) -> tuple[tuple[Remembered, ...], str]:
    """Give both files: a key that changed leaves the one for ssh, and stays in the one that is remembered."""
    return remember(state), known_hosts(trusted(state))


def trusted(state: State) -> tuple[Node, ...]:
    """Give the nodes whose host key a person approved and that show it still."""
    return tuple(
        node
        for node in state.nodes.values()
        if node.trust is Trust.TRUSTED and node.origin is not Origin.LOCAL and node.host_key is not None
    )


def remember(state: State) -> tuple[Remembered, ...]:
    """Give what the next service must know; a node whose key changed is remembered with the approved one."""
    return tuple(_records(node for node in state.nodes.values() if node.trust is not Trust.UNKNOWN))


def _records(nodes: Iterable[Node]) -> Iterable[Remembered]:
    for node in sorted(nodes, key=lambda node: node.id):
        if node.origin is Origin.LOCAL or node.host_key is None:
            continue
        yield Remembered(
            node.id,
            node.name,
            node.host_key,
            (node.address,) if node.address else (),
            node.port,
            node.user,
            node.drained.reason if node.drained else "",
            node.drained.by if node.drained else "",
        )
