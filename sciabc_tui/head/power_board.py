"""One board: asked to halt or restart, or switched, and watched until it did. Liveness tells, not words."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol

from sciabc_tui.api.works import Step
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node
from sciabc_tui.cluster.observations import Goodbye
from sciabc_tui.cluster.powering import is_back, is_gone, last_seen
from sciabc_tui.cluster.powering_drivers import Turn
from sciabc_tui.cluster.roster import HEAD
from sciabc_tui.cluster.state import State
from sciabc_tui.head.dial import dial
from sciabc_tui.head.errors import ContactFailed, Unreachable
from sciabc_tui.head.ports import Clock, Hub
from sciabc_tui.head.power_drivers import SwitchFailed
from sciabc_tui.head.power_scripts import power
from sciabc_tui.head.power_talk import Hear
from sciabc_tui.head.work_telling import Tell

Halt = Literal["reboot", "poweroff"]

_LET = "let its user shut down (docs/power.md)"

_ASK_WITHIN = 30.0
_DIAL_WITHIN = 1.5


class Voices(Protocol):
    """Lets nodes run scripts: `sciabc_tui.head.power_talk.Talks` is the real one."""

    async def tell(self, node: NodeId, script: str, hear: Hear) -> None:
        """Let a node run a script to its end; raises `ContactFailed`."""
        ...


class Switches(Protocol):
    """Switches power: `sciabc_tui.head.power_drivers.Drivers` is the real one."""

    def why_not(self, node: str, turn: Turn) -> SwitchFailed | None:
        """Say why a node can't be switched so; None if it can."""
        ...

    async def turn(self, node: str, turn: Turn, state: State) -> None:
        """Switch a node on or off; raises `SwitchFailed`."""
        ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long is waited for what, in seconds.

    Attributes:
        off: For a board that halts: systemd ends a service that does not by force after 90 s
            (systemd-system.conf(5), DefaultTimeoutStopSec).
        cut: For one whose power was switched off.
        back: For one that starts: a Pi Zero from a slow card takes a minute and a half.
        quiet: For which its kernel must have answered nothing: after the network the disks are let go.
        look: Between two looks at that.
    """

    off: float = 120.0
    cut: float = 45.0
    back: float = 240.0
    quiet: float = 5.0
    look: float = 0.5


async def answers(node: Node) -> bool:
    """Does its kernel answer at the SSH port, be it with a refusal?"""
    if not node.address:
        return False
    try:
        connection = await dial(node.address, node.port, within=_DIAL_WITHIN)
    except Unreachable as found:
        return found.answered
    connection.close()
    return True


class Boards:
    """What can be done with one board. Each raises `SwitchFailed` if it did not come to that."""

    def __init__(
        self,
        hub: Hub,
        clock: Clock,
        voices: Voices,
        switches: Switches,
        *,
        bounds: Bounds | None = None,
        answers: Callable[[Node], Awaitable[bool]] = answers,
    ) -> None:
        """Do nothing yet.

        Args:
            hub: The state, whose liveness decides.
            clock: The head's.
            voices: Asks boards.
            switches: Switches them.
            bounds: How long is waited.
            answers: Says whether a board's kernel answers.
        """
        self._hub = hub
        self._clock = clock
        self._voices = voices
        self._switches = switches
        self._bounds = bounds or Bounds()
        self._answers = answers

    async def halt(self, node: Node, password: str, tell: Tell) -> str:
        """Let a board halt itself, and see that it is gone; say how it went."""
        self._must_be_there(node, f"Next: sciabc-tui power cut {node.name}")
        begun = self._clock.monotonic()
        await self.ask(node, "poweroff", password, tell)
        await self._gone(node, self._bounds.off, "power off", tell)
        return f"off after {span(self._clock.monotonic() - begun)}"

    async def restart(self, node: Node, password: str, tell: Tell) -> str:
        """Let a board restart itself, and see it come back from another start of its kernel."""
        self._must_be_there(node, f"Next: sciabc-tui power cycle {node.name}")
        begun, boot = self._clock.monotonic(), node.facts.boot_id if node.facts else ""
        await self.ask(node, "reboot", password, tell)
        if not boot:
            await self._gone(node, self._bounds.off, "reboot", tell)
        await self._back(node, boot, self._bounds.off + self._bounds.back, "reboot", tell)
        return f"back after {span(self._clock.monotonic() - begun)}"

    async def switch_on(self, node: Node, tell: Tell) -> str:
        """Give a board power, and hear it."""
        if not is_gone(self._now(node)):
            return "is on already"
        begun = self._clock.monotonic()
        tell(Step(node.name, "power on", "running", "switched on"))
        await self._switches.turn(node.name, "on", self._hub.state)
        await self._heard(node, tell)
        return f"on, heard after {span(self._clock.monotonic() - begun)}"

    async def cut(self, node: Node, tell: Tell) -> str:
        """Take a board's power away, and see that it is gone."""
        begun = self._clock.monotonic()
        tell(Step(node.name, "cut", "running", "switched off"))
        await self._switches.turn(node.name, "off", self._hub.state)
        await self._gone(node, self._bounds.cut, "cut", tell)
        return f"off after {span(self._clock.monotonic() - begun)}"

    async def cycle(self, node: Node, tell: Tell) -> str:
        """Take a board's power away and give it back."""
        if problem := self._switches.why_not(node.name, "on"):
            raise problem
        boot = node.facts.boot_id if node.facts else ""
        began = self._clock.monotonic()
        given = False
        try:
            await self.cut(node, tell)
            tell(Step(node.name, "cycle", "running", "gone, switched on"))
            await self._switches.turn(node.name, "on", self._hub.state)
            given = True
        finally:
            if not given:  # cancelled, or not seen gone: nobody asked to leave it without power
                with contextlib.suppress(SwitchFailed):
                    await self._switches.turn(node.name, "on", self._hub.state)
        await self._heard(node, tell, boot)
        return f"back after {span(self._clock.monotonic() - began)}"

    async def ask(self, node: Node, action: Halt, password: str, tell: Tell) -> None:
        """Ask a board to halt or restart; return when it said that it does, or was cut off by doing so."""
        words: list[str] = []
        word = "power off" if action == "poweroff" else "reboot"
        tell(Step(node.name, word, "running", "asked"))
        try:
            async with asyncio.timeout(_ASK_WITHIN):
                await self._voices.tell(node.id, power(action, password), words.append)
        except (ContactFailed, TimeoutError) as error:
            if not words:
                why = str(error) or "it does not answer"
                raise SwitchFailed(why, f"Next: sciabc-tui power cut {node.name}, or its plug") from error
        last, _, why = (words or ["silence"])[-1].partition(" ")
        match last:
            case "denied":
                raise SwitchFailed(*_denied(why))
            case "failed":
                raise SwitchFailed(f"it refuses to {word}: {why}", _look_there(node))
            case "going" | "trying":
                # said by the board itself, over SSH: a goodbye if there ever was one
                handles = [handle for handle, owner in self._hub.state.owners.items() if owner == node.id]
                self._hub.observe([Goodbye(handle) for handle in handles[:1]])
            case _:
                raise SwitchFailed("it said nothing of use", _look_there(node))

    def _now(self, node: Node) -> Node | None:
        return self._hub.state.nodes.get(node.id)

    def _must_be_there(self, node: Node, fix: str) -> None:
        now = self._now(node)
        if now is None or is_gone(now):
            raise SwitchFailed(f"is not there: {last_seen(now, self._hub.state.at)}", fix)

    async def _gone(self, node: Node, within: float, step: str, tell: Tell) -> None:
        """Wait until membership has given it up and its kernel has been silent for a while."""
        try:
            async with asyncio.timeout(within):
                await self._until(lambda state: is_gone(state.nodes.get(node.id)))
                tell(Step(node.name, step, "running", "went down, is its kernel silent?"))
                await self._silent(node)
        except TimeoutError as error:
            now = self._now(node)
            down = is_gone(now)
            why = "its kernel still answers" if down else last_seen(now, self._hub.state.at)
            fix = f"Next: look at its screen; then sciabc-tui power cut {node.name}, or its plug"
            raise SwitchFailed(f"did not go within {span(within)}: {why}", fix) from error

    async def _silent(self, node: Node) -> None:
        """Wait until looks that are `quiet` seconds apart, and all between them, found nobody."""
        since: float | None = None
        while True:
            at = self._clock.monotonic()
            if await self._answers(self._now(node) or node):
                since = None
            elif since is None:
                since = at
            elif at - since >= self._bounds.quiet:
                return
            await asyncio.sleep(self._bounds.look)

    async def _back(self, node: Node, boot: str, within: float, step: str, tell: Tell) -> None:
        try:
            async with asyncio.timeout(within):
                if is_back(self._now(node), ""):
                    await self._until(
                        lambda state: (
                            is_back(state.nodes.get(node.id), boot)
                            or not is_back(state.nodes.get(node.id), "")
                        )
                    )
                    tell(Step(node.name, step, "running", "went down"))
                await self._until(lambda state: is_back(state.nodes.get(node.id), boot))
        except TimeoutError as error:
            now = self._now(node)
            same = now is not None and is_back(now, "")
            why = "it did not restart" if same else last_seen(now, self._hub.state.at)
            fix = f"Next: look at its screen; then sciabc-tui power cycle {node.name}, or its plug"
            raise SwitchFailed(f"is not back within {span(within)}: {why}", fix) from error

    async def _heard(self, node: Node, tell: Tell, boot: str = "") -> None:
        """Wait for a sign of life; from one that was ready, for readings."""
        if boot:
            await self._back(node, boot, self._bounds.back, "power on", tell)
            return
        try:
            async with asyncio.timeout(self._bounds.back):
                await self._until(lambda state: not is_gone(state.nodes.get(node.id)))
        except TimeoutError as error:
            fix = "Next: is it plugged where power.drivers says? Does its card boot?"
            raise SwitchFailed(f"was not heard within {span(self._bounds.back)}", fix) from error

    async def _until(self, holds: Callable[[State], bool]) -> None:
        state = self._hub.state
        while not holds(state):
            state = await self._hub.changed(state.revision)


def _look_there(node: Node) -> str:
    return "Next: see its journal" if node.id == HEAD else f"Next: ssh {node.address}, look there"


def _denied(why: str) -> tuple[str, str]:
    low = why.lower()
    if "incorrect password" in low or "try again" in low:
        return "sudo there refuses the password", "Next: give the password of its user once more"
    if "password" in low and "required" in low:
        return "sudo there wants a password", f"Next: add --password, or {_LET}"
    who = "its user may not do that"
    return (f"{who}: {why}" if why else who), f"Next: {_LET}"
