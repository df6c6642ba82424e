"""The SSH sessions that are open now, so that whoever needs one there opens none of his own."""

import asyncio
from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.head.keys import Transport
from sciabc_tui.head.ssh import Stream


class Sessions:
    """Knows the stream of each node; the contacts bring and take them."""

    def __init__(self) -> None:
        self._open: dict[NodeId, Stream] = {}
        self._news = asyncio.Event()
        self._held: Counter[NodeId] = Counter()

    def opened(self, node: NodeId, stream: Stream) -> None:
        """Take in a stream; it takes the place of the node's former one."""
        self._open[node] = stream
        self._news.set()

    def closed(self, node: NodeId, stream: Stream) -> None:
        """Let go of a stream, unless another one has taken its place."""
        if self._open.get(node) is stream:
            del self._open[node]

    async def of(self, node: NodeId, other_than: Transport | None = None) -> Stream:
        """Give a node's stream; wait until there is one, or another than that which was cut off."""
        while (stream := self._open.get(node)) is None or stream.session is other_than:
            self._news.clear()
            await self._news.wait()
        return stream

    @contextmanager
    def hold(self, nodes: Iterable[NodeId]) -> Generator[None, None, None]:
        """Keep the sessions of these nodes from being opened anew for the sake of their period."""
        held = tuple(nodes)
        self._held.update(held)
        try:
            yield
        finally:
            self._held.subtract(held)

    def is_held(self, node: NodeId) -> bool:
        """Tell whether somebody works on the session of a node."""
        return self._held[node] > 0
