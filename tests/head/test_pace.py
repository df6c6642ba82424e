"""The pace: no more than so many a second, the urgent first, nobody's turn lost."""

import asyncio
import time

import pytest

from sciabc_tui.head.pace import Pace


async def test_turns_come_evenly() -> None:
    """Ten turns at fifty a second take nine gaps."""
    pace = Pace(50.0)
    began = time.monotonic()
    for _ in range(10):
        await pace.turn()
    assert time.monotonic() - began >= 9 / 50 - 0.01


async def test_the_urgent_overtake(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is called for does not wait behind a thousand that nobody asked for; each line keeps its order."""
    pace = Pace(200.0)
    order: list[str] = []

    async def come(name: str, *, urgent: bool) -> None:
        await pace.turn(urgent=urgent)
        order.append(name)

    loop = asyncio.get_running_loop()
    now = loop.time()
    async with asyncio.TaskGroup() as group:
        with monkeypatch.context() as patch:
            patch.setattr(loop, "time", lambda: now)  # nobody's turn comes before all of them are there
            for name in ("first", "a", "b", "c"):
                group.create_task(come(name, urgent=False))
            for name in ("U", "V"):
                group.create_task(come(name, urgent=True))
            await asyncio.sleep(0)
    assert order == ["first", "U", "V", "a", "b", "c"]


async def test_who_gives_up_costs_no_turn() -> None:
    """A caller that is cancelled while it waits leaves its turn to the next."""
    pace = Pace(20.0)
    await pace.turn()
    async with asyncio.TaskGroup() as group:
        leaving = [group.create_task(pace.turn()) for _ in range(1000)]
        await asyncio.sleep(0)
        for task in leaving:
            task.cancel()
    began = time.monotonic()
    await pace.turn()
    assert time.monotonic() - began < 10.0, "theirs would be fifty seconds"
