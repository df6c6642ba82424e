"""The settings screen: every setting, its source, and what to write where."""

from pathlib import Path

import pytest
from textual.events import Key

from sciabc_tui.config import Loaded, load
from sciabc_tui.tui.present import settings
from sciabc_tui.tui.present.cells import line_width
from sciabc_tui.tui.present.glyphs import ASCII, UNICODE
from sciabc_tui.tui.screens.dashboard import DashboardScreen
from sciabc_tui.tui.screens.settings import SettingsScreen
from tests.tui import states
from tests.tui.client import CapturingClient
from tests.tui.screens import SMALL, WIDE, Stage, on_stage
from tests.tui.views import text


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    """Read settings from a file and the environment; the others are the defaults."""
    file = tmp_path / "config.toml"
    file.write_text('[cluster]\nuser = "pi\\u001b[31m[/x]"\n[panel]\nlamp = "off"\n')
    return load(file=file, environ={"SCIABC_PANEL_SIZE": "20x4", "SCIABC_CLUSTER_NODES": "a,b"})


def rows(loaded: Loaded, wanted: str = "", width: int = 200) -> dict[str, str]:
    """Give the rows by their settings."""
    return {row.key: text(row.cells) for row in settings.table(loaded, width, wanted, UNICODE).rows}


def test_every_setting_has_a_row_with_its_source(loaded: Loaded) -> None:
    """Each with its value as a file would have it, and `default`, the file or the variable."""
    shown = rows(loaded)
    assert list(shown) == [setting.key for setting in loaded.effective]
    assert shown["panel.size"].split() == ["panel.size", '"20x4"', "$SCIABC_PANEL_SIZE"]
    assert shown["panel.lcd"].split() == ["panel.lcd", '"auto"', "default"]
    assert shown["panel.lamp"].split() == ["panel.lamp", '"off"', str(loaded.files[-1])]
    assert '["a", "b"]' in shown["cluster.nodes"]


def test_the_title_counts_what_is_not_as_by_default(loaded: Loaded) -> None:
    """It says so in words."""
    assert settings.table(loaded, 80, "", UNICODE).title == "Settings  4 not as by default"
    assert settings.table(load(environ={}), 80, "", UNICODE).note == str(len(loaded.effective))


def test_each_setting_tells_what_it_means_and_where_to_write_it(loaded: Loaded) -> None:
    """Below the list: meaning, value, source, the file with its section, and the variable."""
    for setting in loaded.effective:
        shown = " ".join(
            " ".join(text(line) for line in settings.detail(loaded, setting.key, 200, UNICODE)).split()
        )
        section, _, name = setting.key.partition(".")
        assert " ".join(setting.about.split()) in shown
        assert f"in {loaded.files[-1]}, below [{section}]: {name} = ..." in shown
        assert f"SCIABC_{section}_{name}=".upper() in shown
        assert "sciabc-tui config" in shown
    assert "from $SCIABC_PANEL_SIZE" in text(settings.detail(loaded, "panel.size", 200, UNICODE)[2])
    assert settings.detail(loaded, "no.such", 80, UNICODE) == ()


def test_what_it_says_to_write_does_it(tmp_path: Path) -> None:
    """Each setting, written as it is shown below its section into the named file, is read from there."""
    effective = load(environ={}).effective
    file = tmp_path / "config.toml"
    for setting in effective:
        section, _, name = setting.key.partition(".")
        file.write_text(f"[{section}]\n{name} = {setting.toml}\n")
        again = {one.key: one for one in load(file=file, environ={}).effective}
        assert again[setting.key].value == setting.value
        assert again[setting.key].source == str(file)


def test_the_filter_looks_everywhere(loaded: Loaded) -> None:
    """In keys, values, sources and meanings, whatever the case."""
    assert list(rows(loaded, "PANEL.SIZE")) == ["panel.size"]
    assert "panel.size" in rows(loaded, "20x4")
    assert "panel.size" in rows(loaded, "sciabc_panel")
    assert "jobs.log_limit" in rows(loaded, "newest")
    table = settings.table(loaded, 80, "zzzz", UNICODE)
    assert (table.rows, table.empty) == ((), "no setting matches")


@pytest.mark.parametrize("width", [57, 77, 137, 197])
def test_lines_fit_and_are_plain(loaded: Loaded, width: int) -> None:
    """A value from a file may hold anything; nothing but printable cells is shown, and none too wide."""
    for glyphs in (UNICODE, ASCII):
        table = settings.table(loaded, width, "", glyphs)
        lines = [row.cells for row in table.rows]
        for setting in loaded.effective:
            lines += settings.detail(loaded, setting.key, width, glyphs)
        assert all(line_width(line) <= width + 3 for line in lines)
        assert all(text(line).isprintable() for line in lines)


async def _open(stage: Stage) -> None:
    await stage.press("comma")
    await stage.until_text("As this screen read them")


@pytest.mark.parametrize("size", [SMALL, WIDE, (60, 20)])
async def test_every_setting_can_be_reached(loaded: Loaded, size: tuple[int, int]) -> None:
    """At every size the cursor walks from the first to the last, and the part below tells of it."""
    client = CapturingClient(states.ready())
    async with on_stage(client, size, loaded=loaded) as stage:
        await _open(stage)
        for setting in loaded.effective:
            await stage.until_text(f" {setting.key} ")
            await stage.until_text("to change")
            await stage.press("j")
        assert client.asked == []


async def test_the_filter_loses_no_key(loaded: Loaded) -> None:
    """What is typed behind `/` in one burst is in the filter; Enter keeps it, Esc takes it away."""
    async with on_stage(CapturingClient(states.ready()), loaded=loaded) as stage:
        await _open(stage)
        for key in ("slash", *"20x4"):
            stage.app.post_message(Key(key, "/" if key == "slash" else key))
        await stage.until_text("1 of ")
        await stage.press("enter", "j", "k")
        assert "Columns x rows" in stage.text
        await stage.press("escape")
        assert isinstance(stage.app.screen, SettingsScreen)
        await stage.until(lambda: "1 of " not in stage.text)
        await stage.press("escape")
        assert isinstance(stage.app.screen, DashboardScreen)


async def test_it_is_there_without_settings_and_without_a_service() -> None:
    """Opened on a screen that was given none, or before any service answers, it says so and goes back."""
    async with on_stage(CapturingClient(), waiting=True) as stage:
        await _open(stage)
        assert "started without settings" in stage.text
        await stage.press("j", "enter", "escape")
        assert isinstance(stage.app.screen, DashboardScreen)
