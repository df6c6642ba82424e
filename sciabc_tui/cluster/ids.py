"""What nodes and jobs are known by."""

from typing import NewType

NodeId = NewType("NodeId", str)
JobId = NewType("JobId", int)
