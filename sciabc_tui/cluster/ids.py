"""What a node is known by."""

from typing import NewType

NodeId = NewType("NodeId", str)
