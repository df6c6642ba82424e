"""A thread for what may hang: unlike an executor's, it does not hold up the end of the process."""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Task:
    act: Callable[[], object]
    done: "asyncio.Future[None]"
    loop: asyncio.AbstractEventLoop


class Worker:
    """Does one thing after the other, each in the same thread, which begins with the first."""

    def __init__(self, name: str) -> None:
        """Start nothing yet.

        Args:
            name: Of the thread.
        """
        self._name = name
        self._todo: queue.SimpleQueue[_Task | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def do(self, act: Callable[[], object]) -> None:
        """Have something done, and wait for it; what it raises is raised here.

        Cancelled, it is left out if it has not begun, and left to itself if it has.
        """
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        loop = asyncio.get_running_loop()
        task = _Task(act, loop.create_future(), loop)
        self._todo.put(task)
        await task.done

    def end(self) -> None:
        """Let the thread end when it has done what was asked for."""
        self._todo.put(None)

    def _run(self) -> None:
        while (task := self._todo.get()) is not None:
            if task.done.cancelled():
                continue
            error: Exception | None = None
            try:
                task.act()
            except Exception as raised:  # noqa: BLE001 - it is raised where it was asked for
                error = raised
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                task.loop.call_soon_threadsafe(_settle, task.done, error)


def _settle(done: "asyncio.Future[None]", error: Exception | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)
