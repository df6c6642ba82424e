"""Runs a command on nodes, all at once: over the sessions that are open, and on the head itself.

A few threads start it; one then reads what all of them write. Nothing is read while nobody takes what was
read: a node that prints without end waits, and costs a channel's window.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

from sciabc_tui.api.remote import ExecWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Said
from sciabc_tui.cluster.durations import Instant
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node
from sciabc_tui.errors import CommandRefused
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.remote_nodes import chosen, gone, is_head, sessions_of, sorted_out
from sciabc_tui.head.remote_program import LocalProgram, Program, RemoteProgram
from sciabc_tui.head.remote_shell import KILLED_AFTER, script, told_status
from sciabc_tui.head.sessions import Sessions

STARTED_AT_ONCE = 32
"""Threads that start commands: each waits for two answers of its node."""

PIECE = 32 * 1024
"""Bytes that are read of one output at a time."""

AT_A_LOOK = 512 * 1024
"""Bytes that are read of all before they are passed on."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.005, 0.05
"""Seconds between two looks at the outputs; longer the longer nothing came."""

LINGER = 1.0
"""Seconds for which output is waited for that something in the background holds open after the command."""

_TOO_LATE = KILLED_AFTER + 3.0
_SHELL = ("/bin/sh",)


@dataclass(slots=True)
class _Running:
    """A command that runs on a node.

    Attributes:
        quiet_since: When something was last heard, or it was seen that it ended.
        stopped: When its time was over.
    """

    node: Node
    program: Program
    quiet_since: Instant
    stopped: Instant | None = None


class Exec:
    """Runs commands on nodes."""

    def __init__(self, hub: Hub, clock: Clock, sessions: Sessions) -> None:
        """Start nothing yet."""
        self._hub = hub
        self._clock = clock
        self._sessions = sessions

    async def run(self, wish: ExecWish, by: str) -> AsyncGenerator[Part, None]:
        """Run a command; tell what it writes and how it ends on each node.

        Raises:
            NotFound: There is no such node.
            CommandRefused: There is nothing to run, or no node to run it on.
        """
        del by
        if not wish.command.strip() or "\0" in wish.command:
            raise CommandRefused("There is no command. Next: sciabc-tui exec -- uptime")
        nodes = chosen(self._hub.state, wish.nodes)
        yield Begun(tuple(node.name for node in nodes))
        able, hindered = sorted_out(nodes, self._clock.monotonic())
        for part in hindered:
            yield part
        sessions = await sessions_of(self._sessions, [node for node in able if not is_head(node)])
        round_ = _Round(self._hub, self._clock, wish)
        with self._sessions.hold(sessions):
            try:
                for node in able:
                    if is_head(node) or node.id in sessions:
                        round_.start(node, sessions.get(node.id))
                    else:
                        yield Ended(
                            node.name,
                            ok=False,
                            text="no ssh session now",
                            fix="Next: sciabc-tui nodes, then again",
                        )
                while not round_.over:
                    for part in await round_.look():
                        yield part
            finally:
                await round_.end()
        yield Over()


class _Round:
    """One command on its nodes."""

    def __init__(self, hub: Hub, clock: Clock, wish: ExecWish) -> None:
        self._hub = hub
        self._clock = clock
        self._script = script(wish.command)
        self._within = wish.within
        self._starters = ThreadPoolExecutor(STARTED_AT_ONCE, thread_name_prefix="sciabc-exec")
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="sciabc-exec-read")
        self._starting: dict[Future[Program], Node] = {}
        self._running: dict[NodeId, _Running] = {}
        self._next = 0
        self._pause = SHORTEST_PAUSE
        self._timers: list[asyncio.TimerHandle] = []

    @property
    def over(self) -> bool:
        """Whether no node is left."""
        return not self._starting and not self._running

    def start(self, node: Node, session: Transport | None) -> None:
        """Start it on a node, by and by."""
        self._starting[self._starters.submit(_begun, session, self._script)] = node

    async def look(self) -> Sequence[Part]:
        """Give what happened since; rests a little if nothing did."""
        parts = [*self._take_started(), *self._take_lost()]
        if self._running:
            running = [*self._running.values()]
            first = self._next % len(running)
            self._next += 1
            look = partial(_read, running[first:] + running[:first], self._clock)
            said, ended = await asyncio.get_running_loop().run_in_executor(self._reader, look)
            parts += said
            parts += [self._ended(running, why) for running, why in ended]
        if parts:
            self._pause = SHORTEST_PAUSE
        else:
            await asyncio.sleep(self._pause)
            self._pause = min(LONGEST_PAUSE, self._pause * 1.5)
        return parts

    async def end(self) -> None:
        """Stop whatever runs still."""
        for timer in self._timers:
            timer.cancel()
        for future in self._starting:
            future.cancel()
            future.add_done_callback(_close_unwanted)
        # what is read at this moment must not be closed under the reader's hands
        await asyncio.wrap_future(self._reader.submit(bool))
        self._reader.shutdown(wait=False)
        closing = [self._starters.submit(each.program.close) for each in self._running.values()]
        self._running.clear()
        self._starting.clear()
        self._starters.shutdown(wait=False)
        if closing:
            await asyncio.wait(map(asyncio.wrap_future, closing), timeout=_TOO_LATE)

    def _take_started(self) -> list[Part]:
        parts: list[Part] = []
        for future in [future for future in self._starting if future.done()]:
            node = self._starting.pop(future)
            try:
                program = future.result()
            except ContactFailed as failure:
                parts.append(
                    Ended(node.name, ok=False, text=str(failure), fix="Next: sciabc-tui nodes, then again")
                )
                continue
            running = self._running[node.id] = _Running(node, program, self._clock.monotonic())
            if self._within is not None:
                # not in `look`: nobody looks while what was read is not taken
                loop = asyncio.get_running_loop()
                self._timers.append(loop.call_later(self._within, self._stop, running))
        return parts

    def _stop(self, running: _Running) -> None:
        """End a command whose time is over."""
        if self._running.get(running.node.id) is running:
            running.stopped = self._clock.monotonic()
            self._starters.submit(running.program.stop)

    def _take_lost(self) -> list[Part]:
        """Find those whose node is gone, as membership says: the connection itself may not know it yet."""
        parts: list[Part] = []
        state = self._hub.state
        for running in list(self._running.values()):
            node = state.nodes.get(running.node.id)
            if node is None or not node.present:
                why = gone(node, self._clock.monotonic()).text if node else "it was forgotten"
                parts.append(self._ended(running, why))
        return parts

    def _ended(self, running: _Running, why: str) -> Ended:
        """Let go of a node; `why` is empty where the command ended by itself."""
        del self._running[running.node.id]
        self._starters.submit(running.program.close)
        name, code = running.node.name, running.program.code
        if why:
            fix = "Next: see whether it runs there still, once it is back"
            return Ended(name, ok=False, text=why, fix=fix)
        if running.stopped is not None:
            return Ended(
                name, ok=False, text=f"ended after its {self._within:g} s", fix="Next: --within more"
            )
        return Ended(name, ok=code == 0, text=told_status(code), code=code if code >= 0 else None)


_Seen = tuple[list[Part], list[tuple[_Running, str]]]


def _read(running: Sequence[_Running], clock: Clock) -> _Seen:
    """Read what has arrived, of each a little and not too much of all; find those that are over."""
    parts: list[Part] = []
    ended: list[tuple[_Running, str]] = []
    left = AT_A_LOOK
    for each in running:
        if left <= 0:
            break
        over = each.program.finished or _hangs(each, clock.monotonic())
        try:
            said = _said(each)
        except ContactFailed as failure:
            ended.append((each, str(failure)))
            continue
        parts += said
        left -= sum(len(part.data) for part in said)
        late = each.stopped is not None and clock.monotonic() - each.stopped > _TOO_LATE
        if late or (over and not said):
            ended.append((each, ""))
        elif said or not each.program.exited:
            each.quiet_since = clock.monotonic()
    return parts, ended


def _said(running: _Running) -> list[Said]:
    out, err = running.program.read(PIECE)
    name = running.node.name
    return [Said(name, data, err=is_err) for data, is_err in ((out, False), (err, True)) if data]


def _hangs(running: _Running, now: Instant) -> bool:
    """Tell whether no more is waited for: what holds the output open is not the command."""
    if running.stopped is not None and now - running.stopped > _TOO_LATE:
        return True
    return running.program.exited and now - running.quiet_since > LINGER


def _begun(session: Transport | None, text: str) -> Program:
    return LocalProgram(_SHELL, text) if session is None else RemoteProgram(session, text)


def _close_unwanted(started: "Future[Program]") -> None:
    if not started.cancelled() and started.exception() is None:
        started.result().close()
