"""How works tell what happens: tasks bring parts, a generator gives them on."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TypeAlias

from sciabc_tui.api.works import Part

Tell: TypeAlias = Callable[[Part], None]


async def told(do: Callable[[Tell], Awaitable[None]]) -> AsyncGenerator[Part, None]:
    """Let something be done, and give what it tells as it tells it.

    Each part may be waited for in a task of its own; what is done runs in one that this generator owns: it
    is cancelled, and waited for, when the generator is closed.
    """
    parts: asyncio.Queue[Part | None] = asyncio.Queue()

    async def run() -> None:
        try:
            await do(parts.put_nowait)
        finally:
            parts.put_nowait(None)

    owned = asyncio.get_running_loop().create_task(run())
    try:
        while (part := await parts.get()) is not None:
            yield part
        await owned
    finally:
        owned.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await owned
