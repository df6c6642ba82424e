"""Boards that blink, so that one sees which they are; told by notices, while another screen is used."""

from collections.abc import Callable

from textual.message import Message

from sciabc_tui.api.powering import IdentifyWish
from sciabc_tui.api.works import Begun, Ended, Part, Step
from sciabc_tui.cluster.nodeset import fold
from sciabc_tui.errors import SciabcError
from sciabc_tui.tui.messages import Accepted, Refused
from sciabc_tui.tui.ports import ClusterClient
from sciabc_tui.tui.present.cells import plain

SECONDS = 30.0
"""How long boards blink."""


class Blinking:
    """Lets boards blink until the time is over or it is stopped.

    Args:
        names: Of the nodes.
        client: Does this and no other work.
        post: Takes notices, from any thread.
    """

    def __init__(
        self, names: tuple[str, ...], client: ClusterClient, post: Callable[[Message], object]
    ) -> None:
        self._names = names
        self._client = client
        self._post = post
        self._waiting = set(names)
        self._blink: list[str] = []
        self._told = False
        self._stopped = False
        self.over = False

    def run(self) -> Message:
        """Do it; blocks until the end, and gives the last notice."""
        try:
            self._client.work(IdentifyWish(self._names, SECONDS), self._hear)
        except SciabcError as error:
            if not self._stopped:
                return Refused(str(error))
        finally:
            self.over = True
        some = plain(fold(self._blink))
        return Accepted(f"{some}: blinks no more" if some else "no board blinks")

    def stop(self) -> None:
        """Let them blink no more; does not block."""
        self._stopped = True
        self._client.stop_works()

    def _hear(self, part: Part) -> None:
        match part:
            case Begun(nodes):
                self._waiting = set(nodes)
            case Step(node, outcome="running" | "done") if node in self._waiting:
                self._blink.append(node)
                self._waiting.discard(node)
            case Ended(node, ok=False):
                self._waiting.discard(node)
                self._blink = [name for name in self._blink if name != node]
                why = f"{part.text}. {part.fix}" if part.fix else part.text
                self._post(Refused(f"{node}: {why}"))
            case Ended(node):
                self._waiting.discard(node)
            case _:
                return
        if self._blink and not self._waiting and not self._told:
            self._told = True
            self._post(Accepted(f"{plain(fold(self._blink))}: blinks for {SECONDS:.0f} s; i or esc ends it"))
