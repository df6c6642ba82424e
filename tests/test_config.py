"""Settings: where they come from, and what a wrong one says."""

from pathlib import Path

import pytest

from sciabc_tui import config
from sciabc_tui.config import Settings, load
from sciabc_tui.errors import ConfigError


@pytest.fixture(autouse=True)
def no_system_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep this machine's own /etc out."""
    monkeypatch.setattr(config, "SYSTEM_FILE", tmp_path / "etc.toml")


def write(path: Path, text: str) -> Path:
    """Write a configuration file."""
    path.write_text(text, encoding="utf-8")
    return path


def test_without_any_file_the_defaults_hold() -> None:
    """A newcomer configures nothing."""
    loaded = load(environ={})
    assert loaded.settings == Settings()
    assert {setting.source for setting in loaded.effective} == {"default"}


def test_later_sources_win_and_each_setting_names_its_own(tmp_path: Path) -> None:
    """System file, user's file, environment; the others keep what was said before."""
    write(tmp_path / "etc.toml", '[panel]\nsize = "20x4"\ni2c_bus = 3\n[cluster]\nuser = "pi"\n')
    mine = write(tmp_path / "mine.toml", "[panel]\ni2c_bus = 4\n")
    loaded = load(file=mine, environ={"SCIABC_CLUSTER_USER": "ada"})
    found = {setting.key: (setting.value, setting.source) for setting in loaded.effective}
    assert found["panel.size"] == ("20x4", str(tmp_path / "etc.toml"))
    assert found["panel.i2c_bus"] == (4, str(mine))
    assert found["cluster.user"] == ("ada", "$SCIABC_CLUSTER_USER")
    assert found["panel.lcd"] == ("auto", "default")


def test_lists_and_truth_come_from_the_environment_too() -> None:
    """What TOML writes as a list is written with commas."""
    environ = {"SCIABC_CLUSTER_INTERFACES": "eth0,usb0", "SCIABC_JOBS_ALLOW_ROOT": "true"}
    settings = load(environ=environ).settings
    assert settings.cluster.interfaces == ("eth0", "usb0")
    assert settings.jobs.allow_root is True


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[panel]\ni2c_bus = 'one'\n", r"panel\.i2c_bus: expected `?int`?, got `?str"),
        ("[panel]\nsize = '40x4'\n", r"panel\.size: invalid enum value '40x4'"),
        ("[panel]\ni2c_bus = 999\n", r"panel\.i2c_bus: expected `?int`? <= 255"),
        ("[panel]\nnight = '23-24'\n", r"panel\.night: expected `?str`? matching"),
        ("[panel]\nnight = '7-9'\n", r"panel\.night: expected `?str`? matching"),
        ("[panel]\nsise = '16x2'\n", r"panel\.sise is no setting\. Next: use one of lcd, size,"),
        ("[pannel]\n", r"\[pannel\] is no section\. Next: use one of \[cluster\], \[jobs\]"),
        ("panel = 3\n", r"\[panel\] is no section"),
        ("[panel\n", "is not TOML"),
        ("[cluster]\ninterfaces = [1]\n", r"cluster\.interfaces\[0\]: expected"),
    ],
)
def test_a_wrong_setting_is_one_line_that_names_file_and_key(tmp_path: Path, text: str, says: str) -> None:
    """Bad input loses nothing, and the next step is clear."""
    path = write(tmp_path / "mine.toml", text)
    with pytest.raises(ConfigError, match=says) as caught:
        load(file=path, environ={})
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "Next: " in message
    assert "\n" not in message


def test_a_named_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A misspelt --config must not silently mean the defaults."""
    with pytest.raises(ConfigError, match="does not exist"):
        load(file=tmp_path / "nowhere.toml", environ={})


def test_every_setting_is_documented() -> None:
    """`sciabc-tui config` explains each of them."""
    assert all(setting.about for setting in load(environ={}).effective)
