"""What holds for every test: no traffic but on loopback, and settings of nobody's home.

Tests that need a network make one of their own, in a namespace.
"""

import os
from pathlib import Path

import pytest

# Before anything reads them: a head service that a test starts listens on loopback only.
os.environ["SCIABC_CLUSTER_INTERFACES"] = "lo"
os.environ["SCIABC_PANEL_LCD"] = "off"
os.environ["SCIABC_PANEL_LAMP"] = "off"
os.environ["TZ"] = "UTC"


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a developer's own configuration, jobs and keys out of the tests, and the tests out of them."""
    home: Path = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
    monkeypatch.delenv("SCIABC_CONFIG", raising=False)
