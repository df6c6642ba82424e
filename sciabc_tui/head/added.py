"""Nodes that somebody added by hand, where multicast is blocked: `sciabc-tui nodes add HOST`.

They are kept in `added.json` in the state directory, as a list of `[USER@]HOST[:PORT]`, and sighted as the
nodes of the configuration are.
"""

import asyncio
import logging
from collections.abc import Iterable
from concurrent.futures import Executor
from pathlib import Path

import msgspec

from jobs.hostfile import write_atomically
from sciabc_tui.cluster.changes import NodeRemoved, PartFailed
from sciabc_tui.cluster.observations import ForgetNode
from sciabc_tui.cluster.roster import REMEMBERED_HANDLE
from sciabc_tui.errors import CommandRefused, ConfigError
from sciabc_tui.head.ports import Hub
from sciabc_tui.head.statics import LookUp, StaticNode, StaticNodes, look_up, parse_nodes

log = logging.getLogger(__name__)

MOST_ADDED = 1024
"""Nodes that may be added."""

_STATIC = "static:"


class AddedNodes:
    """Keeps the added nodes, and sights them.

    Args:
        folder: The state directory.
        disk: Runs what touches the disk, but for `load`.
        configured: Those of `cluster.nodes`, which need not be added.
        look_up: Gives the addresses of a name.
    """

    def __init__(
        self,
        folder: Path,
        disk: Executor,
        configured: Iterable[StaticNode] = (),
        look_up: LookUp = look_up,
    ) -> None:
        self._file = folder / "added.json"
        self._disk = disk
        self._configured = frozenset(node.host for node in configured)
        self._look_up = look_up
        self._entries: dict[str, str] = {}
        self._saved: tuple[str, ...] = ()
        self._news = asyncio.Event()

    def load(self) -> None:
        """Read what was added before. Blocks.

        Raises:
            ConfigError: The file is damaged.
        """
        try:
            entries = msgspec.json.decode(self._file.read_bytes(), type=tuple[str, ...])
            self._entries = {parse_nodes([entry])[0].host: entry for entry in entries}
            self._saved = tuple(self._entries.values())
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError, msgspec.DecodeError, ConfigError) as error:
            raise ConfigError(
                f"{self._file} can't be read ({error}). Next: remove it and add the nodes anew"
            ) from error

    def add(self, entry: str, *, by: str) -> None:
        """Sight this node from now on.

        Raises:
            CommandRefused: It is no `[USER@]HOST[:PORT]`, is there already, or is one too many.
        """
        try:
            (node,) = parse_nodes([entry])
        except ConfigError as error:
            problem = str(error).partition(". Next:")[0].removeprefix("cluster.nodes: ")
            raise CommandRefused(
                f"{problem}. Next: sciabc-tui nodes add [USER@]HOST[:PORT], IPv6 in brackets"
            ) from error
        if node.host in self._configured or node.host in self._entries:
            where = "in cluster.nodes" if node.host in self._configured else "added"
            raise CommandRefused(f"{node.host} is {where} already. Next: sciabc-tui nodes")
        if len(self._entries) >= MOST_ADDED:
            raise CommandRefused(f"{MOST_ADDED} nodes are added already. Next: sciabc-tui nodes remove NAME")
        self._entries[node.host] = entry.strip()
        log.info("%s added by %s", node.host, by)
        self._news.set()

    def let_go(self, hub: Hub, command: ForgetNode) -> bool:
        """Sight a forgotten node no more, if it was added.

        Returns:
            Whether nothing else keeps the node, so that it is removed and the command is done. If not,
            the node is still to be forgotten.
        """
        state = hub.state
        handles = {handle for handle, owner in state.owners.items() if owner == command.node}
        added = {handle for handle in handles if handle.removeprefix(_STATIC) in self._entries}
        added = {handle for handle in added if handle.startswith(_STATIC)}
        if not added or command.node not in state.nodes:
            return False
        for handle in added:
            del self._entries[handle.removeprefix(_STATIC)]
        self._news.set()
        if any(not handle.startswith(REMEMBERED_HANDLE) for handle in handles - added):
            return False
        hub.publish([NodeRemoved(command.node, state.nodes[command.node].name, command.by)])
        return True

    async def run(self, hub: Hub) -> None:
        """Sight the nodes, and save the list when it changes."""
        while True:
            self._news.clear()
            entries = tuple(self._entries.values())
            if entries != self._saved:
                await self._save(hub, entries)
            async with asyncio.TaskGroup() as tasks:
                nodes = parse_nodes(entries)
                sighting = tasks.create_task(StaticNodes(nodes, self._look_up).run(hub), name="added nodes")
                await self._news.wait()
                sighting.cancel()

    async def _save(self, hub: Hub, entries: tuple[str, ...]) -> None:
        text = msgspec.json.format(msgspec.json.encode(entries), indent=1).decode()
        loop = asyncio.get_running_loop()
        try:
            await loop.run_in_executor(self._disk, write_atomically, self._file, text + "\n", 0o600)
        except OSError as error:
            hub.publish(
                [PartFailed(f"added nodes not saved: {error.strerror}. Next: check {self._file.parent}")]
            )
        else:
            self._saved = entries
