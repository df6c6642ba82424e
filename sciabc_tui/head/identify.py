"""The work `identify`: boards blink, so that one sees which they are."""

import asyncio
import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

from sciabc_tui.api.powering import IdentifyWish
from sciabc_tui.api.works import Begun, Ended, Over, Part, Step
from sciabc_tui.cluster.durations import span
from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.cluster.node import Node
from sciabc_tui.head.errors import ContactFailed
from sciabc_tui.head.ports import Hub
from sciabc_tui.head.power_board import Voices
from sciabc_tui.head.power_scripts import LEDS, RUN, identify
from sciabc_tui.head.remote_nodes import chosen
from sciabc_tui.head.work_telling import Tell, told

_GRACE = 20.0
"""Seconds beyond its time after which a board that says nothing is given up."""

_NO_LED = "it has no activity LED that Linux knows of"


class Identify:
    """Lets boards blink. One that blinks already is left alone: it would restore the blinking afterwards."""

    def __init__(self, hub: Hub, voices: Voices, *, leds: str = LEDS, run: str = RUN) -> None:
        """Take who asks boards, where the kernel has their LEDs, and where they note what those showed."""
        self._hub = hub
        self._voices = voices
        self._leds = leds
        self._run = run
        self._blinking: set[NodeId] = set()

    async def work(self, wish: IdentifyWish, by: str) -> AsyncGenerator[Part, None]:
        """Blink, and tell of it; closed, the boards stop within seconds.

        Raises:
            NotFound: There is no such node.
            CommandRefused: None was named, or two have that name.
        """
        del by  # nothing stays of it
        nodes = chosen(self._hub.state, wish.nodes)
        async with aclosing(told(partial(self._all, nodes, wish.seconds))) as parts:
            async for part in parts:
                yield part

    async def _all(self, nodes: tuple[Node, ...], seconds: float, tell: Tell) -> None:
        tell(Begun(tuple(node.name for node in nodes)))
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(self._one(node, seconds, tell))
        tell(Over())

    async def _one(self, node: Node, seconds: float, tell: Tell) -> None:
        if node.id in self._blinking:
            tell(Ended(node.name, ok=True, text="blinks already"))
            return
        self._blinking.add(node.id)
        try:
            tell(await self._blink(node, seconds, tell))
        finally:
            self._blinking.discard(node.id)

    async def _blink(self, node: Node, seconds: float, tell: Tell) -> Ended:
        words: list[str] = []

        def hear(word: str) -> None:
            words.append(word)
            if word.startswith("blinks"):
                tell(Step(node.name, "blink", "running", f"its LED {_led(word)} blinks for {span(seconds)}"))

        try:
            async with asyncio.timeout(seconds + _GRACE):
                await self._voices.tell(node.id, identify(math.ceil(seconds), self._leds, self._run), hear)
        except (ContactFailed, TimeoutError) as error:
            why = str(error) or "it does not answer"
            return Ended(node.name, ok=False, text=why, fix="Next: sciabc-tui nodes")
        return _judged(node, words)


def _judged(node: Node, words: list[str]) -> Ended:
    last = words[-1] if words else ""
    if last.startswith("restored"):
        return Ended(node.name, ok=True, text=f"blinked: {_led(words[0])}")
    if last.startswith("denied"):
        return Ended(
            node.name,
            ok=False,
            text=f"only root may switch its LED {_led(last)}",
            fix="Next: let its user use sudo without a password (docs/power.md)",
        )
    text = _NO_LED if last.startswith("none") else "its LED can't be switched"
    return Ended(node.name, ok=False, text=text, fix="Next: name it by hand, with a label on its case")


def _led(word: str) -> str:
    return word.partition(" ")[2]


class DemoIdentify:
    """Plays it: nothing blinks."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def work(self, wish: IdentifyWish, by: str) -> AsyncGenerator[Part, None]:
        """Tell what would be told of real boards.

        Raises:
            NotFound: There is no such node.
            CommandRefused: None was named, or two have that name.
        """
        del by
        nodes = chosen(self._hub.state, wish.nodes)
        yield Begun(tuple(node.name for node in nodes), simulated=True)
        for node in nodes:
            yield Step(node.name, "blink", "running", "SIMULATED: nothing blinks")
        await asyncio.sleep(wish.seconds)
        for node in nodes:
            yield Ended(node.name, ok=True, text="SIMULATED: nothing blinked")
        yield Over()
