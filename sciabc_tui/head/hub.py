"""The single writer of the state, and the place where everybody watches it.

Watchers get the newest state, never a queue: whoever is slow skips states and costs no memory.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace

from sciabc_tui.cluster import membership
from sciabc_tui.cluster.changes import Draft, Event, logged
from sciabc_tui.cluster.narrator import Narrator
from sciabc_tui.cluster.observations import NodeCommand, Observation
from sciabc_tui.cluster.state import Severity, State
from sciabc_tui.cluster.wording import Line, Names
from sciabc_tui.head.ports import Clock

log = logging.getLogger(__name__)

LEVELS = {Severity.INFO: logging.INFO, Severity.WARN: logging.WARNING, Severity.ERROR: logging.ERROR}


class StateHub:
    """Keeps the state. Used from the loop's thread only, but for `from_thread`."""

    def __init__(self, clock: Clock, state: State | None = None) -> None:
        self._clock = clock
        self._state = state or State()
        self._narrator = Narrator()
        self._news = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def state(self) -> State:
        """The newest state."""
        return self._state

    def observe(self, observations: Sequence[Observation]) -> None:
        """Let membership decide what a batch of observations means, and publish that."""
        before = self._state
        now = self._clock.monotonic()
        after, events = membership.advance(before, observations, now)
        closing = self._narrator.due(now)
        if events or closing:
            self._settle(before, after, events, closing)

    def obey(self, command: NodeCommand) -> None:
        """Do what an operator asked.

        Raises:
            CommandRefused: The state of the node does not allow it.
        """
        self.publish(membership.obey(self._state, command, self._clock.monotonic()))

    def publish(self, events: Sequence[Event]) -> None:
        """Apply what was decided outside membership: jobs, the uplink, the panel."""
        if not events:
            return
        draft = Draft(self._state)
        for event in events:
            draft.apply(event)
        self._settle(self._state, draft.done(), events)

    def from_thread(self, observations: Sequence[Observation]) -> None:
        """Take in a batch from any thread; after the loop has ended it is dropped."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.observe, observations)

    async def changed(self, seen: int) -> State:
        """Wait until the state's revision is not `seen`; give the newest."""
        while self._state.revision == seen:
            await self._news.wait()
        return self._state

    def _settle(
        self, before: State, after: State, events: Sequence[Event], closing: Sequence[Line] = ()
    ) -> None:
        names = Names(before.nodes, after.nodes)
        lines = [*closing, *self._narrator.tell(events, names, self._clock.monotonic())]
        for severity, text in lines:
            log.log(LEVELS[severity], "%s", text)
        wall = self._clock.wall()
        self._state = replace(
            after,
            revision=before.revision + 1,
            at=self._clock.monotonic(),
            wall=wall,
            log=logged(after.log, lines, wall),
        )
        # a fresh event for the next waiters: those of now are all woken, nobody is woken twice
        news, self._news = self._news, asyncio.Event()
        news.set()
