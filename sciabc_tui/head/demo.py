"""The demonstration: scripted boards behind the same ports as the real ones.

It works by observations only. What they mean decides membership, as for real boards, and what the operator
asked is read off the state: so a node that was drained, approved or forgotten behaves as it should.
"""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterator

from sciabc_tui.api.messages import SubmitJob
from sciabc_tui.cluster import membership, roster
from sciabc_tui.cluster.changes import ListeningChanged, UplinkChanged
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import CONTACT_PERIOD, READING_PERIOD, Liveness, Node, Origin, Trust
from sciabc_tui.cluster.observations import (
    ApproveHostKey,
    FactsRead,
    HeadSighted,
    HostKeyRead,
    Observation,
    Probed,
    ReadingTaken,
    Sighted,
    StreamOpened,
)
from sciabc_tui.cluster.schedule import total_slots, used_slots
from sciabc_tui.cluster.state import Listening, State, Uplink
from sciabc_tui.errors import SciabcError
from sciabc_tui.head import demo_script as script
from sciabc_tui.head.demo_runs import OPENING_JOB, Sleep
from sciabc_tui.head.demo_script import Board
from sciabc_tui.head.ports import Clock, Hub

log = logging.getLogger(__name__)

BY = "the simulation"


class DemoAdapter:
    """Plays the boards, the head and the way out. `sciabc_tui.head.demo_runs.DemoRuns` plays the jobs."""

    def __init__(
        self,
        clock: Clock,
        *,
        submit: Callable[[SubmitJob], Awaitable[object]],
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Do nothing yet.

        Args:
            clock: The head's clock.
            submit: Takes the job that runs from the start.
            sleep: Lets time pass.
        """
        self._clock = clock
        self._submit = submit
        self._sleep = sleep
        self._head = script.head_board()
        self._boards = script.boards()
        self._approved: set[str] = set()
        self._opened = False

    async def run(self, hub: Hub) -> None:
        """Play until cancelled."""
        began = self._clock.monotonic()
        self._open(hub, began)
        while True:
            now = self._clock.monotonic()
            hub.observe(tuple(self._seen(hub.state, now, t=now - began)))
            self._approve(hub, now)
            await self._open_job(hub.state)
            beats = math.floor((self._clock.monotonic() - began) / READING_PERIOD) + 1
            await self._sleep(max(0.0, began + beats * READING_PERIOD - self._clock.monotonic()))

    def _open(self, hub: Hub, now: Instant) -> None:
        network = f"{script.HEAD_ADDRESS}/24"
        hub.publish(
            (
                UplinkChanged(Uplink(script.UPLINK_ADDRESS, script.UPLINK_INTERFACE, since=now)),
                ListeningChanged(Listening((script.CLUSTER_INTERFACE,), (network,))),
            )
        )
        hub.observe(
            (
                HeadSighted(self._head.name, (self._head.address,), script.SLOTS),
                StreamOpened(roster.HEAD),
                FactsRead(roster.HEAD, self._head.facts),
            )
        )

    def _seen(self, state: State, now: Instant, *, t: float) -> Iterator[Observation]:
        yield self._read(state, self._head, state.nodes[roster.HEAD], now)
        for board in self._boards:
            node = state.nodes.get(state.owners.get(board.handle, NodeId("")))
            if not script.plugged(board, t):
                if node is not None and node.liveness is Liveness.SUSPECT:
                    yield Probed(node.id, answered=False, how="ARP failed")
            elif node is None:
                yield Sighted(board.handle, Origin.MDNS, board.name, (board.address,), slots=script.SLOTS)
            elif node.trust is Trust.TRUSTED:
                yield from self._session(state, board, node, now)
            elif node.host_key is None or now - node.heard_at >= CONTACT_PERIOD:
                yield HostKeyRead(node.id, board.address, board.key)

    def _session(self, state: State, board: Board, node: Node, now: Instant) -> Iterator[Observation]:
        if not node.streaming:
            yield StreamOpened(node.id)
            yield FactsRead(node.id, board.facts)
        yield self._read(state, board, node, now)

    def _read(self, state: State, board: Board, node: Node, now: Instant) -> ReadingTaken:
        share = min(1.0, used_slots(state).get(node.id, 0) / script.SLOTS)
        return ReadingTaken(node.id, script.reading(board, now, node.reading, share=share))

    def _approve(self, hub: Hub, now: Instant) -> None:
        """Approve each of the script's boards once: one that the user forgets is the user's to approve."""
        for board in self._boards:
            node = hub.state.nodes.get(hub.state.owners.get(board.handle, NodeId("")))
            if node is None or node.host_key is None or not board.approved_by_script:
                continue
            if board.name not in self._approved:
                self._approved.add(board.name)
                command = ApproveHostKey(node.id, node.host_key.fingerprint, BY)
                hub.publish(membership.obey(hub.state, command, now))

    async def _open_job(self, state: State) -> None:
        if self._opened or total_slots(state) < (OPENING_JOB.ranks or 1):
            return
        self._opened = True
        try:
            await self._submit(OPENING_JOB)
        except SciabcError as error:
            log.warning("the simulation's own job was not taken: %s", error)
