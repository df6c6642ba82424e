"""The SSH sessions that are open now, so that whoever needs one there opens none of his own."""

import asyncio

from sciabc_tui.cluster.ids import NodeId
from sciabc_tui.head.ssh import Stream


class Sessions:
    """Knows the stream of each node; the contacts bring and take them."""

    def __init__(self) -> None:
        self._open: dict[NodeId, Stream] = {}
        self._news = asyncio.Event()

    def opened(self, node: NodeId, stream: Stream) -> None:
        """Take in a stream; it takes the place of the node's former one."""
        self._open[node] = stream
        self._news.set()

    def closed(self, node: NodeId, stream: Stream) -> None:
        """Let go of a stream, unless another one has taken its place."""
        if self._open.get(node) is stream:
            del self._open[node]

    async def of(self, node: NodeId) -> Stream:
        """Give a node's stream; wait until there is one."""
        while (stream := self._open.get(node)) is None:
            self._news.clear()
            await self._news.wait()
        return stream
