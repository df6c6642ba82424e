"""How often screens look by themselves."""

from collections import Counter
from collections.abc import Callable
from typing import Any, cast

import pytest
from textual.timer import Timer

from sciabc_tui.tui.app import ClusterApp
from sciabc_tui.tui.screens.base import ClusterScreen
from tests.tui import states
from tests.tui.client import CapturingClient


@pytest.mark.parametrize(
    "keys", [(), ("enter",), ("n",), ("p",), ("e",), ("?",), (",",), ("a",), ("tab", "enter")], ids=str
)
async def test_a_screen_has_one_timer(keys: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """Two would send twice as much over a slow line; Textual calls the handlers of base classes by itself."""
    begun: Counter[str] = Counter()
    begin = ClusterScreen.set_interval

    def counted(
        screen: ClusterScreen, interval: float, callback: Callable[[], object], **rest: object
    ) -> Timer:
        begun[type(screen).__name__] += interval == screen.PERIOD
        return begin(screen, interval, callback, **cast("Any", rest))

    monkeypatch.setattr(ClusterScreen, "set_interval", counted)
    client = CapturingClient(states.lost())
    app = ClusterApp(lambda: client)
    async with app.run_test(size=(80, 24)) as pilot:
        while app.view().state is None:
            await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        while type(app.screen).__name__ not in begun:
            await pilot.pause()
        assert set(begun.values()) == {1}
