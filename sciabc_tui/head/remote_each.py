"""Does a thing that blocks with many nodes, some at once, and tells what happens as it happens."""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from sciabc_tui.api.works import Ended, Part, Step
from sciabc_tui.head.remote_talk import CopyFailed, Talk
from sciabc_tui.head.remote_wording import size_text

AT_ONCE = 16
"""Nodes that are copied to or from at the same time: they share the head's one cable."""

TELL = 0.25
"""Seconds between two words on how far a node is."""

_END_WITHIN = 5.0

Tell: TypeAlias = Callable[[Part], None]


@dataclass(slots=True)
class Progress:
    """Tells how far a node is, now and then."""

    node: str
    size: int
    tell: Tell
    done: int = 0
    told_at: float = field(default=float("-inf"))

    def add(self, count: int) -> None:
        """Count so many bytes more."""
        self.done += count
        now = time.monotonic()
        if now - self.told_at >= TELL:
            self.told_at = now
            text = f"{size_text(self.done)} of {size_text(self.size)}"
            self.tell(Step(self.node, "copy", "running", text, share=self.done / self.size))


class Errand(Protocol):
    """What is done with one node."""

    def run(self, tell: Tell, /) -> Ended:
        """Do it, and say how it ended. Blocks."""
        ...

    def end(self) -> None:
        """Make it end, from another thread."""
        ...


def visited(name: str, talk: Talk, copy: Callable[[Tell], Ended], tell: Tell) -> Ended:
    """Copy to or from a node while one talks with it; say how that ended."""
    tell(Step(name, "copy", "running", "looking"))
    try:
        with talk:
            return copy(tell)
    except CopyFailed as failure:
        return Ended(name, ok=False, text=str(failure), fix=failure.fix)


class _Outbox:
    """What is to be told: of how far a node is only the newest, so that a slow listener costs no memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._parts: list[Part | BaseException] = []
        self._running: dict[str, Step] = {}

    def put(self, part: Part | BaseException) -> None:
        """Put something in, from any thread."""
        with self._lock:
            if isinstance(part, Step) and part.outcome == "running":
                self._running[part.node] = part
            else:
                if isinstance(part, Ended):
                    self._running.pop(part.node, None)
                self._parts.append(part)
        self._loop.call_soon_threadsafe(self._news.set)

    async def take(self) -> Sequence[Part | BaseException]:
        """Wait for something, and take it all out."""
        await self._news.wait()
        self._news.clear()
        with self._lock:
            found = [*self._running.values(), *self._parts]
            self._running, self._parts = {}, []
        return found


async def each(errands: Sequence[Errand]) -> AsyncGenerator[Part, None]:
    """Run errands; when this is closed, they are made to end."""
    outbox = _Outbox()
    threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sciabc-copy")
    loop = asyncio.get_running_loop()
    futures = [loop.run_in_executor(threads, _run, errand, outbox) for errand in errands]
    left = len(errands)
    try:
        while left:
            for part in await outbox.take():
                if isinstance(part, BaseException):
                    raise part
                left -= isinstance(part, Ended)
                yield part
    finally:
        for errand in errands:
            errand.end()
        threads.shutdown(wait=False, cancel_futures=True)
        if pending := [future for future in futures if not future.done()]:
            await asyncio.wait(pending, timeout=_END_WITHIN)


def _run(errand: Errand, outbox: _Outbox) -> None:
    try:
        outbox.put(errand.run(outbox.put))
    except BaseException as error:  # noqa: BLE001 - it is raised by whoever listens
        outbox.put(error)
