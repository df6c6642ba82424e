"""Each private name of Textual that is touched is there, and without it Textual goes its own way."""

import ast
import inspect
import sys
from pathlib import Path
from typing import Any

import pytest
import textual
from textual import _compositor
from textual import screen as screens
from textual.app import App

from sciabc_tui.tui.hooks import FRAME_SECONDS, hasten
from tests.tui.terminal import Terminal

ROOT = Path(__file__).parents[2]

# Run in a terminal: the screen, with one thing broken.
_BROKEN = """
import logging, sys
from sciabc_tui.tui import hooks
from tests.tui import play

logging.basicConfig(filename=sys.argv[1], level=logging.ERROR)
{harm}
sys.exit(play.main(["running"]))
"""


@pytest.mark.parametrize("name", ["_batch_count", "_closed", "_driver", "_running", "_sync_available"])
def test_app_has(name: str) -> None:
    """What the display of frames depends on is there in the pinned version."""
    assert hasattr(App[None](), name)


def test_display_is_called_as_it_was() -> None:
    """The compositor's updates come to the method that is overridden, with a screen and what to render."""
    display: Any = getattr(App, "_display")  # noqa: B009 (its type is not known in full)
    assert list(inspect.signature(display).parameters) == ["self", "screen", "renderable"]
    assert "app._display(self, update)" in Path(textual.__file__).with_name("screen.py").read_text()


def test_updates_are_made_as_they_were() -> None:
    """Both kinds of updates say by the same names what changed."""
    whole = inspect.signature(_compositor.LayoutUpdate).parameters
    part = inspect.signature(_compositor.ChopsUpdate).parameters
    assert list(whole) == ["strips", "region"]
    assert list(part) == ["chops", "spans", "chop_ends"]


async def test_frames_follow_soon_on_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Textual takes the least time between frames from where we put it; what the user says goes first."""
    monkeypatch.setattr(screens, "UPDATE_PERIOD", 1 / 60)
    monkeypatch.setenv("TEXTUAL_FPS", "60")
    hasten()
    assert await _period() == pytest.approx(1 / 60)
    monkeypatch.delenv("TEXTUAL_FPS")
    hasten()
    assert await _period() == pytest.approx(FRAME_SECONDS)
    monkeypatch.delattr(screens, "UPDATE_PERIOD")
    hasten()
    assert not hasattr(screens, "UPDATE_PERIOD")


async def _period() -> float:
    app = App[None]()
    async with app.run_test():
        timer: Any = getattr(app.screen, "_update_timer")  # noqa: B009 - as above
        return float(timer._interval)


def test_private_names_stand_in_one_file() -> None:
    """Outside `hooks` nothing of the screen reads a private name of another object."""
    found: list[str] = []
    for path in (ROOT / "sciabc_tui" / "tui").rglob("*.py"):
        if path.name == "hooks.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Attribute) or not node.attr.startswith("_") or node.attr[1:2] == "_":
                continue
            if not (isinstance(node.value, ast.Name) and node.value.id in {"self", "cls"}):
                found.append(f"{path.name}:{node.lineno} {node.attr}")
    assert found == []


def seat(harm: str, log: Path) -> Terminal:
    """Run the screen with a harm."""
    return Terminal([sys.executable, "-c", _BROKEN.format(harm=harm), str(log)], cwd=ROOT)


@pytest.mark.parametrize(
    "harm",
    [
        pytest.param("hooks._pieces = lambda update: 1 / 0", id="an update of another kind"),
        pytest.param("hooks.OutputApp._typing_at = lambda self, _: self._no_such_name", id="a name is gone"),
    ],
)
def test_surprise_leads_to_the_stock_path(harm: str, tmp_path: Path) -> None:
    """When Textual is not as expected, it paints by itself, and the log has one line of it."""
    log = tmp_path / "log"
    with seat(harm, log) as terminal:
        terminal.until("node03", within=30)
        terminal.press(b"?")
        terminal.until("Keys")
        terminal.press(b"\x1b")
        terminal.until(lambda text: "Keys" not in text)
        assert b"\x1b[6n" not in terminal.raw
        terminal.press(b"q")
        assert terminal.wait() == 0
        assert 1049 not in terminal.modes
    assert log.read_text().count("Textual's own way") == 1
