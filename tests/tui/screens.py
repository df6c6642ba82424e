"""Runs the application without a terminal, and looks at it."""

import asyncio
import io
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from rich.console import Console
from textual.pilot import Pilot

from sciabc_tui.config import Loaded
from sciabc_tui.tui.app import ClusterApp
from sciabc_tui.tui.looks import Looks
from sciabc_tui.tui.present.glyphs import UNICODE, Glyphs
from tests.tui.client import CapturingClient

SMALL = (80, 24)
WIDE = (140, 40)


@dataclass
class Ticker:
    """A clock that stands still until a test moves it."""

    now: float = 500.0

    def __call__(self) -> float:
        """Give the time."""
        return self.now


@dataclass(frozen=True)
class Shot:
    """A screen as it is now."""

    text: str
    svg: str


@dataclass
class Stage:
    """A running application and what a test holds of it."""

    app: ClusterApp
    pilot: Pilot[None]
    client: CapturingClient
    clock: Ticker = field(default_factory=Ticker)

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition, for half a minute at most."""
        async with asyncio.timeout(30):
            while not condition():
                await self.pilot.pause()

    async def until_text(self, text: str) -> None:
        """Wait until a text is on the screen."""
        await self.until(lambda: text in self.text)
        await self.pilot.pause()  # what came with it is laid out

    async def press(self, *keys: str) -> None:
        """Press keys and let the screen settle."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    @property
    def text(self) -> str:
        """The whole screen, line by line."""
        return self._record().export_text().rstrip("\n") + "\n"

    def shot(self) -> Shot:
        """Take a picture."""
        text = "".join(f"{line.rstrip()}\n" for line in self.text.splitlines())
        return Shot(text, self._record().export_svg(title="sciabc-tui", unique_id="terminal-0"))

    def _record(self) -> Console:
        width, height = self.app.size
        console = Console(
            width=width,
            height=height,
            file=io.StringIO(),
            force_terminal=True,
            color_system="truecolor",
            record=True,
            legacy_windows=False,
            safe_box=False,
        )
        app = cast("Any", self.app)  # its compositor is private, and Textual leaves a screen's type open
        update = app.screen._compositor.render_update(
            full=True, screen_stack=app._background_screens, simplify=True
        )
        console.print(update)
        return console


@asynccontextmanager
async def on_stage(
    client: CapturingClient,
    size: tuple[int, int] = SMALL,
    *,
    glyphs: Glyphs = UNICODE,
    waiting: bool = False,
    loaded: Loaded | None = None,
    surprises: bool = False,
    looks: Looks | None = None,
) -> AsyncGenerator[Stage]:
    """Run the application on a client; wait for its first state unless `waiting` for none.

    An unexpected error, which the application survives, fails the test unless there may be `surprises`.
    """
    clock = Ticker()
    app = ClusterApp(
        lambda: client,
        clock=clock,
        looks=looks or Looks(glyphs),
        ticking=False,
        log_name="tui.log",
        loaded=loaded,
    )
    async with app.run_test(size=size, notifications=True) as pilot:
        stage = Stage(app, pilot, client, clock)
        await stage.until(lambda: waiting or app.view().state is not None)
        await pilot.pause()
        yield stage
        assert surprises or app.surprises.count == 0, "an unexpected error; see the captured log"
