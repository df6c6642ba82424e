"""Keep files on disk as the state is, with no more work than its changes ask for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Generic, TypeVar

from sciabc_tui.cluster.changes import PartFailed
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.state import State
from sciabc_tui.head.ports import Hub

T = TypeVar("T")

GATHER = 0.1
"""Seconds for which changes are gathered: when 750 nodes come back there are hundreds a second."""


@dataclass(frozen=True, slots=True)
class Keeping(Generic[T]):
    """What is kept, and how.

    Attributes:
        looked_at: Gives what of a node matters; readings come each second and change nothing here.
        content: Makes what is written.
        write: Writes it; blocks, and may raise OSError.
        problem: What to tell when it can't be written; the next step included.
    """

    looked_at: Callable[[Node], object]
    content: Callable[[State], T]
    write: Callable[[T], None]
    problem: Callable[[OSError], str]


async def keep(keeping: Keeping[T], hub: Hub, disk: Executor) -> None:
    """Follow the state until cancelled; what can't be written is told, and tried again at the next change."""
    loop = asyncio.get_running_loop()
    seen = -1
    written: T | None = None
    before: object = None
    while True:
        await hub.changed(seen)
        await asyncio.sleep(GATHER)
        state = hub.state
        seen = state.revision
        now = [keeping.looked_at(node) for node in state.nodes.values()]
        if now == before:
            continue
        before = now
        content = keeping.content(state)
        if content == written:
            continue
        try:
            await loop.run_in_executor(disk, keeping.write, content)
        except OSError as error:
            hub.publish([PartFailed(keeping.problem(error))])
        written = content
