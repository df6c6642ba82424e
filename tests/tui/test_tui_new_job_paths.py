"""What the program's field offers: programs that ran, those of ours, and paths."""

import os
from pathlib import Path

import pytest
from textual.widgets import Input

from sciabc_tui.tui import paths
from sciabc_tui.tui.paths import complete
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.new_job import NewJobScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import Stage, on_stage


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a home, which is the working directory too, with programs and other things in it."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, mode in (("sim10", 0o755), ("sim2", 0o755), ("simple.py", 0o644), ("sim.txt", 0o644)):
        (tmp_path / name).write_text("")
        (tmp_path / name).chmod(mode)
    (tmp_path / "simulations").mkdir()
    (tmp_path / "simulations" / "wave").write_text("")
    (tmp_path / "simulations" / "wave").chmod(0o755)
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "sim\x1b[31m").mkdir()
    (tmp_path / "sim-broken").symlink_to("nowhere")
    return tmp_path


def test_programs_and_folders_are_offered(folder: Path) -> None:
    """In natural order, as they were begun; no data, nothing hidden, no broken link, no escape sequence."""
    assert complete("sim") == ("sim2", "sim10", "simple.py", "simulations/")
    assert complete("~/simu") == ("~/simulations/",)
    assert complete(f"{folder}/simulations/") == (f"{folder}/simulations/wave",)
    assert complete("sim", folders=True) == ("simulations/",)
    assert complete(".h") == (".hidden/",)
    assert complete("~") == ("~/",)


@pytest.mark.parametrize("text", ["/nowhere/x", "~nobody-of-that-name/x", "sim2/x", "a\0/b", "~nob"])
@pytest.mark.usefixtures("folder")
def test_what_is_not_there_offers_nothing(text: str) -> None:
    """No path is an error while one types it."""
    assert complete(text) == ()


def test_a_large_folder_is_looked_at_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a listing nor an answer grows without bounds."""
    monkeypatch.setattr(paths, "MOST_LOOKED_AT", 50)
    monkeypatch.setattr(paths, "MOST_OFFERED", 7)
    for number in range(100):
        (tmp_path / f"{number}").mkdir()
    assert len(complete(f"{tmp_path}/")) == 7


def _program(stage: Stage) -> str:
    return stage.app.screen.query_one("#program", Input).value


async def test_down_offers_what_ran_and_what_comes_with_us() -> None:
    """Each value stands in the field at once, so that Enter runs it; Esc takes it back, then leaves."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("n", "down")
        await stage.until_text("▸ /srv/jobs/mergesort.py")
        assert _program(stage) == "/srv/jobs/mergesort.py"
        await stage.press("down")
        await stage.until_text("▸ powers")
        await stage.press("up", "up")
        await stage.until(lambda: _program(stage) == "hello")
        await stage.press("down", "escape")
        await stage.until(lambda: _program(stage) == "hello")
        assert isinstance(stage.app.screen, NewJobScreen)
        assert "powers" not in stage.text.split("ctrl+o")[0]
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)


@pytest.mark.usefixtures("folder")
async def test_right_and_tab_complete_a_path() -> None:
    """Tab as far as all agree, right the first; in a folder its content is offered; Tab then goes on."""
    async with on_stage(CapturingClient(states.ready())) as stage:
        await stage.press("n", "backspace", *"./simu")
        await stage.until_text("./simulations/")
        await stage.press("tab")
        await stage.until_text("./simulations/wave")
        assert _program(stage) == "./simulations/"
        await stage.press("right")
        await stage.until(lambda: _program(stage) == "./simulations/wave")
        focused = stage.app.screen.focused
        assert focused is not None
        assert focused.id == "program"
        await stage.press("tab")
        assert stage.app.screen.focused is stage.app.screen.query_one("#arguments")


async def test_a_relative_program_is_sent_whole(folder: Path) -> None:
    """The service has another working directory than the one who types."""
    client = CapturingClient(states.ready())
    async with on_stage(client) as stage:
        await stage.press("n", "backspace", *"sim1")
        await stage.until_text("sim10")
        await stage.press("down", "enter")
        await stage.until(lambda: [call for call in client.asked if call[0] == "submit"])
        [request] = [call[1] for call in client.asked if call[0] == "submit"]
        assert getattr(request, "program", "") == os.fspath(folder / "sim10")
