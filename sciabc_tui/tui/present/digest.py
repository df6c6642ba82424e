"""What is worked out once of a state, however often it is shown: with thousands of nodes it is dear."""

from collections.abc import Mapping
from functools import cached_property

from sciabc_tui.cluster.health import STALE_AFTER, Health, assess
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.job import Job, JobState
from sciabc_tui.cluster.node import Node, Origin, Trust
from sciabc_tui.cluster.nodeset import natural
from sciabc_tui.cluster.schedule import total_slots, used_slots
from sciabc_tui.cluster.state import State

_Names = tuple[tuple[NodeId, str, Origin], ...]


class Digest:
    """Of one state; each part is made when it is asked for."""

    def __init__(self, state: State, before: "Digest | None" = None) -> None:
        """Work out nothing yet.

        Args:
            state: The state.
            before: Of the state before, whose order of names may still hold; it is not kept.
        """
        self.state = state
        self.names: _Names = tuple((node.id, node.name, node.origin) for node in state.nodes.values())
        self.order = before.order if before is not None and before.names == self.names else None

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes as they are listed: the head first, then by name."""
        return self._nodes

    @cached_property
    def _nodes(self) -> tuple[Node, ...]:
        if self.order is None:
            named = sorted(
                self.names, key=lambda name: (name[2] is not Origin.LOCAL, natural(name[1]), name[0])
            )
            self.order = tuple(id_ for id_, _, _ in named)
        nodes = self.state.nodes
        return tuple(nodes[id_] for id_ in self.order)

    @cached_property
    def used(self) -> Mapping[NodeId, int]:
        """How many slots of each node are held by running jobs."""
        return used_slots(self.state)

    @cached_property
    def used_in_all(self) -> int:
        """How many slots running jobs hold."""
        return sum(self.used.values())

    @cached_property
    def slots(self) -> int:
        """How many slots the cluster has for jobs."""
        return total_slots(self.state)

    @cached_property
    def running(self) -> tuple[Job, ...]:
        """The jobs that run."""
        return tuple(job for job in self.state.jobs.values() if job.state is JobState.RUNNING)

    @cached_property
    def longest_name(self) -> int:
        """How many characters the longest name has, before it is made harmless."""
        return max((len(name) for _, name, _ in self.names), default=4)

    @cached_property
    def to_judge(self) -> tuple[Node, ...]:
        """The nodes whose host key changed, then those whose key waits for a person's approval."""
        return (*self.changed, *self.pending)

    @cached_property
    def changed(self) -> tuple[Node, ...]:
        """The nodes that show another host key than the approved one."""
        return tuple(node for node in self.nodes if node.trust is Trust.CHANGED)

    @cached_property
    def pending(self) -> tuple[Node, ...]:
        """The nodes whose host key waits for a person's approval."""
        return tuple(n for n in self.nodes if n.trust is Trust.UNKNOWN and n.host_key and n.present)

    @staticmethod
    def is_old(age: float) -> bool:
        """Is a state of so many seconds perhaps no longer true?"""
        return age > STALE_AFTER

    def health(self, age: float) -> Health:
        """Judge the state when it is so many seconds old."""
        return self._health_when_old if self.is_old(age) else self._health

    @cached_property
    def _health(self) -> Health:
        return assess(self.state)

    @cached_property
    def _health_when_old(self) -> Health:
        return assess(self.state, age=STALE_AFTER + 1)

    @cached_property
    def load(self) -> tuple[int, ...]:
        """The mean CPU load of the nodes that are there, in whole per cent, oldest first."""
        trends = [node.trend for node in self.nodes if node.present and node.trend]
        longest = max(map(len, trends), default=0)
        full = [trend for trend in trends if len(trend) == longest]
        if not full:
            return ()
        sums, counts = [sum(column) for column in zip(*full, strict=True)], [len(full)] * longest
        for trend in trends:
            if len(trend) < longest:
                for place, value in enumerate(trend, longest - len(trend)):
                    sums[place] += value
                    counts[place] += 1
        return tuple(round(value / count) for value, count in zip(sums, counts, strict=True))

    @cached_property
    def measured(self) -> tuple[int, int]:
        """How many nodes `load` is the mean of, and how many are known."""
        return sum(bool(node.present and node.trend) for node in self.nodes), len(self.names)
