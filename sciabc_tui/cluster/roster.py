"""What the rules of membership look at, and the names that they share."""

import hashlib
from collections.abc import Mapping
from typing import Protocol

from sciabc_tui.cluster.changes import Event
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node

HEAD = NodeId("head")
HEAD_HANDLE = "local:head"
REMEMBERED_HANDLE = "remembered:"

Events = tuple[Event, ...]


class Roster(Protocol):
    """What a decision looks at; `State` and `Draft` both are one."""

    @property
    def nodes(self) -> Mapping[NodeId, Node]:
        """All nodes by id."""
        ...

    @property
    def owners(self) -> Mapping[str, NodeId]:
        """Which node a handle stands for."""
        ...


def node_id(handle: str) -> NodeId:
    """Make the id of a node from the handle by which it was first seen."""
    return NodeId("n-" + hashlib.blake2b(handle.encode(), digest_size=5).hexdigest())
